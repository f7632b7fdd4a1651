"""Which outbound messages replace an older one."""

from typing import ClassVar

from services.gateway.core.message.envelope import Outbound, Payload


class Layers(Payload):
    type: ClassVar[str] = "consumer:layers"
    consumer_id: str

    @property
    def latest_of(self) -> str:
        return self.consumer_id


class Left(Payload):
    type: ClassVar[str] = "room:left"


def test_latest_only_event_replaces_one_of_its_type_and_subject() -> None:
    assert Outbound(Layers(consumer_id="c1")).replaces == "consumer:layers c1"
    assert Outbound(Layers(consumer_id="c2")).replaces == "consumer:layers c2"


def test_event_with_a_place_in_the_log_replaces_nothing() -> None:
    assert Outbound(Left()).replaces is None
    assert Outbound(Layers(consumer_id="c1"), epoch="e", seq=1).replaces is None


def test_reply_replaces_nothing() -> None:
    assert Outbound(Layers(consumer_id="c1"), correlation_id="r1").replaces is None

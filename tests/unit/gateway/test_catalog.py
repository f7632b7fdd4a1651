"""The catalog of messages is whole."""

from collections.abc import Iterator
from typing import get_args

from services.gateway.core.message.catalog import (
    NOT_BUILT,
    OTHER_EVENTS,
    REPLIES,
    REQUESTS,
    STATE_EVENTS,
)
from services.gateway.core.message.connection import ErrorReply
from services.gateway.core.message.envelope import Payload
from services.gateway.upstream.event import PAYLOAD
from services.pb.invigil.sfu.v1 import event_pb2


def payloads(of: type[Payload] = Payload) -> Iterator[type[Payload]]:
    for each in of.__subclasses__():
        yield each
        yield from payloads(each)


def test_every_request_has_a_reply_or_is_not_built() -> None:
    assert set(REPLIES) | set(NOT_BUILT) == set(REQUESTS)
    assert not set(REPLIES) & set(NOT_BUILT)


def test_only_what_waits_for_the_media_plane_is_not_built() -> None:
    types = {
        type_
        for request in NOT_BUILT
        for type_ in get_args(request.model_fields["type"].annotation)
    }

    assert types == {
        *("data:produce", "data:consume", "data:close"),
        "consumer:set-priority",
    }


def test_every_payload_of_the_server_is_a_reply_an_event_or_the_error() -> None:
    replies = {payload for payloads in REPLIES.values() for payload in payloads}
    known = {*replies, *STATE_EVENTS, *OTHER_EVENTS, ErrorReply}

    assert {each for each in payloads() if each.__module__.startswith("services.")} == known


def test_every_event_of_a_worker_can_be_told() -> None:
    of_worker = event_pb2.SessionEvent.DESCRIPTOR.oneofs_by_name["event"].fields

    assert {field.name for field in of_worker} == set(PAYLOAD)

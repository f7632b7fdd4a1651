"""The condition of a room follows its events: locked or not, and who waits."""

import pytest

from services.client.python.condition import Condition
from services.client.python.message import Envelope, Json, RoomState, TextMessage, event_of


def waiter(peer_id: str) -> Json:
    return {"peerId": peer_id, "userId": peer_id, "displayName": "Ada", "appData": {}}


def tell(room: Condition, kind: str, payload: Json) -> None:
    room.apply(event_of(Envelope(type=kind, payload=payload)))


def test_snapshot_says_whether_it_is_locked_and_who_waits_and_replaces_what_was() -> None:
    room = Condition()
    tell(room, "participant:waiting", waiter("old"))
    state = {
        "epoch": "e",
        "seq": 0,
        "peerId": "me",
        "participants": [],
        "roomConfig": {"routerRtpCapabilities": {}, "locked": True},
        "waiting": [waiter("p"), waiter("q")],
    }
    room.load(RoomState.model_validate(state))
    assert room.locked
    assert list(room.waiting) == ["p", "q"]


def test_lock_is_told_and_taken_back() -> None:
    room = Condition()
    tell(room, "room:locked", {})
    assert room.locked
    tell(room, "room:unlocked", {})
    assert not room.locked


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (
            "participant:joined",
            {"participant": {**waiter("p"), "role": "candidate", "producers": []}},
        ),
        ("participant:left", {"peerId": "p", "reason": "REJECTED"}),
    ],
)
def test_who_waits_waits_no_more_once_joined_or_gone(kind: str, payload: Json) -> None:
    room = Condition()
    tell(room, "participant:waiting", waiter("p"))
    tell(room, "participant:waiting", waiter("q"))
    tell(room, kind, payload)
    assert list(room.waiting) == ["q"]
    tell(room, kind, payload)
    assert list(room.waiting) == ["q"]


def test_message_names_its_sender_and_the_one_it_is_for() -> None:
    payload: Json = {"from": "p", "to": "q", "body": {"text": "Hello"}}
    event = event_of(Envelope(type="message", payload=payload, epoch="e", seq=4))
    assert isinstance(event, TextMessage)
    assert (event.sender, event.to, event.body, event.seq) == ("p", "q", {"text": "Hello"}, 4)

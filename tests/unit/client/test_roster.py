"""The roster follows the room's events."""

from services.client.python.message import (
    Envelope,
    Json,
    RoomState,
    event_of,
)
from services.client.python.roster import Roster


def peer(peer_id: str, name: str, *producers: str) -> Json:
    return {
        "peerId": peer_id,
        "userId": name.lower(),
        "displayName": name,
        "role": "candidate",
        "connection": "ok",
        "appData": {},
        "producers": [producer(producer_id) for producer_id in producers],
    }


def producer(producer_id: str) -> Json:
    return {"producerId": producer_id, "kind": "video", "paused": False, "appData": {}}


def roster(*peers: Json) -> Roster:
    state = {
        "epoch": "e",
        "seq": 0,
        "peerId": "me",
        "participants": [*peers, peer("me", "Me", "me.1")],
        "roomConfig": {"routerRtpCapabilities": {"codecs": [], "headerExtensions": []}},
    }
    loaded = Roster()
    loaded.load(RoomState.model_validate(state))
    return loaded


def tell(listening: Roster, kind: str, payload: Json) -> None:
    listening.apply(event_of(Envelope(type=kind, payload=payload)))


def test_own_peer_is_not_one_of_the_others() -> None:
    loaded = roster(peer("p", "Ada", "p.1"))
    assert set(loaded.participants) == {"p"}
    assert set(loaded.producers) == {"p.1"}


def test_producers_come_pause_and_go() -> None:
    here = roster(peer("p", "Ada"))
    tell(here, "producer:new", {**producer("p.1"), "peerId": "p"})
    assert [found.producer_id for found in here.producers_of("Ada")] == ["p.1"]
    tell(here, "producer:paused", {"producerId": "p.1"})
    assert here.producers["p.1"].paused
    tell(here, "producer:resumed", {"producerId": "p.1"})
    assert not here.producers["p.1"].paused
    tell(here, "producer:closed", {"producerId": "p.1"})
    assert here.producers_of("Ada") == []


def test_who_leaves_takes_the_producers_along() -> None:
    here = roster(peer("p", "Ada", "p.1"), peer("q", "Alan", "q.1"))
    tell(here, "participant:left", {"peerId": "p", "reason": "LEFT"})
    assert set(here.participants) == {"q"}
    assert set(here.producers) == set(here.owners) == {"q.1"}


def test_update_replaces_a_participant_and_its_producers() -> None:
    here = roster(peer("p", "Ada", "p.1"))
    tell(here, "participant:updated", {"participant": peer("p", "Ada L.", "p.2")})
    assert here.participants["p"].display_name == "Ada L."
    assert set(here.producers) == {"p.2"}


def test_event_about_somebody_unknown_changes_nothing() -> None:
    here = roster()
    tell(here, "producer:paused", {"producerId": "x.1"})
    tell(here, "producer:closed", {"producerId": "x.1"})
    tell(here, "participant:left", {"peerId": "x", "reason": "LEFT"})
    assert here == Roster()


def test_producer_that_a_moderator_holds_is_muted_until_it_flows() -> None:
    here = roster(peer("p", "Ada", "p.1"))
    tell(here, "producer:paused", {"producerId": "p.1", "muted": True})
    assert (here.producers["p.1"].paused, here.producers["p.1"].muted) == (True, True)
    tell(here, "producer:paused", {"producerId": "p.1"})
    assert (here.producers["p.1"].paused, here.producers["p.1"].muted) == (True, False)


def test_raised_hand_and_held_sound_are_of_the_participant_while_they_last() -> None:
    here = roster(peer("p", "Ada"))
    raised: Json = {**peer("p", "Ada"), "handRaised": True, "muted": True}
    tell(here, "participant:updated", {"participant": raised})
    assert (here.participants["p"].hand_raised, here.participants["p"].muted) == (True, True)
    tell(here, "participant:updated", {"participant": peer("p", "Ada")})
    assert (here.participants["p"].hand_raised, here.participants["p"].muted) == (False, False)

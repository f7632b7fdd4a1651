"""Who joins, leaves, is lost and comes back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import Code, Refusal
from services.common.ids import PeerId, SessionId, UserId
from services.sfu.core.effect import CloseTransport, EndSession, TellSession
from services.sfu.core.event import (
    Connection,
    ConsumerClosed,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    ProducerClosed,
    ProducerNew,
)
from services.sfu.core.peer import Session
from services.sfu.core.port import Kind
from services.sfu.core.rtp import HeaderExtension, RtpCapabilities
from services.sfu.core.visibility import Role, Visibility
from tests.support.room import GRACE_MS, Stage


def test_joining_is_told_to_those_who_may_see_it() -> None:
    stage = Stage()
    other = stage.join("ann")
    proctor = stage.join("eve", Role.PROCTOR)
    observer = stage.join("obs", Role.OBSERVER)
    after = stage.after(lambda: stage.join("ben"))
    assert after.told(other) == []
    for viewer in (proctor, observer):
        (joined,) = after.told(viewer)
        assert isinstance(joined, ParticipantJoined)
        assert joined.participant.peer_id == "ben"


def test_roster_shows_what_the_viewer_may_see() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    stage.join("ben")
    stage.join("obs", Role.OBSERVER)
    stage.publish(eve, Kind.AUDIO, app_data_json='{"talk":1}')
    seen = stage.room.participants(ann)
    assert [p.peer_id for p in seen] == ["eve"]
    assert seen[0].producers[0].app_data_json == '{"talk":1}'
    assert [p.peer_id for p in stage.room.participants(eve)] == ["ann", "ben", "obs"]


def test_candidates_of_an_open_room_see_each_other_but_no_observer() -> None:
    stage = Stage(Visibility.OPEN)
    ann = stage.join("ann")
    stage.join("ben")
    stage.join("obs", Role.OBSERVER)
    assert [p.peer_id for p in stage.room.participants(ann)] == ["ben"]


def test_full_room_refuses_a_new_peer_but_not_a_returning_one() -> None:
    stage = Stage(max_peers=2)
    stage.join("ann")
    stage.join("obs", Role.OBSERVER)
    with pytest.raises(Refusal) as refused:
        stage.join("ben")
    assert refused.value.code is Code.ROOM_FULL
    stage.join("ann", session_id=SessionId("s-ann-2"))


def test_seat_of_a_lost_peer_is_still_taken() -> None:
    stage = Stage(max_peers=1)
    stage.room.detach(stage.join("ann"), 0)
    with pytest.raises(Refusal):
        stage.join("ben")


def test_leaving_tells_the_ends_in_order_and_frees_everything() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    producer = stage.publish(ann)
    consumer = stage.subscribe(eve, producer).consumer
    after = stage.after(lambda: stage.room.leave(ann))
    assert after.told(eve) == [
        ConsumerClosed(consumer.consumer_id),
        ProducerClosed(producer.producer_id),
        ParticipantLeft(PeerId("ann"), "LEFT"),
    ]
    assert after.told(ann) == []
    assert after.ended == [EndSession(ann.session_id, "LEFT")]
    assert after.effects[-1] == after.ended[0]
    assert list(stage.room.router.transports.values()) == list(eve.transports.values())
    assert stage.room.router.producers == {}
    assert stage.room.router.consumers == {}


def test_lost_peer_is_shown_as_lost_and_goes_when_its_grace_is_over() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    stage.publish(ann)
    after = stage.after(lambda: stage.room.detach(ann, 1000))
    (updated,) = after.told(eve)
    assert isinstance(updated, ParticipantUpdated)
    assert updated.participant.connection is Connection.LOST
    assert after.commands == [], "media goes on"
    deadline = stage.room.deadline_ms()
    assert deadline == 1000 + GRACE_MS
    assert stage.room.expired(deadline - 1) == []
    assert stage.room.expired(deadline) == [ann]
    after = stage.after(lambda: stage.room.leave(ann, "TIMED_OUT"))
    assert after.told(eve)[-1] == ParticipantLeft(PeerId("ann"), "TIMED_OUT")
    assert stage.room.deadline_ms() is None


def test_detaching_twice_does_not_prolong_the_grace() -> None:
    stage = Stage()
    ann = stage.join("ann")
    stage.room.detach(ann, 0)
    stage.room.detach(ann, 30_000)
    assert stage.room.deadline_ms() == GRACE_MS


def test_events_for_a_lost_session_wait_in_its_log() -> None:
    stage = Stage()
    eve = stage.join("eve", Role.PROCTOR)
    stage.room.detach(eve, 0)
    stage.join("ann")
    missed = eve.log.since(0)
    assert missed is not None
    assert isinstance(missed[0][1], ParticipantJoined)


def test_peer_that_joins_again_replaces_itself_and_never_reuses_an_id() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    producer = stage.publish(ann)
    after = stage.after(lambda: stage.join("ann", session_id=SessionId("s-2")))
    told = after.told(eve)
    assert told[0] == ProducerClosed(producer.producer_id)
    assert isinstance(told[1], ParticipantUpdated), "the peer is the same"
    assert len(told) == 2
    assert after.ended == [EndSession(ann.session_id, "REPLACED")]
    again = stage.room.roster.sessions[SessionId("s-2")]
    assert stage.publish(again).producer_id == "ann.2"
    assert list(again.transports) == ["ann.t2"]


def test_peer_that_comes_back_in_another_role_leaves_and_joins_for_its_viewers() -> None:
    stage = Stage()
    ben = stage.join("ben")
    eve = stage.join("eve", Role.PROCTOR)
    stage.join("ann")
    after = stage.after(lambda: stage.join("ann", Role.PROCTOR, session_id=SessionId("s-2")))
    assert [type(event) for event in after.told(eve)] == [ParticipantLeft, ParticipantJoined]
    assert [type(event) for event in after.told(ben)] == [ParticipantJoined]


def test_peer_id_of_another_user_is_refused() -> None:
    stage = Stage()
    stage.join("ann")
    with pytest.raises(Refusal) as refused:
        stage.join("ann", session_id=SessionId("s-2"), user_id=UserId("mallory"))
    assert refused.value.code is Code.FORBIDDEN


def test_session_that_is_in_the_room_cannot_join_again() -> None:
    stage = Stage()
    stage.join("ann")
    with pytest.raises(Refusal) as refused:
        stage.join("ann")
    assert refused.value.reason == "ALREADY_JOINED"


@pytest.mark.parametrize(
    "change",
    [
        {"display_name": "x" * 129},
        {"app_data_json": "[]"},
        {"user_id": UserId("a\nb")},
        {
            "rtp_capabilities": RtpCapabilities(
                (), (HeaderExtension(Kind.AUDIO, "urn:x", 0, "sendrecv"),)
            )
        },
    ],
    ids=str,
)
def test_bad_join_is_refused_and_changes_nothing(change: dict[str, Any]) -> None:
    stage = Stage()
    with pytest.raises(Refusal) as refused:
        stage.join("ann", **change)
    assert refused.value.code is Code.INVALID_MESSAGE
    assert stage.room.is_empty
    assert stage.room.take_effects(0) == []


def test_stopping_a_room_ends_every_session_and_transport() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    stage.subscribe(eve, stage.publish(ann))
    after = stage.after(lambda: stage.room.stop("WORKER_FAULT"))
    assert [e.session_id for e in after.ended] == [ann.session_id, eve.session_id]
    assert {type(command) for command in after.commands} == {CloseTransport}
    assert stage.room.is_empty
    router = stage.room.router
    assert (router.transports, router.producers, router.consumers) == ({}, {}, {})


def test_evicted_session_leaves_no_trace_in_the_books() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    stage.subscribe(eve, stage.publish(ann))
    stage.subscribe(ann, stage.publish(eve, Kind.AUDIO))
    stage.room.evict(ann)
    assert stage.room.participants(eve) == ()
    assert eve.consumers == {}
    stage.room.leave(eve)
    router = stage.room.router
    assert (router.transports, router.producers, router.consumers) == ({}, {}, {})


steps = st.lists(
    st.tuples(
        st.sampled_from(["join", "leave", "detach", "publish", "pause", "resume", "unpublish"]),
        st.integers(0, 4),
    ),
    max_size=60,
)
ROLES = [Role.CANDIDATE, Role.CANDIDATE, Role.CANDIDATE, Role.PROCTOR, Role.OBSERVER]


@given(steps)
def test_candidate_never_learns_of_another_candidate_or_an_observer(
    script: list[tuple[str, int]],
) -> None:
    stage = Stage()
    take = _Actor(stage)
    for number, (step, index) in enumerate(script):
        getattr(take, step)(index, number)
    for peer_id, text in take.told.items():
        hidden = [f"p{n}" for n in range(5) if ROLES[n] is not Role.PROCTOR]
        if peer_id in ("p0", "p1", "p2"):
            assert not any(other in text for other in hidden if other != peer_id)


@given(steps)
def test_every_session_is_told_events_numbered_from_one_without_gaps(
    script: list[tuple[str, int]],
) -> None:
    stage = Stage(Visibility.OPEN)
    take = _Actor(stage)
    for number, (step, index) in enumerate(script):
        getattr(take, step)(index, number)
    for numbers in take.seqs.values():
        assert numbers == list(range(1, len(numbers) + 1))


class _Actor:
    """Plays random steps of five peers and notes what each is told."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.told: dict[str, str] = {}
        self.seqs: dict[SessionId, list[int]] = {}

    def join(self, index: int, number: int) -> None:
        session_id = SessionId(f"s{number}")
        session = self.stage.join(f"p{index}", ROLES[index], session_id=session_id)
        self._note(f"p{index}", repr(self.stage.room.participants(session)))
        self._collect()

    def leave(self, index: int, number: int) -> None:
        session = self._session(index)
        if session is not None:
            self.stage.room.leave(session)
        self._collect()

    def detach(self, index: int, number: int) -> None:
        session = self._session(index)
        if session is not None:
            self.stage.room.detach(session, number)
        self._collect()

    def publish(self, index: int, number: int) -> None:
        session = self._session(index)
        if session is not None and session.may_publish and not session.producers:
            self.stage.publish(session)
        self._collect()

    def pause(self, index: int, number: int) -> None:
        session = self._session(index)
        for producer_id in list(session.producers) if session else ():
            assert session is not None
            self.stage.room.router.pause_producer(session, producer_id)
        self._collect()

    def resume(self, index: int, number: int) -> None:
        session = self._session(index)
        for producer_id in list(session.producers) if session else ():
            assert session is not None
            self.stage.room.router.resume_producer(session, producer_id)
        self._collect()

    def unpublish(self, index: int, number: int) -> None:
        session = self._session(index)
        for producer_id in list(session.producers) if session else ():
            assert session is not None
            self.stage.room.router.close_producer(session, producer_id)
        self._collect()

    def _session(self, index: int) -> Session | None:
        return self.stage.room.roster.find_peer(PeerId(f"p{index}"))

    def _collect(self) -> None:
        for effect in self.stage.room.take_effects(0):
            if isinstance(effect, TellSession):
                self.seqs.setdefault(effect.session_id, []).append(effect.seq)
                session = self.stage.room.roster.sessions.get(effect.session_id)
                if session is not None:
                    self._note(session.peer_id, repr(effect.event))

    def _note(self, peer_id: str, text: str) -> None:
        self.told[peer_id] = self.told.get(peer_id, "") + text


def test_new_producer_is_told_with_its_peer_and_app_data() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    after = stage.after(lambda: stage.publish(ann, app_data_json='{"source":"screen"}'))
    (new,) = after.told(eve)
    assert isinstance(new, ProducerNew)
    assert new.peer_id == "ann"
    assert new.producer.app_data_json == '{"source":"screen"}'
    assert after.told(ann) == []

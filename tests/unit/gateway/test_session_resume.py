"""A client that comes back: what it is told, in which order, and what makes its token used up."""

from dataclasses import replace

import pytest

from services.common.errors import Code, Refusal
from services.common.ids import PeerId, SessionId
from services.gateway.core.effect import (
    Beat,
    Call,
    Confirm,
    Detach,
    Draining,
    EventArrived,
    Refused,
    Renew,
    Resume,
    Resumed,
    SessionEnded,
    SocketClosed,
    WorkerLost,
)
from services.gateway.core.message.connection import AuthResponse
from services.gateway.core.message.media import ConsumerLayers, ProducerPaused
from services.gateway.core.message.room import RoomState
from services.gateway.core.order import Event, Position
from services.gateway.core.resume import Place, Recovered, Ticket
from services.gateway.core.session import Phase
from tests.support.session import EPOCH, Stage, state
from tests.unit.gateway.test_resume import TICKET

BACK: Ticket = replace(
    TICKET, session_id=SessionId("s-0"), peer_id=PeerId("p-0"), place=Place("run-1", 1, 5)
)


def missed(*seqs: int) -> tuple[Event, ...]:
    return tuple(
        Event(ProducerPaused(producer_id=f"p-2.{seq}"), Position(EPOCH, seq)) for seq in seqs
    )


def asking(stage: Stage, last_seq: int | None = 2) -> Resume:
    payload = {"resumeToken": "old", "epoch": EPOCH, "lastSeq": last_seq}
    asked = {name: value for name, value in payload.items() if value is not None}
    (effect,) = stage.receive("auth:request", asked, correlationId="a")
    assert isinstance(effect, Resume)
    return effect


def back(effect: Resume, recovered: Recovered) -> Resumed:
    return Resumed(effect.ordinal, BACK, "new", recovered)


def resumed(stage: Stage) -> Stage:
    stage.feed(back(asking(stage), Recovered(Position(EPOCH, 2))))
    stage.said.clear()
    return stage


def test_resume_token_is_checked_with_the_place_in_the_log() -> None:
    effect = asking(Stage())
    assert (effect.token, effect.epoch, effect.last_seq) == ("old", EPOCH, 2)


def test_token_is_renewed_as_long_as_there_is_one() -> None:
    stage = Stage()
    assert stage.feed(Beat()) == []

    resumed(stage)
    assert stage.feed(Beat()) == [Renew()]

    stage.feed(SessionEnded("KICKED"))
    assert stage.feed(Beat()) == []


def test_token_of_a_session_that_has_ended_is_not_renewed_while_its_leave_is_answered() -> None:
    stage = Stage().join()
    (leave,) = stage.receive("room:leave", {})
    assert isinstance(leave, Call)
    stage.feed(SessionEnded("LEFT"))
    assert stage.feed(Beat()) == []


def test_missed_events_follow_the_answer_and_then_those_that_overtook_it() -> None:
    stage = Stage()
    effect = asking(stage)
    stage.event(5)
    stage.event(6)

    stage.feed(back(effect, Recovered(Position(EPOCH, 4), missed(3, 4))))
    stage.event(7)

    assert stage.order == ["auth:response", 3, 4, 5, 6, 7]
    answer = stage.said[0].message.payload
    assert isinstance(answer, AuthResponse)
    assert (answer.resumed, answer.resume_token, answer.peer_id) == (True, "new", "p-0")
    assert [send.is_owed for send in stage.said] == [False, True, True, False, False, False]
    assert stage.session.phase is Phase.JOINED


def test_event_that_the_answer_holds_already_is_not_told_twice() -> None:
    stage = Stage()
    effect = asking(stage)
    stage.event(4)

    stage.feed(back(effect, Recovered(Position(EPOCH, 4), missed(3, 4))))

    assert stage.order == ["auth:response", 3, 4]


def test_latest_only_event_that_overtook_the_answer_comes_after_what_was_missed() -> None:
    stage = Stage()
    effect = asking(stage)
    layers = ConsumerLayers(consumer_id="p-0.c1", spatial_layer=1)
    stage.feed(EventArrived(Event(layers, None)))

    stage.feed(back(effect, Recovered(Position(EPOCH, 3), missed(3))))

    assert stage.order == ["auth:response", 3, "consumer:layers"]


@pytest.mark.parametrize("gap", [(4,), (3, 5), (3,)])
def test_answer_with_a_gap_sends_the_client_away_with_its_old_token(gap: tuple[int, ...]) -> None:
    stage = Stage()
    effect = asking(stage)

    stage.feed(back(effect, Recovered(Position(EPOCH, 5), missed(*gap))))

    assert stage.order == ["session:closing"]
    assert (stage.closing.reason, stage.closing.action) == ("EVENTS_LOST", "resume")
    assert stage.feed(SocketClosed()) == [Detach()]


def test_snapshot_is_no_reply_and_carries_the_token() -> None:
    stage = Stage()
    effect = asking(stage)
    stage.event(1)
    stage.event(8)

    stage.feed(back(effect, Recovered(Position(EPOCH, 7), state=state(7))))

    assert stage.order == ["auth:response", "room:state", 8]
    snapshot = stage.said[1].message
    assert snapshot.correlation_id is None
    assert isinstance(snapshot.payload, RoomState)
    assert snapshot.payload.resume_token == "new"


def test_client_that_does_not_say_where_it_stands_may_ask_all_the_same() -> None:
    assert asking(Stage(), last_seq=None).last_seq is None


@pytest.mark.parametrize("last_seq", [-1, 2**53 + 1, 1.5, "3"])
def test_place_that_cannot_be_is_a_malformed_message(last_seq: object) -> None:
    stage = Stage()
    stage.receive("auth:request", {"resumeToken": "t", "epoch": "e", "lastSeq": last_seq})
    assert stage.error == ("INVALID_MESSAGE", "BAD_FIELD")
    assert stage.closed is None


@pytest.mark.parametrize("reason", ["RESUME_TOKEN_INVALID", "RESUME_TOKEN_USED", "SESSION_ENDED"])
def test_refused_token_is_an_error_and_then_4401(reason: str) -> None:
    stage = Stage()
    effect = asking(stage)

    stage.feed(Refused(effect.ordinal, Refusal(Code.UNAUTHORIZED, reason, "No.")))

    assert stage.error == ("UNAUTHORIZED", reason)
    assert stage.closed is not None
    assert stage.closed.code == 4401
    assert stage.feed(SocketClosed()) == []


def test_worker_that_cannot_be_reached_sends_the_client_away_to_try_again() -> None:
    stage = Stage()
    effect = asking(stage)

    stage.feed(
        Refused(effect.ordinal, Refusal(Code.UNAVAILABLE, "WORKER_RECONNECTING", "Not now."))
    )

    assert stage.error == ("UNAVAILABLE", "WORKER_RECONNECTING")
    assert stage.closed is not None
    assert stage.closed.code == 1013


def test_first_frame_afterwards_uses_up_the_token_before_and_no_other_frame_does() -> None:
    stage = resumed(Stage())
    assert [type(effect) for effect in stage.receive("room:leave")] == [Confirm, Call]
    assert stage.receive("ping") == []


def test_frame_that_was_sent_before_the_answer_does_not_use_up_the_token() -> None:
    stage = Stage()
    effect = asking(stage)
    assert stage.receive("transport:create", {"direction": "send"}, correlationId="x") == []

    (call,) = stage.feed(back(effect, Recovered(Position(EPOCH, 2))))

    assert isinstance(call, Call)
    # The session's own name, so that the worker knows the request from the connection before.
    assert call.request_id == "s-0/x"


def test_requests_without_an_id_are_told_apart_from_those_of_the_connection_before() -> None:
    stage = resumed(Stage())
    (_, call) = stage.receive("produce", {"kind": "audio"}, correlationId=None)
    assert isinstance(call, Call)
    assert call.request_id == "s-0:5:2"


def test_client_that_vanishes_while_it_resumes_is_detached_once_it_has_the_seat() -> None:
    stage = Stage()
    effect = asking(stage)
    assert stage.feed(SocketClosed()) == []
    assert stage.feed(back(effect, Recovered(Position(EPOCH, 2)))) == [Detach()]
    assert stage.said == []


def test_client_that_is_replaced_while_it_resumes_is_not_detached() -> None:
    stage = Stage()
    effect = asking(stage)
    stage.feed(SessionEnded("REPLACED"))
    assert stage.closed is not None
    assert stage.closed.code == 4409

    assert stage.feed(back(effect, Recovered(Position(EPOCH, 2)))) == []
    assert stage.feed(SocketClosed()) == []


@pytest.mark.parametrize("end", [WorkerLost(), Draining(0)])
def test_client_that_is_sent_away_while_it_resumes_is_to_resume(end: object) -> None:
    stage = Stage()
    asking(stage)
    stage.feed(end)
    assert stage.closing.action == "resume"


def test_resumed_session_cannot_join_again() -> None:
    stage = resumed(Stage())
    stage.receive("room:join", {"roomId": "exam", "displayName": "Ada"})
    assert stage.error == ("INVALID_MESSAGE", "ALREADY_JOINED")

"""A join that a moderator has to allow: what the client is told, and what it may do meanwhile."""

from typing import Any

import pytest

from services.gateway.core.close_code import CloseCode
from services.gateway.core.effect import (
    Admitted,
    Answer,
    Answered,
    AnswerPing,
    Call,
    Detach,
    Join,
    Refused,
    SessionEnded,
    SocketClosed,
    WorkerLost,
)
from services.gateway.core.message.connection import ErrorReply, Pong
from services.gateway.core.message.room import RoomLeft, RoomWaiting
from services.gateway.core.order import Position
from services.gateway.core.refusal import UNEXPECTED
from services.gateway.core.session import Phase
from tests.support.session import EPOCH, JOIN, Stage, state


def waiting(**more: Any) -> tuple[Stage, Join]:
    stage = Stage().authenticate()
    (join,) = stage.receive("room:join", JOIN, correlationId="j", **more)
    assert isinstance(join, Join)
    stage.feed(Answered(join.ordinal, Answer(RoomWaiting(room_id="exam"))))
    return stage, join


def seat(stage: Stage, join: Join, seq: int = 0) -> None:
    stage.feed(Answered(join.ordinal, Answer(state(seq), Position(EPOCH, seq))))


def test_client_is_told_that_it_waits_and_its_join_stays_unanswered() -> None:
    stage, _ = waiting()

    said = stage.said[-1]
    assert (said.message.type, said.message.correlation_id, said.answers) == (
        "room:waiting",
        None,
        None,
    )
    assert stage.session.phase is Phase.AUTHENTICATED
    assert stage.session.deadline is None


def test_join_is_answered_once_a_moderator_has_said_yes() -> None:
    stage, join = waiting()

    (again,) = stage.feed(Admitted())

    assert isinstance(again, Join)
    assert (again.ordinal, again.request_id) == (join.ordinal, join.request_id)
    # What happens from now on may overtake the reply.
    stage.event(1)
    stage.event(2)
    seat(stage, again, seq=1)
    assert stage.order[-2:] == ["room:state", 2]
    assert stage.said[-2].message.correlation_id == "j"
    assert stage.session.phase is Phase.JOINED


def test_yes_that_overtakes_the_word_to_wait_is_not_lost() -> None:
    stage = Stage().authenticate()
    (join,) = stage.receive("room:join", JOIN)
    assert isinstance(join, Join)
    assert stage.feed(Admitted()) == []

    (again,) = stage.feed(Answered(join.ordinal, Answer(RoomWaiting(room_id="exam"))))

    assert isinstance(again, Join)


def test_ping_is_answered_while_waiting_and_a_yes_waits_for_it() -> None:
    stage, _ = waiting()
    (ping,) = stage.receive("ping", {})
    assert isinstance(ping, AnswerPing)
    assert stage.feed(Admitted()) == []

    (again,) = stage.feed(Answered(ping.ordinal, Answer(Pong(echo={}, server_time=1))))

    assert stage.order[-1] == "pong"
    assert isinstance(again, Join)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("room:join", JOIN), ("produce", {"kind": "audio"}), ("message:send", {"body": "let me in"})],
)
def test_nothing_else_is_done_for_one_who_waits(kind: str, payload: Any) -> None:
    stage, _ = waiting()

    assert stage.receive(kind, payload) == []

    assert stage.error == ("INVALID_MESSAGE", "WAITING")


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (SessionEnded("REJECTED", "No ID"), "No ID"),
        (SessionEnded("WAITED_TOO_LONG"), "A moderator did not let you in."),
        (SessionEnded("KICKED", "Go"), "Go"),
    ],
)
def test_one_who_is_not_let_in_is_told_why_and_sent_away(ended: SessionEnded, message: str) -> None:
    stage, join = waiting()

    stage.feed(ended)

    refused, closing = stage.said[-2:]
    assert isinstance(refused.message.payload, ErrorReply)
    assert refused.message.payload.model_dump() == {
        "code": "FORBIDDEN",
        "message": message,
        "details": {"reason": ended.reason},
    }
    assert (refused.message.correlation_id, refused.answers) == ("j", join.ordinal)
    assert closing.message.type == "session:closing"
    assert (stage.closing.reason, stage.closing.action) == (ended.reason, "stop")
    assert stage.closing.message == (ended.message or None)
    assert stage.closed is not None
    assert stage.closed.code is CloseCode.FORBIDDEN


def test_lost_worker_sends_one_who_waits_to_join_anew() -> None:
    stage, _ = waiting()

    stage.feed(WorkerLost())

    assert (stage.closing.reason, stage.closing.action) == ("WORKER_LOST", "rejoin")


def test_one_who_leaves_instead_of_waiting_is_gone() -> None:
    stage, _ = waiting()
    (leave,) = stage.receive("room:leave")
    assert isinstance(leave, Call)

    stage.feed(Answered(leave.ordinal, Answer(RoomLeft(reason="LEFT"), Position(EPOCH, 0))))

    assert stage.order[-1] == "room:left"
    assert stage.closed is not None
    assert stage.closed.code is CloseCode.NORMAL
    assert stage.feed(SocketClosed()) == []


def test_socket_that_dies_while_waiting_gives_the_place_back() -> None:
    stage, _ = waiting()

    assert stage.feed(SocketClosed()) == [Detach()]


def test_socket_that_dies_while_the_seat_is_asked_for_gives_it_back() -> None:
    stage, _ = waiting()
    (again,) = stage.feed(Admitted())
    assert isinstance(again, Join)
    assert stage.feed(SocketClosed()) == []

    assert stage.feed(Answered(again.ordinal, Answer(state(0), Position(EPOCH, 0)))) == [Detach()]


def test_refused_seat_may_be_asked_for_again() -> None:
    stage, _ = waiting()
    (again,) = stage.feed(Admitted())
    assert isinstance(again, Join)
    stage.feed(Refused(again.ordinal, UNEXPECTED))

    (anew,) = stage.receive("room:join", JOIN)
    assert isinstance(anew, Join)

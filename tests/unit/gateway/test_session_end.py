import pytest

from services.common.errors import Code, Refusal
from services.gateway.core.effect import (
    Answer,
    Answered,
    Call,
    DeadlineReached,
    Detach,
    Draining,
    Join,
    Refused,
    SessionEnded,
    SocketClosed,
    WorkerLost,
)
from services.gateway.core.message.room import RoomLeft
from services.gateway.core.order import Position
from tests.support.session import EPOCH, JOIN, Stage, state

# Ends.


def test_leaving_is_answered_and_closes() -> None:
    stage = Stage().join()
    (leave,) = stage.receive("room:leave")
    assert isinstance(leave, Call)
    stage.feed(SessionEnded("LEFT"))
    assert stage.closed is None

    stage.answer(leave, 0, RoomLeft(reason="LEFT"))

    assert stage.order == ["room:left"]
    assert stage.closed is not None
    assert stage.closed.code == 1000
    assert stage.feed(SocketClosed()) == []


def test_session_that_ends_before_a_leave_is_refused_closes_all_the_same() -> None:
    stage = Stage().join()
    (leave,) = stage.receive("room:leave")
    assert isinstance(leave, Call)
    stage.feed(SessionEnded("KICKED"))

    stage.feed(Refused(leave.ordinal, Refusal(Code.NOT_FOUND, "SESSION_NOT_FOUND", "Unknown.")))

    assert stage.error == ("NOT_FOUND", "SESSION_NOT_FOUND")
    assert stage.closed is not None
    assert stage.closed.code == 1000


def test_client_that_vanishes_is_detached() -> None:
    assert Stage().join().feed(SocketClosed()) == [Detach()]


def test_client_that_never_joined_leaves_nothing_behind() -> None:
    assert Stage().authenticate().feed(SocketClosed()) == []


def test_client_that_vanishes_during_a_call_is_detached_after_it() -> None:
    stage = Stage().join()
    call = stage.produce()

    assert stage.feed(SocketClosed()) == []
    assert stage.answer(call, 0) == [Detach()]
    assert stage.said == []


def test_client_that_vanishes_while_it_joins_is_detached_once_joined() -> None:
    stage = Stage().authenticate()
    (join,) = stage.receive("room:join", JOIN)
    assert isinstance(join, Join)

    assert stage.feed(SocketClosed()) == []
    effects = stage.feed(Answered(join.ordinal, Answer(state(0), Position(EPOCH, 0))))

    assert effects == [Detach()]


def test_leave_that_waits_when_the_socket_closes_is_still_carried_out() -> None:
    stage = Stage().join()
    call = stage.produce()
    stage.receive("room:leave", correlationId="bye")
    assert stage.feed(SocketClosed()) == []

    (leave,) = stage.answer(call, 0)
    assert isinstance(leave, Call)
    assert (leave.request.type, leave.request_id) == ("room:leave", "s-1/bye")
    assert stage.answer(leave, 0, RoomLeft(reason="LEFT")) == []


def test_leave_that_fails_after_the_socket_closed_becomes_a_detach() -> None:
    stage = Stage().join()
    (leave,) = stage.receive("room:leave")
    assert isinstance(leave, Call)
    stage.feed(SocketClosed())

    refusal = Refusal(Code.UNAVAILABLE, "WORKER_UNREACHABLE", "No.")
    assert stage.feed(Refused(leave.ordinal, refusal)) == [Detach()]


def test_lost_worker_sends_the_client_to_resume() -> None:
    stage = Stage().join()

    stage.feed(WorkerLost(after_ms=40))

    assert stage.closing.model_dump() == {
        "reason": "WORKER_LOST",
        "action": "resume",
        "after_ms": 40,
        "message": None,
    }
    assert stage.closed is not None
    assert stage.closed.code == 1012
    assert stage.feed(SocketClosed()) == []


def test_draining_gateway_says_when_to_come_back() -> None:
    stage = Stage().join()

    stage.feed(Draining(700))

    assert (stage.closing.action, stage.closing.after_ms) == ("resume", 700)
    assert stage.closed is not None
    assert stage.closed.code == 1012
    assert stage.feed(SocketClosed()) == [Detach()]


def test_client_that_has_not_joined_has_nothing_to_resume_with() -> None:
    stage = Stage().authenticate()

    stage.feed(Draining(700))

    assert (stage.closing.action, stage.closing.after_ms) == ("rejoin", 700)


@pytest.mark.parametrize(
    ("reason", "action", "code"),
    [("REPLACED", "stop", 4409), ("WORKER_FAULT", "rejoin", 1012), ("TIMED_OUT", "rejoin", 1012)],
)
def test_session_that_the_worker_ends_is_closed_after_its_last_event(
    reason: str, action: str, code: int
) -> None:
    stage = Stage().join()
    stage.produce()
    stage.event(1)

    stage.feed(SessionEnded(reason))

    assert stage.order == [1, "session:closing"]
    assert (stage.closing.reason, stage.closing.action) == (reason, action)
    assert stage.closed is not None
    assert stage.closed.code == code


def test_nothing_is_said_or_done_after_a_close() -> None:
    stage = Stage().join()
    stage.feed(WorkerLost())
    stage.said.clear()

    assert stage.receive("ping") == []
    stage.event(1)
    stage.feed(SessionEnded("WORKER_FAULT"))
    stage.feed(Draining(1))
    stage.feed(DeadlineReached())

    assert stage.said == []

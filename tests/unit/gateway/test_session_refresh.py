"""A fresh token over a connection that is in already."""

from typing import Any

import pytest

from services.common.errors import Code, Refusal
from services.gateway.core.admission import Claims, Grants
from services.gateway.core.effect import (
    Admitted,
    Answer,
    Answered,
    Call,
    Detach,
    Join,
    Refused,
    Renew,
    SetGrants,
    SocketClosed,
    TokenAccepted,
    VerifyToken,
)
from services.gateway.core.message.connection import AuthRefreshed, IceServer
from services.gateway.core.message.room import RoomWaiting
from services.gateway.core.order import Position
from services.gateway.core.session import Phase
from tests.support.session import EPOCH, JOIN, Stage

CLAIMS = {"sub": "ada", "room": "exam", "role": "candidate", "exp": 1_765_843_200}
TURN = IceServer(urls=["turn:t.example.org"], username="1:ada", credential="c")
REFRESHED = AuthRefreshed(expires_at=1_765_843_200_000, ice_servers=[TURN])


def asking(stage: Stage) -> VerifyToken:
    (verify,) = stage.receive("auth:refresh", {"token": "fresh"}, correlationId="r")
    assert isinstance(verify, VerifyToken)
    assert verify.token == "fresh"
    return verify


def accepted(verify: VerifyToken, **changed: Any) -> TokenAccepted:
    return TokenAccepted(verify.ordinal, Claims.of({**CLAIMS, **changed}), (TURN,))


def telling(stage: Stage, verify: VerifyToken, **changed: Any) -> SetGrants:
    """What the worker is to be told of an accepted token."""
    (effect,) = stage.feed(accepted(verify, **changed))
    assert isinstance(effect, SetGrants)
    return effect


def told(stage: Stage, effect: SetGrants, seq: int = 0) -> None:
    """The worker has been told; resume tokens say it from now on, if there are any."""
    effects = stage.feed(Answered(effect.ordinal, Answer(effect.reply, Position(EPOCH, seq))))
    assert effects == ([Renew()] if stage.session.phase is Phase.JOINED else [])


def test_fresh_token_is_answered_with_its_expiry_and_fresh_credentials() -> None:
    stage = Stage().authenticate()
    assert stage.feed(accepted(asking(stage))) == []

    answer = stage.said[-1].message
    assert answer.payload == REFRESHED
    assert answer.correlation_id == "r"
    assert stage.closed is None


def test_grants_of_a_fresh_token_are_the_workers_before_the_answer() -> None:
    stage = Stage().join()
    effect = telling(stage, asking(stage), publish=False, moderate=True)
    assert effect.grants == Grants(publish=False, subscribe=True, moderate=True)
    assert effect.request_id == "s-1/r"
    assert stage.order == []
    stage.event(1)
    stage.event(2)

    told(stage, effect, seq=1)

    assert stage.order == [1, "auth:refreshed", 2]
    assert stage.said[1].message.payload == REFRESHED


def test_fresh_token_of_one_who_has_not_joined_counts_for_its_join() -> None:
    stage = Stage().authenticate()
    stage.feed(accepted(asking(stage), publish=False, create=True))
    (join,) = stage.receive("room:join", JOIN)
    assert isinstance(join, Join)
    assert (join.admission.may_publish, join.admission.may_create) == (False, True)


def test_fresh_token_of_one_who_waits_is_the_workers_and_counts_for_its_seat() -> None:
    stage = Stage().authenticate()
    (join,) = stage.receive("room:join", JOIN)
    assert isinstance(join, Join)
    stage.feed(Answered(join.ordinal, Answer(RoomWaiting(room_id="exam"))))

    told(stage, telling(stage, asking(stage), publish=False))

    (again,) = stage.feed(Admitted())
    assert isinstance(again, Join)
    assert not again.admission.may_publish


def test_worker_that_cannot_be_told_keeps_the_grants_as_they_were() -> None:
    stage = Stage().join()
    effect = telling(stage, asking(stage), publish=False)
    stage.feed(Refused(effect.ordinal, Refusal(Code.UNAVAILABLE, "WORKER_UNREACHABLE", "No.")))
    assert stage.error == ("UNAVAILABLE", "WORKER_UNREACHABLE")
    # The next one is told all the same: nobody knows what the worker has got.
    assert telling(stage, asking(stage)).grants.publish


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"sub": "bo"}, "WRONG_USER"),
        ({"room": "other"}, "WRONG_ROOM"),
        ({"role": "proctor"}, "ROLE_NOT_GRANTED"),
    ],
)
def test_token_of_someone_else_is_forbidden_and_the_session_goes_on(
    changed: dict[str, str], reason: str
) -> None:
    stage = Stage().join()
    stage.feed(accepted(asking(stage), **changed))
    assert stage.error == ("FORBIDDEN", reason)
    assert stage.closed is None
    assert isinstance(stage.produce(), Call)


@pytest.mark.parametrize("code", [Code.UNAUTHORIZED, Code.UNAVAILABLE])
def test_token_that_is_refused_keeps_the_socket(code: Code) -> None:
    stage = Stage().join()
    verify = asking(stage)
    stage.feed(Refused(verify.ordinal, Refusal(code, "TOKEN_EXPIRED", "No.")))
    assert stage.error == (code.value, "TOKEN_EXPIRED")
    assert stage.closed is None


def test_event_that_comes_while_the_token_is_checked_is_told() -> None:
    stage = Stage().join()
    verify = asking(stage)
    stage.event(1)
    told(stage, telling(stage, verify))
    assert sorted(map(str, stage.order)) == ["1", "auth:refreshed"]


def test_token_before_any_other_is_unauthorized() -> None:
    stage = Stage()
    stage.receive("auth:refresh", {"token": "fresh"})
    assert stage.error == ("UNAUTHORIZED", "NOT_AUTHENTICATED")


def test_client_that_vanishes_while_its_token_is_checked_is_detached() -> None:
    stage = Stage().join()
    verify = asking(stage)
    assert stage.feed(SocketClosed()) == []
    assert stage.feed(accepted(verify)) == [Detach()]


def test_client_that_vanishes_while_the_worker_is_told_is_detached() -> None:
    stage = Stage().join()
    effect = telling(stage, asking(stage))
    assert stage.feed(SocketClosed()) == []
    answered = Answered(effect.ordinal, Answer(effect.reply, Position(EPOCH, 0)))
    assert stage.feed(answered) == [Detach()]

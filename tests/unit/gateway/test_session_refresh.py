"""A fresh token over a connection that is in already."""

from typing import Any

import pytest

from services.common.errors import Code, Refusal
from services.gateway.core.admission import Claims
from services.gateway.core.effect import (
    Call,
    Detach,
    Refused,
    SocketClosed,
    TokenAccepted,
    VerifyToken,
)
from services.gateway.core.message.connection import AuthRefreshed, IceServer
from tests.support.session import Stage

CLAIMS = {"sub": "ada", "room": "exam", "role": "candidate", "exp": 1_765_843_200}
TURN = IceServer(urls=["turn:t.example.org"], username="1:ada", credential="c")


def asking(stage: Stage) -> VerifyToken:
    (verify,) = stage.receive("auth:refresh", {"token": "fresh"}, correlationId="r")
    assert isinstance(verify, VerifyToken)
    assert verify.token == "fresh"
    return verify


def accepted(verify: VerifyToken, **changed: Any) -> TokenAccepted:
    return TokenAccepted(verify.ordinal, Claims.of({**CLAIMS, **changed}), (TURN,))


@pytest.mark.parametrize("stage", [Stage().authenticate(), Stage().join()])
def test_fresh_token_is_answered_with_its_expiry_and_fresh_credentials(stage: Stage) -> None:
    stage.feed(accepted(asking(stage)))

    answer = stage.said[-1].message
    assert answer.payload == AuthRefreshed(expires_at=1_765_843_200_000, ice_servers=[TURN])
    assert answer.correlation_id == "r"
    assert stage.closed is None


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
    stage.feed(accepted(verify))
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

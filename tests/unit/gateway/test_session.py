import pytest

from services.common.errors import Code, Refusal
from services.gateway.core.close_code import CloseCode
from services.gateway.core.effect import (
    Answer,
    Answered,
    DeadlineReached,
    Join,
    Refused,
    TokenAccepted,
    VerifyToken,
)
from services.gateway.core.limit import TokenBucket
from services.gateway.core.order import Position
from services.gateway.core.session import Phase
from tests.support.session import CLAIMS, EPOCH, JOIN, Stage, state

# Before and during authentication.


@pytest.mark.parametrize("kind", ["ping", "room:leave", "room:paint", "room:lock", "produce"])
def test_anything_before_auth_is_unauthorized_and_keeps_the_socket(kind: str) -> None:
    stage = Stage()

    stage.receive(kind, correlationId="c1")

    assert stage.error == ("UNAUTHORIZED", "NOT_AUTHENTICATED")
    assert stage.said[-1].message.correlation_id == "c1"
    assert stage.closed is None


def test_silent_socket_is_closed_after_five_seconds() -> None:
    stage = Stage()
    assert stage.session.deadline == 5.0

    stage.now = 4.9
    stage.feed(DeadlineReached())
    assert stage.closed is None

    stage.now = 5.0
    stage.feed(DeadlineReached())
    assert stage.closed is not None
    assert stage.closed.code == 4401


def test_authenticated_session_has_no_deadline() -> None:
    assert Stage().authenticate().session.deadline is None


def test_good_token_is_answered_with_who_one_is() -> None:
    stage = Stage().authenticate()

    assert stage.said[-1].message.payload.model_dump(by_alias=True) == {
        "success": True,
        "userId": "ada",
        "peerId": "p-1",
        "role": "candidate",
        "resumed": False,
        "resumeToken": None,
        "heartbeatIntervalMs": 30_000,
        "iceServers": [],
    }


def test_bad_token_is_an_error_and_then_4401() -> None:
    stage = Stage()
    (verify,) = stage.receive("auth:request", {"token": "t", "roomId": "exam"})
    assert isinstance(verify, VerifyToken)

    stage.feed(Refused(verify.ordinal, Refusal(Code.UNAUTHORIZED, "TOKEN_EXPIRED", "Old.")))

    assert stage.error == ("UNAUTHORIZED", "TOKEN_EXPIRED")
    assert stage.closed is not None
    assert stage.closed.code == 4401


def test_missing_token_is_an_error_and_then_4401() -> None:
    stage = Stage()

    stage.receive("auth:request", {"roomId": "exam"})

    assert stage.error == ("UNAUTHORIZED", "TOKEN_MISSING")
    assert stage.closed is not None
    assert stage.closed.code == 4401


def test_other_room_than_the_tokens_is_forbidden_and_then_4403() -> None:
    stage = Stage()
    (verify,) = stage.receive("auth:request", {"token": "t", "roomId": "other"})
    assert isinstance(verify, VerifyToken)

    stage.feed(TokenAccepted(verify.ordinal, CLAIMS))

    assert stage.error == ("FORBIDDEN", "WRONG_ROOM")
    assert stage.closed is not None
    assert stage.closed.code == 4403


def test_repeated_auth_gets_the_same_answer_and_another_one_is_out_of_place() -> None:
    stage = Stage()
    payload = {"token": "t", "roomId": "exam"}
    (verify,) = stage.receive("auth:request", payload, correlationId="c1")
    assert isinstance(verify, VerifyToken)
    stage.feed(TokenAccepted(verify.ordinal, CLAIMS))
    first = stage.said[-1].message

    stage.receive("auth:request", payload, correlationId="c1")
    assert stage.said[-1].message == first
    stage.receive("auth:request", {**payload, "token": "u"}, correlationId="c1")
    assert stage.error == ("INVALID_MESSAGE", "REQUEST_ID_REUSED")
    stage.receive("auth:request", payload, correlationId="c2")
    assert stage.error == ("INVALID_MESSAGE", "ALREADY_AUTHENTICATED")


def test_requests_behind_the_auth_wait_for_it() -> None:
    stage = Stage()
    (verify,) = stage.receive("auth:request", {"token": "t", "roomId": "exam"})
    assert isinstance(verify, VerifyToken)
    assert stage.receive("room:join", JOIN) == []

    (join,) = stage.feed(TokenAccepted(verify.ordinal, CLAIMS))

    assert isinstance(join, Join)
    assert stage.order == ["auth:response"]


# Joining.


def test_join_of_another_room_is_forbidden_and_keeps_the_socket() -> None:
    stage = Stage().authenticate()

    assert stage.receive("room:join", {**JOIN, "roomId": "other"}) == []

    assert stage.error == ("FORBIDDEN", "WRONG_ROOM")
    assert stage.closed is None


def test_media_before_the_join_is_out_of_place() -> None:
    stage = Stage().authenticate()

    stage.receive("transport:create", {"direction": "send"})

    assert stage.error == ("INVALID_MESSAGE", "NOT_JOINED")


def test_refused_join_may_be_tried_again() -> None:
    stage = Stage().authenticate()
    (join,) = stage.receive("room:join", JOIN)
    assert isinstance(join, Join)
    stage.feed(Refused(join.ordinal, Refusal(Code.ROOM_FULL, "ROOM_FULL", "Full.")))
    assert stage.error == ("ROOM_FULL", "ROOM_FULL")

    (again,) = stage.receive("room:join", JOIN)
    assert isinstance(again, Join)
    stage.feed(Answered(again.ordinal, Answer(state(0), Position(EPOCH, 0))))
    assert stage.session.phase is Phase.JOINED


def test_second_join_is_out_of_place_but_a_repeat_is_asked_again() -> None:
    stage = Stage().authenticate()
    (join,) = stage.receive("room:join", JOIN, correlationId="c1")
    assert isinstance(join, Join)
    stage.feed(Answered(join.ordinal, Answer(state(0), Position(EPOCH, 0))))

    stage.receive("room:join", JOIN, correlationId="c2")
    assert stage.error == ("INVALID_MESSAGE", "ALREADY_JOINED")

    stage.event(1)
    (again,) = stage.receive("room:join", JOIN, correlationId="c1")
    assert isinstance(again, Join)
    assert again.request_id == join.request_id
    stage.feed(Answered(again.ordinal, Answer(state(0), Position(EPOCH, 0))))
    stage.event(2)
    assert stage.order[-3:] == [1, "room:state", 2]


def test_events_that_overtake_the_snapshot_come_after_it() -> None:
    stage = Stage().authenticate()
    (join,) = stage.receive("room:join", JOIN)
    assert isinstance(join, Join)
    stage.event(3)
    stage.event(4)

    stage.feed(Answered(join.ordinal, Answer(state(3), Position(EPOCH, 3))))

    assert stage.order == ["auth:response", "room:state", 4]


def test_messages_of_an_address_are_limited_together() -> None:
    shared = TokenBucket(rate_per_s=1.0, burst=3, now=0.0)
    first, second = (Stage(address_messages=shared, flood_messages=2) for _ in range(2))
    for stage in (first, second):
        stage.receive("ping")
    first.receive("ping")
    assert first.error == ("UNAUTHORIZED", "NOT_AUTHENTICATED")

    second.receive("ping")
    assert second.error == ("RATE_LIMITED", "TOO_MANY_MESSAGES_OF_ADDRESS")
    assert second.closed is None
    second.receive("ping")
    second.receive("ping")
    assert second.closed is not None
    assert second.closed.code is CloseCode.FLOODING
    assert first.closed is None

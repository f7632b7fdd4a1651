import pytest

from services.common.errors import Code, Refusal
from services.gateway.core.refusal import error_of
from services.gateway.core.speech import not_built


@pytest.mark.parametrize(
    ("request_type", "code"),
    [
        ("transport:connect", "TRANSPORT_ERROR"),
        ("sdp:offer", "TRANSPORT_ERROR"),
        ("ice:candidate", "TRANSPORT_ERROR"),
        ("produce", "PRODUCE_ERROR"),
        ("producer:pause", "PRODUCE_ERROR"),
        ("consume", "CONSUME_ERROR"),
        ("consumer:resume", "CONSUME_ERROR"),
        ("peer:kick", "NOT_FOUND"),
    ],
)
def test_unknown_id_is_the_error_of_the_requests_group(request_type: str, code: str) -> None:
    error = error_of(Refusal(Code.NOT_FOUND, "NO_SUCH", "No."), request_type)

    assert error.code == code
    assert error.details == {"reason": "NO_SUCH"}


@pytest.mark.parametrize("code", [Code.FORBIDDEN, Code.RATE_LIMITED, Code.INVALID_MESSAGE])
def test_codes_that_say_more_are_kept(code: Code) -> None:
    assert error_of(Refusal(code, "WHY", "No."), "transport:create").code == code


def test_internal_says_nothing_of_the_inside() -> None:
    refusal = Refusal(
        Code.INTERNAL, "KEY_ERROR", "'x' in /srv/room.py", details={"file": "room.py"}
    )

    error = error_of(refusal, "produce")

    assert "room.py" not in error.model_dump_json()
    assert error.details == {"reason": "UNEXPECTED"}


def test_room_on_another_worker_is_unavailable_for_a_moment() -> None:
    error = error_of(Refusal(Code.WRONG_WORKER, "STALE_GENERATION", "gen 3"), "produce")

    assert error.code == "UNAVAILABLE"
    assert error.details == {"reason": "WRONG_WORKER", "retryAfterMs": 1000}
    assert "gen 3" not in error.message


def test_unavailable_says_when_to_try_again() -> None:
    said = error_of(
        Refusal(Code.UNAVAILABLE, "DOWN", "No.", details={"retryAfterMs": "250"}), "produce"
    )
    unsaid = error_of(Refusal(Code.UNAVAILABLE, "DOWN", "No."), "produce")

    assert said.details == {"reason": "DOWN", "retryAfterMs": 250}
    assert unsaid.details == {"reason": "DOWN", "retryAfterMs": 1000}


def test_what_is_not_built_is_not_to_be_tried_again() -> None:
    error = error_of(not_built(), "sdp:offer")

    assert error.code == "UNAVAILABLE"
    assert error.details == {"reason": "NOT_BUILT"}


@pytest.mark.parametrize("code", list(Code))
@pytest.mark.parametrize("request_type", ["produce", "room:join", None])
def test_every_code_has_an_error_of_the_protocol(code: Code, request_type: str | None) -> None:
    error = error_of(Refusal(code, "WHY", "No."), request_type)

    assert error.code in {each.value for each in Code}
    assert error.code != Code.WRONG_WORKER

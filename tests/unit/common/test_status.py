"""Refusals cross gRPC without losing anything."""

import grpc
import pytest

from services.common.errors import Code, Refusal
from services.common.rpc.status import STATUS_OF_CODE, refusal_of, status_of


def error_of(refusal: Refusal) -> grpc.aio.AioRpcError:
    status = status_of(refusal)
    return grpc.aio.AioRpcError(
        code=grpc.StatusCode.UNKNOWN,
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(
            ("grpc-status-details-bin", status.SerializeToString())
        ),
        details=status.message,
    )


def silent_error(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        code=code, initial_metadata=grpc.aio.Metadata(), trailing_metadata=grpc.aio.Metadata()
    )


def test_every_code_has_a_status() -> None:
    assert set(STATUS_OF_CODE) == set(Code)


@pytest.mark.parametrize("code", list(Code))
def test_refusal_is_rebuilt_by_the_client(code: Code) -> None:
    sent = Refusal(code, "SOME_REASON", "What happened.", details={"retryAfterMs": "250"})
    received = refusal_of(error_of(sent))
    assert (received.code, received.reason, received.message, received.details) == (
        sent.code,
        sent.reason,
        sent.message,
        sent.details,
    )


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_worker_that_cannot_answer_is_unavailable(code: grpc.StatusCode) -> None:
    refusal = refusal_of(silent_error(code))
    assert refusal.code is Code.UNAVAILABLE
    assert refusal.details["retryAfterMs"] == "1000"


def test_unknown_failure_says_nothing_of_the_inside() -> None:
    refusal = refusal_of(silent_error(grpc.StatusCode.UNKNOWN))
    assert refusal.code is Code.INTERNAL
    assert refusal.reason == "UNEXPECTED"


def test_details_of_another_domain_are_not_believed() -> None:
    status = status_of(Refusal(Code.FORBIDDEN, "X", "y"))
    forged = status.SerializeToString().replace(b"invigil.sfu", b"someone.els")
    error = grpc.aio.AioRpcError(
        code=grpc.StatusCode.PERMISSION_DENIED,
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(("grpc-status-details-bin", forged)),
    )
    assert refusal_of(error).code is Code.INTERNAL

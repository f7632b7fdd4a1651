"""Refusals as gRPC statuses, both ways. One table; clients never match text."""

from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.common.errors import Code, Refusal

DOMAIN = "invigil.sfu"

# Reason given for anything that a handler did not mean to say.
UNEXPECTED = "UNEXPECTED"

CODES = frozenset(code.value for code in Code)

STATUS_OF_CODE: dict[Code, int] = {
    Code.INVALID_MESSAGE: code_pb2.INVALID_ARGUMENT,
    Code.UNAUTHORIZED: code_pb2.UNAUTHENTICATED,
    Code.FORBIDDEN: code_pb2.PERMISSION_DENIED,
    Code.ROOM_NOT_FOUND: code_pb2.NOT_FOUND,
    Code.ROOM_FULL: code_pb2.RESOURCE_EXHAUSTED,
    Code.TRANSPORT_ERROR: code_pb2.FAILED_PRECONDITION,
    Code.PRODUCE_ERROR: code_pb2.FAILED_PRECONDITION,
    Code.CONSUME_ERROR: code_pb2.FAILED_PRECONDITION,
    Code.NOT_FOUND: code_pb2.NOT_FOUND,
    Code.RATE_LIMITED: code_pb2.RESOURCE_EXHAUSTED,
    Code.UNAVAILABLE: code_pb2.UNAVAILABLE,
    Code.INTERNAL: code_pb2.INTERNAL,
    Code.WRONG_WORKER: code_pb2.FAILED_PRECONDITION,
}


def status_of(refusal: Refusal) -> status_pb2.Status:
    """The google.rpc.Status of a refusal."""
    info = error_details_pb2.ErrorInfo(
        reason=refusal.reason,
        domain=DOMAIN,
        metadata={**refusal.details, "code": refusal.code.value},
    )
    detail = any_pb2.Any()
    detail.Pack(info)
    return status_pb2.Status(
        code=STATUS_OF_CODE[refusal.code], message=refusal.message, details=[detail]
    )


async def abort(context: grpc.aio.ServicerContext[Any, Any], refusal: Refusal) -> NoReturn:
    """End the call with the refusal's status."""
    status = rpc_status.to_status(status_of(refusal))
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort raises")


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """The refusal that a worker meant; UNAVAILABLE or INTERNAL where it could not say one."""
    info = _error_info(error)
    if info is not None:
        details = dict(info.metadata)
        code = details.pop("code", "")
        if code in CODES:
            return Refusal(Code(code), info.reason, error.details() or "", details=details)
    if error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    ):
        return Refusal(
            Code.UNAVAILABLE,
            "WORKER_UNREACHABLE",
            "The media server cannot be reached at the moment.",
            details={"retryAfterMs": "1000"},
        )
    return Refusal(Code.INTERNAL, UNEXPECTED, "The request failed inside the server.")


def _error_info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        status = status_pb2.Status.FromString(value)
        for detail in status.details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info) and info.domain == DOMAIN:
                return info
    return None

"""Refusals as errors of the browser protocol."""

from services.common.errors import Code, Refusal
from services.gateway.core.message.connection import ErrorReply
from services.gateway.core.message.request import MediaGroup, group_of

DEFAULT_RETRY_AFTER_MS = 1000

NOT_BUILT = "NOT_BUILT"

# "Every failing" request of a group is answered with the group's code, whatever it failed on: an
# unknown id and one that this peer may not see must not be told apart.
GROUP_CODE: dict[MediaGroup, Code] = {
    "transport": Code.TRANSPORT_ERROR,
    "produce": Code.PRODUCE_ERROR,
    "consume": Code.CONSUME_ERROR,
}
GROUPED = frozenset({Code.NOT_FOUND, Code.TRANSPORT_ERROR, Code.PRODUCE_ERROR, Code.CONSUME_ERROR})

UNEXPECTED = Refusal(Code.INTERNAL, "UNEXPECTED", "The request failed inside the server.")


def error_of(refusal: Refusal, request_type: str | None) -> ErrorReply:
    """The error that answers a request of this type."""
    code = _code(refusal.code, request_type)
    if code is Code.INTERNAL:
        # Says nothing of the inside, whatever the refusal said.
        return ErrorReply(
            code=code, message=UNEXPECTED.message, details={"reason": UNEXPECTED.reason}
        )
    details: dict[str, str | int] = {
        key: int(value) if key.endswith("Ms") and value.isdecimal() else value
        for key, value in refusal.details.items()
    }
    # What is not built will not be there in a second.
    if code is Code.UNAVAILABLE and refusal.reason != NOT_BUILT:
        details.setdefault("retryAfterMs", DEFAULT_RETRY_AFTER_MS)
    if refusal.code is Code.WRONG_WORKER:
        return ErrorReply(
            code=code,
            message="The room is moving; ask again.",
            details={"reason": "WRONG_WORKER", "retryAfterMs": DEFAULT_RETRY_AFTER_MS},
        )
    return ErrorReply(
        code=code, message=refusal.message, details=details | {"reason": refusal.reason}
    )


def _code(code: Code, request_type: str | None) -> Code:
    if code is Code.WRONG_WORKER:
        return Code.UNAVAILABLE
    if code in GROUPED:
        return GROUP_CODE.get(group_of(request_type), code)
    return code

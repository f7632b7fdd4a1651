"""Last words to a client whose connection the server ends."""

from dataclasses import dataclass

from services.gateway.core.close_code import CloseCode
from services.gateway.core.message.connection import SessionClosing


@dataclass(frozen=True, slots=True)
class Farewell:
    """What is said (nothing, where the close code is enough) and the close code with its reason."""

    closing: SessionClosing | None
    code: CloseCode
    reason: str


def _resume(reason: str, code: CloseCode, after_ms: int = 0) -> Farewell:
    return Farewell(SessionClosing(reason=reason, action="resume", after_ms=after_ms), code, reason)


def _rejoin(reason: str, code: CloseCode, after_ms: int = 0) -> Farewell:
    return Farewell(SessionClosing(reason=reason, action="rejoin", after_ms=after_ms), code, reason)


def _stop(reason: str, code: CloseCode, message: str = "") -> Farewell:
    closing = SessionClosing(reason=reason, action="stop", after_ms=0, message=message or None)
    return Farewell(closing, code, reason)


EVENTS_LOST = _resume("EVENTS_LOST", CloseCode.RESTARTING)
OVERLOADED = _resume("OVERLOADED", CloseCode.OVERLOADED, after_ms=1000)


def without_token(words: Farewell) -> Farewell:
    """The same to a client that has nothing to resume with."""
    if words.closing is None or words.closing.action != "resume":
        return words
    return _rejoin(words.reason, words.code, words.closing.after_ms)


def worker_lost(after_ms: int) -> Farewell:
    return _resume("WORKER_LOST", CloseCode.RESTARTING, after_ms)


def gateway_restarting(after_ms: int) -> Farewell:
    return _resume("GATEWAY_RESTARTING", CloseCode.RESTARTING, after_ms)


def of_ended_session(reason: str, message: str = "") -> Farewell:
    """For the reason that the worker gives, with a moderator's words."""
    match reason:
        case "LEFT":
            return Farewell(None, CloseCode.NORMAL, "left")
        case "REPLACED":
            return _stop(reason, CloseCode.REPLACED)
        case "KICKED" | "REJECTED" | "WAITED_TOO_LONG":
            return _stop(reason, CloseCode.FORBIDDEN, message)
        case _:
            return _rejoin(reason, CloseCode.RESTARTING)

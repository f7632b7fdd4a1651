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


def _rejoin(reason: str, code: CloseCode, after_ms: int = 0) -> Farewell:
    return Farewell(SessionClosing(reason=reason, action="rejoin", after_ms=after_ms), code, reason)


def _stop(reason: str, code: CloseCode) -> Farewell:
    return Farewell(SessionClosing(reason=reason, action="stop", after_ms=0), code, reason)


WORKER_LOST = _rejoin("WORKER_LOST", CloseCode.RESTARTING)
EVENTS_LOST = _rejoin("EVENTS_LOST", CloseCode.RESTARTING)
OVERLOADED = _rejoin("OVERLOADED", CloseCode.OVERLOADED, after_ms=1000)


def gateway_restarting(after_ms: int) -> Farewell:
    return _rejoin("GATEWAY_RESTARTING", CloseCode.RESTARTING, after_ms)


def of_ended_session(reason: str) -> Farewell:
    """For the reason that the worker gives."""
    match reason:
        case "LEFT":
            return Farewell(None, CloseCode.NORMAL, "left")
        case "REPLACED":
            return _stop(reason, CloseCode.REPLACED)
        case "KICKED":
            return _stop(reason, CloseCode.FORBIDDEN)
        case _:
            return _rejoin(reason, CloseCode.RESTARTING)

"""Why a connection ends, as a WebSocket close code."""

from enum import IntEnum

from services.common.errors import Code


class CloseCode(IntEnum):
    """Registered codes (RFC 6455, 7.4.1 and the registry) and the protocol's own 44xx."""

    NORMAL = 1000
    # Never sent: the connection ended without a close.
    ABNORMAL = 1006
    INTERNAL_ERROR = 1011
    RESTARTING = 1012
    OVERLOADED = 1013
    BAD_FRAMES = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    HEARTBEAT_LOST = 4408
    REPLACED = 4409
    TOO_LARGE = 4413
    FLOODING = 4429


# Of a client that is not let in, by the error that it is answered with.
NOT_ADMITTED = {
    Code.UNAUTHORIZED: CloseCode.UNAUTHENTICATED,
    Code.FORBIDDEN: CloseCode.FORBIDDEN,
    # Nobody knows yet whether the token is good: it is worth trying again.
    Code.UNAVAILABLE: CloseCode.OVERLOADED,
}

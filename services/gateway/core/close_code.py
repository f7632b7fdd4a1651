"""Why a connection ends, as a WebSocket close code."""

from enum import IntEnum


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

"""The closed list of error codes, and the exception that carries one.

This module knows no wire: `services.common.rpc.status` maps codes to gRPC, the gateway's `edge`
maps them to the browser protocol.
"""

from collections.abc import Mapping
from enum import StrEnum


class Code(StrEnum):
    """Error codes of the browser protocol, and WRONG_WORKER between services."""

    INVALID_MESSAGE = "INVALID_MESSAGE"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    ROOM_NOT_FOUND = "ROOM_NOT_FOUND"
    ROOM_FULL = "ROOM_FULL"
    TRANSPORT_ERROR = "TRANSPORT_ERROR"
    PRODUCE_ERROR = "PRODUCE_ERROR"
    CONSUME_ERROR = "CONSUME_ERROR"
    NOT_FOUND = "NOT_FOUND"
    RATE_LIMITED = "RATE_LIMITED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"
    # Another worker owns the room. Never reaches a browser: the gateway makes it UNAVAILABLE.
    WRONG_WORKER = "WRONG_WORKER"


class Refusal(Exception):
    """A request that is answered with an error; the connection and everything else goes on.

    `reason` is UPPER_SNAKE and part of the protocol; `message` is for a person and may be shown to
    the client, so it says nothing of the inside. `details` holds further facts as strings.
    """

    def __init__(
        self,
        code: Code,
        reason: str,
        message: str,
        *,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details: Mapping[str, str] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.code} ({self.reason}): {self.message}"

"""What can go wrong for a user of the client, by what can be done about it."""

from services.client.python.message import ErrorBody

# Close codes of the protocol after which another attempt with the same token fails as well.
UNAUTHENTICATED = 4401
FORBIDDEN = 4403
REPLACED = 4409
# Why a session could not be resumed, in a close frame: to join anew with a token helps.
SESSION_IS_OVER = frozenset({"SESSION_ENDED", "RESUME_TOKEN_INVALID", "RESUME_TOKEN_EXPIRED"})


class ClientError(Exception):
    """Everything that this client raises."""


class UnreachableError(ClientError):
    """No connection came about: nobody answered, or not as the protocol says."""


class RefusedError(ClientError):
    """The server answered with `error`. The connection goes on."""

    def __init__(self, body: ErrorBody) -> None:
        reason = body.details.get("reason")
        after_ms = body.details.get("retryAfterMs")
        self.code = body.code
        self.reason = reason if isinstance(reason, str) else None
        # Milliseconds after which to ask again; None where that does not help.
        self.retry_after_ms = after_ms if isinstance(after_ms, int) else None
        told = f"{self.code} ({self.reason})" if self.reason else self.code
        super().__init__(f"{told}: {body.message}")


class LateError(ClientError):
    """No answer within the time given. Whether the request was carried out is not known."""


class AwayError(LateError):
    """The connection is lost, and so much waits for it already that no more may."""


class ClosedError(ClientError):
    """The connection is over. `code` is the WebSocket close code; 1006: it broke off."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the connection is closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason

    @property
    def is_final(self) -> bool:
        """Whether the same token would be turned away again, or another connection took over."""
        if self.reason in SESSION_IS_OVER:
            return False
        return self.code in (UNAUTHENTICATED, FORBIDDEN, REPLACED)


class ProtocolError(ClientError):
    """The server said something that this client does not understand."""


class EventsLostError(ClientError):
    """More events came than a reader took; those that are missing are lost to it."""


class TransportError(ClientError):
    """ICE or DTLS did not come about, or ended."""

"""The frames of one connection on their way in: which go no further, and what they are answered."""

from services.common.errors import Code, Refusal
from services.gateway.core.close_code import CloseCode
from services.gateway.core.effect import Close, Effect, Received
from services.gateway.core.limit import Limits, TokenBucket
from services.gateway.core.message.request import AnyRequest, Rejection
from services.gateway.core.speech import error, not_authenticated


class Intake:
    """Lets a frame through that is a request and comes at a bearable pace."""

    def __init__(
        self, limits: Limits, now: float, address_messages: TokenBucket | None = None
    ) -> None:
        """`address_messages` is shared by all connections of the client's address."""
        self._limits = limits
        self._bucket = TokenBucket(limits.messages_per_s, limits.message_burst, now)
        self._address_messages = address_messages
        self._bad_frames = 0

    def take(
        self, event: Received, now: float, *, is_authenticated: bool
    ) -> AnyRequest | list[Effect]:
        """The request; or else what is to be done about the frame, a Close as the last thing."""
        if not self._bucket.take(now, event.cost):
            return self._too_fast(event, now, self._bucket, "TOO_MANY_MESSAGES")
        shared = self._address_messages
        if shared is not None and not shared.take(now, event.cost):
            # A client of such an address is cut off by its own share in it alone.
            self._bucket.refuse(event.cost)
            return self._too_fast(event, now, shared, "TOO_MANY_MESSAGES_OF_ADDRESS")
        if isinstance(event.message, Rejection):
            return self._rejected(event.ordinal, event.message, is_authenticated=is_authenticated)
        return event.message

    def _too_fast(
        self, event: Received, now: float, bucket: TokenBucket, reason: str
    ) -> list[Effect]:
        if self._bucket.refused > self._limits.flood_messages:
            return [Close(CloseCode.FLOODING, "flooding")]
        refusal = Refusal(
            Code.RATE_LIMITED,
            reason,
            "Too many messages in a short time.",
            details={"retryAfterMs": str(bucket.retry_after_ms(now))},
        )
        return [error(event.ordinal, event.message, refusal)]

    def _rejected(
        self, ordinal: int, rejection: Rejection, *, is_authenticated: bool
    ) -> list[Effect]:
        if rejection.is_bad_frame:
            self._bad_frames += 1
            effects: list[Effect] = [error(ordinal, rejection, rejection.refusal)]
            if self._bad_frames >= self._limits.bad_frames:
                effects.append(Close(CloseCode.BAD_FRAMES, "bad frames"))
            return effects
        if not is_authenticated and rejection.type != "auth:request":
            return [error(ordinal, rejection, not_authenticated())]
        return [error(ordinal, rejection, rejection.refusal)]

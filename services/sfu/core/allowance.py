"""How often one session may say something that everyone is told and that every log keeps."""

from dataclasses import dataclass

from services.common.errors import Code, Refusal

BURST = 20
INTERVAL_MS = 200


@dataclass(slots=True)
class Allowance:
    """A token bucket: BURST at once, then one each INTERVAL_MS. Milliseconds of the shell's clock.

    The gateway's bound on messages keeps a connection from flooding the server. This keeps a
    session from flooding the others: a thousand events push theirs out of a log.
    """

    # When the bucket is full again.
    full_at_ms: int = 0

    def spend(self, now_ms: int) -> None:
        """Raise Refusal RATE_LIMITED (TOO_MUCH_SAID) where nothing is left."""
        full_at_ms = max(self.full_at_ms, now_ms) + INTERVAL_MS
        over_ms = full_at_ms - now_ms - BURST * INTERVAL_MS
        if over_ms > 0:
            raise Refusal(
                Code.RATE_LIMITED,
                "TOO_MUCH_SAID",
                "Too many messages or changes in a short time.",
                details={"retryAfterMs": str(over_ms)},
            )
        self.full_at_ms = full_at_ms

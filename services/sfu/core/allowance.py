"""How often one session may do what costs others: their logs, or the worker they share."""

from dataclasses import dataclass

from services.common.errors import Code, Refusal

INTERVAL_MS = 200
# Of what everyone is told and every log keeps.
BURST = 20
# Of descriptions: to read and answer one of 64 KiB takes the worker tens of milliseconds.
SDP_BURST = 10
# Of producers that begin, end, are paused and resumed. Each viewer gets two events of each, so what
# one session can do within the grace time leaves the events of others in a log.
CHANGE_BURST = 64


@dataclass(slots=True)
class Allowance:
    """A token bucket: `burst` at once, then one each INTERVAL_MS, by the shell's clock.

    The gateway's bound on messages keeps a connection from flooding the server. This keeps a
    session from flooding the others: a thousand events push theirs out of a log.
    """

    burst: int = BURST
    # Of the Refusal, with what there is too much of.
    reason: str = "TOO_MUCH_SAID"
    subject: str = "messages or changes"
    # When the bucket is full again.
    full_at_ms: int = 0

    def spend(self, now_ms: int) -> None:
        """Take one. Raise Refusal RATE_LIMITED (`reason`) where nothing is left."""
        self.check(now_ms)
        self.charge(now_ms)

    def charge(self, now_ms: int, count: int = 1) -> None:
        """Take that many, whatever is left: what is owed has to come back first."""
        self.full_at_ms = max(self.full_at_ms, now_ms) + count * INTERVAL_MS

    def check(self, now_ms: int) -> None:
        """Raise Refusal RATE_LIMITED (`reason`) where nothing is left."""
        full_at_ms = max(self.full_at_ms, now_ms) + INTERVAL_MS
        over_ms = full_at_ms - now_ms - self.burst * INTERVAL_MS
        if over_ms > 0:
            raise Refusal(
                Code.RATE_LIMITED,
                self.reason,
                f"Too many {self.subject} in a short time.",
                details={"retryAfterMs": str(over_ms)},
            )

    def give_back(self) -> None:
        """What was spent last is not to count."""
        self.full_at_ms -= INTERVAL_MS


def of_descriptions() -> Allowance:
    """For what a plain WebRTC client offers and answers."""
    return Allowance(SDP_BURST, "TOO_MANY_DESCRIPTIONS", "offers or refused answers")


def of_changes() -> Allowance:
    """For what a session does to its producers, by a message or in an offer."""
    return Allowance(CHANGE_BURST, "TOO_MANY_CHANGES", "changes of producers")

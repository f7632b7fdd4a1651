"""How much one connection may ask for."""

from dataclasses import dataclass

# A large message takes as long to read as several: it counts once for each of these begun.
CHARACTERS_OF_ONE = 8192


def cost_of(characters: int) -> int:
    """As how many messages one of this length counts."""
    return 1 + characters // CHARACTERS_OF_ONE


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection."""

    auth_timeout_s: float = 5.0
    messages_per_s: float = 50.0
    message_burst: int = 100
    # Refused messages in one burst of flooding after which the connection is closed.
    flood_messages: int = 200
    # Frames that are no messages at all; the last one closes the connection.
    bad_frames: int = 3
    waiting_requests: int = 64
    # Events that arrive while a request is outstanding.
    held_events: int = 1024
    # How long a reply waits for the events before it.
    event_wait_s: float = 3.0
    heartbeat_interval_ms: int = 30_000


class TokenBucket:
    """Messages per second with a burst, and how long a client has ignored the limit.

    A client that stays under the limit for the time a full burst takes is forgiven.
    """

    def __init__(self, rate_per_s: float, burst: int, now: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._updated = now
        self._refused = 0
        # When the message that was refused last may be sent again.
        self._due = now

    def take(self, now: float, cost: int = 1) -> bool:
        """Whether one more message, which counts as `cost` of them, is within the limit."""
        cost = min(cost, self._burst)
        elapsed = max(0.0, now - self._updated)
        self._tokens = min(float(self._burst), self._tokens + elapsed * self._rate_per_s)
        self._updated = now
        if self._tokens >= self._burst:
            self._refused = 0
        if self._tokens < cost:
            self._put_off(now, cost)
            self.refuse(cost)
            return False
        self._tokens -= cost
        return True

    def _put_off(self, now: float, cost: int) -> None:
        """Each behind the one refused before: all told the same time would come together again.

        By at most what a full burst takes: a flood is not to put its neighbours off for long.
        """
        soonest = now + (cost - self._tokens) / self._rate_per_s
        latest = now + self._burst / self._rate_per_s
        behind = self._due + cost / self._rate_per_s if self._due > now else soonest
        self._due = max(soonest, min(behind, latest))

    def spend(self, tokens: int) -> None:
        """Take tokens for something that was not asked about, on credit if need be."""
        self._tokens = max(-float(self._burst), self._tokens - tokens)

    def refuse(self, cost: int = 1) -> None:
        """Count a message that was refused, here or on account of another limit."""
        self._refused += cost

    @property
    def refused(self) -> int:
        """Messages refused since the client last was well-behaved."""
        return self._refused

    def retry_after_ms(self, now: float) -> int:
        """Until the message that was refused last may be sent again."""
        return max(1, round((self._due - now) * 1000))

"""How much the clients of one address may ask for together."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from services.gateway.core.limit import TokenBucket

# Shares without a socket that are remembered at most, so that coming from ever new addresses fills
# no memory; whoever is forgotten gets a new burst.
MAX_IDLE = 50_000


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """Bounds of one address. One may be a school's: hundreds of candidates behind one router."""

    connections: int = 2_000
    connects_per_s: float = 100.0
    connect_burst: int = 1_000
    messages_per_s: float = 2_000.0
    message_burst: int = 4_000

    @property
    def refill_s(self) -> float:
        """After this long without a socket, a share is as if it had never been used."""
        return max(
            self.connect_burst / self.connects_per_s, self.message_burst / self.messages_per_s
        )


class Turned(StrEnum):
    """Why a socket is turned away."""

    TOO_MANY_CONNECTIONS = "address.connections"
    TOO_MANY_CONNECTS = "address.connects"


class Share:
    """What one address has used. Every socket of it takes messages from the same bucket."""

    def __init__(self, limits: QuotaLimits, now: float) -> None:
        self.connections = 0
        self.connects = TokenBucket(limits.connects_per_s, limits.connect_burst, now)
        self.messages = TokenBucket(limits.messages_per_s, limits.message_burst, now)


class Quota:
    """The shares of all addresses. What `enter` lets in is given back with `leave`, exactly once.

    `now` is in seconds of any origin and never goes back.
    """

    def __init__(self, limits: QuotaLimits) -> None:
        self._limits = limits
        self._shares: dict[str, Share] = {}
        # Those without a socket, and since when, the oldest first.
        self._idle: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._shares)

    def enter(self, name: str, now: float) -> Share | Turned:
        """One more socket of the share `name`."""
        self._forget(now)
        share = self._shares.get(name)
        if share is None:
            share = self._shares[name] = Share(self._limits, now)
            self._idle[name] = now
        if share.connections >= self._limits.connections:
            return Turned.TOO_MANY_CONNECTIONS
        if not share.connects.take(now):
            return Turned.TOO_MANY_CONNECTS
        share.connections += 1
        self._idle.pop(name, None)
        return share

    def leave(self, name: str, now: float) -> None:
        """A socket that entered is gone."""
        share = self._shares[name]
        share.connections -= 1
        if share.connections == 0:
            self._idle[name] = now

    def _forget(self, now: float) -> None:
        while self._idle:
            name, since = next(iter(self._idle.items()))
            if now < since + self._limits.refill_s and len(self._idle) <= MAX_IDLE:
                return
            del self._idle[name]
            del self._shares[name]

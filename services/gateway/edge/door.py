"""The door: which sockets stay, before anything is known of them but where they come from."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.common.log import get_logger
from services.gateway.core.address import (
    Address,
    MalformedForwardedError,
    Network,
    client_address,
    is_in,
    parse_address,
    share_of,
)
from services.gateway.core.lobby import Lobby
from services.gateway.core.quota import Quota, QuotaLimits, Share, Turned
from services.gateway.edge.tally import Tally

log = get_logger("gateway.edge")

# Of a socket whose address the system does not say: it is gone already.
NOWHERE = "unknown"
# What being closed for flooding costs an address, in new connections: one that floods again and
# again has its burst used up soon, and is then let in every half second.
FLOOD_CONNECTS = 50


@dataclass(frozen=True, slots=True)
class DoorConfig:
    quota: QuotaLimits = field(default_factory=QuotaLimits)
    # WebSockets.
    max_connections: int = 10_000
    # Sockets in the lobby, and the bytes of the answers that they read.
    max_lobby: int = 1_000
    max_lobby_bytes: int = 64 * 1024 * 1024
    trusted_proxies: tuple[Network, ...] = ()


class Guest(Protocol):
    """A socket, as far as the door is concerned."""

    def peer(self) -> str | None:
        """The address at the other end."""

    def throw_out(self) -> None:
        """Close at once, without a word."""


@dataclass(slots=True)
class _Visit:
    """One socket: where it comes from, and the share it uses."""

    peer: Address | None
    name: str
    # None: a trusted proxy's, until its request says for whom; then `name` is the share's.
    share: Share | None = None


class Door:
    """
    Counts sockets from their accept to their end, by address and in all.

    A socket waits in the lobby until it is a WebSocket: half-open, in its handshake, or reading an
    answer. When the lobby is full, the address that has the most in it loses its oldest: a newcomer
    needs the lobby for a round trip, and whoever fills it makes room.
    """

    def __init__(self, config: DoorConfig, tally: Tally) -> None:
        self._config = config
        self._tally = tally
        self._quota = Quota(config.quota)
        self._loop = asyncio.get_running_loop()
        self._visits: dict[Guest, _Visit] = {}
        self._lobby: Lobby[Guest] = Lobby()
        self._has_warned = False

    @property
    def connections(self) -> int:
        """Sockets that have left the lobby for good."""
        return len(self._visits) - len(self._lobby)

    def accept(self, guest: Guest) -> bool:
        """A new socket. False: it is to be closed at once, and nothing is kept of it."""
        address = parse_address(guest.peer() or "")
        name = share_of(address) if address is not None else NOWHERE
        visit = _Visit(address, name)
        if address is None or not is_in(address, self._config.trusted_proxies):
            turned = self._enter(visit, name)
            if turned is not None:
                self._tally.count(turned)
                return False
        self._visits[guest] = visit
        self._lobby.enter(guest, visit.name)
        self._make_room()
        return guest in self._visits

    def identify(self, guest: Guest, forwarded: Sequence[str]) -> Turned | None:
        """The request of `guest` is here, with its X-Forwarded-For. Why it may not stay, if so."""
        visit = self._visits.get(guest)
        if visit is None or visit.share is not None or visit.peer is None:
            if forwarded:
                self._warn_of_proxy()
            return None
        turned = self._enter(visit, share_of(self._client_of(visit.peer, forwarded)))
        if turned is not None:
            self._tally.count(turned)
        else:
            self._lobby.rename(guest, visit.name)
        return turned

    @property
    def has_room(self) -> bool:
        """Whether one more WebSocket may come in."""
        return self.connections < self._config.max_connections

    def came_in(self, guest: Guest) -> Share | None:
        """It is a WebSocket now. What it shares with its address; None once it is gone."""
        self._lobby.leave(guest)
        visit = self._visits.get(guest)
        return visit.share if visit is not None else None

    def reads(self, guest: Guest, size: int) -> None:
        """It is sent an answer of `size` bytes."""
        self._lobby.reads(guest, size)
        self._make_room()

    def leave(self, guest: Guest, *, has_flooded: bool = False) -> None:
        """It is gone. Does nothing for one that was not accepted."""
        self._lobby.leave(guest)
        visit = self._visits.pop(guest, None)
        if visit is not None and visit.share is not None:
            if has_flooded:
                visit.share.connects.spend(FLOOD_CONNECTS)
            self._quota.leave(visit.name, self._loop.time())

    def _enter(self, visit: _Visit, name: str) -> Turned | None:
        entered = self._quota.enter(name, self._loop.time())
        if isinstance(entered, Turned):
            return entered
        visit.name, visit.share = name, entered
        return None

    def _client_of(self, peer: Address, forwarded: Sequence[str]) -> Address:
        try:
            return client_address(peer, forwarded, self._config.trusted_proxies)
        except MalformedForwardedError:
            self._tally.count("forwarded.malformed")
            return peer

    def _warn_of_proxy(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "gateway.forwarded.ignored",
                hint="X-Forwarded-For from a network that GATEWAY_TRUSTED_PROXIES does not name: "
                "if that is your proxy, all its clients share one address's limits",
            )

    def _make_room(self) -> None:
        while (
            len(self._lobby) > self._config.max_lobby
            or self._lobby.bytes > self._config.max_lobby_bytes
        ) and len(self._lobby) > 1:
            oldest = self._lobby.first_out()
            self._tally.count("lobby.full")
            self.leave(oldest)
            oldest.throw_out()

"""Who waits in the lobby, by address, and who goes first when it is full.

Each step takes the same time however many wait: it is walked for every socket of a flood.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

Guest = TypeVar("Guest")


@dataclass(slots=True)
class _Place:
    """Where one waits, and what it was given to read."""

    name: str
    bytes: int = 0


class Lobby(Generic[Guest]):
    """Guests under the name of their address, in the order in which they came under it."""

    def __init__(self) -> None:
        self.bytes = 0
        self._places: dict[Guest, _Place] = {}
        self._guests: dict[str, dict[Guest, None]] = {}
        # Names by how many wait under each; `_most` is the highest such number.
        self._names: dict[int, dict[str, None]] = {}
        self._most = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, guest: Guest) -> bool:
        return guest in self._places

    def enter(self, guest: Guest, name: str) -> None:
        """It waits from now on."""
        self._places[guest] = _Place(name)
        self._put(guest, name)

    def rename(self, guest: Guest, name: str) -> None:
        """It is known now whose it is; nothing for one that does not wait."""
        place = self._places.get(guest)
        if place is not None and place.name != name:
            self._take(guest, place.name)
            place.name = name
            self._put(guest, name)

    def reads(self, guest: Guest, size: int) -> None:
        """It is given so many bytes more to read; nothing for one that does not wait."""
        place = self._places.get(guest)
        if place is not None:
            place.bytes += size
            self.bytes += size

    def leave(self, guest: Guest) -> None:
        """It waits no more; nothing for one that does not wait."""
        place = self._places.pop(guest, None)
        if place is not None:
            self.bytes -= place.bytes
            self._take(guest, place.name)

    def first_out(self) -> Guest:
        """The oldest guest of a name that has the most. Somebody waits."""
        name = next(iter(self._names[self._most]))
        return next(iter(self._guests[name]))

    def _put(self, guest: Guest, name: str) -> None:
        guests = self._guests.setdefault(name, {})
        self._count(name, len(guests), len(guests) + 1)
        guests[guest] = None

    def _take(self, guest: Guest, name: str) -> None:
        guests = self._guests[name]
        self._count(name, len(guests), len(guests) - 1)
        del guests[guest]
        if not guests:
            del self._guests[name]

    def _count(self, name: str, before: int, after: int) -> None:
        """`name` has one more, or one less: so the most changes by one at most, too."""
        if before:
            del self._names[before][name]
        if after:
            self._names.setdefault(after, {})[name] = None
        if before and not self._names[before]:
            del self._names[before]
            if self._most == before:
                self._most = after
        self._most = max(self._most, after)

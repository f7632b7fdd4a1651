"""What moderators have decided in the rooms of this gateway's sessions, in case a worker dies.

The worker owns it; a copy goes back to whichever worker a room of a lost one is made anew on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from services.common.ids import RoomId
from services.pb.invigil.sfu.v1 import room_pb2

# Longer than clients take to come back: their seats are kept for a minute.
RETENTION_S = 120.0

# Whoever told it: a worker.
Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class Kept(Generic[Source]):
    settings: room_pb2.RoomSettings
    source: Source
    # None while the source is there.
    until: float | None = None


class SettingsBook(Generic[Source]):
    """The newest settings of each room that a live worker has told of, or one that is lost.

    `clock` gives seconds of any origin.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rooms: dict[RoomId, Kept[Source]] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def keep(self, settings: room_pb2.RoomSettings, source: Source) -> None:
        """A worker tells the settings of a room, or that it has ended."""
        room_id = RoomId(settings.room_id)
        known = self._rooms.get(room_id)
        if settings.ended:
            self._rooms.pop(room_id, None)
        elif known is not None and known.settings.version > settings.version:
            # It is given this at the next join.
            self._rooms[room_id] = Kept(known.settings, source)
        else:
            self._rooms[room_id] = Kept(settings, source)

    def lost(self, source: Source) -> None:
        """A worker is gone, or out of reach: what it told is kept for a while."""
        until = self._clock() + RETENTION_S
        for room_id, kept in self._rooms.items():
            if kept.source == source and kept.until is None:
                self._rooms[room_id] = replace(kept, until=until)
        self._drop_old()

    def newest(self, room_id: RoomId) -> room_pb2.RoomSettings | None:
        """What to give to the worker that a session joins at."""
        self._drop_old()
        kept = self._rooms.get(room_id)
        return kept.settings if kept is not None else None

    def _drop_old(self) -> None:
        now = self._clock()
        for room_id, kept in list(self._rooms.items()):
            if kept.until is not None and kept.until <= now:
                del self._rooms[room_id]

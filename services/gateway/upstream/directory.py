"""Which worker holds which room. A port, and the adapter for one gateway with a list of workers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.common.errors import Code, Refusal
from services.common.ids import RoomId
from services.gateway.core.placement import rank
from services.gateway.core.resume import Place
from services.gateway.upstream.link import Link
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class Placement:
    """A room's owner, and the generation of that ownership."""

    link: Link
    worker_epoch: str
    generation: int


class Directory(Protocol):
    async def locate(self, room_id: RoomId, least: int = 1) -> Placement:
        """The worker for a room; places it if it has none, with a generation not below `least`.

        Raises Refusal UNAVAILABLE.
        """

    def find_newer(self, room_id: RoomId, place: Place) -> Placement | None:
        """Where a room is by now that was in `place`, if another worker has claimed it since."""

    def generation(self, room_id: RoomId, place: Place) -> int:
        """The generation of a room on the worker that has it, `place`'s if no other is known."""

    def note(self, room_id: RoomId, placement: Placement) -> None:
        """A session was found there."""

    def hold(self, room_id: RoomId) -> None:
        """A session of this gateway is in the room or on its way: keep its placement."""

    def free(self, room_id: RoomId) -> None:
        """The opposite of `hold`, once for each."""

    def described(self, link: Link, description: pb.DescribeResponse) -> None:
        """What a worker says it holds is so."""


class EmbeddedDirectory:
    """For exactly one gateway: a room stays on its worker until it ends or the worker is lost."""

    def __init__(self, links: Sequence[Link] = ()) -> None:
        self.links: Sequence[Link] = links
        self._rooms: dict[RoomId, Placement] = {}
        self._held: Counter[RoomId] = Counter()

    def hold(self, room_id: RoomId) -> None:
        self._held[room_id] += 1

    def free(self, room_id: RoomId) -> None:
        self._held[room_id] -= 1
        if self._held[room_id] <= 0:
            del self._held[room_id]

    def find_newer(self, room_id: RoomId, place: Place) -> Placement | None:
        placed = self._rooms.get(room_id)
        if placed is None or placed.worker_epoch == place.worker_epoch:
            return None
        return placed if placed.generation > place.generation else None

    def generation(self, room_id: RoomId, place: Place) -> int:
        placed = self._rooms.get(room_id)
        if placed is None or placed.worker_epoch != place.worker_epoch:
            return place.generation
        return placed.generation

    def note(self, room_id: RoomId, placement: Placement) -> None:
        placed = self._rooms.get(room_id)
        if placed is None or placed.generation <= placement.generation:
            self._rooms[room_id] = placement

    async def locate(self, room_id: RoomId, least: int = 1) -> Placement:
        placed = self._rooms.get(room_id)
        if placed is None:
            return self._place(room_id, generation=least)
        watch = placed.link.watch
        if watch is None and await _is_reachable(placed.link):
            # Its watch comes back in a moment. Another owner now would make two.
            raise _no_worker("WORKER_RECONNECTING")
        if watch is not None and watch.worker_epoch == placed.worker_epoch:
            return placed
        # Another join may have placed it meanwhile.
        if self._rooms.get(room_id) is not placed:
            return await self.locate(room_id, least)
        return self._place(room_id, max(placed.generation + 1, least))

    def described(self, link: Link, description: pb.DescribeResponse) -> None:
        listed = {RoomId(room.room_id): room for room in description.room_generations}
        for room_id, placed in list(self._rooms.items()):
            # A room of an earlier run of the worker ended with that run.
            if placed.link is link and room_id not in listed and room_id not in self._held:
                del self._rooms[room_id]
        for room_id, room in listed.items():
            known = self._rooms.get(room_id)
            if known is None or known.generation <= room.generation:
                self._rooms[room_id] = Placement(link, description.worker_epoch, room.generation)

    def _place(self, room_id: RoomId, generation: int) -> Placement:
        by_address = {link.address: link for link in self.links if link.takes_rooms}
        if not by_address:
            raise _no_worker("NO_WORKER")
        link = by_address[rank(room_id, by_address)[0]]
        assert link.watch is not None
        placement = Placement(link, link.watch.worker_epoch, generation)
        self._rooms[room_id] = placement
        return placement


async def _is_reachable(link: Link) -> bool:
    try:
        await link.describe()
    except Refusal:
        return False
    return True


def _no_worker(reason: str) -> Refusal:
    return Refusal(
        Code.UNAVAILABLE,
        reason,
        "No media server can take the room at the moment.",
        details={"retryAfterMs": "1000"},
    )

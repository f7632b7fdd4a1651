"""Which worker a room goes to: rendezvous hashing."""

from collections.abc import Iterable
from hashlib import blake2b

from services.common.ids import RoomId


def rank(room_id: RoomId, workers: Iterable[str]) -> list[str]:
    """The workers, best first. Adding or removing one moves only the rooms that it wins or held."""
    return sorted(workers, key=lambda worker: _score(room_id, worker), reverse=True)


def _score(room_id: RoomId, worker: str) -> bytes:
    return blake2b(f"{worker}\0{room_id}".encode(), digest_size=8).digest()

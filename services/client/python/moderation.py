"""What a moderator decides about peers, about what they send, and about the room."""

from services.client.python.condition import Condition
from services.client.python.line import Line
from services.client.python.message import Json, Nothing


class Moderation:
    """Made by a session. To repeat a decision that holds already does nothing.

    Everything raises RefusedError: FORBIDDEN (NOT_A_MODERATOR, PEER_IS_MODERATOR) or NOT_FOUND for
    a peer, PRODUCE_ERROR for a producer; besides LateError and ClosedError.
    """

    def __init__(self, line: Line, room: Condition) -> None:
        self._line = line
        self._room = room

    async def mute(self, peer_id: str) -> None:
        """Pause all sound of a user, on every device, and what it publishes later."""
        await self._ask("peer:mute", {"peerId": peer_id})

    async def unmute(self, peer_id: str) -> None:
        """End that. What the user has paused itself stays paused."""
        await self._ask("peer:unmute", {"peerId": peer_id})

    async def kick(self, peer_id: str, reason: str | None = None) -> None:
        """Remove a user with all its devices and keep it out; `reason` is told to it."""
        await self._ask("peer:kick", {"peerId": peer_id, "reason": reason})

    async def pause_producer(self, producer_id: str) -> None:
        """Pause what somebody else sends, so that its owner cannot resume it."""
        await self._ask("producer:pause", {"producerId": producer_id})

    async def resume_producer(self, producer_id: str) -> None:
        """End that. Refused with PEER_MUTED where it takes `unmute`."""
        await self._ask("producer:resume", {"producerId": producer_id})

    async def admit(self, peer_id: str) -> None:
        """Let in one who waits. ROOM_FULL where there is no seat."""
        await self._ask("peer:admit", {"peerId": peer_id})

    async def reject(self, peer_id: str, reason: str | None = None) -> None:
        """Send one who waits away; it may try again. `reason` is told to it."""
        await self._ask("peer:reject", {"peerId": peer_id, "reason": reason})

    async def lock(self) -> None:
        """Let nobody new in. Who is in the room, or was, may come back."""
        await self._ask("room:lock", {})
        # The server tells it to all but the one who asked.
        self._room.locked = True

    async def unlock(self) -> None:
        await self._ask("room:unlock", {})
        self._room.locked = False

    async def _ask(self, kind: str, payload: Json) -> None:
        said = {name: value for name, value in payload.items() if value is not None}
        await self._line.request(kind, Nothing, said)

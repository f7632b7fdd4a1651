"""What moderators have decided in a room, and what it was created with: it outlives the worker."""

from dataclasses import dataclass, field, replace

from services.common.errors import Code, Refusal
from services.common.ids import ProducerId, UserId
from services.sfu.core.visibility import Visibility

# In each set. More than a room has peers; all sets together still fit in one request between the
# services, see services.common.rpc.size.
MAX_ENTRIES = 1024


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """One version. A change makes the next one, for every gateway with a session in the room."""

    visibility: Visibility
    # Observers included.
    max_peers: int
    # Candidates come in only when a moderator admits them.
    waiting_room: bool = False
    version: int = 1
    locked: bool = False
    # Who may come back while the room is locked: who was in it then, and who was admitted since.
    members: frozenset[UserId] = field(default_factory=frozenset)
    # Who needs not wait any more.
    admitted: frozenset[UserId] = field(default_factory=frozenset)
    banned: frozenset[UserId] = field(default_factory=frozenset)
    # Whose audio is paused.
    muted: frozenset[UserId] = field(default_factory=frozenset)
    # Paused by a moderator one by one.
    muted_producers: frozenset[ProducerId] = field(default_factory=frozenset)

    def lock(self, present: frozenset[UserId]) -> "RoomSettings":
        """Nobody new comes in; those who are present may come back."""
        return self._next(locked=True, members=present)

    def unlock(self) -> "RoomSettings":
        return self._next(locked=False, members=frozenset())

    def admit(self, user_id: UserId) -> "RoomSettings":
        """Let a user in now, and again later, whether the room is locked or not."""
        members = self.members | {user_id} if self.locked else self.members
        return self._next(admitted=self.admitted | {user_id}, members=members)

    def ban(self, user_id: UserId) -> "RoomSettings":
        """Keep a user out for the life of the room."""
        return self._next(
            banned=self.banned | {user_id},
            admitted=self.admitted - {user_id},
            members=self.members - {user_id},
            muted=self.muted - {user_id},
        )

    def mute(self, user_id: UserId) -> "RoomSettings":
        return self._next(muted=self.muted | {user_id})

    def unmute(self, user_id: UserId) -> "RoomSettings":
        return self._next(muted=self.muted - {user_id})

    def mute_producer(self, producer_id: ProducerId) -> "RoomSettings":
        return self._next(muted_producers=self.muted_producers | {producer_id})

    def unmute_producer(self, producer_id: ProducerId) -> "RoomSettings":
        return self._next(muted_producers=self.muted_producers - {producer_id})

    def merged(self, other: "RoomSettings") -> "RoomSettings":
        """What holds when another version of the same room's settings turns up.

        The higher version counts, but bans and admissions of both do: they only ever grow, so one
        that the newer has not must have been lost with a worker. What a room was created with stays
        as it is here.
        """
        newer = other if other.version > self.version else self
        banned = self.banned | other.banned
        result = replace(
            newer,
            visibility=self.visibility,
            max_peers=self.max_peers,
            waiting_room=self.waiting_room,
            banned=banned,
            admitted=(self.admitted | other.admitted) - banned,
        )
        return result if result == newer else replace(result, version=newer.version + 1)

    def check(self) -> None:
        """Raise Refusal FORBIDDEN (SETTINGS_FULL) where there is more than can be kept."""
        users = (self.members, self.admitted, self.banned, self.muted)
        if max(len(self.muted_producers), *map(len, users)) > MAX_ENTRIES:
            raise Refusal(
                Code.FORBIDDEN, "SETTINGS_FULL", "The room cannot keep more decisions of this kind."
            )

    def _next(self, **changes: object) -> "RoomSettings":
        """The next version; the same one where nothing changes."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        if changed == self:
            return self
        return replace(changed, version=self.version + 1)

"""Who may come into a room: bans, the lock, the waiting room."""

from services.common.errors import Code, Refusal
from services.common.ids import UserId
from services.sfu.core.settings import RoomSettings
from services.sfu.core.visibility import Role


def must_wait(
    settings: RoomSettings,
    user_id: UserId,
    role: Role,
    *,
    may_moderate: bool,
    has_seat: bool,
) -> bool:
    """Whether a moderator has to let this user in first.

    `has_seat`: it was in the room already, in this life of it or in the one before. Raises Refusal
    FORBIDDEN: BANNED, ROOM_LOCKED.
    """
    if user_id in settings.banned:
        raise Refusal(Code.FORBIDDEN, "BANNED", "A moderator has removed you from this room.")
    if may_moderate or has_seat:
        return False
    if settings.locked:
        if user_id not in settings.members:
            raise Refusal(Code.FORBIDDEN, "ROOM_LOCKED", "The room is locked.")
        return False
    return settings.waiting_room and role is Role.CANDIDATE and user_id not in settings.admitted

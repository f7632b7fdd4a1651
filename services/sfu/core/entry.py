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

    `has_seat`: it was let in before, in this life of the room or in one on another worker. That
    does not open a locked room: whoever was in it then is a member.

    Raises Refusal FORBIDDEN: BANNED, ROOM_LOCKED.
    """
    if user_id in settings.banned:
        raise Refusal(Code.FORBIDDEN, "BANNED", "A moderator has removed you from this room.")
    if may_moderate:
        return False
    if settings.locked and user_id not in settings.members:
        raise Refusal(Code.FORBIDDEN, "ROOM_LOCKED", "The room is locked.")
    is_known = has_seat or user_id in settings.members | settings.admitted
    return settings.waiting_room and role is Role.CANDIDATE and not is_known

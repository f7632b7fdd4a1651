"""A join that a moderator has to allow: it is parked, so that the client is not deaf meanwhile."""

from services.common.errors import Code, Refusal
from services.gateway.core.effect import Effect, SessionEnded
from services.gateway.core.message.connection import AuthRefresh, Ping
from services.gateway.core.message.request import AnyRequest
from services.gateway.core.message.room import RoomJoin, RoomLeave
from services.gateway.core.speech import error, not_let_in

# What a moderator, or the time, may have decided against one who waits.
DECISIONS = frozenset({"REJECTED", "WAITED_TOO_LONG", "KICKED"})


class Knock:
    """Of one connection."""

    def __init__(self) -> None:
        self._parked: tuple[int, RoomJoin] | None = None
        # The word may overtake the reply that says that the session waits.
        self._is_admitted = False

    @property
    def is_waiting(self) -> bool:
        return self._parked is not None

    def park(self, ordinal: int, request: RoomJoin) -> None:
        """The join is to wait."""
        self._parked = (ordinal, request)

    def admit(self) -> None:
        """A moderator has let the session in."""
        self._is_admitted = True

    def take(self) -> tuple[int, RoomJoin] | None:
        """The join that waited, once it is to be carried out after all."""
        if not self._is_admitted or self._parked is None:
            return None
        taken, self._parked, self._is_admitted = self._parked, None, False
        return taken

    def check(self, request: AnyRequest) -> None:
        """Raise Refusal INVALID_MESSAGE (WAITING) for what one who waits may not ask."""
        if self.is_waiting and not isinstance(request, Ping | RoomLeave | AuthRefresh):
            raise Refusal(Code.INVALID_MESSAGE, "WAITING", "A moderator has to let you in first.")

    def refuse(self, ended: SessionEnded) -> list[Effect]:
        """The answer to a join that has waited in vain; none where somebody else is to answer."""
        if self._parked is None or ended.reason not in DECISIONS:
            return []
        (ordinal, request), self._parked = self._parked, None
        return [error(ordinal, request, not_let_in(ended.reason, ended.message))]

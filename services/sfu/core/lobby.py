"""The waiting room: who wants to come in, and the moderators who are told of them."""

from services.common.errors import Code, Refusal
from services.common.ids import PeerId
from services.sfu.core.event import ParticipantLeft, ParticipantWaiting, WaitingView
from services.sfu.core.peer import Session
from services.sfu.core.roster import Roster
from services.sfu.core.visibility import may_see

MAX_WAITING = 200


class Lobby:
    """Owned by a room. Those in here are in no roster: only moderators learn of them."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._waiting: dict[PeerId, Session] = {}
        # Milliseconds of the shell's clock.
        self._until_ms: dict[PeerId, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, peer_id: PeerId) -> bool:
        return peer_id in self._waiting

    def sessions(self) -> list[Session]:
        """Those who wait, the first to come first."""
        return list(self._waiting.values())

    def enter(self, session: Session, until_ms: int) -> None:
        """Let a session wait. Raises Refusal ROOM_FULL (WAITING_ROOM_FULL)."""
        if len(self) >= MAX_WAITING:
            raise Refusal(Code.ROOM_FULL, "WAITING_ROOM_FULL", "Too many wait already.")
        session.is_waiting = True
        self._waiting[session.peer_id] = session
        self._until_ms[session.peer_id] = until_ms
        self._tell(session, ParticipantWaiting(_view(session)))

    def find(self, moderator: Session, peer_id: PeerId) -> Session | None:
        """Who waits under this id; None as well where the moderator may not see it."""
        session = self._waiting.get(peer_id)
        return session if session is not None and self._sees(moderator, session) else None

    def views(self) -> tuple[WaitingView, ...]:
        """Those who wait, as an operator sees them."""
        return tuple(_view(waiting) for waiting in self._waiting.values())

    def visible_to(self, session: Session) -> tuple[WaitingView, ...]:
        """Those who wait, as a moderator may know of them; nobody for anyone else."""
        return tuple(
            _view(waiting) for waiting in self._waiting.values() if self._sees(session, waiting)
        )

    def remove(self, session: Session) -> None:
        """The session waits no more: it is seated, or gone. Tells nobody."""
        if self._waiting.get(session.peer_id) is session:
            del self._waiting[session.peer_id]
            del self._until_ms[session.peer_id]

    def leave(self, session: Session, told: str) -> None:
        """The session waits no more and is not seated. `told`: the reason that moderators learn."""
        self.remove(session)
        self._tell(session, ParticipantLeft(session.peer_id, told))

    def deadline_ms(self) -> int | None:
        """When the next one has waited for too long."""
        return min(self._until_ms.values(), default=None)

    def expired(self, now_ms: int) -> list[Session]:
        """Those who have waited for too long."""
        return [
            self._waiting[peer_id]
            for peer_id, until_ms in self._until_ms.items()
            if until_ms <= now_ms
        ]

    def _tell(self, waiting: Session, event: ParticipantWaiting | ParticipantLeft) -> None:
        moderators = [s for s in self._roster.sessions.values() if self._sees(s, waiting)]
        self._roster.tell_all(moderators, event)

    def _sees(self, session: Session, waiting: Session) -> bool:
        visibility = self._roster.settings.visibility
        return session.may_moderate and may_see(visibility, session.role, waiting.role)


def _view(session: Session) -> WaitingView:
    return WaitingView(
        session.peer_id, session.user_id, session.display_name, session.app_data_json
    )

"""Who is in a room, and who of them is told what."""

from services.common.ids import PeerId, SessionId
from services.sfu.core.effect import Effect, TellLatest, TellOperator, TellSession
from services.sfu.core.event import Event, ParticipantView
from services.sfu.core.peer import Session
from services.sfu.core.visibility import Visibility, may_see


class Roster:
    """The sessions of a room and the effects that its shell has yet to perform."""

    def __init__(self, visibility: Visibility) -> None:
        self.visibility = visibility
        self.sessions: dict[SessionId, Session] = {}
        self._session_by_peer: dict[PeerId, Session] = {}
        self._effects: list[Effect] = []

    def __len__(self) -> int:
        return len(self.sessions)

    def add(self, session: Session) -> None:
        """Seat a session; its peer's seat must be free."""
        assert session.peer_id not in self._session_by_peer, "one session a peer"
        self.sessions[session.session_id] = session
        self._session_by_peer[session.peer_id] = session

    def remove(self, session: Session) -> None:
        """Free the seat."""
        del self.sessions[session.session_id]
        del self._session_by_peer[session.peer_id]

    def evict(self, session: Session) -> None:
        """Free the seat, whether or not it is taken."""
        self.sessions.pop(session.session_id, None)
        if self._session_by_peer.get(session.peer_id) is session:
            del self._session_by_peer[session.peer_id]

    def find_peer(self, peer_id: PeerId) -> Session | None:
        """Who sits in the seat of this peer."""
        return self._session_by_peer.get(peer_id)

    def sees(self, viewer: Session, target: Session) -> bool:
        """Whether `viewer` may know of `target`. Everyone knows of itself."""
        return viewer is target or may_see(self.visibility, viewer.role, target.role)

    def viewers(self, target: Session) -> list[Session]:
        """The others who may know of `target`."""
        return [
            session
            for session in self.sessions.values()
            if session is not target and self.sees(session, target)
        ]

    def visible_to(self, viewer: Session) -> tuple[ParticipantView, ...]:
        """The others whom `viewer` may know of."""
        return tuple(
            session.view()
            for session in self.sessions.values()
            if session is not viewer and self.sees(viewer, session)
        )

    def tell(self, session: Session, event: Event) -> None:
        """A fact that concerns one session alone."""
        self._append(session, event)
        self.do(TellOperator(session.session_id, event))

    def tell_latest(self, session: Session, event: Event) -> None:
        """A fact that concerns one session alone and is over with the next one: it is not kept."""
        self.do(TellLatest(session.session_id, event))
        self.do(TellOperator(session.session_id, event))

    def tell_viewers(self, target: Session, event: Event) -> None:
        """A fact about `target`, for the others who may know of it."""
        for session in self.viewers(target):
            self._append(session, event)
        self.do(TellOperator(None, event))

    def tell_too(self, session: Session, event: Event) -> None:
        """A fact that the viewers have been told, for one session more."""
        self._append(session, event)

    def do(self, effect: Effect) -> None:
        """Leave an effect for the shell."""
        self._effects.append(effect)

    def take_effects(self) -> list[Effect]:
        """The effects since the last call, in order."""
        effects, self._effects = self._effects, []
        return effects

    def _append(self, session: Session, event: Event) -> None:
        seq = session.log.append(event)
        self.do(TellSession(session.session_id, seq, event))

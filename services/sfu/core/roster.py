"""Who is in a room, what holds there, and who is told what."""

from collections.abc import Callable, Iterable

from services.common.errors import Code, Refusal
from services.common.ids import PeerId, SessionId
from services.sfu.core.effect import Effect, KeepSettings, TellLatest, TellOperator, TellSession
from services.sfu.core.event import Connection, Event, ParticipantView
from services.sfu.core.peer import Producer, Session
from services.sfu.core.settings import RoomSettings
from services.sfu.core.visibility import may_see


class Roster:
    """The sessions of a room and the effects that its shell has yet to perform."""

    def __init__(self, settings: RoomSettings) -> None:
        self.settings = settings
        self.sessions: dict[SessionId, Session] = {}
        self._session_by_peer: dict[PeerId, Session] = {}
        self._effects: list[Effect] = []

    def __len__(self) -> int:
        return len(self.sessions)

    def decide(self, settings: RoomSettings) -> bool:
        """Let these settings hold; whether they are others."""
        if settings == self.settings:
            return False
        self.settings = settings
        self.do(KeepSettings(settings))
        return True

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

    def visible_peer(
        self, viewer: Session, peer_id: PeerId, code: Code = Code.NOT_FOUND
    ) -> Session:
        """Another peer of the room.

        Raises Refusal `code` (PEER_NOT_FOUND), the same where there is none, where it may not be
        seen, and for the viewer's own id.
        """
        session = self.find_peer(peer_id)
        if session is None or session is viewer or not self.sees(viewer, session):
            raise no_such_peer(code)
        return session

    def sees(self, viewer: Session, target: Session) -> bool:
        """Whether `viewer` may know of `target`. Everyone knows of itself."""
        return viewer is target or may_see(self.settings.visibility, viewer.role, target.role)

    def sees_producer(self, viewer: Session, producer: Producer) -> bool:
        """Whether `viewer` may know of a producer of someone who is here."""
        owner = self.sessions[producer.session_id]
        return self.sees(viewer, owner) and _is_for(viewer, owner, producer)

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
            self.view(session, viewer)
            for session in self.sessions.values()
            if session is not viewer and self.sees(viewer, session)
        )

    def view(self, target: Session, viewer: Session | None = None) -> ParticipantView:
        """A peer as `viewer`, who may see it, sees it; None: as an operator does."""
        return ParticipantView(
            peer_id=target.peer_id,
            user_id=target.user_id,
            display_name=target.display_name,
            role=target.role,
            connection=Connection.OK if target.lost_until_ms is None else Connection.LOST,
            app_data_json=target.app_data_json,
            producers=tuple(
                producer.view()
                for producer in target.producers.values()
                if viewer is None or _is_for(viewer, target, producer)
            ),
            hand_raised=target.hand_raised,
            muted=target.user_id in self.settings.muted,
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
        self.tell_all(self.viewers(target), event)

    def tell_participant(self, target: Session, event: Callable[[ParticipantView], Event]) -> None:
        """A fact with a view of `target`, for the others who may know of it: to each its own."""
        whole = event(self.view(target))
        has_audience = any(producer.audience is not None for producer in target.producers.values())
        for session in self.viewers(target):
            # One for all where it is the same: a thousand of them are kept in each log.
            told = event(self.view(target, session)) if has_audience else whole
            self._append(session, told)
        self.do(TellOperator(None, whole))

    def tell_of_producer(
        self, owner: Session, producer: Producer, event: Event, besides: Session | None = None
    ) -> None:
        """A fact about a producer, for the others who may know of it, but for `besides`."""
        viewers = (
            session
            for session in self.viewers(owner)
            if session is not besides and _is_for(session, owner, producer)
        )
        self.tell_all(viewers, event)

    def tell_all(self, sessions: Iterable[Session], event: Event) -> None:
        """A fact for these sessions, all of whom may know of it."""
        for session in sessions:
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


def no_such_peer(code: Code = Code.NOT_FOUND) -> Refusal:
    return Refusal(code, "PEER_NOT_FOUND", "There is no such peer.")


def _is_for(viewer: Session, owner: Session, producer: Producer) -> bool:
    """Whether a producer exists for `viewer`, who may see its owner."""
    return viewer is owner or producer.audience is None or viewer.peer_id in producer.audience

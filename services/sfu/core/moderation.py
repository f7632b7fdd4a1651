"""What moderators may do to a room and to those in it."""

from collections.abc import Callable

from services.common.errors import Code, Refusal
from services.common.ids import PeerId, ProducerId, UserId
from services.sfu.core.effect import AdmitSession
from services.sfu.core.event import (
    ParticipantJoined,
    ParticipantUpdated,
    RoomLocked,
    RoomUnlocked,
)
from services.sfu.core.limit import check_reason
from services.sfu.core.lobby import Lobby
from services.sfu.core.peer import Session
from services.sfu.core.roster import Roster, no_such_peer
from services.sfu.core.router import Router, no_such_producer
from services.sfu.core.settings import RoomSettings

# Ends a session, seated or waiting, for a reason and with words to its client.
End = Callable[[Session, str, str], None]


class Moderation:
    """
    Owned by a room; `end` takes a session out of it.

    Every operation raises Refusal FORBIDDEN (NOT_A_MODERATOR) to others, NOT_FOUND for whom the
    moderator may not see, FORBIDDEN (PEER_IS_MODERATOR) where it would be done to a moderator:
    who may remove whom among equals is for whoever hands out tokens to say.
    """

    def __init__(self, roster: Roster, router: Router, lobby: Lobby, end: End) -> None:
        self._roster = roster
        self._router = router
        self._lobby = lobby
        self._end = end

    def lock(self, moderator: Session) -> None:
        """Let nobody new in. Moderators may come, and those who are in the room may come back."""
        _check_moderator(moderator)
        if self._settings.locked:
            return
        present = frozenset(session.user_id for session in self._roster.sessions.values())
        self._decide(self._settings.lock(present))
        self._tell_others(moderator, RoomLocked())

    def unlock(self, moderator: Session) -> None:
        """The opposite of lock."""
        _check_moderator(moderator)
        if self._decide(self._settings.unlock()):
            self._tell_others(moderator, RoomUnlocked())

    def admit(self, moderator: Session, peer_id: PeerId) -> None:
        """Seat one who waits; one who is seated is in already. Raises Refusal ROOM_FULL."""
        _check_moderator(moderator)
        session = self._lobby.find(moderator, peer_id)
        if session is None:
            self._roster.visible_peer(moderator, peer_id)
            return
        if len(self._roster) >= self._settings.max_peers:
            raise Refusal(Code.ROOM_FULL, "ROOM_FULL", "The room is full.")
        self._decide(self._settings.admit(session.user_id))
        for each in self._waiting_of(session.user_id):
            # What the user asked for on other devices is granted too, while there is room.
            if len(self._roster) < self._settings.max_peers:
                self.seat(each)

    def reject(self, moderator: Session, peer_id: PeerId, reason: str) -> None:
        """Send one who waits away; it may try again. `reason` is shown to it."""
        _check_moderator(moderator)
        check_reason(reason)
        session = self._lobby.find(moderator, peer_id)
        if session is None:
            raise no_such_peer()
        self._end(session, "REJECTED", reason)

    def kick(self, moderator: Session, peer_id: PeerId, reason: str) -> None:
        """Remove a user with all its devices and ban it. `reason` is shown to it."""
        _check_moderator(moderator)
        check_reason(reason)
        waiting = self._lobby.find(moderator, peer_id)
        target = self._target(moderator, peer_id) if waiting is None else waiting
        self._check_user(target.user_id)
        self._decide(self._settings.ban(target.user_id))
        for session in [*self._seated_of(target.user_id), *self._waiting_of(target.user_id)]:
            self._end(session, "KICKED", reason)

    def mute(self, moderator: Session, peer_id: PeerId) -> None:
        """Pause all audio of a user, on every device, also what it publishes later."""
        _check_moderator(moderator)
        target = self._target(moderator, peer_id)
        self._set_mute(target.user_id, self._settings.mute(target.user_id))

    def unmute(self, moderator: Session, peer_id: PeerId) -> None:
        """End that. What the user has paused itself stays paused."""
        _check_moderator(moderator)
        target = self._target(moderator, peer_id)
        self._set_mute(target.user_id, self._settings.unmute(target.user_id))

    def pause_producer(self, moderator: Session, producer_id: ProducerId) -> None:
        """Pause another's producer, so that its owner cannot resume it."""
        self._target_producer(moderator, producer_id)
        if self._decide(self._settings.mute_producer(producer_id)):
            self._router.follow_mutes()

    def resume_producer(self, moderator: Session, producer_id: ProducerId) -> None:
        """End that. Raises Refusal FORBIDDEN (PEER_MUTED) where all audio of the user is muted."""
        owner = self._target_producer(moderator, producer_id)
        decided = self._decide(self._settings.unmute_producer(producer_id))
        if decided:
            self._router.follow_mutes()
        elif self._router.producers[producer_id].muted:
            assert owner.user_id in self._settings.muted, "nothing else mutes a producer"
            raise Refusal(
                Code.FORBIDDEN, "PEER_MUTED", "All audio of the peer is muted: unmute it."
            )

    def adopt(self, presented: RoomSettings) -> None:
        """Take over what a gateway has kept of the room's life on another worker."""
        if not self._roster.decide(self._settings.merged(presented)):
            return
        for session in [*self._roster.sessions.values(), *self._lobby.sessions()]:
            if session.user_id in self._settings.banned:
                self._end(session, "KICKED", "")
        self._router.follow_mutes()

    def seat(self, session: Session) -> None:
        """Let one who waits in: the caller has checked that it may, and that there is room."""
        self._lobby.remove(session)
        session.is_waiting = False
        self._roster.add(session)
        self._roster.do(AdmitSession(session.session_id))
        self._roster.tell_participant(session, ParticipantJoined)

    @property
    def _settings(self) -> RoomSettings:
        return self._roster.settings

    def _decide(self, settings: RoomSettings) -> bool:
        settings.check()
        return self._roster.decide(settings)

    def _set_mute(self, user_id: UserId, settings: RoomSettings) -> None:
        if not self._decide(settings):
            return
        for session in self._seated_of(user_id):
            self._roster.tell_participant(session, ParticipantUpdated)
        self._router.follow_mutes()

    def _target(self, moderator: Session, peer_id: PeerId) -> Session:
        target = self._roster.visible_peer(moderator, peer_id)
        self._check_user(target.user_id)
        return target

    def _check_user(self, user_id: UserId) -> None:
        if any(session.may_moderate for session in self._seated_of(user_id)):
            raise Refusal(Code.FORBIDDEN, "PEER_IS_MODERATOR", "A moderator cannot be moderated.")

    def _target_producer(self, moderator: Session, producer_id: ProducerId) -> Session:
        producer = self._router.visible_producer(moderator, producer_id, Code.PRODUCE_ERROR)
        if not moderator.may_moderate:
            # As for everyone who names another's producer.
            raise no_such_producer(Code.PRODUCE_ERROR)
        owner = self._roster.sessions[producer.session_id]
        self._check_user(owner.user_id)
        return owner

    def _seated_of(self, user_id: UserId) -> list[Session]:
        return [s for s in self._roster.sessions.values() if s.user_id == user_id]

    def _waiting_of(self, user_id: UserId) -> list[Session]:
        return [s for s in self._lobby.sessions() if s.user_id == user_id]

    def _tell_others(self, moderator: Session, event: RoomLocked | RoomUnlocked) -> None:
        others = [s for s in self._roster.sessions.values() if s is not moderator]
        self._roster.tell_all(others, event)


def _check_moderator(session: Session) -> None:
    if not session.may_moderate:
        raise Refusal(Code.FORBIDDEN, "NOT_A_MODERATOR", "This token may not moderate.")

"""A room: who joins, leaves, is lost and comes back; the media of it is its router's."""

from dataclasses import dataclass

from services.common.errors import Code, Refusal
from services.common.ids import Epoch, PeerId, RoomId, SessionId, UserId
from services.sfu.core.capability import ROUTER_CAPABILITIES
from services.sfu.core.effect import CloseTransport, Effect, EndSession
from services.sfu.core.entry import must_wait
from services.sfu.core.event import (
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    ParticipantView,
)
from services.sfu.core.limit import check_app_data, check_display_name, check_id, check_name
from services.sfu.core.lobby import Lobby
from services.sfu.core.moderation import Moderation
from services.sfu.core.peer import Numbering, Session
from services.sfu.core.roster import Roster
from services.sfu.core.router import Router
from services.sfu.core.rtp import RtpCapabilities
from services.sfu.core.rtp_check import InvalidRtp, check_capabilities
from services.sfu.core.scoring import Scoring
from services.sfu.core.settings import RoomSettings
from services.sfu.core.speaker import Speakers
from services.sfu.core.ssrc import SsrcPool
from services.sfu.core.visibility import Role


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a room waits for people, in milliseconds."""

    # For a lost peer, whose seat is kept.
    grace_ms: int
    # For a moderator, by those who wait to be let in.
    waiting_ms: int


@dataclass(frozen=True, slots=True)
class JoinRequest:
    session_id: SessionId
    peer_id: PeerId
    user_id: UserId
    display_name: str
    role: Role
    # A JSON object; empty means {}.
    app_data_json: str = ""
    rtp_capabilities: RtpCapabilities | None = None
    # Grants of the token.
    may_publish: bool = True
    may_subscribe: bool = True
    may_moderate: bool = False
    # In the room's life on another worker, so it was let in there.
    had_seat: bool = False

    def check(self) -> None:
        """Raise Refusal INVALID_MESSAGE unless everything is well formed and within bounds."""
        check_id("sessionId", self.session_id)
        check_id("peerId", self.peer_id)
        check_name("userId", self.user_id)
        check_display_name(self.display_name)
        check_app_data(self.app_data_json)
        if self.rtp_capabilities is not None:
            try:
                check_capabilities(self.rtp_capabilities)
            except InvalidRtp as error:
                raise Refusal(
                    Code.INVALID_MESSAGE, "BAD_RTP_CAPABILITIES", f"rtpCapabilities: {error}."
                ) from error


class Room:
    """
    One room on one worker, for one epoch.

    The caller owns the clock and the media side: after each operation, refused ones included, it
    performs `take_effects` in order, and at `deadline_ms` it asks `expired` and
    `router.layering.held_back`, and performs again.
    """

    def __init__(
        self,
        room_id: RoomId,
        epoch: Epoch,
        generation: int,
        settings: RoomSettings,
        patience: Patience,
        *,
        ssrc_start: int,
        router_capabilities: RtpCapabilities = ROUTER_CAPABILITIES,
    ) -> None:
        self.room_id = room_id
        self.epoch = epoch
        self.generation = generation
        self.roster = Roster(settings)
        self.router = Router(self.roster, router_capabilities, SsrcPool(ssrc_start))
        self.lobby = Lobby(self.roster)
        self.speakers = Speakers(self.roster, self.router.producers)
        self.moderation = Moderation(self.roster, self.router, self.lobby, self.leave)
        self.scoring = Scoring(self.roster, self.router)
        # Another worker has it now.
        self.has_moved = False
        self._patience = patience

    @property
    def settings(self) -> RoomSettings:
        return self.roster.settings

    @property
    def is_empty(self) -> bool:
        """Whether nobody is here, and nobody waits."""
        return len(self.roster) == 0 and len(self.lobby) == 0

    def everyone(self) -> list[Session]:
        """All sessions, seated and waiting."""
        return [*self.roster.sessions.values(), *self.lobby.sessions()]

    def take_effects(self, now_ms: int) -> list[Effect]:
        """What the shell has to do since the last call, in order."""
        self.router.layering.tell_needs(now_ms)
        self.router.offering.offer_changes()
        return self.roster.take_effects()

    def join(self, request: JoinRequest, now_ms: int) -> Session:
        """Seat a session, or let it wait; one that sits in its peer's seat is ended (REPLACED).

        Raises Refusal: ROOM_FULL, FORBIDDEN (BANNED, ROOM_LOCKED, PEER_ID_TAKEN), INVALID_MESSAGE.
        """
        request.check()
        if request.session_id in self.roster.sessions:
            raise Refusal(Code.INVALID_MESSAGE, "ALREADY_JOINED", "The session is in the room.")
        previous = self.roster.find_peer(request.peer_id)
        if previous is not None and previous.user_id != request.user_id:
            raise Refusal(Code.FORBIDDEN, "PEER_ID_TAKEN", "The peer id is another user's.")
        if request.peer_id in self.lobby:
            raise Refusal(Code.FORBIDDEN, "PEER_ID_TAKEN", "The peer waits already.")
        waits = must_wait(
            self.settings,
            request.user_id,
            request.role,
            may_moderate=request.may_moderate,
            has_seat=request.had_seat or previous is not None,
        )
        session = _session_of(request, previous)
        if waits:
            # Together they are no more than may be in: what moderators are told has a bound.
            self._check_space(len(self.roster) + len(self.lobby))
            self.lobby.enter(session, now_ms + self._patience.waiting_ms)
            return session
        if previous is None:
            self._check_space(len(self.roster))
            self.roster.add(session)
            self.roster.tell_participant(session, ParticipantJoined)
        else:
            self._replace(previous, session)
        return session

    def participants(self, viewer: Session) -> tuple[ParticipantView, ...]:
        """Those whom a session may see, itself excluded."""
        return self.roster.visible_to(viewer)

    def detach(self, session: Session, now_ms: int) -> None:
        """The session's socket is gone: the seat is kept for the grace time, media goes on.

        One that waits has no seat to keep.
        """
        if session.is_waiting:
            self.leave(session)
            return
        if session.lost_until_ms is not None:
            return
        session.lost_until_ms = now_ms + self._patience.grace_ms
        self.roster.tell_participant(session, ParticipantUpdated)

    def attach(self, session: Session) -> None:
        """The session's client speaks on a new connection: its seat was kept, or is taken over."""
        if session.lost_until_ms is not None:
            session.lost_until_ms = None
            self.roster.tell_participant(session, ParticipantUpdated)
        self.router.layering.tell_again(session)
        self.speakers.tell_again(session)
        self.scoring.tell_again(session)
        self.router.offering.offer_again(session)

    def update(
        self,
        session: Session,
        *,
        app_data_json: str | None = None,
        display_name: str | None = None,
        hand_raised: bool | None = None,
    ) -> None:
        """Change what others see of a peer; None stays. Raises Refusal INVALID_MESSAGE."""
        before = self.roster.view(session)
        if display_name is not None:
            check_display_name(display_name)
        if app_data_json is not None:
            beside = [producer.app_data_json for producer in session.producers.values()]
            session.app_data_json = check_app_data(app_data_json, beside)
        if display_name is not None:
            session.display_name = display_name
        if hand_raised is not None:
            session.hand_raised = hand_raised
        if self.roster.view(session) != before:
            self.roster.tell_participant(session, ParticipantUpdated)

    def leave(self, session: Session, reason: str = "LEFT", message: str = "") -> None:
        """End a session, seated or waiting, and free everything of it.

        `reason` as in EndSession; `message` is for its client. The others learn of a fault of the
        worker as MEDIA_FAILED, of a wait that took too long as TIMED_OUT.
        """
        told = {"WORKER_FAULT": "MEDIA_FAILED", "WAITED_TOO_LONG": "TIMED_OUT"}.get(reason, reason)
        if session.is_waiting:
            self.lobby.leave(session, told)
        else:
            self.router.drop(session)
            self.roster.tell_viewers(session, ParticipantLeft(session.peer_id, told))
            self.roster.remove(session)
        self.roster.do(EndSession(session.session_id, reason, message))

    def deadline_ms(self) -> int | None:
        """When `expired`, `lobby.expired` and `router.layering.held_back` are to be asked next.

        None while nothing waits.
        """
        lost_until_ms = [session.lost_until_ms for session in self.roster.sessions.values()]
        others = (self.router.layering.deadline_ms(), self.lobby.deadline_ms())
        return min((ms for ms in (*lost_until_ms, *others) if ms is not None), default=None)

    def expired(self, now_ms: int) -> list[Session]:
        """The sessions whose grace time is over: they are to `leave` as TIMED_OUT."""
        return [
            session
            for session in self.roster.sessions.values()
            if session.lost_until_ms is not None and session.lost_until_ms <= now_ms
        ]

    def evict(self, session: Session) -> None:
        """Forget a session whose `leave` has failed, so that it costs nobody else; tells nobody."""
        self.lobby.remove(session)
        self.router.forget(session)
        self.roster.evict(session)

    def stop(self, reason: str) -> None:
        """End the room with every session in it: another worker owns it.

        Nobody is told of the others' going.
        """
        self.has_moved = True
        for session in list(self.roster.sessions.values()):
            for transport_id in session.transports:
                self.roster.do(CloseTransport(transport_id))
            self.router.forget(session)
            self.roster.remove(session)
            self.roster.do(EndSession(session.session_id, reason))
        for session in self.lobby.sessions():
            self.lobby.remove(session)
            self.roster.do(EndSession(session.session_id, reason))

    def _check_space(self, taken: int) -> None:
        if taken >= self.settings.max_peers:
            raise Refusal(Code.ROOM_FULL, "ROOM_FULL", "The room is full.")

    def _replace(self, previous: Session, session: Session) -> None:
        self.router.drop(previous)
        same_viewers = previous.role is session.role
        if not same_viewers:
            self.roster.tell_viewers(previous, ParticipantLeft(previous.peer_id, "LEFT"))
        self.roster.remove(previous)
        self.roster.do(EndSession(previous.session_id, "REPLACED"))
        self.roster.add(session)
        if same_viewers:
            self.roster.tell_participant(session, ParticipantUpdated)
        else:
            self.roster.tell_participant(session, ParticipantJoined)


def _session_of(request: JoinRequest, previous: Session | None) -> Session:
    return Session(
        session_id=request.session_id,
        peer_id=request.peer_id,
        user_id=request.user_id,
        display_name=request.display_name,
        role=request.role,
        app_data_json=check_app_data(request.app_data_json),
        rtp_capabilities=request.rtp_capabilities,
        may_publish=request.may_publish and request.role is not Role.OBSERVER,
        may_subscribe=request.may_subscribe,
        may_moderate=request.may_moderate,
        numbering=Numbering() if previous is None else previous.numbering,
    )

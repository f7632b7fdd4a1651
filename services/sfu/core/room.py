"""A room: who joins, leaves, is lost and comes back; the media of it is its router's."""

from dataclasses import dataclass

from services.common.errors import Code, Refusal
from services.common.ids import Epoch, PeerId, RoomId, SessionId, UserId
from services.sfu.core.capability import ROUTER_CAPABILITIES
from services.sfu.core.effect import CloseTransport, Effect, EndSession
from services.sfu.core.event import (
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    ParticipantView,
)
from services.sfu.core.limit import check_app_data, check_display_name, check_id, check_name
from services.sfu.core.peer import Numbering, Session
from services.sfu.core.roster import Roster
from services.sfu.core.router import Router
from services.sfu.core.rtp import RtpCapabilities
from services.sfu.core.rtp_check import InvalidRtp, check_capabilities
from services.sfu.core.ssrc import SsrcPool
from services.sfu.core.visibility import Role, Visibility


@dataclass(frozen=True, slots=True)
class RoomConfig:
    visibility: Visibility
    # Observers included.
    max_peers: int
    # How long the seat of a lost peer is kept.
    grace_ms: int


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
    performs `take_effects()` in order, and at `deadline_ms` it asks `expired` and
    `router.held_back`.
    """

    def __init__(
        self,
        room_id: RoomId,
        epoch: Epoch,
        generation: int,
        config: RoomConfig,
        *,
        ssrc_start: int,
        router_capabilities: RtpCapabilities = ROUTER_CAPABILITIES,
    ) -> None:
        self.room_id = room_id
        self.epoch = epoch
        self.generation = generation
        self.config = config
        self.roster = Roster(config.visibility)
        self.router = Router(self.roster, router_capabilities, SsrcPool(ssrc_start))

    @property
    def is_empty(self) -> bool:
        return len(self.roster) == 0

    def take_effects(self) -> list[Effect]:
        """What the shell has to do since the last call, in order."""
        return self.roster.take_effects()

    def join(self, request: JoinRequest) -> Session:
        """Seat a session; one that sits in its peer's seat already is ended (REPLACED).

        Raises Refusal: ROOM_FULL, FORBIDDEN (PEER_ID_TAKEN), INVALID_MESSAGE.
        """
        request.check()
        if request.session_id in self.roster.sessions:
            raise Refusal(Code.INVALID_MESSAGE, "ALREADY_JOINED", "The session is in the room.")
        previous = self.roster.find_peer(request.peer_id)
        if previous is not None and previous.user_id != request.user_id:
            raise Refusal(Code.FORBIDDEN, "PEER_ID_TAKEN", "The peer id is another user's.")
        if previous is None and len(self.roster) >= self.config.max_peers:
            raise Refusal(Code.ROOM_FULL, "ROOM_FULL", "The room is full.")
        session = _session_of(request, previous)
        if previous is None:
            self.roster.add(session)
            self.roster.tell_viewers(session, ParticipantJoined(session.view()))
        else:
            self._replace(previous, session)
        return session

    def participants(self, viewer: Session) -> tuple[ParticipantView, ...]:
        """Those whom a session may see, itself excluded."""
        return self.roster.visible_to(viewer)

    def detach(self, session: Session, now_ms: int) -> None:
        """The session's socket is gone: the seat is kept for the grace time, media goes on."""
        if session.lost_until_ms is not None:
            return
        session.lost_until_ms = now_ms + self.config.grace_ms
        self.roster.tell_viewers(session, ParticipantUpdated(session.view()))

    def attach(self, session: Session) -> None:
        """The session's client speaks on a new connection: its seat was kept, or is taken over."""
        if session.lost_until_ms is not None:
            session.lost_until_ms = None
            self.roster.tell_viewers(session, ParticipantUpdated(session.view()))
        self.router.tell_layers(session)

    def leave(self, session: Session, reason: str = "LEFT") -> None:
        """End a session and free everything of it.

        `reason`: LEFT, TIMED_OUT or WORKER_FAULT; the others learn of the last as MEDIA_FAILED.
        """
        self.router.drop(session)
        told = "MEDIA_FAILED" if reason == "WORKER_FAULT" else reason
        self.roster.tell_viewers(session, ParticipantLeft(session.peer_id, told))
        self.roster.remove(session)
        self.roster.do(EndSession(session.session_id, reason))

    def deadline_ms(self) -> int | None:
        """When `expired` and `router.held_back` are to be asked next; None while nothing waits."""
        lost_until_ms = [session.lost_until_ms for session in self.roster.sessions.values()]
        due_ms = [ms for ms in (*lost_until_ms, self.router.deadline_ms()) if ms is not None]
        return min(due_ms, default=None)

    def expired(self, now_ms: int) -> list[Session]:
        """The sessions whose grace time is over: they are to `leave` as TIMED_OUT."""
        return [
            session
            for session in self.roster.sessions.values()
            if session.lost_until_ms is not None and session.lost_until_ms <= now_ms
        ]

    def evict(self, session: Session) -> None:
        """Forget a session whose `leave` has failed, so that it costs nobody else; tells nobody."""
        self.router.forget(session)
        self.roster.evict(session)

    def stop(self, reason: str) -> None:
        """End the room with every session in it. Nobody is told of the others' going."""
        for session in list(self.roster.sessions.values()):
            for transport_id in session.transports:
                self.roster.do(CloseTransport(transport_id))
            self.router.forget(session)
            self.roster.remove(session)
            self.roster.do(EndSession(session.session_id, reason))

    def _replace(self, previous: Session, session: Session) -> None:
        self.router.drop(previous)
        same_viewers = previous.role is session.role
        if not same_viewers:
            self.roster.tell_viewers(previous, ParticipantLeft(previous.peer_id, "LEFT"))
        self.roster.remove(previous)
        self.roster.do(EndSession(previous.session_id, "REPLACED"))
        self.roster.add(session)
        if same_viewers:
            self.roster.tell_viewers(session, ParticipantUpdated(session.view()))
        else:
            self.roster.tell_viewers(session, ParticipantJoined(session.view()))


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
        numbering=Numbering() if previous is None else previous.numbering,
    )

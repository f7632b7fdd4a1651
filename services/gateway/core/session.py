"""The signaling session of one connection: connected, authenticated, joined, closed."""

from collections import deque
from enum import Enum
from typing import assert_never

from services.common.errors import Code, Refusal
from services.common.ids import PeerId, SessionId
from services.gateway.core import farewell
from services.gateway.core.admission import Admission, admit
from services.gateway.core.candidate import add_candidate
from services.gateway.core.close_code import NOT_ADMITTED, CloseCode
from services.gateway.core.effect import (
    Admitted,
    Answer,
    Answered,
    AnswerPing,
    Beat,
    Call,
    Close,
    Confirm,
    DeadlineReached,
    Detach,
    Draining,
    Effect,
    EventArrived,
    Input,
    Join,
    Received,
    Refused,
    Renew,
    Resumed,
    Send,
    SessionEnded,
    SetGrants,
    SocketClosed,
    TokenAccepted,
    VerifyToken,
    WorkerLost,
)
from services.gateway.core.entrance import Entrance
from services.gateway.core.intake import Intake
from services.gateway.core.knock import Knock
from services.gateway.core.limit import Limits, TokenBucket
from services.gateway.core.message.connection import (
    AuthPayload,
    AuthRefresh,
    AuthRequest,
    Ping,
)
from services.gateway.core.message.envelope import Outbound
from services.gateway.core.message.later import NotBuilt
from services.gateway.core.message.request import AnyRequest, WorkerRequest
from services.gateway.core.message.room import RoomJoin, RoomLeave, RoomMoved, RoomWaiting
from services.gateway.core.message.sdp import IceCandidateAdd
from services.gateway.core.order import Event, EventOrder, LogBroken, Position
from services.gateway.core.resume import Recovered
from services.gateway.core.speech import error, events, not_built, reply


class Phase(Enum):
    CONNECTED = "connected"
    AUTHENTICATED = "authenticated"
    JOINED = "joined"
    CLOSED = "closed"


class Session:
    """
    Signaling state of one connection.

    The caller owns the socket and the clock: it passes each input with the current time (seconds,
    any origin), performs the returned effects in order, and passes DeadlineReached at `deadline`.
    It owes an Answered, Resumed or Refused for each VerifyToken, Resume, AnswerPing, Join, Call and
    SetGrants, also after the socket is gone; the session asks for one at a time. SocketClosed comes
    exactly once.
    """

    def __init__(
        self,
        *,
        session_id: SessionId,
        peer_id: PeerId,
        limits: Limits,
        now: float,
        address_messages: TokenBucket | None = None,
    ) -> None:
        """`address_messages` is shared by all sessions of the client's address."""
        self.phase = Phase.CONNECTED
        self._session_id = session_id
        self._peer_id = peer_id
        self._limits = limits
        self._intake = Intake(limits, now, address_messages)
        self._auth_deadline = now + limits.auth_timeout_s
        self._entrance = Entrance(limits.heartbeat_interval_ms)
        self._join: RoomJoin | None = None
        self._waiting: deque[tuple[int, AnyRequest]] = deque()
        self._outstanding: tuple[int, AnyRequest] | None = None
        self._knock = Knock()
        # An answer that waits for events before it, and until when.
        self._answer: tuple[Answer, float] | None = None
        self._order = EventOrder()
        # The worker holds a seat for this session.
        self._is_seated = False
        # The worker has ended the session, or given it to another connection.
        self._is_ended = False
        # The socket is gone; a leave that the client asked for before that is still carried out.
        self._is_gone = False
        self._last_wish: tuple[int, RoomLeave] | None = None
        # Resumed, and not heard of since: the reply may not have reached the client.
        self._is_unheard = False
        # Tells the connections of the session apart, where requests have no correlation id.
        self._attached = 0

    @property
    def session_id(self) -> SessionId:
        """Another one once an earlier session is resumed."""
        return self._session_id

    @property
    def peer_id(self) -> PeerId:
        """Another one once an earlier session is resumed."""
        return self._peer_id

    @property
    def deadline(self) -> float | None:
        """When DeadlineReached is due; None while nothing waits for time."""
        if self.phase is Phase.CONNECTED and self._outstanding is None:
            return self._auth_deadline
        if self._answer is not None and self.phase is not Phase.CLOSED:
            return self._answer[1]
        return None

    def handle(self, event: Input, now: float) -> list[Effect]:
        """What is to be done about `event`."""
        try:
            return self._dispatch(event, now)
        except LogBroken:
            return self._end(farewell.EVENTS_LOST)

    def _dispatch(self, event: Input, now: float) -> list[Effect]:  # noqa: C901 - one case an input
        match event:
            case Received():
                return self._received(event, now)
            case TokenAccepted():
                return self._token_accepted(event, now)
            case Answered(answer=answer):
                return self._answered(answer, now)
            case Refused(refusal=refusal):
                return self._refused(refusal, now)
            case Resumed():
                return self._resumed(event, now)
            case EventArrived(event=news):
                return self._event_arrived(news, now)
            case SessionEnded():
                return self._ended(event)
            case Admitted():
                self._knock.admit()
                return self._advance(now)
            case WorkerLost(after_ms=after_ms):
                self._is_seated = False
                return self._end(farewell.worker_lost(after_ms))
            case Draining(after_ms=after_ms):
                return self._end(farewell.gateway_restarting(after_ms))
            case DeadlineReached():
                return self._deadline_reached(now)
            case Beat():
                # A session that has ended gets no younger tokens, also while its leave is answered.
                return [Renew()] if self.phase is Phase.JOINED and self._is_seated else []
            case SocketClosed():
                return self._socket_closed()
        assert_never(event)

    # Frames.

    def _received(self, event: Received, now: float) -> list[Effect]:
        if self.phase is Phase.CLOSED:
            return []
        if self._is_unheard:
            self._is_unheard = False
            return [Confirm(), *self._received(event, now)]
        is_authenticated = self.phase is not Phase.CONNECTED
        taken = self._intake.take(event, now, is_authenticated=is_authenticated)
        if isinstance(taken, list):
            if isinstance(taken[-1], Close):
                self.phase = Phase.CLOSED
            return taken
        if len(self._waiting) >= self._limits.waiting_requests:
            refusal = Refusal(
                Code.RATE_LIMITED, "QUEUE_FULL", "Too many requests wait for their turn."
            )
            return [error(event.ordinal, taken, refusal)]
        self._waiting.append((event.ordinal, taken))
        return self._advance(now)

    # Requests, one at a time.

    def _advance(self, now: float) -> list[Effect]:
        effects = self._enter()
        while self._waiting and self._outstanding is None and self.phase is not Phase.CLOSED:
            ordinal, request = self._waiting.popleft()
            try:
                effects.extend(self._start(ordinal, request))
            except Refusal as refusal:
                effects.append(error(ordinal, request, refusal))
        return effects

    def _start(self, ordinal: int, request: AnyRequest) -> list[Effect]:
        if isinstance(request, AuthRequest):
            return self._authenticate(ordinal, request)
        admission = self._entrance.admission
        if isinstance(request, NotBuilt):
            raise not_built()
        self._knock.check(request)
        if isinstance(request, AuthRefresh):
            effect: Effect = VerifyToken(ordinal, request.payload.token)
        elif isinstance(request, RoomJoin):
            effect = self._join_effect(ordinal, request, admission)
        elif isinstance(request, Ping):
            effect = AnswerPing(ordinal, request)
        elif self.phase is not Phase.JOINED and not self._knock.is_waiting:
            raise Refusal(Code.INVALID_MESSAGE, "NOT_JOINED", "Join the room first.")
        elif isinstance(request, IceCandidateAdd):
            return [reply(ordinal, request, add_candidate(request.payload))]
        else:
            effect = self._call(ordinal, request)
        self._outstanding = (ordinal, request)
        return [effect]

    def _authenticate(self, ordinal: int, request: AuthRequest) -> list[Effect]:
        if self._entrance.is_passed:
            return [reply(ordinal, request, self._entrance.repeat(request))]
        try:
            check = self._entrance.ask(ordinal, request)
        except Refusal as refusal:
            return self._not_admitted(ordinal, request, refusal)
        self._outstanding = (ordinal, request)
        return [check]

    def _join_effect(self, ordinal: int, request: RoomJoin, admission: Admission) -> Join:
        if request.payload.room_id != admission.room_id:
            raise Refusal(Code.FORBIDDEN, "WRONG_ROOM", "The token is for another room.")
        is_repeat = (
            self._join is not None
            and request.correlation_id is not None
            and request.correlation_id == self._join.correlation_id
        )
        # The worker answers a repeat with its stored reply.
        if self.phase is Phase.JOINED and not is_repeat:
            raise Refusal(Code.INVALID_MESSAGE, "ALREADY_JOINED", "The room is joined already.")
        return Join(
            ordinal=ordinal,
            room_id=admission.room_id,
            session_id=self._session_id,
            peer_id=self._peer_id,
            admission=admission,
            request=request,
            request_id=self._request_id(ordinal, request),
        )

    def _enter(self) -> list[Effect]:
        """Ask for the seat of one who has been let in, as soon as nothing else is outstanding."""
        if self._outstanding is not None or self.phase is Phase.CLOSED:
            return []
        self._outstanding = taken = self._knock.take()
        if taken is None:
            return []
        return [self._join_effect(*taken, self._entrance.admission)]

    def _call(self, ordinal: int, request: WorkerRequest) -> Call:
        return Call(ordinal, request, self._request_id(ordinal, request))

    def _request_id(self, ordinal: int, request: AnyRequest) -> str:
        if request.correlation_id is None:
            # Another separator, so that no correlation id can name it.
            return f"{self._session_id}:{self._attached}:{ordinal}"
        return f"{self._session_id}/{request.correlation_id}"

    # Results.

    def _token_accepted(self, event: TokenAccepted, now: float) -> list[Effect]:
        assert self._outstanding is not None
        if self.phase is Phase.CLOSED:
            return self._settled_after_close()
        ordinal, request = self._outstanding
        if isinstance(request, AuthRefresh):
            return self._refreshed(event, now)
        assert isinstance(request, AuthRequest)
        self._outstanding = None
        try:
            admission = admit(event.claims, request.payload)
        except Refusal as refusal:
            return [*self._not_admitted(ordinal, request, refusal), *self._advance(now)]
        self.phase = Phase.AUTHENTICATED
        response = self._entrance.let_in(request, self._peer_id, admission, event.ice_servers)
        return [reply(ordinal, request, response), *self._advance(now)]

    def _refreshed(self, event: TokenAccepted, now: float) -> list[Effect]:
        assert self._outstanding is not None
        ordinal, request = self._outstanding
        try:
            grants, payload = self._entrance.renew(event.claims, event.ice_servers)
        except Refusal as refusal:
            return self._refused(refusal, now)
        if not self._is_seated:
            return self._answered(Answer(payload), now)
        return [SetGrants(ordinal, grants, payload, self._request_id(ordinal, request))]

    def _resumed(self, event: Resumed, now: float) -> list[Effect]:
        ordinal, request = self._take_outstanding()
        assert isinstance(request, AuthRequest)
        ticket, recovered = event.ticket, event.recovered
        self._session_id, self._peer_id = ticket.session_id, ticket.peer_id
        self._attached = ticket.place.counter
        self._is_seated = not self._is_ended
        if self.phase is Phase.CLOSED:
            return self._settled_after_close()
        self._is_unheard = True
        self.phase = Phase.JOINED
        response = self._entrance.let_in(
            request, self._peer_id, ticket.admission, event.ice_servers, event.token
        )
        return [
            reply(ordinal, request, response),
            *self._catch_up(recovered, event.token, request.payload),
            *self._advance(now),
        ]

    def _catch_up(self, recovered: Recovered, token: str, asked: AuthPayload) -> list[Effect]:
        """What happened while the client was away, and then what has since."""
        upto = recovered.position
        if recovered.state is not None:
            self._order.start(upto)
            state = recovered.state.model_copy(update={"resume_token": token})
            owed: list[Effect] = [Send(Outbound(state), is_owed=True)]
            if asked.epoch not in (None, state.epoch):
                owed.insert(0, Send(Outbound(RoomMoved(epoch=state.epoch)), is_owed=True))
        else:
            self._order.resume(Position(upto.epoch, asked.last_seq or 0), recovered.missed)
            owed = events(self._order.release(upto=upto.seq), are_owed=True)
            if not self._order.reaches(upto):
                raise LogBroken
        return owed + events(self._order.release())

    def _not_admitted(self, ordinal: int, request: AuthRequest, refusal: Refusal) -> list[Effect]:
        effects: list[Effect] = [error(ordinal, request, refusal)]
        code = NOT_ADMITTED.get(refusal.code)
        if code is not None:
            self.phase = Phase.CLOSED
            effects.append(Close(code, refusal.reason))
        return effects

    def _answered(self, answer: Answer, now: float) -> list[Effect]:
        assert self._outstanding is not None
        request = self._outstanding[1]
        if isinstance(request, RoomJoin):
            self._is_seated = not self._is_ended
        if isinstance(request, RoomLeave):
            self._is_seated = False
        if isinstance(request, AuthRefresh):
            self._entrance.renewed()
        if self.phase is Phase.CLOSED:
            return self._settled_after_close()
        renewed = isinstance(request, AuthRefresh) and self.phase is Phase.JOINED
        if isinstance(request, RoomJoin) and isinstance(answer.payload, RoomWaiting):
            self._knock.park(self._take_outstanding()[0], request)
            return [Send(Outbound(answer.payload)), *self._advance(now)]
        if isinstance(request, RoomJoin) and answer.position and not self._order.is_started:
            self._order.start(answer.position)
            self._join = request
            self.phase = Phase.JOINED
        self._answer = (answer, now + self._limits.event_wait_s)
        return [*([Renew()] if renewed else []), *self._settle(now)]

    def _settle(self, now: float) -> list[Effect]:
        """Write the reply if the events before it are here; they come first."""
        if self._answer is None:
            return []
        position = self._answer[0].position
        effects: list[Effect] = []
        # One who leaves instead of waiting has no log.
        if position is not None and self._order.is_started:
            if not self._order.reaches(position):
                return []
            effects += events(self._order.release(upto=position.seq))
        payload, self._answer = self._answer[0].payload, None
        ordinal, request = self._take_outstanding()
        effects.append(reply(ordinal, request, payload))
        effects += events(self._order.release())
        if isinstance(request, RoomLeave):
            self.phase = Phase.CLOSED
            return [*effects, Close(CloseCode.NORMAL, "left")]
        return effects + self._advance(now)

    def _refused(self, refusal: Refusal, now: float) -> list[Effect]:
        if self.phase is Phase.CLOSED:
            return self._settled_after_close()
        ordinal, request = self._take_outstanding()
        if isinstance(request, AuthRequest):
            # Of a session that was not resumed after all.
            self._order.reset()
            return [*self._not_admitted(ordinal, request, refusal), *self._advance(now)]
        if not self._order.is_started:
            self._order.reset()
        effects = events(self._order.release())
        effects.append(error(ordinal, request, refusal))
        if isinstance(request, RoomLeave) and not self._is_seated:
            # The session has ended while the leave was under way.
            self.phase = Phase.CLOSED
            return [*effects, Close(CloseCode.NORMAL, "left")]
        return effects + self._advance(now)

    # What the worker says unasked.

    def _event_arrived(self, event: Event, now: float) -> list[Effect]:
        if self.phase is Phase.CLOSED:
            return []
        self._order.arrived(event)
        if self._answer is not None:
            return self._settle(now)
        if self._outstanding is not None:
            # The reply says which of the held events come before it.
            if self._order.held > self._limits.held_events:
                return self._end(farewell.OVERLOADED)
            return []
        return events(self._order.release())

    def _ended(self, ended: SessionEnded) -> list[Effect]:
        self._is_seated = False
        self._is_ended = True
        if self.phase is Phase.CLOSED:
            return []
        if self._outstanding is not None and isinstance(self._outstanding[1], RoomLeave):
            # The reply to the leave closes the connection.
            return []
        words = farewell.of_ended_session(ended.reason, ended.message)
        effects = events(self._order.release())
        return [*effects, *self._knock.refuse(ended), *self._end(words)]

    # Ends.

    def _deadline_reached(self, now: float) -> list[Effect]:
        deadline = self.deadline
        if deadline is None or now < deadline:
            return []
        if self.phase is Phase.CONNECTED:
            self.phase = Phase.CLOSED
            return [Close(CloseCode.UNAUTHENTICATED, "no auth:request in time")]
        raise LogBroken

    def _end(self, words: farewell.Farewell) -> list[Effect]:
        if self.phase is Phase.CLOSED:
            return []
        if not self._has_resume_token:
            words = farewell.without_token(words)
        self.phase = Phase.CLOSED
        effects: list[Effect] = [Close(words.code, words.reason)]
        if words.closing is not None:
            effects.insert(0, Send(Outbound(words.closing)))
        return effects

    @property
    def _has_resume_token(self) -> bool:
        if self.phase is Phase.JOINED:
            return True
        request = self._outstanding[1] if self._outstanding is not None else None
        return isinstance(request, AuthRequest) and request.payload.resume_token is not None

    def _socket_closed(self) -> list[Effect]:
        self.phase = Phase.CLOSED
        self._is_gone = True
        for ordinal, request in self._waiting:
            if isinstance(request, RoomLeave):
                self._last_wish = (ordinal, request)
        self._waiting.clear()
        if self._outstanding is not None and self._answer is None:
            # A call under way may still give the session a seat, or take it.
            return []
        self._outstanding = None
        return self._depart()

    def _settled_after_close(self) -> list[Effect]:
        self._outstanding = None
        return self._depart() if self._is_gone else []

    def _depart(self) -> list[Effect]:
        if not self._is_seated:
            return []
        if self._last_wish is not None:
            (ordinal, request), self._last_wish = self._last_wish, None
            self._outstanding = (ordinal, request)
            return [self._call(ordinal, request)]
        self._is_seated = False
        return [Detach()]

    def _take_outstanding(self) -> tuple[int, AnyRequest]:
        assert self._outstanding is not None
        taken, self._outstanding = self._outstanding, None
        return taken

"""One client: performs what its session decides, and tells it what happens."""

import asyncio
import contextvars
import itertools
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from services.common.errors import Code, Refusal
from services.common.ids import ConnectionId, Epoch, PeerId, SessionId
from services.common.log import bound, get_logger, is_logged
from services.gateway.core.close_code import CloseCode
from services.gateway.core.effect import (
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
    Input,
    Join,
    Received,
    Refused,
    Renew,
    Resume,
    Resumed,
    Send,
    SetGrants,
    SocketClosed,
    TokenAccepted,
    VerifyToken,
)
from services.gateway.core.ice import IceConfig, ice_servers
from services.gateway.core.limit import Limits, TokenBucket, cost_of
from services.gateway.core.message.connection import ErrorReply, IceServer, Pong, SessionRenewed
from services.gateway.core.message.envelope import Outbound, encode
from services.gateway.core.message.request import BINARY_FRAME, parse
from services.gateway.core.message.room import RoomState, RoomWaiting
from services.gateway.core.order import Position
from services.gateway.core.port import Seat, Upstream
from services.gateway.core.refusal import UNEXPECTED
from services.gateway.core.resume import Place, Resumption, Ticket
from services.gateway.core.session import Session
from services.gateway.edge.confirmation import confirm
from services.gateway.edge.door import DoorConfig
from services.gateway.edge.heartbeat import HeartbeatTimes, beat
from services.gateway.edge.outbox import Outbox, OutboxLimits
from services.gateway.edge.span import Spans
from services.gateway.edge.ticket import TicketOffice
from services.gateway.edge.token import TokenVerifier

log = get_logger("gateway.edge")

# Effects that are over later, in a task of their own.
Waiting = VerifyToken | Resume | Join | Call | SetGrants | Confirm | Detach

# Sent every few seconds by, or to, every client.
QUIET_TYPES = frozenset({"ping", "pong", "session:renewed"})
# Of one client, before others have their turn.
MESSAGES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """Bounds of every connection, and who issues its resume tokens."""

    tickets: TicketOffice
    limits: Limits = field(default_factory=Limits)
    outbox: OutboxLimits = field(default_factory=OutboxLimits)
    heartbeat: HeartbeatTimes = field(default_factory=HeartbeatTimes)
    ice: IceConfig = field(default_factory=IceConfig)
    max_message_bytes: int = 64 * 1024
    door: DoorConfig = field(default_factory=DoorConfig)
    # Whose pages may open a socket, beside the gateway's own.
    origins: tuple[str, ...] = ()
    handshake_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Names of a new connection, drawn at random by its owner.

    The connection is named like the session that it begins with. One that is resumed on it keeps
    the names that it had.
    """

    session_id: SessionId
    peer_id: PeerId


class Connection:
    """
    A socket with its session. `run` returns when the client is gone and all of it is settled.

    Everything happens on the event loop in `feed`, one input at a time; only calls to the worker
    and writing wait, in tasks of their own.
    """

    def __init__(
        self,
        socket: ServerConnection,
        identity: Identity,
        config: EdgeConfig,
        verifier: TokenVerifier,
        upstream: Upstream,
        address_messages: TokenBucket | None,
    ) -> None:
        """`address_messages` is what all clients of this one's address take their messages from."""
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._session = Session(
            session_id=identity.session_id,
            peer_id=identity.peer_id,
            limits=config.limits,
            now=self._loop.time(),
            address_messages=address_messages,
        )
        self._connection_id = ConnectionId(identity.session_id)
        self._tickets = config.tickets
        self._verifier = verifier
        self._upstream = upstream
        self._heartbeat = config.heartbeat
        self._ice = config.ice
        self._outbox = Outbox(socket, config.outbox)
        self._spans = Spans()
        self._ordinals = itertools.count(1)
        self._seat: Seat | None = None
        # What the newest resume token says; None until there is one.
        self._ticket: Ticket | None = None
        # What the session has still to be told; the first of them is under way.
        self._inputs: deque[Input] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        # What the timer waits for.
        self._deadline: float | None = None
        self._is_over = asyncio.Event()
        # The session cannot be relied on to give its seat back.
        self._has_failed = False

    async def run(self) -> None:
        """Serve the client. Never raises for what the client or a worker does."""
        with self._named():
            log.info("gateway.connection.opened")
            heart = asyncio.create_task(
                beat(self._socket, self._heartbeat, self._beat, self._heart_lost)
            )
            self._arm()
            try:
                await self._read()
            finally:
                heart.cancel()
                with self._named():
                    await self._end()

    async def _end(self) -> None:
        self.feed(SocketClosed())
        self._outbox.end()
        await self._settle()
        is_by_client = self._socket.protocol.close_rcvd_then_sent is True
        log.info(
            "gateway.connection.closed",
            code=int(self._socket.close_code or CloseCode.ABNORMAL),
            # A client could write anything there.
            reason="" if is_by_client else self._socket.close_reason,
        )

    def drain(self, after_ms: int) -> None:
        """Tell the client to come back elsewhere, and close."""
        self._hear(Draining(after_ms))

    def feed(self, event: Input) -> None:
        """Tell the session something and do what it wants. Never raises."""
        self._inputs.append(event)
        if len(self._inputs) > 1:
            # From inside an effect: those that follow must be performed first.
            return
        try:
            while self._inputs:
                for effect in self._session.handle(self._inputs[0], self._loop.time()):
                    self._perform(effect)
                self._inputs.popleft()
            self._arm()
        except Exception:
            # Costs this connection, and nothing of another.
            self._inputs.clear()
            log.exception("gateway.session.failed")
            self._has_failed = True
            self._outbox.close(CloseCode.INTERNAL_ERROR, "internal error")

    def _hear(self, event: Input) -> None:
        # A worker's news comes from its watch, and the end from the server: no session's tasks.
        with self._named():
            self.feed(event)

    def _named(self) -> AbstractContextManager[None]:
        return bound(session_id=self._session.session_id, peer_id=self._session.peer_id)

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for frame in self._socket:
                if self._receive(frame):
                    # Messages that are here already are read without a pause: a client that sends
                    # many at once must not keep the others waiting.
                    await asyncio.sleep(0)

    def _receive(self, frame: str | bytes) -> bool:
        """Whether others should have their turn now."""
        if self._outbox.is_closing:
            # A client that floods goes on while its socket closes: that must not cost anything.
            return True
        ordinal = next(self._ordinals)
        message = parse(frame) if isinstance(frame, str) else BINARY_FRAME
        self._spans.begin(ordinal, message)
        received = Received(ordinal, message, cost_of(len(frame)))
        is_quiet = message.type in QUIET_TYPES
        if is_quiet and not is_logged("debug"):
            self.feed(received)
        else:
            # The names are another session's once it is resumed here.
            with self._named(), bound(correlation_id=message.correlation_id):
                write = log.debug if is_quiet else log.info
                write("gateway.message.received", type=message.type, characters=len(frame))
                self.feed(received)
        return ordinal % MESSAGES_AT_ONCE == 0

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Send():
                self._send(effect)
            case Close(code=code, reason=reason):
                self._outbox.close(code, reason)
            case AnswerPing(ordinal=ordinal, request=request):
                pong = Pong(
                    echo=request.payload,
                    server_time=_now_ms(),
                    worker_age_ms=self._seat.worker_age_ms() if self._seat else None,
                )
                self.feed(Answered(ordinal, Answer(pong)))
            case Renew():
                self._renew()
            case _:
                self._begin(effect)

    def _begin(self, effect: Waiting) -> None:
        match effect:
            case VerifyToken():
                self._start(self._verify(effect), effect.ordinal, None)
            case Resume():
                self._start(self._resume(effect), effect.ordinal, None)
            case Join():
                self._start(self._join(effect), effect.ordinal, effect.request.correlation_id)
            case Call(request=request):
                self._start(self._call(effect), effect.ordinal, request.correlation_id)
            case SetGrants():
                self._start(self._set_grants(effect), effect.ordinal, None)
            case Confirm():
                assert self._seat is not None
                self._start(confirm(self._seat, self._is_over), None, None)
            case Detach():
                self._start(self._detach(), None, None)
            case _:
                assert_never(effect)

    def _send(self, effect: Send) -> None:
        message = effect.message
        is_quiet = _is_quiet(message)
        if not is_quiet or is_logged("debug"):
            facts: dict[str, object] = {"type": message.type}
            if message.seq is not None:
                facts["seq"] = message.seq
            if isinstance(message.payload, ErrorReply):
                facts["code"] = message.payload.code
                facts["reason"] = (message.payload.details or {}).get("reason")
            with bound(correlation_id=message.correlation_id):
                write = log.debug if is_quiet else log.info
                write("gateway.message.sent", **facts)
        frame = encode(message, _now_ms())
        self._outbox.put(frame, message.replaces, is_owed=effect.is_owed)
        if effect.answers is not None:
            self._spans.end(effect.answers, message)

    def _start(
        self, work: Coroutine[Any, Any, None], ordinal: int | None, correlation_id: str | None
    ) -> None:
        with self._spans.current(ordinal), bound(correlation_id=correlation_id):
            context = contextvars.copy_context()
        task = self._loop.create_task(work, context=context)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _verify(self, effect: VerifyToken) -> None:
        try:
            claims = await self._verifier.verify(effect.token)
        except Exception as error:
            self.feed(Refused(effect.ordinal, _refusal_of(error)))
            return
        self.feed(TokenAccepted(effect.ordinal, claims, self._ice_servers(claims.sub)))

    def _ice_servers(self, user_id: str) -> tuple[IceServer, ...]:
        return ice_servers(self._ice, user_id, int(time.time()))

    async def _join(self, effect: Join) -> None:
        try:
            if self._seat is None:
                self._seat, answer = await self._upstream.join(effect, self._hear)
                waits = isinstance(answer.payload, RoomWaiting)
                what = "gateway.session.waiting" if waits else "gateway.session.joined"
                log.info(what, room_id=effect.room_id)
            else:
                answer = await self._seat.join_again(effect)
            answer = self._with_resume_token(effect, answer, self._seat.place)
        except Exception as error:
            self.feed(Refused(effect.ordinal, _refusal_of(error)))
            return
        self.feed(Answered(effect.ordinal, answer))

    def _with_resume_token(self, join: Join, answer: Answer, place: Place) -> Answer:
        state = answer.payload
        if not isinstance(state, RoomState):
            return answer
        config = state.room_config
        self._ticket = Ticket(
            session_id=join.session_id,
            peer_id=join.peer_id,
            # If the room is made anew one day it is to be the same.
            admission=replace(
                join.admission,
                visibility=config.visibility,
                max_participants=config.max_participants,
            ),
            join=join.request.payload,
            epoch=Epoch(state.epoch),
            place=place,
        )
        token = self._tickets.issue(self._ticket)
        return replace(answer, payload=state.model_copy(update={"resume_token": token}))

    async def _set_grants(self, effect: SetGrants) -> None:
        assert self._seat is not None
        try:
            position = await self._seat.set_grants(effect.grants, effect.request_id)
        except Exception as error:
            self.feed(Refused(effect.ordinal, _refusal_of(error)))
            return
        if self._ticket is not None:
            # The session's next worker is to heed them, too.
            admission = self._ticket.admission.with_grants(effect.grants)
            self._ticket = replace(self._ticket, admission=admission)
        self.feed(Answered(effect.ordinal, Answer(effect.reply, position)))

    async def _resume(self, effect: Resume) -> None:
        try:
            ticket = self._tickets.check(effect.token)
            self._seat, recovered = await self._upstream.resume(
                self._resumption(effect, ticket), self._hear
            )
            ticket = replace(ticket, epoch=recovered.position.epoch, place=self._seat.place)
            if recovered.grants is not None:
                admission = ticket.admission.with_grants(recovered.grants)
                ticket = replace(ticket, admission=admission)
            token = self._tickets.issue(ticket)
            self._ticket = ticket
        except Exception as error:
            self.feed(Refused(effect.ordinal, _refusal_of(error)))
            return
        servers = self._ice_servers(ticket.admission.user_id)
        self.feed(Resumed(effect.ordinal, ticket, token, recovered, servers))
        with self._named():
            log.info(
                "gateway.session.resumed",
                room_id=ticket.admission.room_id,
                missed=len(recovered.missed),
                snapshot=recovered.state is not None,
            )

    def _resumption(self, effect: Resume, ticket: Ticket) -> Resumption:
        last = None
        # The epoch of the ticket is no guess for one that is absent: another may have begun since.
        if effect.epoch is not None and effect.last_seq is not None:
            last = Position(effect.epoch, effect.last_seq)
        return Resumption(ticket, last, self._connection_id, self._tickets.may_rejoin(ticket))

    def _renew(self) -> None:
        assert self._ticket is not None, "who has joined has a resume token"
        renewed = SessionRenewed(resume_token=self._tickets.issue(self._ticket))
        self._send(Send(Outbound(renewed)))

    async def _call(self, effect: Call) -> None:
        assert self._seat is not None
        try:
            answer = await self._seat.call(effect.request, effect.request_id)
        except Exception as error:
            self.feed(Refused(effect.ordinal, _refusal_of(error)))
            return
        self.feed(Answered(effect.ordinal, answer))

    async def _detach(self) -> None:
        assert self._seat is not None
        try:
            await self._seat.detach()
        except Refusal as refusal:
            # The worker detaches the session itself when the watch ends.
            log.warning("gateway.session.not_detached", reason=refusal.reason)

    async def _settle(self) -> None:
        """Wait for the calls under way, which are bounded in time, and free everything."""
        self._is_over.set()
        while self._calls:
            await asyncio.wait(self._calls)
        if self._seat is not None:
            if self._has_failed:
                await self._detach()
            self._seat.release()
        else:
            await self._upstream.forsake(self._connection_id)
        if self._timer is not None:
            self._timer.cancel()
        self._spans.end_all()

    def _arm(self) -> None:
        deadline = self._session.deadline
        if deadline == self._deadline:
            return
        self._deadline = deadline
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._wake)

    def _wake(self) -> None:
        # The clock may be a little behind the timer; then the same time is waited for again.
        self._deadline = None
        self.feed(DeadlineReached())

    def _beat(self) -> None:
        self._hear(Beat())

    def _heart_lost(self) -> None:
        self._outbox.close(CloseCode.HEARTBEAT_LOST, "heartbeat lost")


def _is_quiet(message: Outbound) -> bool:
    payload = message.payload
    # One line for each message of a flood would be a flood of lines; its close is told.
    is_of_flood = isinstance(payload, ErrorReply) and payload.code == Code.RATE_LIMITED
    return message.type in QUIET_TYPES or is_of_flood


def _refusal_of(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    log.error("gateway.call.failed", exc_info=error)
    return UNEXPECTED


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

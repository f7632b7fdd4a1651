"""The rooms of this worker: carries out calls one after the other and performs what follows.

Nothing between the arrival of a call and its reply waits, so the calls of a session, and of a
room, are carried out one at a time in the order of their arrival. An exception of one call ends the
session it was for, one of the media side the session whose media it was, and nothing else.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from google.protobuf.message import Message as Reply

from services.common.errors import Code, Refusal
from services.common.ids import (
    ConnectionId,
    Epoch,
    GatewayId,
    RoomId,
    SessionId,
    WatchId,
    WorkerId,
)
from services.common.log import bound, get_logger
from services.common.telemetry import current_traceparent
from services.sfu.control.delivery import Delivery
from services.sfu.control.hearing import Hearing
from services.sfu.control.join import Attach, Join
from services.sfu.control.listener import Listener
from services.sfu.control.operator_watch import OperatorBook
from services.sfu.control.performance import command, peer_of
from services.sfu.control.seat import Call, Seat, SeatBook, given, no_such_session
from services.sfu.control.watch import Ended, Watch, WatchBook
from services.sfu.core.description import SdpFormat
from services.sfu.core.effect import Effect, KeepSettings, Message, TellOperator
from services.sfu.core.grant import set_grants
from services.sfu.core.limit import check_id, check_name, check_request_id
from services.sfu.core.peer import Producer, Session
from services.sfu.core.port import Media
from services.sfu.core.room import Patience, Room

HEARTBEAT_INTERVAL_S = 1.0

# Replies that another attempt may change are not kept for repeats.
PASSING = frozenset({Code.UNAVAILABLE, Code.WRONG_WORKER, Code.INTERNAL, Code.RATE_LIMITED})

log = get_logger("sfu.worker")

Answer = TypeVar("Answer", bound=Reply)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    worker_id: WorkerId
    # Names this run of the process.
    worker_epoch: str
    max_peers: int = 200
    grace_ms: int = 60_000
    # How long someone waits for a moderator to let them in.
    waiting_ms: int = 1_800_000


class Worker:
    """Owned by the process; lives on its event loop. `start` it, `close` it at the end."""

    def __init__(
        self, config: WorkerConfig, media: Media, sdp: SdpFormat, clock_ms: Callable[[], int]
    ) -> None:
        """`clock_ms` gives monotonic milliseconds."""
        self.config = config
        self.media = media
        self.sdp = sdp
        self.is_draining = False
        self.rooms: dict[RoomId, Room] = {}
        self.seats = SeatBook()
        self.watches = WatchBook()
        self.operators = OperatorBook()
        self.delivery = Delivery(self.seats, self.operators, self.watches, sdp, self.close_watch)
        self.clock_ms = clock_ms
        self.hearing = Hearing(media, self.rooms, self._perform, self.watches.is_behind, clock_ms)
        self.listener = Listener(self.seats, self._guarded, clock_ms)
        self._timers: dict[RoomId, asyncio.TimerHandle] = {}
        self._performing: set[RoomId] = set()
        self._heartbeat: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_INTERVAL_S, self._beat)

    def close(self) -> None:
        """End every stream and timer. The media side is closed by its owner."""
        self.is_draining = True
        for watch in self.watches.all():
            self.close_watch(watch)
        self.operators.close()
        self.hearing.close()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    # Streams.

    def open_watch(self, gateway_id: GatewayId) -> Watch:
        """A new stream for a gateway."""
        check_id("gatewayId", gateway_id)
        return self.watches.open(WatchId(secrets.token_hex(8)), gateway_id)

    def close_watch(self, watch: Watch) -> None:
        """The stream has ended: its sessions are detached. Twice is fine."""
        if not self.watches.close(watch):
            return
        for session_id in list(watch.session_ids):
            seat = self.seats.get(session_id)
            if seat is not None:
                self._guarded(seat, self.detach)
        log.info("sfu.watch.closed", watch_id=watch.watch_id, gateway_id=watch.gateway_id)

    # Calls.

    def join(self, join: Join, digest: bytes, answer: Callable[[Seat], Answer]) -> Answer:
        """Put a session into a room. `answer` makes the reply from the new seat. Raises Refusal."""
        check_request_id(join.request_id)
        seat = self.seats.get(join.request.session_id)
        if seat is not None and join.resume_counter is not None:
            seat.overtake(join.resume_counter)
            return self._attach(seat, join.as_attach(join.resume_counter), answer)
        if seat is not None:
            self._asked_again(seat, join)
            stored = seat.replies.find(join.request_id, digest)
            if stored is not None:
                return cast(Answer, given(stored))
            return self._join_again(seat, join, digest, answer)
        watch = self.watches.find_live(join.watch_id)
        check_name("roomId", join.room_id)
        join.request.check()
        self._check_peer_elsewhere(join)
        with bound(room_id=join.room_id, session_id=join.request.session_id):
            room = self._room_for(join)
            session = self._admit(room, join)
            seat = Seat(room, session, watch, join.connection_id)
            if join.resume_counter is not None:
                seat.counter, seat.repeatable = join.resume_counter + 1, join.resume_counter
            self._enter(seat)
            reply = self._run(seat, lambda: answer(seat))
            if session.is_waiting:
                # Not kept: the same request is answered with the room once the session is seated.
                log.info("sfu.session.waiting", peer_id=seat.peer_id)
                return reply
            seat.replies.keep(join.request_id, digest, reply, reply.ByteSize())
            log.info("sfu.session.joined", peer_id=seat.peer_id, role=seat.session.role.value)
        return reply

    def _admit(self, room: Room, join: Join) -> Session:
        """The session of a new join, seated or waiting. Raises Refusal."""
        if join.settings is None or room.room_id not in self.rooms:
            return room.join(join.request, self.clock_ms())
        room.moderation.adopt(join.settings)
        try:
            return room.join(join.request, self.clock_ms())
        except Refusal:
            # What the settings changed holds, whether or not this one comes in.
            self._perform(room)
            raise

    def _asked_again(self, seat: Seat, join: Join) -> None:
        """A join is repeated: what its gateway may have got no word of, or could not give, counts.

        The client may have shown another token since, which a gateway without a reply has nobody to
        tell of; and the reply says nothing of who speaks. An earlier connection changes nothing.
        """
        watch_id = seat.watch.watch_id if seat.watch is not None else None
        is_own = (watch_id, seat.connection_id) == (join.watch_id, join.connection_id)
        if not (is_own and join.is_of(seat)):
            return

        def catch_up() -> None:
            set_grants(seat.room, seat.session, join.grants)
            seat.room.speakers.tell_again(seat.session)

        with bound(room_id=join.room_id, session_id=seat.session_id):
            self._run(seat, catch_up)

    def _join_again(
        self, seat: Seat, join: Join, digest: bytes, answer: Callable[[Seat], Answer]
    ) -> Answer:
        """Answer the gateway of a seat that asks for it anew: it had no reply, and so has no key.

        The id of the watch proves that it is the same gateway. The seat stays as it was first asked
        for, but for the grants. Raises Refusal.
        """
        if seat.watch is None or seat.watch.watch_id != join.watch_id or not join.is_of(seat):
            raise Refusal(Code.INVALID_MESSAGE, "ALREADY_JOINED", "The session has joined.")
        self._check_generation(seat.room, join.generation)
        with bound(room_id=join.room_id, session_id=seat.session_id):
            reply = self._run(seat, lambda: answer(seat))
            if not seat.session.is_waiting:
                seat.replies.keep(join.request_id, digest, reply, reply.ByteSize())
            log.info("sfu.session.asked_again", peer_id=seat.peer_id)
        return reply

    def attach(self, attach: Attach, answer: Callable[[Seat], Answer]) -> Answer:
        """Bind a session to a new connection. `answer` makes the reply. Raises Refusal."""
        seat = self.seats.get(attach.session_id)
        if seat is None:
            raise no_such_session()
        return self._attach(seat, attach, answer)

    def _attach(self, seat: Seat, attach: Attach, answer: Callable[[Seat], Answer]) -> Answer:
        watch = self.watches.find_live(attach.watch_id)
        if seat.room_id != attach.room_id:
            raise no_such_session()
        self._check_generation(seat.room, attach.generation)
        if not seat.accepts(attach.counter):
            raise Refusal(Code.UNAUTHORIZED, "RESUME_TOKEN_USED", "A newer resume token was given.")

        def rebind() -> Answer:
            is_repeat = seat.watch is watch and seat.connection_id == attach.connection_id
            if seat.watch is not None and not is_repeat:
                generation = seat.room.generation
                ended = Ended(seat.session_id, "REPLACED", seat.connection_id, generation)
                self.delivery.push(seat.watch, ended)
            seat.attach(attach.counter, watch, attach.connection_id)
            self.delivery.keep_on(watch, seat.room)
            seat.room.attach(seat.session)
            return answer(seat)

        with bound(room_id=attach.room_id, session_id=seat.session_id):
            reply = self._run(seat, rebind)
            log.info("sfu.session.attached", peer_id=seat.peer_id, gateway_id=watch.gateway_id)
        return reply

    def act(self, call: Call, digest: bytes, action: Callable[[Seat], Answer]) -> Answer:
        """Carry out a call that changes something, once per request id. Raises Refusal."""
        check_request_id(call.request_id)
        stored = self.seats.replies(call).find(call.request_id, digest)
        if stored is not None:
            return cast(Answer, given(stored))
        seat = self.find_seat(call)
        with bound(room_id=call.room_id, session_id=call.session_id):
            try:
                reply = self._run(seat, lambda: action(seat))
            except Refusal as refusal:
                if refusal.code not in PASSING:
                    seat.replies.keep(call.request_id, digest, refusal, 0)
                raise
        if self.seats.is_taken(seat):
            seat.replies.keep(call.request_id, digest, reply, reply.ByteSize())
        else:
            self.seats.remember_left(seat, call.request_id, digest, reply)
        return reply

    def find_seat(self, call: Call) -> Seat:
        """The seat of the session that a call names. Raises Refusal, also without its key."""
        self.seats.replies(call)
        seat = self.seats.get(call.session_id)
        if seat is None:
            raise no_such_session()
        self._check_generation(seat.room, call.generation)
        return seat

    def detach(self, seat: Seat) -> None:
        """The session's socket is gone. To be called from an action."""
        seat.unbind()
        seat.room.detach(seat.session, self.clock_ms())

    def forsake(
        self, session_id: SessionId, watch_id: WatchId, connection_id: ConnectionId, *, leave: bool
    ) -> None:
        """Take a connection that its gateway knows no key of off its session, if it is on it."""
        seat = self.seats.get(session_id)
        if seat is None or seat.watch is None:
            return
        if (seat.watch.watch_id, seat.connection_id) == (watch_id, connection_id):
            self._guarded(seat, (lambda s: s.room.leave(s.session)) if leave else self.detach)

    def change(self, room: Room, action: Callable[[], bool]) -> None:
        """Do what no session has asked for; where `action` says so, also what follows from it."""
        if action():
            self._perform(room)

    # Inside.

    def _run(self, seat: Seat, action: Callable[[], Result]) -> Result:
        """Do something for a session and what follows from it; an exception ends the session."""
        try:
            try:
                result = action()
            finally:
                self._perform(seat.room, seat)
        except Refusal:
            raise
        except Exception:
            self._fault(seat)
            raise
        return result

    def _guarded(self, seat: Seat, action: Callable[[Seat], None]) -> None:
        """As `_run` where nobody waits for an answer."""
        with bound(room_id=seat.room.room_id, session_id=seat.session_id):
            try:
                self._run(seat, lambda: action(seat))
            except Exception:
                log.exception("sfu.session.failed")

    def _guarded_for(self, session_id: SessionId, action: Callable[[Seat], None]) -> None:
        seat = self.seats.get(session_id)
        if seat is not None:
            self._guarded(seat, action)

    def _fault(self, seat: Seat) -> None:
        log.error("sfu.session.fault", session_id=seat.session_id, peer_id=seat.peer_id)
        try:
            if self.seats.is_taken(seat):
                seat.room.leave(seat.session, "WORKER_FAULT")
            self._perform(seat.room, seat)
        except Exception:
            log.exception("sfu.session.fault_not_cleared", session_id=seat.session_id)
            seat.room.evict(seat.session)
            self.delivery.end(seat.session_id, "WORKER_FAULT")
            self._settle(seat.room)

    def _enter(self, seat: Seat) -> None:
        self.seats.add(seat)
        if seat.room.room_id not in self.rooms:
            log.info("sfu.room.opened", epoch=seat.room.epoch, generation=seat.room.generation)
        self.rooms[seat.room.room_id] = seat.room
        if seat.watch is not None:
            self.delivery.keep_on(seat.watch, seat.room)

    def _room_for(self, join: Join) -> Room:
        room = self.rooms.get(join.room_id)
        if room is not None and join.generation > room.generation:
            self._stop(room)
            room = None
        if room is not None:
            self._check_generation(room, join.generation)
            return room
        if not join.create:
            raise Refusal(Code.ROOM_NOT_FOUND, "ROOM_NOT_FOUND", "There is no such room.")
        if self.is_draining:
            raise Refusal(
                Code.UNAVAILABLE,
                "DRAINING",
                "This worker takes no new rooms.",
                details={"retryAfterMs": "1000"},
            )
        return Room(
            join.room_id,
            Epoch(secrets.token_hex(8)),
            join.generation,
            join.new_settings(self.config.max_peers),
            Patience(self.config.grace_ms, self.config.waiting_ms),
            ssrc_start=secrets.randbits(32),
        )

    def _check_peer_elsewhere(self, join: Join) -> None:
        # Ids of transports, producers and consumers begin with the peer's and are the worker's own
        # towards the media side, so a peer id may sit in one room only.
        seat = self.seats.of_peer(join.request.peer_id)
        if seat is not None and seat.room_id != join.room_id:
            raise Refusal(Code.FORBIDDEN, "PEER_ID_TAKEN", "The peer is in another room.")

    def _check_generation(self, room: Room, generation: int) -> None:
        if generation == room.generation:
            return
        if generation > room.generation:
            # Another claim was granted since: this life of the room is over.
            self._stop(room)
        raise Refusal(Code.WRONG_WORKER, "STALE_GENERATION", "Another worker owns the room.")

    def _stop(self, room: Room) -> None:
        log.warning("sfu.room.superseded", room_id=room.room_id, generation=room.generation)
        room.stop("WORKER_FAULT")
        self._perform(room)

    def _perform(self, room: Room, acting: Seat | None = None) -> None:
        """Perform the room's effects. Raises the first exception that is not another session's.

        A viewer's consumer that cannot be switched is no fault of the publisher who was asked for.
        """
        if room.room_id in self._performing:
            # Called from inside one of its effects: the outer loop goes on with what was added.
            return
        failures: list[tuple[Effect, Exception]] = []
        traceparent = current_traceparent()
        self._performing.add(room.room_id)
        try:
            while effects := room.take_effects(self.clock_ms()):
                for effect in effects:
                    try:
                        self._perform_one(room, effect, traceparent)
                    except Exception as error:
                        failures.append((effect, error))
        finally:
            self._performing.discard(room.room_id)
        self._settle(room)
        own = [error for effect, error in failures if not self._blame(room, effect, error, acting)]
        if own:
            raise own[0]

    def _blame(self, room: Room, effect: Effect, error: Exception, acting: Seat | None) -> bool:
        """End the session that an effect has failed for. False: it is the acting one, or nobody."""
        if isinstance(effect, TellOperator | KeepSettings):
            return False
        if isinstance(effect, Message):
            seat = self.seats.get(effect.session_id)
            is_own = acting is not None and effect.session_id == acting.session_id
        else:
            peer_id = peer_of(effect)
            session = room.roster.find_peer(peer_id)
            seat = self.seats.get(session.session_id) if session is not None else None
            is_own = acting is not None and peer_id == acting.peer_id
        if is_own:
            return False
        log.error("sfu.session.failed", effect=type(effect).__name__, exc_info=error)
        if seat is not None:
            self._fault(seat)
        return True

    def _perform_one(self, room: Room, effect: Effect, traceparent: str) -> None:
        if isinstance(effect, Message):
            self.delivery.deliver(room, effect, traceparent)
        else:
            command(self.media, effect)
            self.hearing.note(effect)

    def _settle(self, room: Room) -> None:
        """Forget a room that is empty; else wake up when something of it is due."""
        timer = self._timers.pop(room.room_id, None)
        if timer is not None:
            timer.cancel()
        if room.is_empty:
            if self.rooms.get(room.room_id) is room:
                del self.rooms[room.room_id]
                self.operators.end(room.room_id)
                for watch in self.watches.all():
                    self.delivery.drop(watch, room.room_id, has_moved=room.has_moved)
                log.info("sfu.room.closed", room_id=room.room_id)
            return
        deadline_ms = room.deadline_ms()
        if deadline_ms is not None:
            delay_s = max(0, deadline_ms - self.clock_ms()) / 1000
            loop = asyncio.get_running_loop()
            self._timers[room.room_id] = loop.call_later(delay_s, self._do_what_is_due, room)

    def _do_what_is_due(self, room: Room) -> None:
        now_ms = self.clock_ms()
        for session in room.expired(now_ms):
            self._guarded_for(session.session_id, lambda s: s.room.leave(s.session, "TIMED_OUT"))
        for session in room.lobby.expired(now_ms):
            self._guarded_for(
                session.session_id, lambda s: s.room.leave(s.session, "WAITED_TOO_LONG")
            )
        for producer in room.router.layering.held_back(now_ms):
            self._release_layers(producer, now_ms)
        # What of its layers nobody has needed for long enough is told with the other effects.
        self._perform(room)

    def _release_layers(self, producer: Producer, now_ms: int) -> None:
        self._guarded_for(
            producer.session_id,
            lambda s: s.room.router.layering.release(producer.producer_id, now_ms),
        )

    def _beat(self) -> None:
        self.start()
        try:
            engine_tick = self.media.engine_tick()
        except Exception:
            log.exception("sfu.engine.no_tick")
            return
        for watch in self.watches.all():
            watch.beat(engine_tick)
            if watch.mailbox.has_overflown:
                self.close_watch(watch)

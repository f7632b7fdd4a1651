"""What the worker keeps of a session besides the room's books: its key, its stream, its replies."""

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from google.protobuf.message import Message

from services.common.errors import Code, Refusal
from services.common.ids import (
    ConnectionId,
    ConsumerId,
    PeerId,
    ProducerId,
    RoomId,
    SessionId,
    TransportId,
)
from services.sfu.control.watch import Watch
from services.sfu.core.peer import Session
from services.sfu.core.reply_store import ReplyStore
from services.sfu.core.room import Room

Reply = Message | Refusal

KEY_BYTES = 32
# Sessions that left, kept so that a repeat of the leave gets its reply.
MAX_LEFT = 256


@dataclass(frozen=True, slots=True)
class Call:
    """Names the session of a request and proves that the caller may act for it."""

    room_id: RoomId
    session_id: SessionId
    session_key: bytes
    request_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class Left:
    """What is kept of a session that left: enough to answer a repeat of the request to leave."""

    room_id: RoomId
    key: bytes = field(repr=False)
    replies: ReplyStore[Reply]


@dataclass(eq=False, slots=True)
class Seat:
    """A session as the gateway calls it. `room` decides, this remembers.

    `watch` is None while no connection of the session is there.
    """

    room: Room
    session: Session
    watch: Watch | None
    connection_id: ConnectionId
    # The client's newest resume token has this counter.
    counter: int = 1
    # The counter that the newest attach came with, until its client is known to have the reply.
    repeatable: int | None = None
    key: bytes = field(default_factory=lambda: secrets.token_bytes(KEY_BYTES), repr=False)
    replies: ReplyStore[Reply] = field(default_factory=ReplyStore)

    @property
    def peer_id(self) -> PeerId:
        return self.session.peer_id

    @property
    def session_id(self) -> SessionId:
        return self.session.session_id

    @property
    def room_id(self) -> RoomId:
        return self.room.room_id

    def accepts(self, counter: int) -> bool:
        """Whether a resume token of this counter is still good."""
        return counter in (self.counter, self.repeatable)

    def overtake(self, counter: int) -> None:
        """A resume token of the session's life on a worker that is gone has this counter.

        Where that is the higher one, the seat was taken with a token that was used up already.
        """
        if counter > self.counter:
            self.counter, self.repeatable = counter, None

    def attach(self, counter: int, watch: Watch, connection_id: ConnectionId) -> None:
        """Pass to another connection: what the one before knew is void."""
        self.unbind()
        self.key = secrets.token_bytes(KEY_BYTES)
        self.counter += 1
        self.repeatable = counter
        self.bind(watch, connection_id)

    def confirm(self) -> None:
        """The client of the newest attach is there."""
        self.repeatable = None

    def bind(self, watch: Watch, connection_id: ConnectionId) -> None:
        """Tell what happens over this stream."""
        self.watch = watch
        self.connection_id = connection_id
        watch.session_ids[self.session_id] = None

    def unbind(self) -> Watch | None:
        """Take the session off its stream; returns that stream."""
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.session_ids.pop(self.session_id, None)
        return watch


class SeatBook:
    """The seats of all rooms by session."""

    def __init__(self) -> None:
        self._seats: dict[SessionId, Seat] = {}
        self._by_peer: dict[PeerId, Seat] = {}
        self._left: OrderedDict[SessionId, Left] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seats)

    def add(self, seat: Seat) -> None:
        self._seats[seat.session_id] = seat
        # One that it replaces is ended afterwards.
        self._by_peer[seat.peer_id] = seat
        if seat.watch is not None:
            seat.bind(seat.watch, seat.connection_id)

    def get(self, session_id: SessionId) -> Seat | None:
        return self._seats.get(session_id)

    def of_peer(self, peer_id: PeerId) -> Seat | None:
        """The seat of whoever sits, or waits, under this id: in one room at most."""
        return self._by_peer.get(peer_id)

    def of_media(self, media_id: TransportId | ProducerId | ConsumerId) -> Seat | None:
        """The seat of the peer whose this is, or was: the id begins with the peer's."""
        return self.of_peer(PeerId(media_id.rpartition(".")[0]))

    def is_taken(self, seat: Seat) -> bool:
        """Whether the session still sits there."""
        return self._seats.get(seat.session_id) is seat

    def end(self, session_id: SessionId) -> Seat | None:
        """Free the seat; returns it."""
        seat = self._seats.pop(session_id, None)
        if seat is not None and self._by_peer.get(seat.peer_id) is seat:
            del self._by_peer[seat.peer_id]
        return seat

    def remember_left(self, seat: Seat, request_id: str, digest: bytes, reply: Reply) -> None:
        """Keep the reply to the request that ended the session, and nothing else of it."""
        replies: ReplyStore[Reply] = ReplyStore()
        # It is the only one here, so its size does not count.
        replies.keep(request_id, digest, reply, 0)
        self._left[seat.session_id] = Left(seat.room_id, seat.key, replies)
        while len(self._left) > MAX_LEFT:
            self._left.popitem(last=False)

    def replies(self, call: Call) -> ReplyStore[Reply]:
        """What the session of a call, be it there or left, was answered before.

        Raises Refusal NOT_FOUND, or FORBIDDEN where the call has not the session's key.
        """
        found = self._seats.get(call.session_id) or self._left.get(call.session_id)
        if found is None or found.room_id != call.room_id:
            raise no_such_session()
        if not hmac.compare_digest(found.key, call.session_key):
            raise Refusal(
                Code.FORBIDDEN, "BAD_SESSION_KEY", "The session belongs to another gateway."
            )
        return found.replies


def no_such_session() -> Refusal:
    """For a session that never was or has ended."""
    return Refusal(Code.NOT_FOUND, "SESSION_NOT_FOUND", "There is no such session.")


def given(stored: Reply) -> Message:
    """A stored reply, as it was given the first time. Raises Refusal where it was one."""
    if isinstance(stored, Refusal):
        # A fresh one each time: a raised exception collects tracebacks.
        raise Refusal(stored.code, stored.reason, stored.message, details=stored.details)
    return stored

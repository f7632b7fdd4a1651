"""The Watch streams of gateways: what is on them, and which sessions hang on each."""

from dataclasses import dataclass, field

from services.common.errors import Code, Refusal
from services.common.ids import ConnectionId, Epoch, GatewayId, RoomId, SessionId, WatchId
from services.sfu.control.mailbox import Mailbox
from services.sfu.core.event import Event
from services.sfu.core.settings import RoomSettings

CAPACITY = 8192


@dataclass(frozen=True, slots=True)
class News:
    """An event for one session; seq is 0 for a latest-only one, and for operators.

    For operators, session_id may be empty. `connection_id` says which of the session's connections
    is told; None where it is nobody's.
    """

    session_id: SessionId
    epoch: Epoch
    seq: int
    traceparent: str
    event: Event
    connection_id: ConnectionId | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A session is over for one of its connections. `reason` is UPPER_SNAKE, see SessionEnded.

    `generation` is that of the room.
    """

    session_id: SessionId
    reason: str
    connection_id: ConnectionId
    generation: int
    # A moderator's words to the client.
    message: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A session waited, and has its seat now."""

    session_id: SessionId
    connection_id: ConnectionId


@dataclass(frozen=True, slots=True)
class Kept:
    """The settings of a room, for its gateway to keep; None: the room is over."""

    room_id: RoomId
    settings: RoomSettings | None


@dataclass(frozen=True, slots=True)
class Beat:
    """The event loop is alive, and the engine has made this many rounds."""

    tick: int
    engine_tick: int


Message = News | Ended | Admitted | Kept | Beat


@dataclass(eq=False, slots=True)
class Watch:
    """One stream. Its end detaches the sessions bound to it, and only these."""

    watch_id: WatchId
    gateway_id: GatewayId
    mailbox: Mailbox[Message] = field(default_factory=lambda: Mailbox(CAPACITY))
    # By binding, so that they are detached in a fixed order.
    session_ids: dict[SessionId, None] = field(default_factory=dict)
    ticks: int = 0
    # Versions of the settings that were put on the stream, of rooms that there are.
    kept: dict[RoomId, int] = field(default_factory=dict)

    def beat(self, engine_tick: int) -> None:
        """Put a heartbeat on the stream."""
        self.ticks += 1
        self.mailbox.push(Beat(self.ticks, engine_tick))


class WatchBook:
    """The streams that are open."""

    def __init__(self) -> None:
        self._watches: dict[WatchId, Watch] = {}

    def open(self, watch_id: WatchId, gateway_id: GatewayId) -> Watch:
        watch = Watch(watch_id, gateway_id)
        self._watches[watch_id] = watch
        return watch

    def find_live(self, watch_id: WatchId) -> Watch:
        """The open stream of this id. Raises Refusal UNAVAILABLE (WATCH_NOT_LIVE)."""
        watch = self._watches.get(watch_id)
        if watch is None or watch.mailbox.has_overflown:
            raise Refusal(
                Code.UNAVAILABLE,
                "WATCH_NOT_LIVE",
                "The event stream of the gateway is down.",
                details={"retryAfterMs": "1000"},
            )
        return watch

    def close(self, watch: Watch) -> bool:
        """Forget a stream; whether it was open."""
        watch.mailbox.close()
        return self._watches.pop(watch.watch_id, None) is not None

    def of_room(self, room_id: RoomId) -> set[Watch]:
        """The streams of the gateways that have had a session in the room."""
        return {watch for watch in self._watches.values() if room_id in watch.kept}

    def is_behind(self, room_id: RoomId) -> bool:
        """Whether a stream that tells of the room is read slowly: what can wait should."""
        return any(watch.mailbox.is_half_full for watch in self.of_room(room_id))

    def all(self) -> tuple[Watch, ...]:
        return tuple(self._watches.values())

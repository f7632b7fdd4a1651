"""A place in a room: authenticated, joined, with a roster, transports and tracks.

async with joined(url, token=token, room="exam-7", name="Ada") as session:
    await session.publish(camera, source="camera")
    await session.ended()
"""

import asyncio
import itertools
import secrets
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from aiortc import MediaStreamTrack
from pydantic import JsonValue

from services.client.python.condition import Condition
from services.client.python.connection import ANSWER_WITHIN_S, AnyEvent
from services.client.python.failure import ClientError, LateError, TransportError
from services.client.python.line import Line, LineState, Pulse, lined
from services.client.python.message import (
    Authenticated,
    ConsumerChanged,
    ConsumerLayers,
    ConsumerScore,
    Direction,
    Json,
    Layers,
    Nothing,
    Own,
    ProducerChanged,
    ProducerLayersNeeded,
    ProducerScore,
    RoomState,
    RoomTold,
    SessionClosing,
    Speaker,
    SpeakerActive,
    StatsGot,
    TextMessage,
    TransportGone,
)
from services.client.python.moderation import Moderation
from services.client.python.publication import Publication, published
from services.client.python.roster import Roster
from services.client.python.subscription import Subscription, subscribed
from services.client.python.transport import Role as DtlsRole
from services.client.python.transport import Transport, opened

# Messages that nobody took: older ones are let go.
MOST_MESSAGES = 1_000


class Session:
    """Made by `joined`, which ends it.

    A connection that breaks does not end it: `line` comes back by itself, and media goes on.
    """

    def __init__(
        self,
        line: Line,
        authenticated: Authenticated,
        state: RoomState,
        dtls_role: DtlsRole,
    ) -> None:
        self.line = line
        self.peer_id = authenticated.peer_id
        self.user_id = authenticated.user_id
        self.role = authenticated.role
        # The room as it was on joining, or when it was last told; `roster` is what is true now.
        self.state = state
        self.roster = Roster()
        self.roster.load(state)
        # Whether it is locked; to moderators also who waits to be let in.
        self.room = Condition()
        self.room.load(state)
        self.moderation = Moderation(line, self.room)
        # What others have written, the oldest first: for the caller to take out.
        self.messages: deque[TextMessage] = deque(maxlen=MOST_MESSAGES)
        # Who speaks, the loudest first, oneself included; as last heard while the line is down.
        self.speakers: tuple[Speaker, ...] = ()
        self.publications: dict[str, Publication] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._dtls_role: DtlsRole = dtls_role
        self._changed = asyncio.Event()
        self._transports: dict[Direction, Transport] = {}
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._media_end: TransportError | None = None
        self._mids = itertools.count()
        self._cname = secrets.token_hex(8)
        # Of tracks that the server has ended: a decoder takes a moment to stop.
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def connection(self) -> LineState:
        """Whether messages get through: ok, lost or troubled. Media may go on all the same."""
        return self.line.state

    @property
    def closing(self) -> SessionClosing | None:
        """What the server said before it ended the session, if it said anything."""
        return self.line.closing

    async def publish(
        self, track: MediaStreamTrack, *, source: str | None = None, paused: bool = False
    ) -> Publication:
        """Send `track`, which belongs to the publication from now on.

        `source` is camera, microphone, screen or screen-audio. Raises RefusedError,
        TransportError, LateError or ClosedError.
        """
        publication = await published(
            self.line,
            await self._transport("send"),
            track,
            self.state.room_config.router_rtp_capabilities,
            mid=str(next(self._mids)),
            cname=self._cname,
            source=source,
            paused=paused,
        )
        self.publications[publication.producer_id] = publication
        return publication

    async def consume(
        self, producer_id: str, *, paused: bool = False, preferred: Layers | None = None
    ) -> Subscription:
        """Receive what a producer sends. Raises as `publish` does."""
        subscription = await subscribed(
            self.line,
            await self._transport("recv"),
            producer_id,
            self.state.room_config.router_rtp_capabilities,
            preferred=preferred,
        )
        self.subscriptions[subscription.consumer_id] = subscription
        if not paused:
            await subscription.resume()
        return subscription

    async def send(self, body: JsonValue, to: str | None = None) -> None:
        """Write to all whom one may write to, or to the peer `to`; `body` is anything but None.

        Raises what a request raises.
        """
        named: Json = {"body": body} if to is None else {"body": body, "to": to}
        await self.line.request("message:send", Nothing, named)

    async def update(
        self,
        *,
        hand_raised: bool | None = None,
        display_name: str | None = None,
        app_data: Json | None = None,
    ) -> None:
        """Change what others see of this peer; what is None stays. Raises what a request raises."""
        change: Json = {
            "handRaised": hand_raised,
            "displayName": display_name,
            "appData": app_data,
        }
        said = {name: value for name, value in change.items() if value is not None}
        await self.line.request("peer:update", Nothing, said)

    async def stats(self) -> list[Json]:
        """What has gone over the transports, as entries of W3C's webrtc-stats: the server's view.

        Raises what a request raises.
        """
        stats: list[Json] = []
        for transport in self._transports.values():
            named: Json = {"transportId": transport.transport_id}
            stats += (await self.line.request("stats:get", StatsGot, named)).stats
        return stats

    async def until(
        self, condition: Callable[[], object], *, within_s: float = ANSWER_WITHIN_S
    ) -> None:
        """Wait until events have made `condition` true. Raises LateError or ClosedError."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    if self.line.end is not None:
                        raise self.line.closed()
                    await self._changed.wait()
        except TimeoutError:
            raise LateError(f"not within {within_s:g} s") from None

    async def ended(self) -> ClientError:
        """Wait until the server has ended the session or media is lost, and say which."""
        while self.line.end is None and self._media_end is None:
            await self._changed.wait()
        end = self.line.end or self._media_end
        assert end is not None
        return end

    async def _transport(self, direction: Direction) -> Transport:
        async with self._opening:
            transport = self._transports.get(direction)
            if transport is None:
                transport = await self._stack.enter_async_context(
                    opened(self.line, direction, role=self._dtls_role)
                )
                transport.when_lost(lambda: self._lose_media("the worker does not answer"))
                self._transports[direction] = transport
        return transport

    def _hear(self, event: AnyEvent) -> None:
        self.roster.apply(event)
        self.room.apply(event)
        match event:
            case RoomTold(state=state):
                self._reload(state)
            case ConsumerChanged(type="consumer:closed", consumer_id=consumer_id):
                self._end_subscription(consumer_id)
            case (
                ConsumerChanged(consumer_id=consumer_id)
                | ConsumerLayers(consumer_id=consumer_id)
                | ConsumerScore(consumer_id=consumer_id)
            ):
                if consumer_id in self.subscriptions:
                    self.subscriptions[consumer_id].apply(event)
            case (
                ProducerChanged(producer_id=producer_id)
                | ProducerLayersNeeded(producer_id=producer_id)
                | ProducerScore(producer_id=producer_id)
            ):
                if producer_id in self.publications:
                    self.publications[producer_id].apply(event)
            case TextMessage():
                self.messages.append(event)
            case SpeakerActive(speakers=speakers):
                self.speakers = tuple(speakers)
            case TransportGone(reason=reason):
                self._lose_media(reason)
        self._wake()

    def _reload(self, state: RoomState) -> None:
        """Go by the state of the room where events could not be told."""
        if state.epoch != self.state.epoch:
            self.speakers = ()
            self._lose_media("the room has another worker")
        self.state = state
        self.roster = Roster()
        self.roster.load(state)
        self.room.load(state)
        self._keep_only(state.own)

    def _keep_only(self, own: Own) -> None:
        present = {consumer.consumer_id for consumer in own.consumers}
        for consumer_id in self.subscriptions.keys() - present:
            self._end_subscription(consumer_id)
        for producer in own.producers:
            if producer.producer_id in self.publications:
                self.publications[producer.producer_id].is_muted = producer.muted
        there = {transport.transport_id for transport in own.transports}
        if any(one.transport_id not in there for one in self._transports.values()):
            self._lose_media("the server no longer has a transport")

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _end_subscription(self, consumer_id: str) -> None:
        subscription = self.subscriptions.pop(consumer_id, None)
        if subscription is not None:
            task = asyncio.create_task(subscription.stop())
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)

    def _lose_media(self, reason: str) -> None:
        self._media_end = self._media_end or TransportError(reason)
        self._wake()

    async def _stop(self) -> None:
        for publication in self.publications.values():
            await publication.stop()
        for subscription in self.subscriptions.values():
            await subscription.stop()
        await asyncio.gather(*self._endings)
        await self._stack.aclose()


@asynccontextmanager
async def joined(
    url: str,
    *,
    token: str,
    room: str,
    name: str,
    dtls_role: DtlsRole = "client",
    tls: ssl.SSLContext | None = None,
    pulse: Pulse | None = None,
) -> AsyncIterator[Session]:
    """A session in `room`; it leaves, and everything of it ends, when this is left.

    Where a moderator has to let one in, this waits for it. `dtls_role` is this side's on every
    transport, `pulse` how a dead connection is found. Raises UnreachableError, RefusedError,
    LateError or ClosedError.
    """
    async with lined(url, tls=tls, pulse=pulse) as line:
        authenticated, state = await line.join(token, room, name)
        session = Session(line, authenticated, state, dtls_role)
        line.start(session._hear, session._wake)
        try:
            yield session
        finally:
            await line.leave()
            await session._stop()

"""A place in a room: authenticated, joined, with a roster, transports and tracks.

async with joined(url, token=token, room="exam-7", name="Ada") as session:
    await session.publish(camera, source="camera")
    await session.ended()
"""

import asyncio
import itertools
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from aiortc import MediaStreamTrack

from services.client.python.connection import (
    ANSWER_WITHIN_S,
    AnyEvent,
    Connection,
    connected,
)
from services.client.python.failure import ClientError, ClosedError, LateError, TransportError
from services.client.python.message import (
    Authenticated,
    ConsumerChanged,
    ConsumerLayers,
    Direction,
    Layers,
    Nothing,
    RoomState,
    SessionClosing,
    TransportGone,
)
from services.client.python.publication import Publication, published
from services.client.python.roster import Roster
from services.client.python.subscription import Subscription, subscribed
from services.client.python.transport import Role as DtlsRole
from services.client.python.transport import Transport, opened

LEAVE_WITHIN_S = 2.0


class Session:
    """Made by `joined`, which ends it."""

    def __init__(
        self, connection: Connection, authenticated: Authenticated, dtls_role: DtlsRole
    ) -> None:
        self.connection = connection
        self.peer_id = authenticated.peer_id
        self.user_id = authenticated.user_id
        self.role = authenticated.role
        self.roster = Roster()
        self.publications: dict[str, Publication] = {}
        self.subscriptions: dict[str, Subscription] = {}
        # What the server said before it ended the session, if it said anything.
        self.closing: SessionClosing | None = None
        self._dtls_role: DtlsRole = dtls_role
        self._state: RoomState | None = None
        # Events that overtook the answer to `room:join` on its way to the task that awaits it.
        self._early: list[AnyEvent] = []
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
    def state(self) -> RoomState:
        """The room as it was on joining; `roster` is what is true now."""
        assert self._state is not None
        return self._state

    async def publish(
        self, track: MediaStreamTrack, *, source: str | None = None, paused: bool = False
    ) -> Publication:
        """Send `track`, which belongs to the publication from now on.

        `source` is camera, microphone, screen or screen-audio. Raises RefusedError,
        TransportError, LateError or ClosedError.
        """
        publication = await published(
            self.connection,
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
            self.connection,
            await self._transport("recv"),
            producer_id,
            self.state.room_config.router_rtp_capabilities,
            preferred=preferred,
        )
        self.subscriptions[subscription.consumer_id] = subscription
        if not paused:
            await subscription.resume()
        return subscription

    async def until(
        self, condition: Callable[[], object], *, within_s: float = ANSWER_WITHIN_S
    ) -> None:
        """Wait until events have made `condition` true. Raises LateError or ClosedError."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    if self.connection.end is not None:
                        raise ClosedError(self.connection.end.code, self.connection.end.reason)
                    await self._changed.wait()
        except TimeoutError:
            raise LateError(f"not within {within_s:g} s") from None

    async def ended(self) -> ClientError:
        """Wait until the connection closes or media is lost, and say which."""
        while self.connection.end is None and self._media_end is None:
            await self._changed.wait()
        end = self.connection.end or self._media_end
        assert end is not None
        return end

    async def _transport(self, direction: Direction) -> Transport:
        async with self._opening:
            transport = self._transports.get(direction)
            if transport is None:
                transport = await self._stack.enter_async_context(
                    opened(self.connection, direction, role=self._dtls_role)
                )
                transport.when_lost(lambda: self._lose_media("the worker does not answer"))
                self._transports[direction] = transport
        return transport

    def _hear(self, event: AnyEvent) -> None:
        if self._state is None:
            self._early.append(event)
            return
        self.roster.apply(event)
        match event:
            case ConsumerChanged(type="consumer:closed", consumer_id=consumer_id):
                self._end_subscription(consumer_id)
            case ConsumerChanged(consumer_id=consumer_id) | ConsumerLayers(consumer_id=consumer_id):
                if consumer_id in self.subscriptions:
                    self.subscriptions[consumer_id].apply(event)
            case TransportGone(reason=reason):
                self._lose_media(reason)
            case SessionClosing():
                self.closing = event
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _load(self, state: RoomState) -> None:
        self.roster.load(state)
        self._state = state
        early, self._early = self._early, []
        for event in early:
            self._hear(event)

    def _end_subscription(self, consumer_id: str) -> None:
        subscription = self.subscriptions.pop(consumer_id, None)
        if subscription is not None:
            task = asyncio.create_task(subscription.stop())
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)

    def _lose_media(self, reason: str) -> None:
        self._media_end = self._media_end or TransportError(reason)
        self._wake()

    async def _leave(self) -> None:
        if self.connection.end is None:
            # Whether or not it is answered, the connection closes next.
            with suppress(ClientError):
                await self.connection.request("room:leave", Nothing, within_s=LEAVE_WITHIN_S)

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
) -> AsyncIterator[Session]:
    """A session in `room`; it leaves, and everything of it ends, when this is left.

    `dtls_role` is this side's on every transport. Raises UnreachableError, RefusedError, LateError
    or ClosedError.
    """
    async with connected(url, tls=tls) as connection:
        authenticated = await connection.request(
            "auth:request", Authenticated, {"token": token, "roomId": room}
        )
        session = Session(connection, authenticated, dtls_role)
        with connection.listening(session._hear):
            state = await connection.request(
                "room:join", RoomState, {"roomId": room, "displayName": name}
            )
            session._load(state)
            ended = asyncio.create_task(_wake_at_the_end(session))
            try:
                yield session
            finally:
                await session._leave()
                await session._stop()
                ended.cancel()


async def _wake_at_the_end(session: Session) -> None:
    await session.connection.wait_closed()
    session._wake()

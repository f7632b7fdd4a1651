"""The WebSocket server: accepts browsers and owns their connections."""

import asyncio
import logging
import random
import secrets
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode as StandardCode
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from services.common.ids import PeerId, SessionId
from services.gateway.core.close_code import CloseCode
from services.gateway.core.limit import TokenBucket
from services.gateway.core.port import Upstream
from services.gateway.edge.connection import Connection, EdgeConfig, Identity
from services.gateway.edge.door import Door
from services.gateway.edge.http import HttpFront, Readiness
from services.gateway.edge.static import StaticFiles
from services.gateway.edge.tally import Tally
from services.gateway.edge.token import TokenVerifier

# Frames that wait for a connection that is busy; beyond, TCP holds the client back.
MAX_QUEUED_FRAMES = 16
CLOSE_TIMEOUT_S = 5.0
# Connections that the kernel keeps until they are accepted. All clients of a gateway that was
# restarted come at once; those for whom there is no place try again after 1, 3, 7 seconds.
BACKLOG = 4096
# Ping frames of one client, which no browser sends. The library answers each at once, even where
# the client reads nothing.
PING_FRAMES_PER_S = 10.0
PING_FRAME_BURST = 100


# Pong frames, and the further frames of messages in fragments, which a browser hardly sends.
OTHER_FRAMES_PER_S = 200.0
OTHER_FRAME_BURST = 1_000


# Bytes of a client that are parsed at a stretch, while everybody else waits: some fifty pings.
SLICE_BYTES = 4096


class SignalingSocket(ServerConnection):
    """Stays only where the door lets it; says the protocol's own close codes where the library
    says a standard one, or nothing."""

    def __init__(self, door: Door, protocol: ServerProtocol, *args: Any, **settings: Any) -> None:
        super().__init__(protocol, *args, **settings)
        now = self.loop.time()
        self._door = door
        self._peer: str | None = None
        self._is_let_in = False
        self._is_lost = False
        # What has been read and is not parsed yet.
        self._rest = memoryview(b"")
        self._pings = TokenBucket(PING_FRAMES_PER_S, PING_FRAME_BURST, now)
        self._others = TokenBucket(OTHER_FRAMES_PER_S, OTHER_FRAME_BURST, now)
        fail = protocol.fail

        def fail_by_protocol(code: StandardCode | int, reason: str = "") -> None:
            if code == StandardCode.MESSAGE_TOO_BIG:
                fail(CloseCode.TOO_LARGE, "message too large")
            else:
                fail(code, reason)

        # The protocol object fails a connection through this public method only.
        setattr(protocol, "fail", fail_by_protocol)  # noqa: B010 - mypy refuses the assignment

    def peer(self) -> str | None:
        return self._peer

    def throw_out(self) -> None:
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the library have the socket if the door lets it in; else it never hears of it."""
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if isinstance(name, tuple) else None
        # The door may throw it out at once.
        self.transport = cast(asyncio.Transport, transport)
        self._is_let_in = self._door.accept(self)
        if self._is_let_in:
            super().connection_made(transport)
            self.recv_messages.resume = self._go_on
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._rest = memoryview(b"")
        self._door.leave(self, has_flooded=self._has_flooded)
        if self._is_let_in:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let the library parse it, in slices between which others have their turn."""
        if len(data) <= SLICE_BYTES and not self._rest:
            super().data_received(data)
            return
        # Neither data nor the end of the connection comes before all of this is parsed.
        self.transport.pause_reading()
        is_busy = bool(self._rest)
        self._rest = memoryview(bytes(self._rest) + data)
        if not is_busy:
            self._parse_slice()

    def _parse_slice(self) -> None:
        piece, self._rest = bytes(self._rest[:SLICE_BYTES]), self._rest[SLICE_BYTES:]
        super().data_received(piece)
        # While the library's queue is full, it says itself when to go on.
        if not self.recv_messages.paused:
            self._go_on()

    def _go_on(self) -> None:
        if self._is_lost:
            return
        if self._rest:
            self.loop.call_soon(self._parse_slice)
        else:
            self.transport.resume_reading()

    def process_event(self, event: Event) -> None:
        """Let the library process it; one frame too many that is no message ends the connection."""
        if isinstance(event, Frame) and self.protocol.state is State.OPEN and self._is_flood(event):
            self.protocol.fail(CloseCode.FLOODING, "flooding")
            self.send_data()
            # Such a client may answer no close.
            self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)
        super().process_event(event)

    @property
    def _has_flooded(self) -> bool:
        close = self.protocol.close_sent
        return close is not None and close.code == CloseCode.FLOODING

    def _is_flood(self, frame: Frame) -> bool:
        match frame.opcode:
            case Opcode.PING:
                return not self._pings.take(self.loop.time())
            case Opcode.PONG | Opcode.CONT:
                return not self._others.take(self.loop.time())
            case _:
                return False


class EdgeServer:
    """Faces browsers. `start`, then `stop`, which sends everyone away first."""

    def __init__(
        self,
        config: EdgeConfig,
        verifier: TokenVerifier,
        upstream: Upstream,
        files: StaticFiles,
    ) -> None:
        self._config = config
        self._verifier = verifier
        self._upstream = upstream
        self._connections: set[Connection] = set()
        self._tally = Tally()
        self._door = Door(config.door, self._tally)
        self._http = HttpFront(files, self._door, self._tally, config.origins, self.readiness)
        self._server: Server | None = None
        # Once stopping: within which time clients come back.
        self._spread_ms: int | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen. Raises OSError where the port is not to be had."""
        self._server = await serve(
            self._serve,
            host,
            port,
            backlog=BACKLOG,
            ssl=tls,
            create_connection=cast(type[ServerConnection], partial(SignalingSocket, self._door)),
            process_request=self._http.answer,
            server_header=None,
            # Compression costs tens of kilobytes a connection, for messages of a few hundred bytes.
            compression=None,
            max_size=self._config.max_message_bytes,
            max_queue=MAX_QUEUED_FRAMES,
            open_timeout=self._config.handshake_timeout_s,
            ssl_handshake_timeout=self._config.handshake_timeout_s if tls else None,
            close_timeout=CLOSE_TIMEOUT_S,
            # The heartbeat is ours, because its close code is.
            ping_interval=None,
            logger=_quiet_logger(),
        )

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    def readiness(self) -> Readiness:
        """Whether a client could come in now, and find a worker."""
        trouble = self._verifier.trouble
        if not self._verifier.is_ready:
            return Readiness(False, f"no keys: {trouble or 'not fetched yet'}")
        if not self._upstream.is_ready:
            return Readiness(False, "no worker")
        return Readiness(True, "ready" if trouble is None else f"ready, with old keys: {trouble}")

    async def stop(self, spread_ms: int) -> None:
        """Tell every client to come back within `spread_ms`, close, wait until all is settled."""
        if self._server is None:
            return
        self._spread_ms = spread_ms
        self._server.close(close_connections=False)
        for connection in list(self._connections):
            connection.drain(after_ms=random.randint(0, spread_ms))
        await self._server.wait_closed()
        self._tally.close()

    @property
    def turned_away(self) -> Mapping[str, int]:
        """How often what was turned away, since the start."""
        return self._tally.counts

    async def _serve(self, socket: ServerConnection) -> None:
        guest = cast(SignalingSocket, socket)
        identity = Identity(
            SessionId(f"s-{secrets.token_hex(12)}"), PeerId(f"p-{secrets.token_hex(8)}")
        )
        share = self._door.came_in(guest)
        connection = Connection(
            socket,
            identity,
            self._config,
            self._verifier,
            self._upstream,
            share.messages if share is not None else None,
        )
        self._connections.add(connection)
        if self._spread_ms is not None:
            # Its handshake was over before the library stopped listening.
            connection.drain(after_ms=random.randint(0, self._spread_ms))
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)


def _quiet_logger() -> logging.Logger:
    # The library logs a stack trace for every scanner that does not finish its handshake.
    logger = logging.getLogger("services.gateway.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger

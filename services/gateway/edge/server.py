"""The WebSocket server: accepts browsers and owns their connections."""

import logging
import random
import secrets
import ssl
from typing import Any

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
from services.gateway.edge.http import HttpFront, Readiness
from services.gateway.edge.static import StaticFiles
from services.gateway.edge.token import TokenVerifier

# Frames that wait for a connection that is busy; beyond, TCP holds the client back.
MAX_QUEUED_FRAMES = 16
HANDSHAKE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
# Ping frames of one client, which no browser sends. The library answers each at once, even where
# the client reads nothing.
PING_FRAMES_PER_S = 10.0
PING_FRAME_BURST = 100


class SignalingSocket(ServerConnection):
    """Says the protocol's own close codes where the library says a standard one, or nothing."""

    def __init__(self, protocol: ServerProtocol, *args: Any, **settings: Any) -> None:
        super().__init__(protocol, *args, **settings)
        self._pings = TokenBucket(PING_FRAMES_PER_S, PING_FRAME_BURST, self.loop.time())
        fail = protocol.fail

        def fail_by_protocol(code: StandardCode | int, reason: str = "") -> None:
            if code == StandardCode.MESSAGE_TOO_BIG:
                fail(CloseCode.TOO_LARGE, "message too large")
            else:
                fail(code, reason)

        # The protocol object fails a connection through this public method only.
        setattr(protocol, "fail", fail_by_protocol)  # noqa: B010 - mypy refuses the assignment

    def process_event(self, event: Event) -> None:
        """Let the library process it; one ping frame too many ends the connection."""
        is_ping = isinstance(event, Frame) and event.opcode is Opcode.PING
        is_flood = is_ping and not self._pings.take(self.loop.time())
        if is_flood and self.protocol.state is State.OPEN:
            self.protocol.fail(CloseCode.FLOODING, "flooding")
            self.send_data()
        super().process_event(event)


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
        self._http = HttpFront(files, self.readiness, self._has_room)
        self._server: Server | None = None
        # Once stopping: within which time clients come back.
        self._spread_ms: int | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen. Raises OSError where the port is not to be had."""
        self._server = await serve(
            self._serve,
            host,
            port,
            ssl=tls,
            create_connection=SignalingSocket,
            process_request=self._http.answer,
            server_header=None,
            # Compression costs tens of kilobytes a connection, for messages of a few hundred bytes.
            compression=None,
            max_size=self._config.max_message_bytes,
            max_queue=MAX_QUEUED_FRAMES,
            open_timeout=HANDSHAKE_TIMEOUT_S,
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

    def _has_room(self) -> bool:
        return len(self._connections) < self._config.max_connections

    async def _serve(self, socket: ServerConnection) -> None:
        identity = Identity(
            SessionId(f"s-{secrets.token_hex(12)}"), PeerId(f"p-{secrets.token_hex(8)}")
        )
        connection = Connection(socket, identity, self._config, self._verifier, self._upstream)
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

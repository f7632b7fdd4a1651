"""What is written to one client: a bounded queue and the one task that empties it."""

import asyncio
from collections import deque
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from services.gateway.core.close_code import CloseCode


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    messages: int = 512
    bytes: int = 1024 * 1024
    # How long a client may take to read what was sent before a close.
    flush_s: float = 5.0


@dataclass(slots=True)
class _Frame:
    content: bytes
    key: str | None


class Outbox:
    """Frames for one socket, in order. Its `run` is the socket's only writer.

    A frame put under a key takes the place of the unwritten one under that key, so a slow reader
    gets the newest of what is only worth something new, and costs no more than one frame a key.
    """

    def __init__(self, socket: ServerConnection, limits: OutboxLimits) -> None:
        self._socket = socket
        self._limits = limits
        self._frames: deque[_Frame] = deque()
        # Those of the queue that a newer one may replace.
        self._by_key: dict[str, _Frame] = {}
        self._bytes = 0
        self._closing: tuple[CloseCode, str] | None = None
        self._wake = asyncio.Event()
        self._flush_timer: asyncio.TimerHandle | None = None

    @property
    def is_closing(self) -> bool:
        """Whether the socket is closed or about to be."""
        return self._closing is not None

    def put(self, content: bytes, key: str | None = None) -> bool:
        """Queue a frame. False where the client reads too slowly: the socket is then closed."""
        if self._closing is not None:
            return True
        self._bytes += len(content)
        older = self._by_key.get(key) if key is not None else None
        if older is not None:
            self._bytes -= len(older.content)
            older.content = content
        else:
            self._append(_Frame(content, key))
        if self._is_within_limits():
            return True
        self._clear()
        self.close(CloseCode.OVERLOADED, "too slow a reader")
        return False

    def _append(self, frame: _Frame) -> None:
        self._frames.append(frame)
        if frame.key is not None:
            self._by_key[frame.key] = frame
        self._wake.set()

    def _is_within_limits(self) -> bool:
        # One frame alone may be larger: the state of a full room says nothing about its reader.
        is_within_bytes = self._bytes <= self._limits.bytes or len(self._frames) == 1
        return len(self._frames) <= self._limits.messages and is_within_bytes

    def _clear(self) -> None:
        self._frames.clear()
        self._by_key.clear()
        self._bytes = 0

    def close(self, code: CloseCode, reason: str) -> None:
        """Close after the frames that are queued. Only the first close counts."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        self._wake.set()
        # The writer may hang in a frame that the client does not read.
        loop = asyncio.get_running_loop()
        self._flush_timer = loop.call_later(self._limits.flush_s, self._give_up)

    async def run(self) -> None:
        """Write until the socket closes."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write_all()
                if self._closing is not None:
                    code, reason = self._closing
                    await self._socket.close(code, reason)
                    return
        except ConnectionClosed:
            return
        finally:
            if self._flush_timer is not None:
                self._flush_timer.cancel()

    async def _write_all(self) -> None:
        while self._frames:
            frame = self._frames.popleft()
            if frame.key is not None:
                del self._by_key[frame.key]
            self._bytes -= len(frame.content)
            await self._socket.send(frame.content, text=True)

    def _give_up(self) -> None:
        # A close frame behind unread bytes would not arrive either.
        self._clear()
        if self._socket.state is not State.CLOSED:
            self._socket.transport.abort()

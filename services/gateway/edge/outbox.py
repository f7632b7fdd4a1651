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
    is_owed: bool


# The client broke the rules: what it still sends is not even parsed.
CUT_OFF = frozenset({CloseCode.BAD_FRAMES, CloseCode.FLOODING})


class Outbox:
    """Frames for one socket, in order; nobody else sends messages there.

    A frame is written at once where the client keeps up; else it waits in a queue that a task of
    its own empties. A frame put under a key takes the place of the unwritten one under that key, so
    a slow reader gets the newest of what is only worth something new, and costs no more than one
    frame a key.
    """

    def __init__(self, socket: ServerConnection, limits: OutboxLimits) -> None:
        self._socket = socket
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._frames: deque[_Frame] = deque()
        # Those of the queue that a newer one may replace.
        self._by_key: dict[str, _Frame] = {}
        # Without the frames that are owed.
        self._count = 0
        self._bytes = 0
        self._closing: tuple[CloseCode, str] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._flush_timer: asyncio.TimerHandle | None = None

    @property
    def is_closing(self) -> bool:
        """Whether the socket is closed or about to be."""
        return self._closing is not None

    def put(self, content: bytes, key: str | None = None, *, is_owed: bool = False) -> bool:
        """Write or queue a frame. False where the client reads too slowly: the socket is closed.

        `is_owed`: it does not count, since the client could not have read it before. Whoever puts
        such frames bounds them.
        """
        if self._closing is not None:
            return True
        if not self._frames and self._write_now(content):
            return True
        if is_owed:
            self._append(_Frame(content, None, is_owed=True))
            return True
        self._bytes += len(content)
        older = self._by_key.get(key) if key is not None else None
        if older is not None:
            self._bytes -= len(older.content)
            older.content = content
        else:
            self._append(_Frame(content, key, is_owed=False))
            self._count += 1
        if self._is_within_limits():
            return True
        self._clear()
        self.close(CloseCode.OVERLOADED, "too slow a reader")
        return False

    def close(self, code: CloseCode, reason: str) -> None:
        """Close after the frames that are queued. Only the first close counts."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        # The client may read nothing more, or answer no close.
        self._flush_timer = self._loop.call_later(self._limits.flush_s, self._give_up)
        if code in CUT_OFF and self._socket.state is State.OPEN:
            self._clear()
            self._socket.protocol.fail(code, reason)
            self._socket.send_data()
        else:
            self._start_writer()

    def end(self) -> None:
        """The socket is gone: free everything."""
        self._closing = self._closing or (CloseCode.ABNORMAL, "")
        self._clear()
        if self._writer is not None:
            self._writer.cancel()
        if self._flush_timer is not None:
            self._flush_timer.cancel()

    def _write_now(self, content: bytes) -> bool:
        """Write without a task, unless earlier bytes still wait for the client."""
        socket = self._socket
        if socket.paused or socket.state is not State.OPEN:
            return False
        socket.protocol.send_text(content)
        socket.send_data()
        return True

    def _append(self, frame: _Frame) -> None:
        self._frames.append(frame)
        if frame.key is not None:
            self._by_key[frame.key] = frame
        self._start_writer()

    def _is_within_limits(self) -> bool:
        # One frame alone may be larger: the state of a full room says nothing about its reader.
        is_within_bytes = self._bytes <= self._limits.bytes or self._count == 1
        return self._count <= self._limits.messages and is_within_bytes

    def _clear(self) -> None:
        self._frames.clear()
        self._by_key.clear()
        self._count = 0
        self._bytes = 0

    def _start_writer(self) -> None:
        if self._writer is None:
            self._writer = self._loop.create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            # The frames that were written at once may not have reached the client.
            await self._socket.drain()
            while self._frames:
                frame = self._frames.popleft()
                if frame.key is not None:
                    del self._by_key[frame.key]
                if not frame.is_owed:
                    self._count -= 1
                    self._bytes -= len(frame.content)
                await self._socket.send(frame.content, text=True)
            if self._closing is not None:
                code, reason = self._closing
                await self._socket.close(code, reason)
        except (ConnectionClosed, OSError):
            return
        finally:
            self._writer = None

    def _give_up(self) -> None:
        # A close frame behind unread bytes would not arrive either.
        self._clear()
        if self._socket.state is not State.CLOSED:
            self._socket.transport.abort()

"""A TCP proxy on loopback that breaks connections in the middle, as networks do."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_CHUNK_BYTES = 4096


@dataclass(slots=True)
class Proxy:
    """Forwards to `target`. Each further connection breaks after the next number of `budgets`.

    That many bytes of the server's get through; then both sides see a reset, and what is on the way
    is lost. `chunk_bytes` and `pause_s` make a slow network: so little at a time, with such pauses.
    While `is_silent`, nothing gets through and nobody is told, as where a cable is pulled out.
    """

    target: tuple[str, int]
    port: int = 0
    budgets: Iterator[int] = field(default_factory=lambda: iter(()))
    chunk_bytes: int = _CHUNK_BYTES
    pause_s: float = 0.0
    is_silent: bool = False
    cuts: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def cut(self) -> None:
        """Break every connection there is, now."""
        for task in tuple(self._tasks):
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        upstream_reader, upstream_writer = await asyncio.open_connection(*self.target)
        both = (writer, upstream_writer)
        up = asyncio.create_task(self._pump(reader, upstream_writer, None))
        down = asyncio.create_task(self._pump(upstream_reader, writer, next(self.budgets, None)))
        self._tasks |= {up, down}
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._tasks.discard(task)
        for each in both:
            each.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(self.chunk_bytes):
                if self.is_silent:
                    # Lost with its connection: TCP would send it again, but not for ever.
                    continue
                if budget is not None and len(chunk) >= budget:
                    writer.write(chunk[:budget])
                    await writer.drain()
                    self.cuts += 1
                    return
                if budget is not None:
                    budget -= len(chunk)
                writer.write(chunk)
                await writer.drain()
                if self.pause_s:
                    await asyncio.sleep(self.pause_s)


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[Proxy]:
    """A proxy in front of a port of this machine."""
    proxy = Proxy(("127.0.0.1", port))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(proxy._tasks):
            task.cancel()

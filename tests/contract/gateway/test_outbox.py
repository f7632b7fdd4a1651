"""What is written to a client that reads slowly, over a real socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from services.gateway.core.close_code import CloseCode
from services.gateway.edge.outbox import Outbox, OutboxLimits

# More than the kernel keeps on the way between two sockets of one machine.
PLUG = b"p" * (16 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Stuck:
    """An outbox whose writer waits in the middle of PLUG, and the client that can let it go on."""

    outbox: Outbox
    client: ClientConnection

    async def rest(self) -> list[str]:
        """Everything after PLUG, up to the close."""
        self.client.transport.resume_reading()
        frames: list[str] = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                frames.append(str(await self.client.recv()))
        assert frames[0] == PLUG.decode()
        return frames[1:]


@contextlib.asynccontextmanager
async def stuck(limits: OutboxLimits) -> AsyncIterator[Stuck]:
    made: asyncio.Future[Outbox] = asyncio.get_running_loop().create_future()

    async def accept(socket: ServerConnection) -> None:
        outbox = Outbox(socket, limits)
        made.set_result(outbox)
        await socket.wait_closed()
        outbox.end()

    async with serve(accept, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(
            f"ws://127.0.0.1:{port}",
            compression=None,
            proxy=None,
            max_size=None,
            ping_interval=None,
        ) as client:
            client.transport.pause_reading()
            outbox = await made
            outbox.put(PLUG)
            yield Stuck(outbox, client)


async def test_newer_frame_of_a_key_takes_the_place_of_the_unwritten_one() -> None:
    async with stuck(OutboxLimits(flush_s=60)) as slow:
        slow.outbox.put(b"score of a: 1", "score a")
        slow.outbox.put(b"joined")
        slow.outbox.put(b"score of b: 1", "score b")
        slow.outbox.put(b"score of a: 2", "score a")
        slow.outbox.put(b"left")
        slow.outbox.put(b"score of a: 3", "score a")
        slow.outbox.close(CloseCode.NORMAL, "over")

        assert await slow.rest() == ["score of a: 3", "joined", "score of b: 1", "left"]


async def test_frame_that_is_written_is_not_replaced() -> None:
    async with stuck(OutboxLimits(flush_s=60)) as slow:
        slow.outbox.put(b"1", "score a")
        slow.client.transport.resume_reading()
        assert await slow.client.recv() == PLUG.decode()
        assert await slow.client.recv() == "1"
        slow.outbox.put(b"2", "score a")
        assert await slow.client.recv() == "2"


async def test_frames_of_few_keys_never_close_a_slow_reader() -> None:
    async with stuck(OutboxLimits(messages=4, bytes=2048, flush_s=60)) as slow:
        assert all(slow.outbox.put(b"%d" % n, f"score {n % 4}") for n in range(10_000))
        slow.outbox.close(CloseCode.NORMAL, "over")

        assert await slow.rest() == ["9996", "9997", "9998", "9999"]


async def test_larger_replacement_counts_against_the_bound_of_bytes() -> None:
    async with stuck(OutboxLimits(messages=10, bytes=100, flush_s=60)) as slow:
        assert slow.outbox.put(b"x" * 60)
        assert slow.outbox.put(b"y", "score a")
        assert not slow.outbox.put(b"y" * 60, "score a")

        assert await slow.rest() == []
        assert slow.client.close_code == 1013


async def test_frames_that_nothing_replaces_close_a_slow_reader() -> None:
    async with stuck(OutboxLimits(messages=3, flush_s=60)) as slow:
        assert [slow.outbox.put(b"x") for _ in range(4)] == [True, True, True, False]

        assert await slow.rest() == []
        assert slow.client.close_code == 1013

"""Who gets in, from where, and how many: real sockets that mean no good."""

import asyncio
import contextlib
import gc
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.client import connected
from tests.support.frame import frame
from tests.support.gateway import (
    ROOM,
    RunningGateway,
    RunningWorker,
    joined,
    mint,
    ready,
    running_gateway,
)
from tests.support.poll import eventually, until

WITHIN_S = 20.0
# What 20,000 file descriptors of this process allow is less than two ends of each socket.
CROWD = 10_000
UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def dialled(gateway: RunningGateway, source: str = "127.0.0.1") -> AsyncIterator[Stream]:
    """A bare TCP connection from an address of this machine."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", gateway.app.port, local_addr=(source, 0)
    )
    try:
        yield reader, writer
    finally:
        writer.close()


async def upgrade(stream: Stream, *headers: str) -> int:
    """The HTTP status of a WebSocket handshake with these header lines."""
    reader, writer = stream
    writer.write((UPGRADE + "".join(f"{line}\r\n" for line in headers) + "\r\n").encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WITHIN_S)
    return int(head.split()[1])


async def is_dropped(stream: Stream) -> bool:
    """Whether the other end has closed without a word."""
    try:
        return await asyncio.wait_for(stream[0].read(), WITHIN_S) == b""
    except ConnectionResetError:
        return True


# Origin.


async def test_page_of_another_site_gets_403_before_the_upgrade(gateway: RunningGateway) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(gateway.url, origin="https://evil.org", proxy=None):  # type: ignore[arg-type]
            pass
    assert caught.value.response.status_code == 403
    async with dialled(gateway) as stream:
        assert await upgrade(stream, "Origin: http://x", "Origin: http://x") == 403
    assert gateway.app.turned_away["origin"] == 2


async def test_own_and_listed_pages_and_programs_get_in(worker: RunningWorker) -> None:
    async with running_gateway(
        worker.address, allowed_origins="https://exam.example.org"
    ) as gateway:
        for headers in ([], ["Origin: http://x"], ["Origin: https://exam.example.org"]):
            async with dialled(gateway) as stream:
                assert await upgrade(stream, *headers) == 101


# Addresses.


async def test_address_that_has_too_many_sockets_is_dropped_and_others_are_not(
    worker: RunningWorker,
) -> None:
    async with running_gateway(worker.address, connections_per_address=3) as gateway:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                stream = await stack.enter_async_context(dialled(gateway))
                assert await upgrade(stream) == 101
            assert await is_dropped(await stack.enter_async_context(dialled(gateway)))
            other = await stack.enter_async_context(dialled(gateway, "127.0.0.2"))
            assert await upgrade(other) == 101

        async def gets_in() -> bool:
            async with dialled(gateway) as stream:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    return await upgrade(stream) == 101
            return False

        await until(gets_in, "room for the address again")


async def test_address_that_connects_too_fast_is_dropped(worker: RunningWorker) -> None:
    async with running_gateway(
        worker.address, connect_burst_per_address=5, connects_per_address_per_s=0.001
    ) as gateway:
        for _ in range(5):
            async with dialled(gateway) as stream:
                assert await upgrade(stream) == 101
        async with dialled(gateway) as stream:
            assert await is_dropped(stream)
        async with dialled(gateway, "127.0.0.2") as stream:
            assert await upgrade(stream) == 101
        assert gateway.app.turned_away == {"address.connects": 1}


async def test_clients_behind_a_trusted_proxy_are_told_apart(worker: RunningWorker) -> None:
    async with (
        running_gateway(
            worker.address, connections_per_address=2, trusted_proxies="127.0.0.0/8"
        ) as gateway,
        contextlib.AsyncExitStack() as stack,
    ):

        async def status(forwarded: str) -> int:
            stream = await stack.enter_async_context(dialled(gateway))
            return await upgrade(stream, f"X-Forwarded-For: {forwarded}")

        for _ in range(2):
            assert await status("192.0.2.1") == 101
        # Whatever a client claims stands to the left.
        assert await status("192.0.2.77, 192.0.2.1") == 429
        assert await status("192.0.2.2") == 101
        assert await status("2001:db8:0:1::1") == 101
        assert await status("2001:db8:0:1:ffff::2") == 101
        assert await status("2001:db8:0:1::3") == 429
        assert await status("2001:db8:0:2::1") == 101


async def test_malformed_forwarded_header_is_ignored_and_counted(worker: RunningWorker) -> None:
    async with (
        running_gateway(
            worker.address, connections_per_address=1, trusted_proxies="127.0.0.0/8"
        ) as gateway,
        dialled(gateway) as first,
        dialled(gateway) as second,
    ):
        assert await upgrade(first, "X-Forwarded-For: nobody") == 101
        # Both are the proxy itself.
        assert await upgrade(second, "X-Forwarded-For: ::::") == 429
        assert gateway.app.turned_away["forwarded.malformed"] == 2


async def test_forwarded_header_from_anyone_else_is_not_believed(worker: RunningWorker) -> None:
    async with (
        running_gateway(worker.address, connections_per_address=1) as gateway,
        dialled(gateway) as first,
        dialled(gateway) as second,
    ):
        assert await upgrade(first, "X-Forwarded-For: 192.0.2.1") == 101
        assert await is_dropped(second)


async def test_flood_from_many_sockets_of_an_address_is_limited_together(
    worker: RunningWorker,
) -> None:
    async with running_gateway(
        worker.address,
        message_burst_per_address=10,
        messages_per_address_per_s=0.001,
        flood_messages=3,
    ) as gateway:

        async def send(count: int) -> list[str]:
            async with connect(gateway.url, compression=None, proxy=None) as socket:
                for _ in range(count):
                    await socket.send(frame("ping"))
                answers: list[str] = []
                with contextlib.suppress(ConnectionClosed):
                    while len(answers) < count:
                        answers.append(json.loads(await socket.recv())["payload"]["code"])
                assert len(answers) == count or socket.close_code == 4429
                return answers

        assert await send(10) == ["UNAUTHORIZED"] * 10
        assert await send(2) == ["RATE_LIMITED"] * 2
        assert await send(9) == ["RATE_LIMITED"] * 3


async def test_address_that_floods_again_and_again_is_let_in_ever_more_slowly(
    worker: RunningWorker,
) -> None:
    async with running_gateway(
        worker.address,
        message_burst=1,
        flood_messages=3,
        connect_burst_per_address=120,
        connects_per_address_per_s=0.001,
    ) as gateway:

        async def flood() -> int | None:
            async with connect(gateway.url, compression=None, proxy=None) as socket:
                with contextlib.suppress(ConnectionClosed):
                    for _ in range(10):
                        await socket.send(frame("ping"))
                await socket.wait_closed()
                return socket.close_code

        # Each costs 51 new connections of 120, the last on credit.
        assert [await flood() for _ in range(3)] == [4429] * 3
        async with dialled(gateway) as stream:
            assert await is_dropped(stream)
        async with dialled(gateway, "127.0.0.2") as stream:
            assert await upgrade(stream) == 101


async def test_messages_that_come_in_one_piece_are_all_answered_in_order(
    worker: RunningWorker,
) -> None:
    async with (
        running_gateway(worker.address, message_burst=100_000, waiting_requests=100_000) as gateway,
        connected(gateway.url) as client,
    ):
        await client.authenticate(mint(), ROOM)
        pongs = await asyncio.gather(
            *(client.request("ping", {"number": n, "pad": "x" * 3000}) for n in range(500))
        )
        assert [pong.payload["number"] for pong in pongs] == list(range(500))
        sent = [json.loads(text)["payload"].get("number") for text in client.frames[1:]]
        assert sent == list(range(500))


# The lobby.


async def test_half_open_sockets_make_room_for_a_newcomer(worker: RunningWorker) -> None:
    async with running_gateway(worker.address, max_http_connections=20) as gateway:
        await ready(gateway)
        async with contextlib.AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(dialled(gateway, "127.0.0.2")) for _ in range(100)
            ]
            async with joined(gateway, "candidate", "Ada") as ada:
                assert (await ada.request("ping")).type == "pong"
            dropped = await asyncio.gather(*map(is_dropped, streams[:80]))
            assert all(dropped)
        assert gateway.app.turned_away["lobby.full"] >= 80


async def test_half_open_socket_is_dropped_in_time(worker: RunningWorker) -> None:
    async with (
        running_gateway(worker.address, handshake_timeout_ms=50) as gateway,
        dialled(gateway) as silent,
        dialled(gateway) as slow,
    ):
        slow[1].write(b"GET /ws HTTP/1.1\r\nHost: x\r\n")
        assert await is_dropped(silent)
        assert await is_dropped(slow)


async def test_readers_who_do_not_read_a_page_cost_bounded_memory(
    worker: RunningWorker, tmp_path: Path
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "app-1a2b.js").write_bytes(b"x" * 4_000_000)
    request = b"GET /assets/app-1a2b.js HTTP/1.1\r\nHost: x\r\n\r\n"
    async with (
        running_gateway(worker.address, console_dir=tmp_path) as gateway,
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(40):
            reader, writer = await stack.enter_async_context(dialled(gateway, "127.0.0.2"))
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(request)
        # 64 MiB hold sixteen of these answers.
        await eventually(
            lambda: gateway.app.turned_away.get("lobby.full", 0) >= 40 - 16,
            what="the oldest readers are dropped",
        )
        reader, writer = await stack.enter_async_context(dialled(gateway))
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), WITHIN_S)
        assert answer.endswith(b"x" * 4_000_000)


# Frames that are no messages.


@pytest.mark.parametrize(
    ("name", "head", "repeated"),
    [
        # Masked with zeros (RFC 6455, 5.2): empty pongs, and a text in empty fragments.
        ("pongs", b"", b"\x8a\x80\x00\x00\x00\x00"),
        ("fragments", b"\x01\x80\x00\x00\x00\x00", b"\x00\x80\x00\x00\x00\x00"),
    ],
)
async def test_flood_of_frames_that_are_no_messages_is_cut_off(
    gateway: RunningGateway, name: str, head: bytes, repeated: bytes
) -> None:
    async with dialled(gateway) as stream:
        assert await upgrade(stream) == 101
        stream[1].write(head + repeated * 5_000)
        data = await asyncio.wait_for(stream[0].read(), WITHIN_S)

    assert (4429).to_bytes(2, "big") in data, name


# Crowds.


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


async def _crowd(gateway: RunningGateway) -> dict[str, int]:
    """How CROWD WebSockets that never authenticate end; they are another process's."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.crowd", str(gateway.app.port), str(CROWD)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    ends = json.loads(output)
    assert isinstance(ends, dict)
    return ends


# Half a minute when nothing else runs, five times that where six others want the same two cores.
@pytest.mark.timeout(900)
async def test_ten_thousand_sockets_that_never_authenticate_leave_nothing_behind(
    worker: RunningWorker,
) -> None:
    async with running_gateway(
        worker.address,
        # Most are there at once, on a slow machine too.
        auth_timeout_ms=15_000,
        handshake_timeout_ms=60_000,
        max_connections=2 * CROWD,
        # The worker shares this process, which has other things to do.
        worker_silence_ms=60_000,
        connections_per_address=2 * CROWD,
        connect_burst_per_address=2 * CROWD,
    ) as gateway:
        await ready(gateway)
        async with joined(gateway, "candidate", "Ada") as ada:
            tasks, objects = len(asyncio.all_tasks()), _objects()
            assert await _crowd(gateway) == {"4401": CROWD}
            assert (await ada.request("ping")).type == "pong"
            await eventually(
                lambda: len(asyncio.all_tasks()) <= tasks, what="no task is left of the crowd"
            )
            # One object kept for each of them would show tenfold.
            assert _objects() - objects < CROWD / 10


async def test_sockets_beyond_the_limit_are_told_so(worker: RunningWorker) -> None:
    async with running_gateway(worker.address, max_connections=2) as gateway:
        async with contextlib.AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(dialled(gateway)) for _ in range(3)]
            assert [await upgrade(stream) for stream in streams] == [101, 101, 503]
        async with connected(gateway.url) as client:
            await client.authenticate(mint(), ROOM)

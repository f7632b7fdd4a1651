"""Load on a gateway, from a process of its own: `python -m tests.bench.load WHAT PORT …`.

Prints one line of JSON.

    ping  PORT TOKENFILE COUNT SECONDS PAUSE   COUNT clients ping, each again PAUSE after its pong
    idle  PORT TOKENFILE COUNT                 COUNT clients do nothing until standard input ends
    flood PORT SECONDS                         one client sends as fast as it can, ever again

It speaks WebSocket frames itself, so that it costs a fraction of what it measures.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import uvloop

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
OPENED_AT_ONCE = 50
WITHIN_S = 60.0


def masked(body: dict[str, object]) -> bytes:
    """A text frame of a client (RFC 6455, 5.2), masked with zeros."""
    text = json.dumps(body).encode()
    assert len(text) < 65536
    head = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return b"\x81" + head + bytes(4) + text


def message(kind: str, payload: object = None) -> bytes:
    body: dict[str, object] = {
        "type": kind,
        "timestamp": int(time.time() * 1000),
        "correlationId": "c1",
    }
    return masked(body if payload is None else {**body, "payload": payload})


class Client(asyncio.Protocol):
    """One WebSocket. `on_text` is called with every text frame."""

    def __init__(self) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self.on_text: Callable[[bytes], None] = lambda _: None
        self.transport: asyncio.Transport | None = None
        self._data = b""

    @property
    def is_heard(self) -> bool:
        """Whether the other end reads what is sent."""
        return self.transport is not None and self.transport.get_write_buffer_size() < 65536

    def send(self, frame: bytes) -> None:
        assert self.transport is not None
        self.transport.write(frame)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(HANDSHAKE)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the socket closed in its handshake"))
            self.opened.exception()

    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        if not self.opened.done():
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._data = head
                return
            if b" 101 " not in head:
                self.opened.set_exception(ConnectionError(head[:40].decode()))
                return
            self.opened.set_result(None)
        at = 0
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if len(data) < start + size:
                break
            self._take(data[at] & 15, data[start : start + size])
            at = start + size
        self._data = data[at:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 1:
            self.on_text(payload)
        elif opcode == 9:
            self.send(b"\x8a" + bytes([0x80 | len(payload)]) + bytes(4) + payload)
        elif opcode == 8 and self.transport is not None:
            # What is still to be sent would be waited for.
            self.transport.abort()


async def dial(port: int, source: str = "127.0.0.1") -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(Client, "127.0.0.1", port, local_addr=(source, 0))
    await asyncio.wait_for(client.opened, WITHIN_S)
    return client


async def authenticated(port: int, token: str, opening: asyncio.Semaphore) -> Client:
    async with opening:
        client = await dial(port)
        answered = asyncio.get_running_loop().create_future()
        client.on_text = answered.set_result
        client.send(message("auth:request", {"token": token, "roomId": "bench"}))
        answer = json.loads(await asyncio.wait_for(answered, WITHIN_S))
    if answer["type"] != "auth:response":
        raise ConnectionError(str(answer))
    return client


async def crowd(port: int, token: str, count: int) -> list[Client]:
    opening = asyncio.Semaphore(OPENED_AT_ONCE)
    return await asyncio.gather(*(authenticated(port, token, opening) for _ in range(count)))


async def ping(port: int, token: str, count: int, seconds: float, pause: float) -> object:
    """Times of all pongs, in milliseconds."""
    clients = await crowd(port, token, count)
    loop = asyncio.get_running_loop()
    frame = message("ping")
    times: list[float] = []
    end = loop.time() + seconds

    def start(client: Client) -> None:
        sent = time.perf_counter()

        def pong(_: bytes) -> None:
            times.append((time.perf_counter() - sent) * 1000)
            if loop.time() >= end:
                return
            if pause:
                loop.call_later(pause, start, client)
            else:
                start(client)

        client.on_text = pong
        client.send(frame)

    for number, client in enumerate(clients):
        # Spread over the pause, so that they do not come in waves.
        loop.call_later(pause * number / count, start, client)
    print("started", flush=True)
    await asyncio.sleep(seconds)
    return times


async def idle(port: int, token: str, count: int) -> object:
    clients = await crowd(port, token, count)
    print("started", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    return sum(not client.closed.is_set() for client in clients)


async def flood(port: int, seconds: float) -> object:
    """How often the gateway cut it off."""
    end = asyncio.get_running_loop().time() + seconds
    burst = message("ping") * 100
    cut = 0
    while asyncio.get_running_loop().time() < end:
        try:
            # Another address than the neighbours', who would share its limits.
            client = await dial(port, "127.0.0.2")
        except OSError:
            await asyncio.sleep(0)
            continue
        while not client.closed.is_set() and asyncio.get_running_loop().time() < end:
            if client.is_heard:
                client.send(burst)
            await asyncio.sleep(0)
        cut += client.closed.is_set()
        if client.transport is not None:
            client.transport.abort()
    return cut


async def main(what: str, port: int, *words: str) -> object:
    match what:
        case "ping":
            token, count, seconds, pause = words
            return await ping(port, _read(token), int(count), float(seconds), float(pause))
        case "idle":
            token, count = words
            return await idle(port, _read(token), int(count))
        case _:
            return await flood(port, float(words[0]))


def _read(path: str) -> str:
    return Path(path).read_text()


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))))

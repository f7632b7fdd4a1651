"""What a hostile or broken client gets: the specified error, the specified close code, no more."""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

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

WITHIN_S = 10.0


def raw(gateway: RunningGateway, **options: Any) -> connect:
    return connect(gateway.url, compression=None, proxy=None, **options)


async def answer(socket: ClientConnection) -> dict[str, Any]:
    parsed = json.loads(await asyncio.wait_for(socket.recv(), WITHIN_S))
    assert isinstance(parsed, dict)
    return parsed


async def error(socket: ClientConnection) -> tuple[str, str]:
    message = await answer(socket)
    assert message["type"] == "error"
    return message["payload"]["code"], message["payload"]["details"]["reason"]


async def close_code(socket: ClientConnection) -> int | None:
    await asyncio.wait_for(socket.wait_closed(), WITHIN_S)
    return socket.close_code


async def test_frames_that_are_no_messages_are_errors_and_the_third_closes(
    gateway: RunningGateway,
) -> None:
    async with raw(gateway) as client:
        await client.send("{")
        assert await error(client) == ("INVALID_MESSAGE", "NOT_JSON")
        await client.send(b"\x00\x01")
        assert await error(client) == ("INVALID_MESSAGE", "BINARY_FRAME")
        await client.send("[]")
        assert await error(client) == ("INVALID_MESSAGE", "NOT_AN_OBJECT")
        assert await close_code(client) == 4400


async def test_text_that_is_not_utf8_is_closed_by_the_websocket_protocol(
    gateway: RunningGateway,
) -> None:
    async with raw(gateway) as client:
        await client.send(b"\xff\xfe", text=True)
        assert await close_code(client) == 1007


async def test_unknown_type_and_wrong_payload_keep_the_socket(gateway: RunningGateway) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        unknown = await ada.request("room:paint")
        assert unknown.payload["details"]["reason"] == "UNKNOWN_TYPE"
        wrong = await ada.request("produce", {"kind": "smell"})
        assert wrong.payload["code"] == "INVALID_MESSAGE"
        assert wrong.payload["details"] == {"reason": "BAD_FIELD", "field": "payload.kind"}
        assert (await ada.request("ping")).type == "pong"


async def test_message_before_auth_is_unauthorized(gateway: RunningGateway) -> None:
    async with raw(gateway) as client:
        await client.send(frame("room:join", {"roomId": ROOM, "displayName": "A"}))
        assert await error(client) == ("UNAUTHORIZED", "NOT_AUTHENTICATED")
        await client.send(frame("auth:request", {"token": mint(), "roomId": ROOM}))
        assert (await answer(client))["type"] == "auth:response"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "TOKEN_MISSING"),
        ("", "TOKEN_MISSING"),
        ("garbage", "TOKEN_INVALID"),
        (mint()[:-4] + "AAAA", "TOKEN_INVALID"),
        (mint(exp=int(time.time()) - 60), "TOKEN_EXPIRED"),
        # {"alg":"none"} and {"sub":"ada","room":"exam","role":"proctor","exp":4102444800}
        (
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJyb29tIjoiZXhhbSIsInJvbGUiOiJwcm9jdG9yIiwi"
            "ZXhwIjo0MTAyNDQ0ODAwfQ.",
            "TOKEN_INVALID",
        ),
    ],
)
async def test_token_that_is_no_good_is_an_error_and_then_4401(
    gateway: RunningGateway, token: str | None, reason: str
) -> None:
    payload = {"roomId": ROOM} | ({} if token is None else {"token": token})
    async with raw(gateway) as client:
        await client.send(frame("auth:request", payload, correlationId="c1"))

        assert await error(client) == ("UNAUTHORIZED", reason)
        assert await close_code(client) == 4401


async def test_token_for_another_room_is_forbidden(gateway: RunningGateway) -> None:
    async with raw(gateway) as client:
        await client.send(frame("auth:request", {"token": mint(), "roomId": "other"}))

        assert await error(client) == ("FORBIDDEN", "WRONG_ROOM")
        assert await close_code(client) == 4403


async def test_silent_socket_is_closed(worker: RunningWorker) -> None:
    async with (
        running_gateway(worker.address, auth_timeout_ms=50) as gateway,
        raw(gateway) as client,
    ):
        assert await close_code(client) == 4401


@pytest.mark.parametrize("size", [64 * 1024 + 1, 4 * 1024 * 1024])
async def test_message_that_is_too_large_is_closed_with_4413(
    gateway: RunningGateway, size: int
) -> None:
    client = await raw(gateway)
    await client.send("x" * size)

    assert await close_code(client) == 4413


async def test_message_in_fragments_that_is_too_large_is_closed_with_4413(
    gateway: RunningGateway,
) -> None:
    client = await raw(gateway)
    with suppress(ConnectionClosed):
        await client.send("x" * 1024 for _ in range(100))

    assert await close_code(client) == 4413


async def test_largest_message_allowed_is_read(gateway: RunningGateway) -> None:
    async with raw(gateway) as client:
        text = frame("auth:request", {"token": mint(), "roomId": ROOM}, padding="")
        await client.send(
            text.replace('"padding": ""', f'"padding": "{"x" * (65536 - len(text))}"')
        )

        assert (await answer(client))["type"] == "auth:response"


async def test_flood_is_limited_and_then_cut_off(worker: RunningWorker) -> None:
    async with running_gateway(
        worker.address, message_burst=5, messages_per_s=0.001, flood_messages=3
    ) as gateway:
        await ready(gateway)
        async with raw(gateway) as client:
            for n in range(9):
                await client.send(frame("ping", correlationId=f"c{n}"))
            codes = [(await error(client))[0] for _ in range(8)]

            assert codes == ["UNAUTHORIZED"] * 5 + ["RATE_LIMITED"] * 3
            assert await close_code(client) == 4429


async def test_flood_of_ping_frames_is_cut_off(gateway: RunningGateway) -> None:
    reader, writer = await _bare_socket(gateway)
    # An empty ping frame, masked with zeros (RFC 6455, 5.5.2).
    writer.write(b"\x89\x80\x00\x00\x00\x00" * 1000)
    data = await asyncio.wait_for(reader.read(), WITHIN_S)
    writer.close()

    assert b"\x88" + bytes([2 + len("flooding")]) + (4429).to_bytes(2, "big") in data


async def test_client_that_answers_no_ping_is_closed_with_4408(worker: RunningWorker) -> None:
    async with running_gateway(worker.address, ping_interval_ms=20, ping_timeout_ms=50) as gateway:
        reader, writer = await _bare_socket(gateway)
        data = await asyncio.wait_for(reader.read(), WITHIN_S)
        writer.close()

    # A close frame: FIN and opcode 8, its length, the code in two bytes.
    assert b"\x88" + bytes([2 + len("heartbeat lost")]) + (4408).to_bytes(2, "big") in data


async def test_client_that_answers_pings_stays(worker: RunningWorker) -> None:
    async with running_gateway(
        worker.address, ping_interval_ms=10, ping_timeout_ms=2_000
    ) as gateway:
        await ready(gateway)
        async with joined(gateway, "candidate", "Ada") as ada:
            for _ in range(20):
                assert (await ada.request("ping")).type == "pong"
                await asyncio.sleep(0.01)


async def test_client_that_does_not_read_is_closed_with_1013(worker: RunningWorker) -> None:
    async with running_gateway(
        worker.address,
        send_queue_messages=20,
        flush_timeout_ms=60_000,
        message_burst=100_000,
        messages_per_s=100_000.0,
    ) as gateway:
        await ready(gateway)
        reader, writer = await _bare_socket(gateway)
        transport = cast(asyncio.Transport, writer.transport)
        transport.pause_reading()
        # Much more than the kernel keeps on the way, so that it piles up in the gateway.
        writer.write(_masked(frame("auth:request", {"token": mint(), "roomId": ROOM})))
        ping = _masked(frame("ping", {"x": "y" * 4000}))
        for _ in range(2500):
            writer.write(ping)
            await asyncio.wait_for(writer.drain(), WITHIN_S)
        transport.resume_reading()
        data = await asyncio.wait_for(reader.read(), WITHIN_S)
        writer.close()

    assert len(data) < 2500 * 4000
    assert b"\x88" + bytes([2 + len("too slow a reader")]) + (1013).to_bytes(2, "big") in data


async def test_one_clients_mess_does_not_disturb_another(gateway: RunningGateway) -> None:
    async with joined(gateway, "proctor", "Pat") as pat:
        for text in ("{", "[" * 60_000, '{"type":"ping"}', "\x00" * 100):
            async with raw(gateway) as client:
                await client.send(text)
                await answer(client)
        async with connected(gateway.url) as ada:
            await ada.authenticate(mint(), ROOM)
            await ada.join(ROOM, "Ada")
            await pat.event("participant:joined")


async def test_gateway_without_a_worker_says_when_to_try_again() -> None:
    async with running_gateway("127.0.0.1:1") as gateway, connected(gateway.url) as client:
        await client.authenticate(mint(), ROOM)
        refused = await client.request("room:join", {"roomId": ROOM, "displayName": "Ada"})

        assert refused.payload["code"] == "UNAVAILABLE"
        assert refused.payload["details"] == {"reason": "NO_WORKER", "retryAfterMs": 1000}


async def _bare_socket(
    gateway: RunningGateway,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket client that never answers anything."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.app.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WITHIN_S)
    return reader, writer


def _masked(text: str) -> bytes:
    """A text frame of a client (RFC 6455, 5.2), masked with zeros."""
    payload = text.encode()
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload

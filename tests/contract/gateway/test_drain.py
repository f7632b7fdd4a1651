"""A gateway that goes down sends everyone away, those too who come at that very moment."""

import asyncio

import pytest

from tests.support.gateway import RunningWorker, joined, ready, running_gateway

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
WITHIN_S = 8.0


async def test_client_is_told_to_come_back(worker: RunningWorker) -> None:
    async with running_gateway(worker.address) as gateway:
        await ready(gateway)
        async with joined(gateway, "candidate", "Ada") as ada:
            await gateway.app.stop()
            closing = (await ada.event("session:closing")).payload

            assert closing == {"reason": "GATEWAY_RESTARTING", "action": "resume", "afterMs": 0}
            assert await ada.close_code() == 1012


# How far the handshake has come when the gateway is stopped, in turns of the event loop.
@pytest.mark.parametrize("turns", range(8))
async def test_client_in_the_middle_of_its_handshake_does_not_hold_up_the_stop(turns: int) -> None:
    async with running_gateway("127.0.0.1:1") as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.app.port)
        writer.write(UPGRADE)
        for _ in range(turns):
            await asyncio.sleep(0)
        stopping = asyncio.create_task(gateway.app.stop())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WITHIN_S)
        if head.startswith(b"HTTP/1.1 101"):
            # The reason in the close frame.
            await asyncio.wait_for(reader.readuntil(b"\x03\xf4GATEWAY_RESTARTING"), WITHIN_S)
        else:
            assert head.startswith(b"HTTP/1.1 503")
        writer.close()
        await asyncio.wait_for(stopping, WITHIN_S)

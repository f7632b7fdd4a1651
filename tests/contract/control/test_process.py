"""The worker as a process: start, stop, ports in use."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.pb.invigil.sfu.v1 import room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from tests.support.control import DEADLINE_S, Gateway

START_S = 30


@asynccontextmanager
async def process(**settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.sfu",
        env=os.environ | {"SFU_GRPC_PORT": "0", "SFU_MEDIA_PORT": "0"} | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def line_of(started: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    assert started.stdout is not None
    async with asyncio.timeout(START_S):
        async for line in started.stdout:
            fields: dict[str, Any] = json.loads(line)
            if fields["event"] == event:
                return fields
    raise AssertionError(f"the process ended without {event}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_worker_serves_until_a_signal_and_ends_cleanly(number: signal.Signals) -> None:
    async with process(SFU_WORKER_ID="w9") as started:
        line = await line_of(started, "sfu.started")
        assert line["worker_id"] == "w9"
        assert line["media_address"].rpartition(":")[2] != "0"
        async with Gateway(line["grpc_address"]) as gateway:
            stream = await gateway.watch()
            session = await gateway.join(stream, "cam")
            reply = await gateway.stub.CreateTransport(
                pb.CreateTransportRequest(call=session.call(), direction=room_pb2.DIRECTION_SEND),
                timeout=DEADLINE_S,
            )
            assert reply.ice_parameters.ice_lite
            assert reply.ice_candidates[0].port == int(line["media_address"].rpartition(":")[2])
            assert reply.dtls_parameters.role == pb.DTLS_ROLE_AUTO
            await session.produce()
            started.send_signal(number)
            assert await asyncio.wait_for(started.wait(), START_S) == 0
        assert started.stderr is not None
        assert await started.stderr.read() == b""


async def test_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with process(SFU_GRPC_PORT=str(port)) as started:
            _, stderr = await asyncio.wait_for(started.communicate(), START_S)
    (line,) = stderr.decode().splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "SFU_GRPC_PORT" in line
    assert started.returncode == 1


async def test_media_port_in_use_is_one_clear_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = {"SFU_MEDIA_HOST": "127.0.0.1", "SFU_MEDIA_PORT": str(port)}
        async with process(**settings) as started:
            _, stderr = await asyncio.wait_for(started.communicate(), START_S)
    (line,) = stderr.decode().splitlines()
    assert str(port) in line
    assert "SFU_MEDIA_PORT" in line
    assert started.returncode == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"SFU_GRPC_PORT": "70000"},
        {"SFU_LOG_LEVEL": "loud"},
        {"SFU_ADVERTISED_ADDRESS": "0.0.0.0"},
    ],
    ids=str,
)
async def test_bad_setting_is_one_clear_line(settings: dict[str, str]) -> None:
    async with process(**settings) as started:
        _, stderr = await asyncio.wait_for(started.communicate(), START_S)
    assert len(stderr.decode().splitlines()) == 1
    assert started.returncode == 1

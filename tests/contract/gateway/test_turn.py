"""A real coturn takes the credentials that clients are given, and no others."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway.core.ice import IceConfig, ice_servers
from tests.support.client import connected
from tests.support.gateway import ROOM, RunningWorker, mint, ready, running_gateway
from tests.support.poll import until

HOST = "127.0.0.1"
TURN_SECRET = "a secret that coturn shares"
WITHIN_S = 30.0


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def turn(port: int, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a coturn that knows TURN_SECRET."""
    log = (tmp_path / "coturn.log").open("w+")
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        *("-n", "--no-cli", "--no-tls", "--no-dtls", "--no-multicast-peers"),
        *("--listening-ip", HOST, "--relay-ip", HOST, "--listening-port", str(port)),
        *("--use-auth-secret", "--static-auth-secret", TURN_SECRET, "--realm", "invigil"),
        *("--allow-loopback-peers", "--log-file", "stdout", "--simple-log"),
        *("--pidfile", str(tmp_path / "pid"), "--userdb", str(tmp_path / "db")),
        stdout=log,
        stderr=log,
        cwd=tmp_path,
    )
    try:
        await until(lambda: _listens(port), "coturn listens")
        yield f"turn:{HOST}:{port}?transport=udp"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        log.close()


async def _listens(port: int) -> bool:
    """Whether TCP is accepted there; coturn opens both at once."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def is_relayed(port: int, username: str, credential: str) -> bool:
    """Whether coturn's own client can send packets to itself through the server."""
    process = await asyncio.create_subprocess_exec(
        "turnutils_uclient",
        # One client, two packets, both ends of the relay its own.
        *("-m", "1", "-n", "2", "-y", "-c", "-p", str(port)),
        *("-u", username, "-w", credential, HOST),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), WITHIN_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return process.returncode == 0 and b"Total lost packets 0" in output


async def test_coturn_relays_for_the_credentials_of_a_client(
    worker: RunningWorker, port: int, turn: str
) -> None:
    async with running_gateway(
        worker.address,
        stun_urls=f"stun:{HOST}:{port}",
        turn_urls=turn,
        turn_secret=TURN_SECRET,
        turn_ttl_s=600,
    ) as gateway:
        await ready(gateway)
        async with connected(gateway.url) as client:
            before = int(time.time())
            auth = await client.authenticate(mint(), ROOM)
        stun, relay = auth["iceServers"]

        assert stun == {"urls": [f"stun:{HOST}:{port}"]}
        assert relay["urls"] == [turn]
        expiry, _, user = relay["username"].partition(":")
        assert user == "ada"
        assert before + 600 <= int(expiry) <= time.time() + 600
        assert await is_relayed(port, relay["username"], relay["credential"])


async def test_coturn_refuses_what_is_expired_or_forged(port: int, turn: str) -> None:
    config = IceConfig(turn_urls=(turn,), turn_secret=TURN_SECRET, turn_ttl_s=60)
    now = int(time.time())
    (good,) = ice_servers(config, "ada", now)
    (expired,) = ice_servers(config, "ada", now - 3600)
    (forged,) = ice_servers(IceConfig((), (turn,), "another secret"), "ada", now)
    (other,) = ice_servers(config, "eve", now)
    assert good.username
    assert good.credential
    assert await is_relayed(port, good.username, good.credential)
    for username, credential in (
        (expired.username, expired.credential),
        (forged.username, forged.credential),
        (other.username, good.credential),
        (good.username.replace(":", "0:"), good.credential),
    ):
        assert username
        assert credential
        assert not await is_relayed(port, username, credential)

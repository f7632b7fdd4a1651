"""Plain HTTP on the gateway's port."""

import asyncio
from pathlib import Path

import pytest

from tests.support.gateway import RunningGateway, RunningWorker, ready, running_gateway


async def ask(gateway: RunningGateway, target: str, method: str = "GET") -> tuple[int, str, bytes]:
    """Status, headers and body of one request, written as it stands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.app.port)
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    response = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), body


@pytest.fixture
def console(tmp_path: Path) -> Path:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<p>index")
    (dist / "candidate.html").write_text("<p>candidate")
    (dist / "proctor.html").write_text("<p>proctor")
    (dist / "assets" / "app-1a2b.js").write_bytes(b"x" * 600_000)
    (tmp_path / "secret.js").write_text("secret")
    return dist


async def test_health_and_readiness(worker: RunningWorker) -> None:
    async with running_gateway(worker.address) as gateway:
        assert (await ask(gateway, "/healthz"))[0] == 200
        await ready(gateway)
        assert (await ask(gateway, "/readyz"))[0] == 200


async def test_gateway_without_a_worker_is_healthy_but_not_ready() -> None:
    async with running_gateway("127.0.0.1:1") as gateway:
        assert (await ask(gateway, "/healthz"))[0] == 200
        assert (await ask(gateway, "/readyz"))[0] == 503


async def test_console_is_served_with_security_headers(
    worker: RunningWorker, console: Path
) -> None:
    async with running_gateway(worker.address, console_dir=console) as gateway:
        for target, body in (
            ("/", b"<p>index"),
            ("/candidate", b"<p>candidate"),
            ("/proctor?x=1", b"<p>proctor"),
        ):
            status, head, got = await ask(gateway, target)
            assert (status, got) == (200, body)
            assert "content-type: text/html; charset=utf-8" in head
            assert "content-security-policy: default-src 'none'" in head
            assert "x-content-type-options: nosniff" in head
            assert "cache-control: no-cache" in head
        status, head, got = await ask(gateway, "/assets/app-1a2b.js")
        assert (status, len(got)) == (200, 600_000)
        assert "immutable" in head
        assert "content-type: text/javascript" in head


@pytest.mark.parametrize(
    "target",
    [
        "/assets/../../secret.js",
        "/assets/..%2f..%2fsecret.js",
        "/../secret.js",
        "/assets/%2e%2e/index.html",
        "/secret.js",
        "/assets/none.js",
        "/ws/x",
    ],
)
async def test_nothing_outside_the_build_is_served(
    worker: RunningWorker, console: Path, target: str
) -> None:
    async with running_gateway(worker.address, console_dir=console) as gateway:
        status, _, body = await ask(gateway, target)

        assert status == 404
        assert b"secret" not in body


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_get_is_allowed(gateway: RunningGateway, method: str) -> None:
    status, head, _ = await ask(gateway, "/", method)

    assert status == 405
    assert "allow: get" in head


async def test_plain_get_of_the_socket_path_is_told_to_upgrade(gateway: RunningGateway) -> None:
    assert (await ask(gateway, "/ws"))[0] == 426


async def test_console_that_is_not_built_says_what_to_do(gateway: RunningGateway) -> None:
    status, _, body = await ask(gateway, "/candidate")

    assert status == 503
    assert b"make console" in body


async def test_sockets_beyond_the_limit_are_turned_away(worker: RunningWorker) -> None:
    async with running_gateway(worker.address, max_connections=1) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.app.port)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b"101" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)

        assert (await ask(gateway, "/ws"))[0] == 503
        writer.close()

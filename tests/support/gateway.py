"""A real gateway in this process, in front of a real worker control plane or of a scripted one."""

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from pydantic import SecretStr

from services.common.ids import WorkerId
from services.gateway.app import App
from services.gateway.config import GatewaySettings
from services.sfu.control.server import ControlServer
from services.sfu.control.worker import Worker, WorkerConfig
from services.sfu.media.sdp.text import SdpText
from tests.support.client import Client, connected
from tests.support.poll import eventually
from tests.support.recording_media import RecordingMedia

SECRET = "a secret of at least thirty-two bytes"
ROOM = "exam"


@dataclass(frozen=True, slots=True)
class RunningGateway:
    app: App

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.app.port}/ws"


@dataclass(frozen=True, slots=True)
class RunningWorker:
    worker: Worker
    media: RecordingMedia
    address: str


def mint(role: str = "candidate", user: str = "ada", **changed: Any) -> str:
    """A token for ROOM; a claim given as None is left out."""
    claims = {
        "sub": user,
        "room": ROOM,
        "role": role,
        "create": True,
        "exp": int(time.time()) + 600,
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, SECRET, algorithm="HS256")


@contextlib.asynccontextmanager
async def running_gateway(*workers: str, **settings: Any) -> AsyncIterator[RunningGateway]:
    """A gateway on a free port; it is ready when this is entered, unless no worker is reachable."""
    app = App(
        GatewaySettings.model_validate(
            {
                "host": "127.0.0.1",
                "port": 0,
                "jwt_secret": SecretStr(SECRET),
                "workers": ",".join(workers),
                "console_dir": Path("/nowhere"),
                "drain_spread_ms": 0,
                **settings,
            }
        )
    )
    await app.start()
    try:
        yield RunningGateway(app)
    finally:
        await app.stop()


@contextlib.asynccontextmanager
async def running_worker(
    name: str = "w1", port: int = 0, **config: Any
) -> AsyncIterator[RunningWorker]:
    """A worker's control plane on a port of its own; its media side only takes notes."""
    media = RecordingMedia()
    worker = Worker(
        WorkerConfig(WorkerId(name), f"run-{time.monotonic_ns()}", **config),
        media,
        SdpText(),
        clock_ms=lambda: time.monotonic_ns() // 1_000_000,
    )
    server = ControlServer(worker, "127.0.0.1", port)
    await server.start()
    try:
        yield RunningWorker(worker, media, server.address)
    finally:
        await server.stop(grace_s=0.1)


async def ready(gateway: RunningGateway) -> None:
    """Wait until a worker could take a room."""
    await eventually(lambda: gateway.app.is_ready, what="the gateway is ready")


@contextlib.asynccontextmanager
async def joined(gateway: RunningGateway, role: str, name: str) -> AsyncIterator[Client]:
    """A client that is in ROOM."""
    async with connected(gateway.url) as client:
        await client.authenticate(mint(role, name.lower()), ROOM)
        await client.join(ROOM, name)
        yield client

"""A real gateway and a real worker with its engine, in this process."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from services.client.python.session import Session, joined
from services.client.python.transport import Role
from services.sfu.app import App as Worker
from services.sfu.config import SfuSettings
from tests.support.gateway import ROOM, RunningGateway, mint, ready, running_gateway


@dataclass(frozen=True, slots=True)
class House:
    """Where clients join."""

    url: str

    def join(
        self, name: str, role: str = "candidate", dtls_role: Role = "client"
    ) -> "contextlib.AbstractAsyncContextManager[Session]":
        token = mint(role, name.lower())
        return joined(self.url, token=token, room=ROOM, name=name, dtls_role=dtls_role)


@contextlib.asynccontextmanager
async def working(
    grpc_port: int = 0, media_host: str = "127.0.0.1", advertised: str = "127.0.0.1"
) -> AsyncIterator[Worker]:
    """A worker whose media comes and goes over the loopback address, unless told otherwise."""
    worker = Worker(
        SfuSettings.model_validate(
            {
                "grpc_host": "127.0.0.1",
                "grpc_port": grpc_port,
                "media_host": media_host,
                "media_port": 0,
                "advertised_address": advertised,
            }
        )
    )
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with working() as worker, running_gateway(worker.grpc_address) as running:
        await ready(running)
        yield running


@pytest.fixture
def house(gateway: RunningGateway) -> House:
    return House(gateway.url)

"""A real gateway and a real worker with its engine, and plain clients of two makes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from scripts.toolchain import has_webrtcbin
from services.client.python.session import Session, joined
from services.sfu.media.address import advertised_addresses
from tests.contract.client.conftest import working
from tests.support.client import Client
from tests.support.client import joined as joined_raw
from tests.support.gateway import ROOM, RunningGateway, mint, ready, running_gateway
from tests.support.plain.aiortc import aiortc_peer
from tests.support.plain.client import PlainClient, plain
from tests.support.plain.gstreamer import gstreamer_peer
from tests.support.plain.peer import Peer

PEERS: dict[str, Callable[[], AbstractAsyncContextManager[Peer]]] = {
    "aiortc": aiortc_peer,
    "gstreamer": gstreamer_peer,
}

# libnice does not reach a candidate on the loopback address.
OWN_ADDRESS = advertised_addresses(())[0]


@dataclass(frozen=True, slots=True)
class House:
    """Where clients of both kinds join."""

    url: str
    make: str

    @asynccontextmanager
    async def plain(self, name: str, role: str = "candidate") -> AsyncIterator[PlainClient]:
        """A client of SDP, of this test's make."""
        token = mint(role, name.lower())
        async with PEERS[self.make]() as peer, plain(self.url, token, ROOM, name, peer) as client:
            yield client

    def join(self, name: str, role: str = "candidate") -> AbstractAsyncContextManager[Session]:
        """A client of mediasoup's shapes, with media."""
        return joined(self.url, token=mint(role, name.lower()), room=ROOM, name=name)

    def signal(self, name: str, role: str = "candidate") -> AbstractAsyncContextManager[Client]:
        """A client without media."""
        return joined_raw(self.url, mint(role, name.lower()), ROOM, name)


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    advertised = f"127.0.0.1,{OWN_ADDRESS}"
    async with (
        working(media_host="0.0.0.0", advertised=advertised) as worker,
        running_gateway(worker.grpc_address) as running,
    ):
        await ready(running)
        yield running


@pytest.fixture(params=PEERS)
def house(request: pytest.FixtureRequest, gateway: RunningGateway) -> House:
    if request.param == "gstreamer":
        if not has_webrtcbin():
            pytest.skip("GStreamer's webrtcbin is installed on Debian only")
        if OWN_ADDRESS == "127.0.0.1":
            pytest.skip("libnice never uses the loopback address, and there is no other")
    return House(gateway.url, request.param)

"""A whole call in one process: gateway, worker and engine, and clients that send real packets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from services.sfu.app import App
from services.sfu.config import SfuSettings
from services.sfu.core.port import (
    DtlsParameters,
    DtlsRole,
    IceCandidate,
    IceParameters,
    TransportOffer,
)
from tests.support.client import Client
from tests.support.gateway import RunningGateway, joined, ready, running_gateway
from tests.support.rtp_sample import read
from tests.support.webrtc.client import WebRtcClient
from tests.support.webrtc.simulcast import Simulcast


@dataclass(frozen=True)
class Call:
    gateway: RunningGateway
    worker: App


@dataclass(frozen=True)
class Peer:
    """Who is in the room, with one transport that is connected."""

    signaling: Client
    media: WebRtcClient


@asynccontextmanager
async def open_call() -> AsyncIterator[Call]:
    """A worker with its engine, and a gateway in front of it."""
    settings = {"grpc_port": 0, "media_host": "127.0.0.1", "media_port": 0}
    worker = App(SfuSettings.model_validate({**settings, "advertised_address": "127.0.0.1"}))
    await worker.start()
    try:
        async with running_gateway(worker.grpc_address) as gateway:
            await ready(gateway)
            yield Call(gateway, worker)
    finally:
        await worker.stop()


@asynccontextmanager
async def publisher(call: Call) -> AsyncIterator[tuple[Peer, str, Simulcast]]:
    """A candidate who publishes a camera in three layers, which does not run yet."""
    async with joined(call.gateway, "candidate", "Ada") as ada, connected(ada, "send") as media:
        sent = {"kind": "video", "rtpParameters": read("chromium_video_simulcast")}
        produced = await ada.ask("produce", sent)
        yield Peer(ada, media), produced["producerId"], Simulcast(media)


@asynccontextmanager
async def viewer(call: Call, name: str = "Pat") -> AsyncIterator[Peer]:
    """A proctor who can receive."""
    async with joined(call.gateway, "proctor", name) as pat, connected(pat, "recv") as media:
        yield Peer(pat, media)


@asynccontextmanager
async def connected(signaling: Client, direction: str) -> AsyncIterator[WebRtcClient]:
    """A transport of this client, connected on its side."""
    created = await signaling.ask("transport:create", {"direction": direction})
    async with WebRtcClient(_offer(created)) as media:
        parameters = media.dtls_parameters()
        await signaling.ask(
            "transport:connect",
            {"transportId": created["transportId"], "dtlsParameters": _to_json(parameters)},
        )
        await media.connect()
        yield media


def _offer(created: dict[str, Any]) -> TransportOffer:
    ice, candidate = created["iceParameters"], created["iceCandidates"][0]
    return TransportOffer(
        IceParameters(ice["usernameFragment"], ice["password"]),
        (
            IceCandidate(
                candidate["foundation"],
                candidate["address"],
                candidate["port"],
                candidate["priority"],
            ),
        ),
        DtlsParameters(DtlsRole.AUTO, ()),
    )


def _to_json(parameters: DtlsParameters) -> dict[str, Any]:
    return {
        "role": parameters.role.value,
        "fingerprints": [
            {"algorithm": each.algorithm, "value": each.value} for each in parameters.fingerprints
        ],
    }

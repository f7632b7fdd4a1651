"""pymediasoup, a mediasoup client that nobody here wrote, against a real gateway, worker, engine.

It negotiates by SDP, and is the DTLS server where it sends and the client where it receives.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiortc import AudioStreamTrack, MediaStreamTrack, RTCDtlsTransport, VideoStreamTrack
from av import AudioFrame, VideoFrame
from pymediasoup import AiortcHandler, Device
from pymediasoup.consumer import Consumer
from pymediasoup.models.transport import DtlsParameters
from pymediasoup.rtp_parameters import RtpCapabilities, RtpParameters
from pymediasoup.transport import Transport

from tests.contract.client.conftest import House
from tests.support.client import Client, Payload, connected
from tests.support.gateway import ROOM, RunningGateway, mint
from tests.support.poll import PATIENCE_S

FRAMES = 20


@dataclass
class Stranger:
    """pymediasoup in the room, on signaling of its own."""

    client: Client
    device: Device
    transports: list[Transport] = field(default_factory=list)
    # What it has said of its side of DTLS, in order.
    dtls_roles: list[str] = field(default_factory=list)

    async def transport(self, direction: str) -> Transport:
        created = await self.client.ask("transport:create", {"direction": direction})
        create = {
            "send": self.device.createSendTransport,
            "recv": self.device.createRecvTransport,
        }[direction]
        transport = create(
            id=created["transportId"],
            iceParameters=created["iceParameters"],
            iceCandidates=created["iceCandidates"],
            dtlsParameters=created["dtlsParameters"],
            # No data channels; only createSendTransport demands to be told so.
            sctpParameters=None,
        )
        self.transports.append(transport)

        async def connect(parameters: DtlsParameters) -> None:
            wanted = as_json(parameters)
            self.dtls_roles.append(wanted["role"])
            await self.client.ask(
                "transport:connect",
                {"transportId": created["transportId"], "dtlsParameters": wanted},
            )

        async def produce(kind: str, parameters: RtpParameters, app_data: Payload) -> str:
            request = {
                "transportId": created["transportId"],
                "kind": kind,
                "rtpParameters": as_json(parameters),
                "appData": app_data,
            }
            return str((await self.client.ask("produce", request))["producerId"])

        transport.on("connect", connect)
        transport.on("produce", produce)
        return transport

    async def consume(self, transport: Transport, producer_id: str) -> Consumer:
        request = {
            "producerId": producer_id,
            "transportId": transport.id,
            "rtpCapabilities": as_json(self.device.rtpCapabilities),
            "paused": True,
        }
        created = await self.client.ask("consume", request)
        consumer = await transport.consume(
            id=created["consumerId"],
            producerId=created["producerId"],
            kind=created["kind"],
            rtpParameters=created["rtpParameters"],
        )
        await self.client.ask("consumer:resume", {"consumerId": created["consumerId"]})
        return consumer


def as_json(model: Any) -> Payload:
    found: Payload = model.model_dump(mode="json", exclude_none=True)
    return found


def dtls_of(transport: Transport) -> RTCDtlsTransport:
    """The one DTLS transport of pymediasoup's bundled connection."""
    transceivers = transport.handler.pc.getTransceivers()
    (dtls,) = {t.sender.transport for t in transceivers if t.sender.transport is not None}
    assert isinstance(dtls, RTCDtlsTransport)
    return dtls


async def frames(track: MediaStreamTrack, kind: type[AudioFrame] | type[VideoFrame]) -> None:
    """Wait for some decoded frames."""
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(FRAMES):
            assert isinstance(await track.recv(), kind)


def profile_of(transport: Transport) -> str:
    """The SRTP profile that the handshake has chosen, by OpenSSL's name for it."""
    ssl = dtls_of(transport)._ssl
    assert ssl is not None
    return ssl.get_selected_srtp_profile().decode()


@asynccontextmanager
async def stranger(
    gateway: RunningGateway, role: str, *tracks: MediaStreamTrack
) -> AsyncIterator[Stranger]:
    """pymediasoup in ROOM, able to send `tracks`."""
    async with connected(gateway.url) as client:
        await client.authenticate(mint(role, "stranger"), ROOM)
        state = await client.join(ROOM, "Stranger")
        device = Device(handlerFactory=AiortcHandler.createFactory(tracks=list(tracks)))
        capabilities = state["roomConfig"]["routerRtpCapabilities"]
        await device.load(RtpCapabilities.model_validate(capabilities))
        found = Stranger(client, device)
        try:
            yield found
        finally:
            for transport in found.transports:
                await transport.close()
            for track in tracks:
                track.stop()


async def test_what_pymediasoup_sends_as_dtls_server_is_seen_and_heard(
    gateway: RunningGateway, house: House
) -> None:
    picture, sound = VideoStreamTrack(), AudioStreamTrack()
    async with (
        stranger(gateway, "candidate", picture, sound) as ada,
        house.join("Grace", "proctor") as grace,
    ):
        transport = await ada.transport("send")
        for track, kind in ((picture, VideoFrame), (sound, AudioFrame)):
            producer = await transport.produce(track=track)
            subscription = await grace.consume(producer.id)
            await frames(subscription.track, kind)
        assert ada.dtls_roles == ["server"]
        assert profile_of(transport) == "SRTP_AEAD_AES_256_GCM"


async def test_pymediasoup_sees_and_hears_as_dtls_client(
    gateway: RunningGateway, house: House
) -> None:
    async with stranger(gateway, "proctor") as grace, house.join("Ada") as ada:
        transport = await grace.transport("recv")
        for track, kind in ((VideoStreamTrack(), VideoFrame), (AudioStreamTrack(), AudioFrame)):
            publication = await ada.publish(track)
            consumer = await grace.consume(transport, publication.producer_id)
            await frames(consumer.track, kind)
        assert grace.dtls_roles == ["client"]
        assert profile_of(transport) == "SRTP_AEAD_AES_128_GCM"

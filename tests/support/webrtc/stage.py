"""A real media plane with its engine on loopback, and clients that join it."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.core.port import (
    ConsumerSpec,
    Extension,
    InboundCodec,
    InboundEncoding,
    Kind,
    OutboundCodec,
    ProducerSpec,
    TransportState,
)
from services.sfu.media.plane import MediaConfig, MediaPlane
from tests.support.poll import eventually
from tests.support.webrtc.client import WebRtcClient
from tests.support.webrtc.dtls import ALL_PROFILES, Identity

LOOPBACK = MediaConfig(host="127.0.0.1", port=0, advertised_addresses=("127.0.0.1",))

# Chromium's numbers on a sending transport.
OPUS, VP8, VP8_RTX = 111, 96, 97
AUDIO_LEVEL, TRANSPORT_CC, MID, RID, RRID = 1, 3, 4, 10, 11
AUDIO_EXTENSIONS = {
    Extension.AUDIO_LEVEL: AUDIO_LEVEL,
    Extension.TRANSPORT_CC: TRANSPORT_CC,
    Extension.MID: MID,
}
VIDEO_EXTENSIONS = {
    Extension.TRANSPORT_CC: TRANSPORT_CC,
    Extension.MID: MID,
    Extension.RID: RID,
    Extension.RRID: RRID,
}
# The router's numbers on a receiving transport, none equal to its counterpart above.
ROUTER_OPUS, ROUTER_VP8, ROUTER_VP8_RTX = 100, 101, 102
ROUTER_MID, ROUTER_AUDIO_LEVEL = 1, 6

AUDIO_SSRC, VIDEO_SSRC, VIDEO_RTX_SSRC = 0xA0000001, 0xB0000001, 0xB0000002


class Ear:
    """A MediaListener that writes down."""

    def __init__(self) -> None:
        self.states: list[tuple[TransportId, TransportState]] = []
        self.failures: list[tuple[TransportId, str]] = []
        self.encodings: list[tuple[ProducerId, int, bool]] = []
        self.layers: list[tuple[ConsumerId, int]] = []

    def transport_changed(self, transport_id: TransportId, state: TransportState) -> None:
        self.states.append((transport_id, state))

    def transport_failed(self, transport_id: TransportId, reason: str) -> None:
        self.failures.append((transport_id, reason))

    def encoding_changed(self, producer_id: ProducerId, layer: int, active: bool) -> None:
        self.encodings.append((producer_id, layer, active))

    def consumer_layer_changed(self, consumer_id: ConsumerId, layer: int) -> None:
        self.layers.append((consumer_id, layer))


@dataclass(frozen=True)
class Guest:
    transport_id: TransportId
    client: WebRtcClient


class Stage:
    """`join` a client, `produce` and `consume`; everything ends with `open_stage`."""

    def __init__(self, plane: MediaPlane, ear: Ear, stack: AsyncExitStack) -> None:
        self.plane = plane
        self.ear = ear
        self._stack = stack
        self._numbers = itertools.count(1)

    async def guest(
        self,
        *,
        dtls_role: Literal["client", "server"] = "client",
        profiles: Sequence[str] = ALL_PROFILES,
        identity: Identity | None = None,
    ) -> Guest:
        """A client with a transport, not connected."""
        transport_id = TransportId(f"transport-{next(self._numbers)}")
        offer = self.plane.create_transport(transport_id)
        client = WebRtcClient(offer, dtls_role=dtls_role, profiles=profiles, identity=identity)
        return Guest(transport_id, await self._stack.enter_async_context(client))

    async def join(
        self,
        *,
        dtls_role: Literal["client", "server"] = "client",
        profiles: Sequence[str] = ALL_PROFILES,
    ) -> Guest:
        """A client whose transport is connected on both sides."""
        guest = await self.guest(dtls_role=dtls_role, profiles=profiles)
        self.plane.connect_transport(guest.transport_id, guest.client.dtls_parameters())
        await guest.client.connect()
        await self.reaches(guest, TransportState.CONNECTED)
        return guest

    async def reaches(self, guest: Guest, state: TransportState) -> None:
        await eventually(
            lambda: self.plane.transport_state(guest.transport_id) is state, what=f"state {state}"
        )

    async def counted(self, *names: str, above: int = 0) -> None:
        """The sum of these counters of the engine is above `above`."""
        await eventually(
            lambda: sum(self.plane.counters()[name] for name in names) > above,
            what=f"{names} above {above}",
        )

    def produce(self, guest: Guest, spec: ProducerSpec) -> ProducerId:
        producer_id = ProducerId(f"peer.{next(self._numbers)}")
        self.plane.add_producer(
            replace(spec, producer_id=producer_id, transport_id=guest.transport_id)
        )
        return producer_id

    def consume(self, guest: Guest, producer_id: ProducerId, spec: ConsumerSpec) -> ConsumerId:
        consumer_id = ConsumerId(f"consumer-{next(self._numbers)}")
        self.plane.add_consumer(
            replace(
                spec,
                consumer_id=consumer_id,
                producer_id=producer_id,
                transport_id=guest.transport_id,
            )
        )
        return consumer_id


@asynccontextmanager
async def open_stage(config: MediaConfig = LOOPBACK) -> AsyncIterator[Stage]:
    ear = Ear()
    plane = MediaPlane(config, ear)
    await plane.start()
    try:
        async with AsyncExitStack() as stack:
            yield Stage(plane, ear, stack)
    finally:
        await plane.close()


MICROPHONE = ProducerSpec(
    producer_id=ProducerId(""),
    transport_id=TransportId(""),
    kind=Kind.AUDIO,
    mid="0",
    codecs=(InboundCodec("opus", OPUS, 48_000),),
    encodings=(InboundEncoding(ssrc=AUDIO_SSRC),),
    extension_ids=AUDIO_EXTENSIONS,
    nack=False,
    transport_cc=True,
    paused=False,
)
CAMERA = ProducerSpec(
    producer_id=ProducerId(""),
    transport_id=TransportId(""),
    kind=Kind.VIDEO,
    mid="1",
    codecs=(InboundCodec("vp8", VP8, 90_000, VP8_RTX),),
    encodings=(InboundEncoding(ssrc=VIDEO_SSRC, rtx_ssrc=VIDEO_RTX_SSRC),),
    extension_ids=VIDEO_EXTENSIONS,
    nack=True,
    transport_cc=True,
    paused=False,
)
SIMULCAST_CAMERA = replace(
    CAMERA, encodings=tuple(InboundEncoding(rid=rid) for rid in ("r0", "r1", "r2"))
)
HEARING = ConsumerSpec(
    consumer_id=ConsumerId(""),
    producer_id=ProducerId(""),
    transport_id=TransportId(""),
    kind=Kind.AUDIO,
    mid="7",
    ssrc=0xC0000001,
    rtx_ssrc=None,
    codecs=(OutboundCodec(OPUS, ROUTER_OPUS),),
    extension_ids={Extension.MID: ROUTER_MID, Extension.AUDIO_LEVEL: ROUTER_AUDIO_LEVEL},
    cname="candidate",
    layer=0,
    paused=False,
)
SEEING = ConsumerSpec(
    consumer_id=ConsumerId(""),
    producer_id=ProducerId(""),
    transport_id=TransportId(""),
    kind=Kind.VIDEO,
    mid="8",
    ssrc=0xD0000001,
    rtx_ssrc=0xD0000002,
    codecs=(OutboundCodec(VP8, ROUTER_VP8, ROUTER_VP8_RTX),),
    extension_ids={Extension.MID: ROUTER_MID},
    cname="candidate",
    layer=0,
    paused=False,
)

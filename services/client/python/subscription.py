"""A track that this client receives and decodes."""

import asyncio
import random

from aiortc import MediaStreamTrack, RTCRtpReceiver
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from av.frame import Frame

from services.client.python.connection import AnyEvent
from services.client.python.line import Line
from services.client.python.message import (
    ConsumerChanged,
    ConsumerCreated,
    ConsumerLayers,
    ConsumerScore,
    Json,
    Layers,
    Nothing,
    RtpCapabilities,
    StatsGot,
)
from services.client.python.rtp import receive_capabilities, to_receiver
from services.client.python.transport import Transport

# What this module calls or sets of aiortc's inside.
PRIVATE_NAMES: dict[type, tuple[str, ...]] = {
    RTCRtpReceiver: ("_track", "_set_rtcp_ssrc"),
    RemoteStreamTrack: ("_queue",),
}
# Two seconds of sound, some of pictures: who comes later than that wants the newest anyway.
WAITING_FRAMES = 100


class NewestFrames(asyncio.Queue[Frame | None]):
    """aiortc's own queue has no bound: who reads no frames would keep all of them."""

    async def put(self, item: Frame | None) -> None:
        if self.full():
            self.get_nowait()
        self.put_nowait(item)


class Subscription:
    """Made by Session.consume."""

    def __init__(
        self,
        line: Line,
        receiver: RTCRtpReceiver,
        frames: NewestFrames,
        created: ConsumerCreated,
    ) -> None:
        self.consumer_id = created.consumer_id
        self.producer_id = created.producer_id
        self.peer_id = created.peer_id
        self.kind = created.kind
        self.is_simulcast = created.type == "simulcast"
        # The publisher pauses; nothing comes whatever this side does.
        self.is_producer_paused = created.producer_paused
        # The spatial layer that is forwarded; None while nothing is, and for what has no layers.
        self.layer: int | None = None
        # How well it gets here from the server, and to the server from its publisher: 10 is
        # perfect, 1 as bad as can be, 0: nothing comes. None before the server has said so.
        self.score: int | None = None
        self.producer_score: int | None = None
        self.is_closed = False
        self._line = line
        self._receiver = receiver
        self._frames = frames

    @property
    def track(self) -> MediaStreamTrack:
        """`await track.recv()` gives decoded frames; MediaStreamError after the end."""
        return self._receiver.track

    @property
    def waiting_frames(self) -> int:
        """Decoded frames that `track.recv()` gives at once; older ones are dropped."""
        return self._frames.qsize()

    async def pause(self) -> None:
        await self._ask("consumer:pause")

    async def resume(self) -> None:
        """Receive again; pictures begin with a key frame."""
        await self._ask("consumer:resume")

    async def set_layers(self, spatial: int, temporal: int | None = None) -> None:
        """Wish for a layer of a simulcast; one above the highest means the highest.

        Raises what a request raises.
        """
        layers = Layers(spatial_layer=spatial, temporal_layer=temporal)
        await self._ask("consumer:set-layers", layers.as_json())

    async def stats(self) -> list[Json]:
        """What the server has sent, as entries of W3C's webrtc-stats.

        Raises what a request raises.
        """
        got = await self._line.request("stats:get", StatsGot, {"consumerId": self.consumer_id})
        return got.stats

    async def close(self) -> None:
        """End the consumer. The track ends all the same if the request fails."""
        await self.stop()
        await self._ask("consumer:close")

    async def stop(self) -> None:
        """Stop receiving without a word: the consumer, transport or session ends anyway."""
        if not self.is_closed:
            self.is_closed = True
            await self._receiver.stop()
            self.track.stop()

    def apply(self, event: AnyEvent) -> None:
        """Follow an event about this consumer."""
        match event:
            case ConsumerLayers(spatial_layer=layer):
                self.layer = layer
            case ConsumerScore(score=score, producer_score=producer_score):
                self.score, self.producer_score = score, producer_score
            case ConsumerChanged(type="consumer:paused"):
                self.is_producer_paused = True
            case ConsumerChanged(type="consumer:resumed"):
                self.is_producer_paused = False

    async def _ask(self, kind: str, more: Json | None = None) -> None:
        payload: Json = {"consumerId": self.consumer_id, **(more or {})}
        await self._line.request(kind, Nothing, payload)


async def subscribed(
    line: Line,
    transport: Transport,
    producer_id: str,
    router: RtpCapabilities,
    *,
    preferred: Layers | None,
) -> Subscription:
    """Consume paused and receive, so that nothing comes before somebody listens.

    The caller resumes. Raises what a request raises.
    """
    payload: Json = {
        "producerId": producer_id,
        "transportId": transport.transport_id,
        "rtpCapabilities": receive_capabilities(router).as_json(),
        "paused": True,
    }
    if preferred is not None:
        payload["preferredLayers"] = preferred.as_json()
    created = await line.request("consume", ConsumerCreated, payload)
    track = RemoteStreamTrack(created.kind)
    frames = NewestFrames(WAITING_FRAMES)
    track._queue = frames
    receiver = RTCRtpReceiver(created.kind, transport.dtls)
    receiver._track = track
    # Who asks for retransmissions and key frames; the worker goes by the media's SSRC.
    receiver._set_rtcp_ssrc(random.getrandbits(32) or 1)
    await receiver.receive(to_receiver(created.rtp_parameters))
    return Subscription(line, receiver, frames, created)

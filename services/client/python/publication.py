"""A track that this client sends."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from av import Packet

from services.client.python.line import Line
from services.client.python.message import (
    Json,
    Kind,
    LayerScore,
    Nothing,
    Produced,
    Producer,
    ProducerChanged,
    ProducerLayersNeeded,
    ProducerScore,
    RtpCapabilities,
    StatsGot,
)
from services.client.python.rtp import send_parameters, to_sender
from services.client.python.transport import Transport

# What this module calls, reads or overrides of aiortc's inside.
PRIVATE_NAMES: dict[type, tuple[str, ...]] = {
    RTCRtpSender: ("_ssrc", "_rtx_ssrc", "_next_encoded_frame", "_send_keyframe"),
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """One frame as its codec has it. `packet` has `pts` and `time_base`."""

    packet: "Packet[Any]"
    # RFC 6464: 0 is as loud as can be, -127 silent; None for pictures.
    level_dbov: int | None = None


@runtime_checkable
class EncodedTrack(Protocol):
    """A track that encodes by itself: cheaper where frames can be made in advance or together."""

    async def next_encoded(self) -> Encoded:
        """Wait for the next frame. Raises MediaStreamError when there is none any more."""

    def request_key_frame(self) -> None:
        """Somebody cannot decode before the next key frame."""


class Sender(RTCRtpSender):
    """aiortc's sender, which here also takes tracks that encode by themselves."""

    async def _next_encoded_frame(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame | None:
        track = self.track
        if not isinstance(track, EncodedTrack):
            return await super()._next_encoded_frame(codec)
        encoded = await track.next_encoded()
        if not hasattr(self, "_packer"):
            self._packer = get_encoder(codec)
        payloads, timestamp = self._packer.pack(encoded.packet)
        # aiortc negates the level on its way into the header extension and omits None.
        return RTCEncodedFrame(payloads, timestamp, encoded.level_dbov)  # type: ignore[arg-type]

    def _send_keyframe(self) -> None:
        if isinstance(self.track, EncodedTrack):
            self.track.request_key_frame()
        else:
            super()._send_keyframe()


class Publication:
    """Made by Session.publish. The track belongs to it: closing stops it."""

    def __init__(
        self, line: Line, sender: Sender, track: MediaStreamTrack, producer: Producer
    ) -> None:
        self.producer_id = producer.producer_id
        self.source = producer.source
        self.track = track
        self.is_paused = producer.paused
        # A moderator holds it, beside what the owner wishes: `resume` is refused, and what is sent
        # goes nowhere until the moderator lets go.
        self.is_muted = producer.muted
        # The highest layer that viewers need; None: they need nothing, or the server says nothing,
        # as of all that is sent in one layer.
        self.needed_layer: int | None = None
        # How well each layer arrives at the server, lowest first; empty before the server says so.
        self.scores: tuple[LayerScore, ...] = ()
        self._line = line
        self._sender = sender
        self._is_closed = False

    async def pause(self) -> None:
        """Send nothing until `resume`; the track is not asked for frames meanwhile."""
        self._sender.replaceTrack(None)
        self.is_paused = True
        await self._ask("producer:pause")

    async def resume(self) -> None:
        await self._ask("producer:resume")
        self.is_paused = False
        self._sender.replaceTrack(self.track)

    async def replace(self, track: MediaStreamTrack) -> None:
        """Go on with another track of the same kind; the one before is stopped."""
        if track.kind != self._sender.kind:
            raise ValueError(f"not a {self._sender.kind} track")
        self.track.stop()
        self.track = track
        if not self.is_paused:
            self._sender.replaceTrack(track)

    async def stats(self) -> list[Json]:
        """What the server has received, as entries of W3C's webrtc-stats, one for each layer.

        Raises what a request raises.
        """
        got = await self._line.request("stats:get", StatsGot, {"producerId": self.producer_id})
        return got.stats

    async def close(self) -> None:
        """End the producer. Raises what a request raises; the track is stopped all the same."""
        await self.stop()
        await self._ask("producer:close")

    async def stop(self) -> None:
        """Stop sending without a word: the transport or the session ends anyway."""
        if not self._is_closed:
            self._is_closed = True
            await self._sender.stop()
            self.track.stop()

    def apply(self, event: ProducerChanged | ProducerLayersNeeded | ProducerScore) -> None:
        """Follow whether a moderator holds it, what viewers need of it, how well it arrives."""
        match event:
            case ProducerChanged(muted=muted):
                self.is_muted = muted
            case ProducerLayersNeeded(spatial_layer=layer):
                self.needed_layer = layer
            case ProducerScore(scores=scores):
                self.scores = scores

    async def _ask(self, kind: str) -> None:
        await self._line.request(kind, Nothing, {"producerId": self.producer_id})


async def published(
    line: Line,
    transport: Transport,
    track: MediaStreamTrack,
    router: RtpCapabilities,
    *,
    mid: str,
    cname: str,
    source: str | None,
    paused: bool,
) -> Publication:
    """Produce, then send. Raises what a request raises; the track is then still the caller's."""
    sender = Sender(track, transport.dtls)
    kind = kind_of(track)
    parameters = send_parameters(
        kind, router, mid=mid, ssrc=sender._ssrc, rtx_ssrc=sender._rtx_ssrc, cname=cname
    )
    app_data: Json = {} if source is None else {"source": source}
    produced = await line.request(
        "produce",
        Produced,
        {
            "kind": kind,
            "transportId": transport.transport_id,
            "rtpParameters": parameters.as_json(),
            "appData": app_data,
            "paused": paused,
        },
    )
    if paused:
        sender.replaceTrack(None)
    await sender.send(to_sender(parameters))
    producer = Producer(
        producer_id=produced.producer_id,
        kind=kind,
        paused=paused,
        muted=produced.muted,
        app_data=app_data,
    )
    return Publication(line, sender, track, producer)


def kind_of(track: MediaStreamTrack) -> Kind:
    """Raises ValueError for a track that is neither."""
    match track.kind:
        case "audio":
            return "audio"
        case "video":
            return "video"
    raise ValueError(f"not a track of audio or video: {track.kind}")

"""A microphone in front of a tuning fork, and an eye on the transport of a peer connection."""

import array
import asyncio
import fractions
import math
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError

_SAMPLE_RATE = 48_000
_FRAME_SAMPLES = 960


class ToneTrack(MediaStreamTrack):
    """A microphone in front of a tuning fork."""

    kind = "audio"

    def __init__(self, hertz: int) -> None:
        """Plays a tone; whole periods fit in a frame if `hertz` is a multiple of 50."""
        super().__init__()
        wave = (
            int(8_000 * math.sin(2 * math.pi * hertz * n / _SAMPLE_RATE))
            for n in range(_FRAME_SAMPLES)
        )
        self._samples = array.array("h", wave).tobytes()
        self._count = 0
        self._began_at = 0.0

    async def recv(self) -> av.AudioFrame:
        """Returns the next 20 ms, when it is time for them."""
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        if self._count == 0:
            self._began_at = now
        await asyncio.sleep(self._began_at + self._count * _FRAME_SAMPLES / _SAMPLE_RATE - now)
        frame = av.AudioFrame(format="s16", layout="mono", samples=_FRAME_SAMPLES)
        frame.planes[0].update(self._samples)
        frame.sample_rate = _SAMPLE_RATE
        frame.time_base = fractions.Fraction(1, _SAMPLE_RATE)
        frame.pts = self._count * _FRAME_SAMPLES
        self._count += 1
        return frame


class TransportWatch:
    """Watches over the transport of a peer connection."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._connection = connection
        self._dtls = self._now()
        self._ice = self._dtls.transport
        self.dtls_changes: list[str] = []
        self.ice_changes: list[str] = []
        self._dtls.on("statechange", lambda: self.dtls_changes.append(self._dtls.state))
        self._ice.on("statechange", lambda: self.ice_changes.append(self._ice.state))

    def is_the_same(self) -> bool:
        """Whether the transports are those from the beginning."""
        return self._now() is self._dtls and self._dtls.transport is self._ice

    def _now(self) -> Any:
        return self._connection.getTransceivers()[0].sender.transport

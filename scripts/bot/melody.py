"""A quiet melody as a track: made and encoded once, then sent round and round."""

import asyncio
import fractions
import math
from array import array
from dataclasses import dataclass
from typing import Any

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, Packet
from av.audio.codeccontext import AudioCodecContext
from av.frame import Frame

from services.client.python.publication import Encoded

_RATE = 48_000
_SAMPLES = 960
_PACKET_S = _SAMPLES / _RATE
# A third of it sounds. In a room where all make music all the time nobody stands out.
_LOOP_S = 28.8
_BIT_RATE = 24_000
_PEAK = 2_600
_FULL_SCALE = 32_767
_SILENT_DBOV = -127
_TIME_BASE = fractions.Fraction(1, _RATE)
# Semitones above the bot's own pitch, how long each sounds, and how long it is quiet after it.
_NOTES = (
    *((0, 0.7, 0.1), (4, 0.6, 0.1), (7, 0.9, 0.6), (9, 0.5, 0.1), (7, 1.1, 1.4)),
    *((4, 0.5, 0.1), (2, 0.5, 0.1), (0, 1.3, 1.0)),
)


@dataclass(frozen=True, slots=True)
class Sound:
    """20 ms in Opus."""

    opus: bytes
    level_dbov: int


class MelodyTrack(MediaStreamTrack):
    """The same `sounds` for ever. Nothing is computed while it plays."""

    kind = "audio"

    def __init__(self, sounds: list[Sound]) -> None:
        super().__init__()
        self._sounds = sounds
        self._began_s: float | None = None
        self._number = -1

    def request_key_frame(self) -> None:
        """Sound has none."""

    async def next_encoded(self) -> Encoded:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if self._began_s is None:
            self._began_s = loop.time()
        due = int((loop.time() - self._began_s) / _PACKET_S)
        # A packet that is a little late is sent at once; what a pause left out is not.
        self._number = self._number + 1 if due - self._number < 10 else due
        await asyncio.sleep(self._began_s + self._number * _PACKET_S - loop.time())
        sound = self._sounds[self._number % len(self._sounds)]
        packet: Packet[Any] = Packet(sound.opus)
        packet.pts, packet.time_base = self._number * _SAMPLES, _TIME_BASE
        return Encoded(packet, sound.level_dbov)

    async def recv(self) -> "Frame | Packet[Any]":
        return (await self.next_encoded()).packet


def compose(pitch_hz: float) -> list[Sound]:
    """The melody from `pitch_hz` upwards. Takes some hundred milliseconds."""
    samples = array("h", bytes(2 * round(_LOOP_S * _RATE)))
    at_s = 0.2
    for semitones, length_s, rest_s in _NOTES:
        _add_note(samples, pitch_hz * 2 ** (semitones / 12), at_s, length_s)
        at_s += length_s + rest_s
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = _RATE, "mono", "s16"
    codec.bit_rate = _BIT_RATE
    codec.time_base = _TIME_BASE
    return [
        Sound(bytes(packet), _level_dbov(samples[start : start + _SAMPLES]))
        for start in range(0, len(samples), _SAMPLES)
        for packet in codec.encode(_frame(samples, start))
    ]


def _add_note(samples: "array[int]", hz: float, at_s: float, length_s: float) -> None:
    start, length = round(at_s * _RATE), round(length_s * _RATE)
    step = 2 * math.pi * hz / _RATE
    for index in range(length):
        # Swells and fades, so that no edge clicks.
        swell = math.sin(math.pi * index / length) ** 2
        tone = math.sin(step * index) + 0.18 * math.sin(2 * step * index)
        samples[start + index] = round(_PEAK * swell * tone)


def _frame(samples: "array[int]", start: int) -> AudioFrame:
    frame = AudioFrame(format="s16", layout="mono", samples=_SAMPLES)
    frame.planes[0].update(samples[start : start + _SAMPLES].tobytes())
    frame.sample_rate = _RATE
    frame.pts, frame.time_base = start, _TIME_BASE
    return frame


def _level_dbov(samples: "array[int]") -> int:
    """RFC 6464, section 3."""
    power = sum(sample * sample for sample in samples) / len(samples) / _FULL_SCALE**2
    return max(_SILENT_DBOV, round(10 * math.log10(power))) if power else _SILENT_DBOV

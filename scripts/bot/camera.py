"""A drawn picture as a track: drawn and encoded in a thread, in one step for each frame."""

import asyncio
import fractions
from collections.abc import Callable

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from PIL import Image

from services.client.python.publication import Encoded

# Draws the picture of a moment, in seconds since the track began.
Draw = Callable[[float], Image.Image]

_CLOCK_RATE = 90_000


class DrawnTrack(MediaStreamTrack):
    """`frames_per_s` pictures a second in VP8 at up to `bitrate` bit/s."""

    kind = "video"

    def __init__(self, draw: Draw, *, frames_per_s: int, bitrate: int) -> None:
        super().__init__()
        self._draw = draw
        self._frames_per_s = frames_per_s
        self._bitrate = bitrate
        self._codec: VideoCodecContext | None = None
        self._is_key_frame_due = False
        self._began_s: float | None = None
        self._number = -1

    def request_key_frame(self) -> None:
        self._is_key_frame_due = True

    async def next_encoded(self) -> Encoded:
        if self.readyState != "live":
            raise MediaStreamError
        await self._wait_for_the_next()
        is_key_frame, self._is_key_frame_due = self._is_key_frame_due, False
        packet = await asyncio.to_thread(self.encode, self._number, is_key_frame)
        return Encoded(packet)

    async def recv(self) -> VideoFrame:
        """For those who want the picture as it is."""
        await self._wait_for_the_next()
        return await asyncio.to_thread(self._picture, self._number)

    async def _wait_for_the_next(self) -> None:
        loop = asyncio.get_running_loop()
        if self._began_s is None:
            self._began_s = loop.time()
        # Frames for which there was no time, or that a pause left out, are not made up for.
        due = int((loop.time() - self._began_s) * self._frames_per_s)
        self._number = max(self._number + 1, due)
        await asyncio.sleep(self._began_s + self._number / self._frames_per_s - loop.time())

    def _picture(self, number: int) -> VideoFrame:
        image = self._draw(number / self._frames_per_s)
        frame: VideoFrame = VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
        frame.pts = number * _CLOCK_RATE // self._frames_per_s
        frame.time_base = fractions.Fraction(1, _CLOCK_RATE)
        return frame

    def encode(self, number: int, is_key_frame: bool) -> "av.Packet[av.VideoStream]":
        """Picture `number`; the first is a key frame anyway."""
        frame = self._picture(number).reformat(format="yuv420p")
        if self._codec is None:
            self._codec = self._new_codec(frame)
        if is_key_frame:
            frame.pict_type = PictureType.I
        (packet,) = self._codec.encode(frame)
        return packet

    def _new_codec(self, frame: VideoFrame) -> VideoCodecContext:
        codec = av.CodecContext.create("libvpx", "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height = frame.width, frame.height
        codec.pix_fmt = "yuv420p"
        codec.time_base = fractions.Fraction(1, _CLOCK_RATE)
        codec.framerate = fractions.Fraction(self._frames_per_s)
        codec.bit_rate = self._bitrate
        # Key frames on request alone, as for a call.
        codec.gop_size = 3_000
        codec.thread_count = 1
        codec.options = {
            "deadline": "realtime",
            # The fastest; a still background leaves little to decide.
            "cpu-used": "-12",
            "lag-in-frames": "0",
            "error-resilient": "default",
            "qmin": "4",
            "qmax": "48",
            "static-thresh": "100",
            "bufsize": str(self._bitrate),
            "maxrate": str(self._bitrate * 2),
        }
        return codec

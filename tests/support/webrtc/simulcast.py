"""A camera in three layers that runs by itself, as a browser's does: key frames when asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from tests.support.poll import eventually
from tests.support.webrtc.client import WebRtcClient
from tests.support.webrtc.rtcp import PictureLoss
from tests.support.webrtc.rtp import Rtp
from tests.support.webrtc.stage import MID, RID
from tests.support.webrtc.track import Camera, label

RIDS = ("r0", "r1", "r2")
_FIRST_SSRC, _FIRST_RTX_SSRC = 0xB1000000, 0xB2000000
_FRAME_S = 0.02


def ssrc_of(layer: int) -> int:
    return _FIRST_SSRC + layer


def layer_of(packet: Rtp) -> int:
    """Which layer a packet belongs to that a viewer has got."""
    return int(label(packet)[:2], 16)


class Simulcast:
    """`active` are the layers that it sends; change them as it runs."""

    def __init__(self, client: WebRtcClient, *, rids: Sequence[str] = RIDS, mid: str = "1") -> None:
        self.active = set(range(len(rids)))
        # Whether a key frame is made when one is asked for.
        self.answers = True
        self._client = client
        self._mid = mid.encode()
        self._rids = [rid.encode() for rid in rids]
        self._cameras = [
            Camera(client, ssrc=ssrc_of(n), rtx_ssrc=_FIRST_RTX_SSRC + n) for n in range(len(rids))
        ]
        self._seen_rtcp = 0

    @property
    def requests(self) -> list[int]:
        """The layers that key frames were asked of, in order."""
        return [
            packet.media_ssrc - _FIRST_SSRC
            for packet in self._client.rtcp
            if isinstance(packet, PictureLoss)
        ]

    def send(self, *, key_frame: bool = False) -> None:
        """One frame of each layer that is active."""
        for layer in sorted(self.active):
            extensions = {MID: self._mid, RID: self._rids[layer]}
            self._cameras[layer].send(key_frame=key_frame, extensions=extensions)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Fifty frames a second. As in browsers a request for one layer makes key frames of all."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            asked = len(self.requests)
            self.send(key_frame=self.answers and asked > self._seen_rtcp)
            if self.answers:
                self._seen_rtcp = asked
            await asyncio.sleep(_FRAME_S)


async def sees(viewer: WebRtcClient, layer: int) -> None:
    """From now on the viewer gets this layer."""
    viewer.rtp.clear()
    await eventually(
        lambda: viewer.rtp and layer_of(viewer.rtp[-1]) == layer, what=f"layer {layer} is seen"
    )


async def keeps_seeing(viewer: WebRtcClient, layer: int, packets: int = 25) -> None:
    """The viewer gets this layer and no other for so many packets."""
    viewer.rtp.clear()
    await eventually(lambda: len(viewer.rtp) >= packets, what=f"{packets} packets")
    assert {layer_of(packet) for packet in viewer.rtp} == {layer}

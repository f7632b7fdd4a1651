"""A plain client on aiortc's RTCPeerConnection."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError

from tests.support.plain.peer import Decoded


class AiortcPeer:
    """Made by `aiortc_peer`."""

    def __init__(self) -> None:
        self.sending = RTCPeerConnection()
        self.receiving = RTCPeerConnection()
        self._frames: Counter[tuple[str, str]] = Counter()
        self._readers: list[asyncio.Task[None]] = []
        self._known: set[MediaStreamTrack] = set()

    def add_tracks(self) -> None:
        self.sending.addTrack(AudioStreamTrack())
        self.sending.addTrack(VideoStreamTrack())

    async def offer(self) -> str:
        await self.sending.setLocalDescription(await self.sending.createOffer())
        return self.sending.localDescription.sdp

    async def take_answer(self, sdp: str) -> None:
        await self.sending.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def answer(self, sdp: str) -> str:
        await self.receiving.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        for transceiver in self.receiving.getTransceivers():
            track = transceiver.receiver.track
            if track is not None and track not in self._known:
                self._known.add(track)
                reading = self._read(str(transceiver.mid), track)
                self._readers.append(asyncio.create_task(reading))
        await self.receiving.setLocalDescription(await self.receiving.createAnswer())
        return self.receiving.localDescription.sdp

    async def decoded(self) -> list[Decoded]:
        return [Decoded(mid, kind, count) for (mid, kind), count in self._frames.items()]

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self.sending.close()
        await self.receiving.close()

    async def _read(self, mid: str, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                await track.recv()
                self._frames[mid, track.kind] += 1


@asynccontextmanager
async def aiortc_peer() -> AsyncIterator[AiortcPeer]:
    """A peer with a picture and a sound."""
    peer = AiortcPeer()
    peer.add_tracks()
    try:
        yield peer
    finally:
        await peer.close()

"""The two peer connections of a page client, by way of SDP: one to send, one to receive."""

import array
import asyncio
import contextlib
from collections import Counter, defaultdict

import av
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from tests.support.page.client import Client, JsonObject, RequestError, Signal

# Of 32,768: a decoder's idea of silence is below.
_LOUD = 1_000


def _peer_connection(client: Client) -> RTCPeerConnection:
    servers = [RTCIceServer(**server) for server in client.ice_servers]
    return RTCPeerConnection(RTCConfiguration(servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))


class Publisher:
    """The peer connection over which a client sends: it offers."""

    def __init__(self, client: Client) -> None:
        """Publishes in the session of `client`."""
        self.connection = _peer_connection(client)
        self._client = client
        # One offer at a time, as a peer connection wants it.
        self._offering = asyncio.Lock()

    async def publish(
        self, track: MediaStreamTrack, app_data: JsonObject, audience: list[str] | None = None
    ) -> str:
        """Adds a track and returns the id of its producer.

        Raises:
            RequestError: The server has refused the offer, or this section of it.
        """
        async with self._offering:
            transceiver = self.connection.addTransceiver(track, direction="sendonly")
            await self.connection.setLocalDescription()
            about: JsonObject = {"mid": transceiver.mid, "appData": app_data}
            if audience is not None:
                about["audience"] = audience
            offer = {"sdp": self.connection.localDescription.sdp, "tracks": [about]}
            answer = await self._client.ask("sdp:offer", offer)
            await self.connection.setRemoteDescription(
                RTCSessionDescription(answer["sdp"], "answer")
            )
        for producer in answer["producers"]:
            if producer["mid"] == transceiver.mid:
                if "error" in producer:
                    raise RequestError(producer["error"])
                return str(producer["producerId"])
        raise LookupError(f"The answer says nothing of mid {transceiver.mid}")


class Receiver:
    """The peer connection over which a client receives: the server offers."""

    def __init__(self, client: Client) -> None:
        """Receives in the session of `client`."""
        self.connection = _peer_connection(client)
        self.signal = Signal()
        # When each frame with sound in it came, by producer.
        self.heard: defaultdict[str, list[float]] = defaultdict(list)
        self.offers: Counter[str] = Counter()
        self.refused: list[RequestError] = []
        self._client = client
        self._mids: dict[str, str] = {}
        self._to_answer: asyncio.Queue[JsonObject] = asyncio.Queue()
        self._tasks = {asyncio.create_task(self._answer_offers())}
        self.connection.on("track", self._take_track)
        client.on("sdp:offer", self._take_offer)

    async def consume(self, producer_id: str) -> str:
        """Asks for a producer's packets and returns the id of the consumer."""
        created = await self._client.ask("consume", {"producerId": producer_id})
        self._mids[created["rtpParameters"]["mid"]] = producer_id
        return str(created["consumerId"])

    async def hear(self, producer_id: str, frames: int, within_s: float) -> None:
        """Waits until so many frames of a producer have come from now on."""
        enough = len(self.heard[producer_id]) + frames
        await self.signal.until(
            lambda: len(self.heard[producer_id]) >= enough, within_s, f"audio of {producer_id}"
        )

    async def close(self) -> None:
        """Ends the peer connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.connection.close()

    def _take_offer(self, offer: JsonObject) -> None:
        self.offers[offer["offerId"]] += 1
        if self.offers[offer["offerId"]] == 1:
            # Told again after a resume, it has its answer already, which is repeated if need be.
            self._to_answer.put_nowait(offer)

    async def _answer_offers(self) -> None:
        while True:
            offer = await self._to_answer.get()
            await self.connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
            await self.connection.setLocalDescription()
            sdp = self.connection.localDescription.sdp
            try:
                await self._client.ask("sdp:answer", {"offerId": offer["offerId"], "sdp": sdp})
            except RequestError as error:
                self.refused.append(error)

    def _take_track(self, track: MediaStreamTrack) -> None:
        self._tasks.add(asyncio.create_task(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        transceivers = self.connection.getTransceivers()
        mid = str(next(t.mid for t in transceivers if t.receiver.track is track))
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                if max(array.array("h", bytes(frame.planes[0]))) > _LOUD:
                    self.heard[self._mids.get(mid, mid)].append(asyncio.get_running_loop().time())
                    self.signal.notify()

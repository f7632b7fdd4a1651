"""Plain WebRTC clients, of two makes, in one room with a client of mediasoup's shapes."""

import asyncio

from aiortc import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

from tests.contract.sdp.conftest import House
from tests.support.poll import PATIENCE_S


async def frames(track: MediaStreamTrack, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(count):
            await track.recv()


async def test_plain_client_publishes_to_a_mediasoup_client(house: House) -> None:
    async with house.plain("Ada") as ada, house.join("Grace", "proctor") as grace:
        answer = await ada.publish()
        assert len(answer["producers"]) == 2
        for published in answer["producers"]:
            subscription = await grace.consume(published["producerId"])
            await frames(subscription.track, 20)


async def test_mediasoup_client_publishes_to_a_plain_client(house: House) -> None:
    async with house.join("Ada") as ada, house.plain("Grace", "proctor") as grace:
        for track in (AudioStreamTrack(), VideoStreamTrack()):
            await ada.publish(track)
        for producer in await grace.producers(2):
            consumer = await grace.consume(producer["producerId"])
            await grace.until_frames_grow(consumer["rtpParameters"]["mid"])

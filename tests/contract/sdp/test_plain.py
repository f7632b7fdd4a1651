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


async def test_candidate_and_proctor_are_plain_clients(house: House) -> None:
    async with house.plain("Ada") as ada, house.plain("Grace", "proctor") as grace:
        answer = await ada.publish(tracks=[])
        for published in answer["producers"]:
            consumer = await grace.consume(published["producerId"])
            await grace.until_frames_grow(consumer["rtpParameters"]["mid"])


async def test_consumer_that_ends_gives_its_place_to_another(house: House) -> None:
    async with house.join("Ada") as ada, house.plain("Grace", "proctor") as grace:
        first = await ada.publish(VideoStreamTrack())
        sound = await ada.publish(AudioStreamTrack())
        await grace.consume(first.producer_id)
        heard = (await grace.consume(sound.producer_id))["rtpParameters"]["mid"]
        await grace.until_frames_grow(heard)
        await first.close()
        before = await grace.until_answered("m=video 0 ")
        second = await ada.publish(VideoStreamTrack())
        consumer = await grace.consume(second.producer_id)
        await grace.until_frames_grow(consumer["rtpParameters"]["mid"])
        after = grace.answered[-1]["sdp"]
        assert after.count("\r\nm=") == before.count("\r\nm=")
        # What went on all the while.
        await grace.until_frames_grow(heard)


async def test_pause_of_a_producer_is_told_and_its_track_comes_back(house: House) -> None:
    async with house.join("Ada") as ada, house.plain("Grace", "proctor") as grace:
        picture = await ada.publish(VideoStreamTrack())
        consumer = await grace.consume(picture.producer_id)
        mid = consumer["rtpParameters"]["mid"]
        await grace.until_frames_grow(mid)
        await picture.pause()
        await grace.client.event("consumer:paused", consumerId=consumer["consumerId"])
        await picture.resume()
        await grace.client.event("consumer:resumed", consumerId=consumer["consumerId"])
        await grace.until_frames_grow(mid)

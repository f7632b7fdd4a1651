"""The Python client against a real gateway, worker and engine: pictures, sound, and their ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.stats import RTCOutboundRtpStreamStats
from av import AudioFrame, Packet, VideoFrame
from av.frame import Frame

from services.client.python.failure import ClosedError, RefusedError, UnreachableError
from services.client.python.session import Session, joined
from services.client.python.subscription import Subscription
from services.client.python.transport import Role
from tests.contract.client.conftest import House
from tests.support.gateway import ROOM, mint
from tests.support.poll import PATIENCE_S, eventually, until

WIDTH, HEIGHT = 640, 480


async def frames(track: MediaStreamTrack, count: int) -> "list[Frame | Packet[Any]]":
    async with asyncio.timeout(PATIENCE_S):
        return [await track.recv() for _ in range(count)]


async def ended(track: MediaStreamTrack) -> None:
    """Wait until the track gives no more frames."""

    async def drained() -> None:
        while True:
            await track.recv()

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(MediaStreamError):
            await drained()


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """Every task of the client ends with it."""
    yield
    left = [task for task in asyncio.all_tasks() if "services/client" in repr(task.get_coro())]
    assert left == []


async def seen(watcher: Session, name: str, count: int) -> list[Subscription]:
    """Consume everything that `name` publishes, once that is `count` producers."""
    await watcher.until(
        lambda: len(watcher.roster.producers_of(name)) == count, within_s=PATIENCE_S
    )
    producers = sorted(watcher.roster.producers_of(name), key=lambda found: found.kind)
    return [await watcher.consume(producer.producer_id) for producer in producers]


# As server this side chooses, and aiortc wants the longest key first.
@pytest.mark.parametrize(
    ("dtls_role", "profile"),
    [("client", "SRTP_AEAD_AES_128_GCM"), ("server", "SRTP_AEAD_AES_256_GCM")],
)
async def test_pictures_and_sound_are_decoded_by_another_client(
    house: House, dtls_role: Role, profile: str
) -> None:
    async with (
        house.join("Ada", dtls_role=dtls_role) as ada,
        house.join("Grace", "proctor", dtls_role=dtls_role) as grace,
    ):
        await ada.publish(VideoStreamTrack(), source="camera")
        await ada.publish(AudioStreamTrack(), source="microphone")
        sound, picture = await seen(grace, "Ada", 2)
        for frame in await frames(picture.track, 20):
            assert isinstance(frame, VideoFrame)
            assert (frame.width, frame.height) == (WIDTH, HEIGHT)
        for frame in await frames(sound.track, 20):
            assert isinstance(frame, AudioFrame)
        sources = {producer.source for producer in grace.roster.producers_of("Ada")}
        assert sources == {"camera", "microphone"}
        for transport in (*ada._transports.values(), *grace._transports.values()):
            assert transport.dtls._ssl is not None
            assert transport.dtls._ssl.get_selected_srtp_profile().decode() == profile


async def test_several_producers_of_one_kind_arrive_apart(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        camera = await ada.publish(VideoStreamTrack(), source="camera")
        screen = await ada.publish(SmallTrack(), source="screen")
        widths = {}
        for publication in (camera, screen):
            subscription = await grace.consume(publication.producer_id)
            (frame,) = await frames(subscription.track, 1)
            assert isinstance(frame, VideoFrame)
            widths[publication.source] = frame.width
        assert widths == {"camera": WIDTH, "screen": SmallTrack.width}


async def test_pause_resume_and_replacement_in_the_middle(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        publication = await ada.publish(VideoStreamTrack(), source="camera", paused=True)
        (subscription,) = await seen(grace, "Ada", 1)
        assert subscription.is_producer_paused
        await publication.resume()
        await frames(subscription.track, 5)
        await publication.pause()
        await grace.until(lambda: subscription.is_producer_paused)
        assert grace.roster.producers[publication.producer_id].paused
        await publication.replace(SmallTrack())
        await publication.resume()
        await grace.until(lambda: not subscription.is_producer_paused)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await subscription.track.recv()
                if isinstance(frame, VideoFrame) and frame.width == SmallTrack.width:
                    break
        with pytest.raises(ValueError, match="video"):
            await publication.replace(AudioStreamTrack())


async def test_scores_and_stats_say_how_well_both_ways_are(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        camera = await ada.publish(VideoStreamTrack(), source="camera")
        (picture,) = await seen(grace, "Ada", 1)
        await ada.until(lambda: camera.scores, within_s=PATIENCE_S)
        assert [(one.layer, one.score) for one in camera.scores] == [(0, 10)]
        await grace.until(lambda: picture.score is not None, within_s=PATIENCE_S)
        assert (picture.score, picture.producer_score) == (10, 10)

        await camera.pause()
        await frames(picture.track, picture.waiting_frames)

        async def agreed() -> int:
            # A frame may still be on its way through the encoder.
            sent = (await camera._sender.getStats()).values()
            (own,) = [one for one in sent if isinstance(one, RTCOutboundRtpStreamStats)]
            (inbound,) = await camera.stats()
            counted = (inbound["packetsReceived"], inbound["packetsLost"])
            return own.packetsSent if counted == (own.packetsSent, 0) else 0

        packets = await until(agreed, "the server has counted what was sent")
        (outbound, *_) = await picture.stats()
        assert outbound["type"] == "outbound-rtp"
        (up,), (down,) = await ada.stats(), await grace.stats()
        assert up["dtlsState"] == down["dtlsState"] == "connected"
        assert isinstance(up["packetsReceived"], int)
        assert up["packetsReceived"] > packets


async def test_producer_that_closes_ends_its_subscription(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        publication = await ada.publish(VideoStreamTrack())
        (subscription,) = await seen(grace, "Ada", 1)
        await frames(subscription.track, 1)
        await publication.close()
        assert publication.track.readyState == "ended"
        await ended(subscription.track)
        await grace.until(lambda: not grace.roster.producers)
        # Once more is not wrong.
        await subscription.stop()


async def test_consumer_can_pause_resume_and_close(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        await ada.publish(VideoStreamTrack())
        (subscription,) = await seen(grace, "Ada", 1)
        await frames(subscription.track, 1)
        await subscription.pause()
        await subscription.resume()
        await frames(subscription.track, 5)
        await subscription.close()
        await ended(subscription.track)
        with pytest.raises(RefusedError) as refused:
            await subscription.resume()
        assert refused.value.code == "CONSUME_ERROR"


async def test_frames_that_nobody_reads_are_not_kept(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        await ada.publish(AudioStreamTrack())
        (subscription,) = await seen(grace, "Ada", 1)
        (first,) = await frames(subscription.track, 1)
        await eventually(lambda: subscription.waiting_frames == 100, within_s=PATIENCE_S)
        (next_one,) = await frames(subscription.track, 1)
        assert first.pts is not None
        assert next_one.pts is not None
        assert subscription.waiting_frames <= 100


async def test_who_leaves_is_gone_for_the_others(house: House) -> None:
    async with house.join("Grace", "proctor") as grace:
        async with house.join("Ada"):
            await grace.until(lambda: "Ada" in names(grace))
        await grace.until(lambda: "Ada" not in names(grace))


async def test_candidate_cannot_consume_another_candidate(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Alan") as alan:
        publication = await ada.publish(AudioStreamTrack())
        assert not alan.roster.participants
        with pytest.raises(RefusedError) as refused:
            await alan.consume(publication.producer_id)
        assert refused.value.code == "CONSUME_ERROR"
        assert refused.value.reason == "PRODUCER_NOT_FOUND"


async def test_token_that_is_bad_is_refused_for_good(house: House) -> None:
    with pytest.raises((RefusedError, ClosedError)) as refused:
        async with joined(house.url, token="no.such.token", room=ROOM, name="Eve"):
            pass
    if isinstance(refused.value, RefusedError):
        assert refused.value.code == "UNAUTHORIZED"


async def test_token_for_another_room_is_forbidden(house: House) -> None:
    with pytest.raises((RefusedError, ClosedError)) as refused:
        async with joined(house.url, token=mint(room="other"), room=ROOM, name="Eve"):
            pass
    if isinstance(refused.value, RefusedError):
        assert refused.value.code == "FORBIDDEN"


async def test_nobody_at_the_address_is_unreachable() -> None:
    with pytest.raises(UnreachableError):
        async with joined("ws://127.0.0.1:1/ws", token="t", room=ROOM, name="Eve"):
            pass


def names(session: Session) -> set[str]:
    return {peer.display_name for peer in session.roster.participants.values()}


class SmallTrack(VideoStreamTrack):
    """Pictures of another size than aiortc's own."""

    width, height = 160, 120

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame(self.width, self.height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.pts, frame.time_base = pts, time_base
        return frame

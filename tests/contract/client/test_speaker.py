"""Who speaks, by the Python client: real sound, a real engine, and lists of speakers."""

import random
from array import array

from aiortc import AudioStreamTrack
from av import AudioFrame

from services.client.python.session import Session
from tests.contract.client.conftest import House
from tests.support.poll import PATIENCE_S

LOUD = 6_000


class Voice(AudioStreamTrack):
    """Noise as loud as speech."""

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        assert isinstance(frame, AudioFrame)
        noise = array("h", (random.randint(-LOUD, LOUD) for _ in range(frame.samples)))
        frame.planes[0].update(noise.tobytes())
        return frame


async def spoken(session: Session, *, anybody: bool) -> None:
    """Wait until somebody speaks, or nobody does."""
    await session.until(lambda: bool(session.speakers) is anybody, within_s=PATIENCE_S)


async def test_whoever_speaks_is_told_to_others_and_to_itself_until_it_pauses(
    house: House,
) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        voice = await ada.publish(Voice(), source="microphone")
        await grace.publish(AudioStreamTrack(), source="microphone")
        for session in (grace, ada):
            await spoken(session, anybody=True)
            (speaker,) = session.speakers
            assert (speaker.peer_id, speaker.producer_id) == (ada.peer_id, voice.producer_id)
            assert 0 <= speaker.level <= 50
        await voice.pause()
        for session in (grace, ada):
            await spoken(session, anybody=False)
        await voice.resume()
        await spoken(grace, anybody=True)

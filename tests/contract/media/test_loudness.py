"""How loud microphones are on the real engine: RTP in, one answer for all of them out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from services.common.ids import ProducerId
from services.sfu.core.port import Extension
from services.sfu.core.speaker import BEGIN
from tests.support.poll import until
from tests.support.webrtc.stage import (
    AUDIO_LEVEL,
    CAMERA,
    MICROPHONE,
    MID,
    Guest,
    Stage,
    open_stage,
)
from tests.support.webrtc.track import Microphone

PACKET_S = 0.02
VOICE = 0x80


@asynccontextmanager
async def speaking(guest: Guest, *levels: int) -> AsyncIterator[Microphone]:
    """A microphone that sends meanwhile, a packet of each level in turn."""
    microphone = Microphone(guest.client)

    async def send() -> None:
        while True:
            level = levels[microphone.count % len(levels)]
            microphone.send(extensions={AUDIO_LEVEL: bytes([VOICE | level])})
            await asyncio.sleep(PACKET_S)

    task = asyncio.create_task(send())
    try:
        yield microphone
    finally:
        task.cancel()


async def heard(stage: Stage) -> dict[ProducerId, int]:
    """What the next answer says, of an interval of its own."""
    await stage.plane.audio_levels()
    await asyncio.sleep(0.3)
    return dict(await stage.plane.audio_levels())


async def until_heard(stage: Stage, *expected: ProducerId) -> dict[ProducerId, int]:
    """Wait until exactly these are heard."""

    async def ask() -> list[dict[ProducerId, int]]:
        levels = await heard(stage)
        return [levels] if set(levels) == set(expected) else []

    (levels,) = await until(ask, f"{expected} alone are heard")
    return levels


async def test_levels_of_all_microphones_come_in_one_answer(stage: Stage) -> None:
    ada, ben, cay = await stage.join(), await stage.join(), await stage.join()
    of_ada, of_ben = stage.produce(ada, MICROPHONE), stage.produce(ben, MICROPHONE)
    stage.produce(cay, MICROPHONE)
    stage.produce(cay, CAMERA)
    async with speaking(ada, 20), speaking(ben, 40), speaking(cay, 127):
        levels = await until_heard(stage, of_ada, of_ben)
        assert 20 <= levels[of_ada] < levels[of_ben] < 60
    await until_heard(stage)


async def test_gaps_between_words_leave_speech_and_clicks_leave_silence(stage: Stage) -> None:
    ada, ben = await stage.join(), await stage.join()
    of_ada, of_ben = stage.produce(ada, MICROPHONE), stage.produce(ben, MICROPHONE)
    async with speaking(ada, 25, 25, 127), speaking(ben, 20, *[127] * 24):
        levels = await until_heard(stage, of_ada, of_ben)
    assert levels[of_ada] < BEGIN < levels[of_ben]


async def test_microphone_that_is_paused_is_silent_until_it_is_resumed(stage: Stage) -> None:
    ada = await stage.join()
    producer_id = stage.produce(ada, MICROPHONE)
    async with speaking(ada, 20):
        await until_heard(stage, producer_id)
        stage.plane.pause_producer(producer_id)
        assert await heard(stage) == {}
        stage.plane.resume_producer(producer_id)
        await until_heard(stage, producer_id)
        stage.plane.remove_producer(producer_id)
        assert await heard(stage) == {}


async def test_value_that_is_no_level_or_was_not_negotiated_is_silence(stage: Stage) -> None:
    ada, ben = await stage.join(), await stage.join()
    stage.produce(ada, MICROPHONE)
    stage.produce(ben, replace(MICROPHONE, extension_ids={Extension.MID: MID}))
    odd = Microphone(ada.client)
    async with speaking(ben, 0):
        for value in (b"", b"\0\0", b"\0" * 16):
            odd.send(5, {AUDIO_LEVEL: value} if value else {})
        await stage.counted("rtp_packets_in", above=20)
        assert await heard(stage) == {}


async def test_engine_that_has_stopped_says_so() -> None:
    async with open_stage() as stage:
        driver = stage.plane._driver
    with pytest.raises(RuntimeError):
        await driver.audio_levels()

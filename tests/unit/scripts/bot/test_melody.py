"""What bots play: quiet, with pauses, and the level that goes beside each packet is true."""

import math
from array import array

import av
import pytest
from aiortc.mediastreams import MediaStreamError

from scripts.bot.melody import MelodyTrack, Sound, compose

SILENT = -127


@pytest.fixture(scope="module")
def sounds() -> list[Sound]:
    return compose(220.0)


def test_melody_is_quiet_and_has_pauses(sounds: list[Sound]) -> None:
    levels = [sound.level_dbov for sound in sounds]
    assert max(levels) < -18
    assert 0.6 < levels.count(SILENT) / len(levels) < 0.9
    # It begins and ends in silence: going round is not heard.
    assert levels[0] == levels[-1] == SILENT


def test_packets_are_opus_of_20_ms_as_loud_as_they_say(sounds: list[Sound]) -> None:
    decoder = av.CodecContext.create("libopus", "r")
    heard = []
    for sound in sounds:
        for frame in decoder.decode(av.Packet(sound.opus)):
            assert frame.samples == 960
            assert frame.sample_rate == 48_000
            assert frame.format.name == "s16"
            # The plane has room for 120 ms.
            size = frame.samples * frame.layout.nb_channels * 2
            heard.append(loudness(bytes(frame.planes[0])[:size]))
    assert len(heard) == len(sounds)
    # The codec is some milliseconds late, which counts where a note swells.
    middle = max(range(len(sounds)), key=lambda number: sounds[number].level_dbov)
    assert abs(heard[middle] - sounds[middle].level_dbov) < 3
    assert abs(max(heard) - max(sound.level_dbov for sound in sounds)) < 3


async def test_track_that_was_stopped_gives_nothing_more(sounds: list[Sound]) -> None:
    track = MelodyTrack(sounds)
    first, second = await track.next_encoded(), await track.next_encoded()
    assert first.packet.pts is not None
    assert second.packet.pts is not None
    assert second.packet.pts - first.packet.pts == 960
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.next_encoded()


def loudness(samples: bytes) -> float:
    """dBov of 16-bit samples."""
    values = array("h", samples)
    power = sum(value * value for value in values) / len(values) / 32_767**2
    return 10 * math.log10(power) if power else SILENT

"""Whether a picture keeps moving, and whether sound and picture stay together."""

import asyncio

from tests.bench import rig
from tests.bench.report import Table, all_at_most, most_at_most
from tests.bench.rig import WARM_UP_S
from tests.support.browser import Tile


async def of_one_candidate(table: Table, seconds: float) -> None:
    """Watch one candidate for this long.

    The skew is the difference of what audio and video say they are playing at an instant
    (estimatedPlayoutTimestamp), which both derive from the worker's sender reports.
    """
    during = f"in {seconds:.0f} s of play"
    skew = table.row("sound against picture, absolute", "ms", goal=most_at_most(80, 0.95))
    freezes = table.row(f"freezes {during}", goal=all_at_most(0))
    lost = table.row(f"packets lost {during}")
    rate = table.row("frames decoded", "1/s")
    width = table.row("width of the picture", "px")
    async with rig.on_loopback() as stage:
        await stage.candidate("bench", "Ada")
        proctor = await stage.proctor("bench")
        await proctor.unmute()
        await Tile(proctor, "Ada").until_frames_grow()
        await asyncio.sleep(WARM_UP_S)
        before = await rig.received(proctor, "video")
        for _ in range(round(seconds)):
            await asyncio.sleep(1)
            playing = [
                (await rig.received(proctor, kind))["estimatedPlayoutTimestamp"]
                for kind in ("audio", "video")
            ]
            skew.append(abs(playing[0] - playing[1]))
        after = await rig.received(proctor, "video")
        took_s = (after["timestamp"] - before["timestamp"]) / 1e3
        freezes.append(after["freezeCount"] - before["freezeCount"])
        lost.append(after["packetsLost"] - before["packetsLost"])
        rate.append((after["framesDecoded"] - before["framesDecoded"]) / took_s)
        width.append(after["frameWidth"])

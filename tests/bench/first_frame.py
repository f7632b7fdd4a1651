"""How soon a proctor sees a candidate: from loading the page, and from asking for the stream.

*Decoded* is when the track hands out its first frame (MediaStreamTrackProcessor); *shown* is when
the tile presents it (requestVideoFrameCallback), up to a frame of the screen later.
"""

import asyncio

from tests.bench import rig
from tests.bench.layer import until_needed
from tests.bench.report import Table, median_at_most
from tests.bench.rig import WARM_UP_S
from tests.support.browser import Tile
from tests.support.chromium import ChromiumTab


async def on_a_new_page(table: Table, runs: int) -> None:
    """Pages that load, join and connect: ICE and DTLS are part of it."""
    loaded = table.row("proctor page load → first frame decoded", "ms", goal=median_at_most(1_000))
    loaded_shown = table.row("proctor page load → first frame shown", "ms")
    consumed = table.row(
        "`consume` → first frame decoded, new page (with ICE and DTLS)",
        "ms",
        goal=median_at_most(200),
    )
    consumed_shown = table.row("`consume` → first frame shown, new page", "ms")
    async with rig.on_loopback() as stage:
        candidate = await stage.candidate("bench", "Ada")
        peer_id = await candidate.own_peer_id()
        # Somebody is watching or has been just now, so that the camera is sent.
        first = await stage.proctor("bench")
        await asyncio.sleep(WARM_UP_S)
        await rig.close(first)
        for _ in range(runs):
            proctor = await stage.proctor("bench")
            decoded, shown, asked = await _moments(proctor, peer_id)
            # The page's clock starts with its navigation.
            loaded.append(decoded)
            loaded_shown.append(shown)
            consumed.append(decoded - asked)
            consumed_shown.append(shown - asked)
            await rig.close(proctor)


async def of_a_camera_that_was_off(table: Table, runs: int) -> None:
    """New pages again. Nobody has been watching, so the camera is not sent until one comes."""
    consumed = table.row("`consume` → first frame decoded, new page, camera not sent before", "ms")
    async with rig.on_loopback() as stage:
        candidate = await stage.candidate("bench", "Ada")
        peer_id = await candidate.own_peer_id()
        for _ in range(runs):
            await until_needed(candidate, None)
            proctor = await stage.proctor("bench")
            decoded, _, asked = await _moments(proctor, peer_id)
            consumed.append(decoded - asked)
            await rig.close(proctor)


async def on_a_connected_transport(table: Table, runs: int) -> None:
    """A page that watches already: only the new stream has to start."""
    consumed = table.row(
        "`consume` → first frame decoded, connected transport", "ms", goal=median_at_most(200)
    )
    consumed_shown = table.row("`consume` → first frame shown, connected transport", "ms")
    async with rig.on_loopback() as stage:
        proctor = await stage.proctor("bench")
        await stage.candidate("bench", "Ada")
        await Tile(proctor, "Ada").until_frames_grow()
        for number in range(runs):
            await proctor.page.evaluate("__bench.hold()")
            candidate = await stage.candidate("bench", f"Alan-{number}")
            await asyncio.sleep(WARM_UP_S / 2)
            await proctor.page.evaluate("__bench.release()")
            decoded, shown, asked = await _moments(proctor, await candidate.own_peer_id())
            consumed.append(decoded - asked)
            consumed_shown.append(shown - asked)
            await candidate.page.get_by_test_id("leave").click()
            await rig.close(candidate)


async def _moments(proctor: ChromiumTab, peer_id: str) -> tuple[float, float, float]:
    """When the first frame was decoded, was shown, and when it was asked for."""
    decoded = await rig.noted(proctor, "decoded", peer_id)
    shown = await rig.noted(proctor, "shown", peer_id)
    asked = await proctor.page.evaluate(
        "ids => __bench.consumedAtMs(ids)", rig.cameras(proctor, peer_id)
    )
    assert asked is not None
    return decoded, shown, float(asked)

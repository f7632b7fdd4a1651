"""A candidate's upload follows what proctors look at: layers that nobody needs are not sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

import playwright.async_api
import pytest

from tests.support import chromium, firefox_tab
from tests.support.bidi import BidiError
from tests.support.browser import Tab, Tile
from tests.support.cluster import CONSOLE, Cluster
from tests.support.firefox import firefox
from tests.support.poll import until

pytestmark = pytest.mark.timeout(300)

NAME = "Ada Lovelace"
LAYERS = ("r0", "r1", "r2")
WIDTHS = (320, 640, 1280)
# Some frames of the lowest layer.
SENT = 20_000

NewTab = Callable[[], Awaitable[Tab]]


@dataclass
class Stage:
    """A cluster, a room, and pages of one browser."""

    cluster: Cluster
    room: str
    new_tab: NewTab
    tabs: list[Tab] = field(default_factory=list)

    async def open(self, role: str, name: str) -> Tab:
        tab = await self.new_tab()
        self.tabs.append(tab)
        await tab.open(self.cluster.link(self.room, role, name))
        await tab.until_good()
        return tab


@pytest.fixture(params=["chromium", "firefox"])
async def stage(
    request: pytest.FixtureRequest, cluster: Cluster, room: str
) -> AsyncIterator[Stage]:
    assert (CONSOLE / "proctor.html").exists(), "build the console's pages first: make console"
    async with AsyncExitStack() as stack:
        if request.param == "chromium":
            browser = await stack.enter_async_context(chromium.chromium())
            new_tab: NewTab = partial(chromium.new_tab, browser)
        else:
            bidi = await stack.enter_async_context(firefox())
            new_tab = partial(firefox_tab.new_tab, bidi)
        stage = Stage(cluster, room, new_tab)
        yield stage
        for tab in stage.tabs:
            # Shown by pytest for a test that failed.
            with suppress(playwright.async_api.Error, BidiError):
                print(await tab.report())
        assert [error for tab in stage.tabs for error in tab.errors] == []


async def sent(candidate: Tab) -> dict[str, int]:
    """Bytes of each layer so far."""
    found = await candidate.evaluate("__probe.sentLayers()")
    return {layer: int(found.get(layer, 0)) for layer in LAYERS}


async def until_told(candidate: Tab, layer: int | None) -> None:
    async def told() -> bool:
        needs = candidate.replies("producer:layers-needed")
        return bool(needs) and needs[-1].get("spatialLayer") == layer

    await until(told, f"the candidate is told that {layer} is needed")


async def until_sends(candidate: Tab, *layers: str) -> None:
    """Wait until these layers grow, and meanwhile no other by a single byte."""
    before = await sent(candidate)

    async def only_these() -> bool:
        nonlocal before
        after = await sent(candidate)
        if any(after[layer] != before[layer] for layer in LAYERS if layer not in layers):
            before = after
        return all(after[layer] - before[layer] > SENT for layer in layers)

    await until(only_these, f"{layers} are sent, and no others")


async def until_silent(candidate: Tab) -> None:
    """Wait until nothing is sent for a second."""

    async def silent() -> bool:
        before = await sent(candidate)
        await asyncio.sleep(1)
        return await sent(candidate) == before

    await until(silent, "no layer is sent")


async def until_wide(tile: Tile, width: int) -> None:
    async def is_wide() -> bool:
        stream = await tile.inbound("video")
        return stream is not None and stream.width == width

    await until(is_wide, f"the picture of {tile.name} is {width} pixels wide")
    await tile.until_frames_grow()


async def open_on_stage(proctor: Tab, tile: Tile) -> None:
    """Enlarge the tile, as a press on it does."""
    await proctor.evaluate(
        "name => __probe.tiles(name)[0].querySelector('[data-testid=tile-open]').click()", tile.name
    )


async def test_layers_are_sent_while_a_proctor_looks_at_them(stage: Stage) -> None:
    candidate = await stage.open("candidate", NAME)
    # Beside another one the tile is so small that the lowest layer is enough.
    await stage.open("candidate", "Alan")
    proctor = await stage.open("proctor", "Grace")
    tile = Tile(proctor, NAME)
    await tile.until_frames_grow()
    await until_told(candidate, 0)
    await until_sends(candidate, "r0")
    await until_wide(tile, WIDTHS[0])

    await open_on_stage(proctor, tile)
    await until_told(candidate, 2)
    await until_wide(tile, WIDTHS[2])
    await until_sends(candidate, *LAYERS)

    await proctor.click("stage-close")
    await until_told(candidate, 0)
    await until_sends(candidate, "r0")
    await tile.until_frames_grow()


async def test_nothing_is_sent_while_nobody_looks_and_everything_starts_with_a_viewer(
    stage: Stage,
) -> None:
    candidate = await stage.open("candidate", NAME)
    await until_told(candidate, None)
    await until_silent(candidate)
    proctor = await stage.open("proctor", "Grace")
    tile = Tile(proctor, NAME)
    await tile.until_frames_grow(1)
    # Alone on the wall it is large.
    await until_wide(tile, WIDTHS[1])
    await until_sends(candidate, "r0", "r1")
    await open_on_stage(proctor, tile)
    await until_wide(tile, WIDTHS[2])


async def test_pause_of_the_camera_changes_nothing_of_which_layers_are_sent_after_it(
    stage: Stage,
) -> None:
    candidate = await stage.open("candidate", NAME)
    proctor = await stage.open("proctor", "Grace")
    tile = Tile(proctor, NAME)
    await until_told(candidate, 1)
    await until_sends(candidate, "r0", "r1")
    await candidate.click("camera-switch")
    await tile.until_attribute("connection", "paused")
    await until_silent(candidate)
    await candidate.click("camera-switch")
    await tile.until_attribute("connection", "ok")
    await tile.until_frames_grow()
    await until_sends(candidate, "r0", "r1")

    # What is needed may change in a pause, too.
    await candidate.click("camera-switch")
    await tile.until_attribute("connection", "paused")
    await open_on_stage(proctor, tile)
    await until_told(candidate, 2)
    await until_silent(candidate)
    await candidate.click("camera-switch")
    await until_wide(tile, WIDTHS[2])
    await until_sends(candidate, *LAYERS)

"""Who speaks, in real browsers: the ring around the right tile, and its end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.conftest import OpenTab
from tests.support.browser import Tile
from tests.support.chromium import ChromiumTab, chromium
from tests.support.cluster import Cluster
from tests.support.console import part, until_data, until_says
from tests.support.firefox import firefox
from tests.support.firefox_tab import new_tab as new_firefox_tab
from tests.support.poll import until
from tests.support.voice import write_voice

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    """One whose microphone speaks: what it gives otherwise is beeps."""
    voice = write_voice(tmp_path / "voice.wav")
    async with chromium(f"--use-file-for-fake-audio-capture={voice}") as running:
        yield running


async def ring(proctor: ChromiumTab, name: str) -> float:
    """How much of the ring around somebody's tile is seen, from 0 to 1."""
    tile = proctor.page.get_by_test_id("tile").filter(has_text=name)
    opacity = await tile.evaluate("tile => getComputedStyle(tile, '::before').opacity")
    return float(opacity)


async def until_ring(proctor: ChromiumTab, name: str, opacity: float) -> None:
    async def has() -> bool:
        return await ring(proctor, name) == opacity

    await until(has, f"the ring around {name} has opacity {opacity}")


async def test_ring_is_around_whoever_speaks_and_goes_when_they_mute(
    cluster: Cluster, room: str, open_tab: OpenTab, tmp_path: Path
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    candidates = {
        name: await open_tab(cluster.link(room, "candidate", name)) for name in ("Ada", "Ben")
    }
    tiles = {name: Tile(proctor, name) for name in candidates}
    for name, candidate in candidates.items():
        await candidate.until_good()
        await tiles[name].until_frames_grow()
    await part(candidates["Ben"], "microphone-switch").click()
    await tiles["Ben"].until_attribute("microphone", "muted")

    # Sound is off on a proctor's page: nothing of Ada needs to be heard to see that she speaks.
    await until_ring(proctor, "Ada", 1)
    await until_ring(proctor, "Ben", 0)
    await proctor.page.screenshot(path=tmp_path / "speaks.png")
    assert {peer["peerId"] for list_ in told(candidates["Ben"]) for peer in list_} <= {
        await candidates["Ben"].own_peer_id()
    }

    await part(candidates["Ada"], "microphone-switch").click()
    await until_ring(proctor, "Ada", 0)
    await part(candidates["Ben"], "microphone-switch").click()
    await until_ring(proctor, "Ben", 1)
    assert await ring(proctor, "Ada") == 0
    await part(proctor, "tile-open").last.click()
    await until_data(proctor, "stage", "speaking", "true")
    await proctor.page.screenshot(path=tmp_path / "stage.png")


async def test_ring_is_around_a_speaker_in_firefox(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    async with firefox() as bidi:
        candidate = await new_firefox_tab(bidi)
        await candidate.open(cluster.link(room, "candidate", "Ada"))
        await candidate.until_good()
        # Its fake microphone hums.
        await until_ring(proctor, "Ada", 1)
        await candidate.click("microphone-switch")
        await until_ring(proctor, "Ada", 0)
        assert candidate.errors == []


async def test_candidate_sees_that_a_proctor_speaks_to_all(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    await candidate.until_good()
    grace = Tile(candidate, "Grace")
    await grace.until_shown()
    await part(proctor, "talk").click()
    await until_says(proctor, "talk-words", "You are live")
    await grace.until_attribute("speaking", "true")
    await part(proctor, "talk").click()
    await grace.until_attribute("speaking", "false")


def told(tab: ChromiumTab) -> list[list[dict[str, str]]]:
    """Every list of speakers that a page was told."""
    return [one["payload"]["speakers"] for one in tab.messages() if one["type"] == "speaker:active"]

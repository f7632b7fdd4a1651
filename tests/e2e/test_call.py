"""The console's own pages in a real browser, through real services: pictures, sound, names."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterator

import pytest
from playwright.async_api import Browser

from tests.e2e.conftest import OpenTab
from tests.support.browser import Tab, Tile
from tests.support.chromium import ChromiumTab, chromium, new_tab
from tests.support.cluster import Cluster, running_cluster
from tests.support.poll import until

# Several tabs that encode and decode share two cores with everything else.
pytestmark = pytest.mark.timeout(300)

# Long enough to be seen by a test on a loaded machine, short enough to wait for.
GRACE_MS = 8_000
# Some seconds of three layers.
EARLY_PACKETS = 300

Kill = Callable[[ChromiumTab, Browser], Awaitable[None]]


@pytest.fixture(scope="module")
def impatient_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Services that keep the seat of a lost peer for a few seconds only."""
    folder = tmp_path_factory.mktemp("impatient")
    with running_cluster(folder, SFU_GRACE_MS=str(GRACE_MS)) as running:
        yield running


async def test_proctor_sees_and_hears_a_candidate_who_comes_later(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    await proctor.until_good()
    await proctor.unmute()
    candidate = await open_tab(cluster.link(room, "candidate", "Ada Lovelace"))
    await candidate.until_good()

    tile = Tile(proctor, "Ada Lovelace")
    await tile.until_shown()
    first = await tile.until_frames_grow()
    assert await tile.until_frames_grow() > first
    await tile.until_audio_grows()
    await tile.until_audio_grows()
    await tile.until_attribute("connection", "ok")
    await tile.until_attribute("picture", "playing")
    await Tile(candidate, "Grace").until_shown()


async def test_proctor_who_comes_later_or_reloads_sees_who_is_already_there(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    await candidate.until_good()
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()

    await proctor.page.reload()
    await tile.until_shown()
    await proctor.unmute()
    await tile.until_frames_grow()
    await tile.until_audio_grows()
    assert await candidate.tone() == "good"


async def test_candidate_never_learns_of_another_candidate(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    ada = await open_tab(cluster.link(room, "candidate", "Ada"))
    alan = await open_tab(cluster.link(room, "candidate", "Alan"))
    for name in ("Ada", "Alan"):
        tile = Tile(proctor, name)
        await tile.until_shown()
        await tile.until_frames_grow()
    alan_leaves_last = await alan.own_peer_id()
    await ada.page.get_by_test_id("leave").click()
    await Tile(proctor, "Ada").until_gone()

    proctor_id = await proctor.own_peer_id()
    for tab, other_id, other_name in (
        (ada, alan_leaves_last, "Alan"),
        (alan, await ada.own_peer_id(), "Ada"),
    ):
        heard = "\n".join(tab.received)
        assert proctor_id in heard
        assert other_id not in heard
        assert f'"{other_name}"' not in heard
        assert await tab.page.evaluate("__probe.inbound()") == []


async def test_observer_sees_and_hears_and_is_invisible_to_candidates(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    observer = await open_tab(cluster.link(room, "observer", "Olga"))
    await observer.unmute()
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    tile = Tile(observer, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    await tile.until_audio_grows()
    observer_id = await observer.own_peer_id()
    # An event would have come before the answer to a later request.
    await _ping(candidate)
    assert observer_id not in "\n".join(candidate.received)
    assert await Tile(candidate, "Olga").count() == 0


async def test_candidate_who_leaves_is_gone_at_once(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    peer_id = await candidate.own_peer_id()
    await candidate.page.close()
    await tile.until_gone()
    assert {"peerId": peer_id, "reason": "LEFT"} in proctor.replies("participant:left")


async def test_paused_camera_is_shown_as_paused_and_comes_back(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    camera = next(new for new in proctor.replies("producer:new") if new["kind"] == "video")

    await _say(candidate, "producer:pause", camera["producerId"])
    await tile.until_attribute("connection", "paused")
    await _say(candidate, "producer:resume", camera["producerId"])
    await tile.until_attribute("connection", "ok")
    await tile.until_frames_grow()


async def test_media_sent_before_produce_is_shown_after_it(
    cluster: Cluster, room: str, browser: Browser, open_tab: OpenTab
) -> None:
    # A browser names MID and RID of its packets only in the first second. This page sends its
    # camera for longer than that before it says what it is.
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    await proctor.unmute()
    candidate = await new_tab(browser)
    await candidate.page.add_init_script(
        """const gate = new Promise((open) => { __probe.open = open; });
           __probe.tamper.push((message) =>
             message.type === "produce" && message.payload.kind === "video"
               ? gate.then(() => message) : message)"""
    )
    unclaimed = cluster.counter("rtp_before_produce")
    await candidate.open(cluster.link(room, "candidate", "Ada"))

    async def sent_much() -> bool:
        return cluster.counter("rtp_before_produce") - unclaimed >= EARLY_PACKETS

    await until(sent_much, f"{EARLY_PACKETS} packets have come before produce")
    assert '"kind":"video"' not in "".join(candidate.sent)
    await candidate.page.evaluate("__probe.open()")
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    await tile.until_audio_grows()
    assert candidate.errors == []


async def _crash_tab(tab: ChromiumTab, _: Browser) -> None:
    await tab.crash()


async def _kill_browser(_: ChromiumTab, browser: Browser) -> None:
    session = await browser.new_browser_cdp_session()
    processes = await session.send("SystemInfo.getProcessInfo")
    process_id = next(p["id"] for p in processes["processInfo"] if p["type"] == "browser")
    os.kill(process_id, signal.SIGKILL)


@pytest.mark.parametrize("kill", [_crash_tab, _kill_browser])
async def test_killed_candidate_is_lost_then_gone_and_the_other_goes_on(
    impatient_cluster: Cluster, room: str, open_tab: OpenTab, kill: Kill
) -> None:
    cluster = impatient_cluster
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    await proctor.unmute()
    other = await open_tab(cluster.link(room, "candidate", "Alan"))
    async with chromium() as doomed_browser:
        doomed = await new_tab(doomed_browser)
        await doomed.open(cluster.link(room, "candidate", "Ada"))
        victim, survivor = Tile(proctor, "Ada"), Tile(proctor, "Alan")
        for tile in (victim, survivor):
            await tile.until_shown()
            await tile.until_frames_grow()
        peer_id = await doomed.own_peer_id()

        await kill(doomed, doomed_browser)
        await victim.until_attribute("connection", "lost")
        await survivor.until_frames_grow()
        await victim.until_gone()
        await survivor.until_frames_grow()
        await survivor.until_audio_grows()

    assert {"peerId": peer_id, "reason": "TIMED_OUT"} in proctor.replies("participant:left")
    assert await other.tone() == "good"

    async def freed() -> bool:
        summary = cluster.room(room)
        return summary is not None and len(summary.participants) == 2

    await until(freed, "the worker holds the two that are left")


async def _ping(tab: Tab) -> None:
    await tab.send({"type": "ping", "timestamp": 0, "correlationId": "test-ping"})

    async def answered() -> bool:
        return any(m.get("correlationId") == "test-ping" for m in tab.messages())

    await until(answered, "the ping is answered")


async def _say(tab: Tab, kind: str, producer_id: str) -> None:
    await tab.send(
        {
            "type": kind,
            "timestamp": 0,
            "correlationId": f"test-{kind}",
            "payload": {"producerId": producer_id},
        }
    )

"""How soon a proctor sees a candidate, and whether the picture keeps moving."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser

from tests.support.browser import Inbound, Tab, Tile, new_tab
from tests.support.cluster import Cluster
from tests.support.poll import until

SCRIPT = Path(__file__).with_name("picture.js").read_text()
# A browser's estimate of its uplink, and with it the layers it sends, settles within this time.
WARM_UP_S = 5.0


@dataclass(frozen=True, slots=True)
class Play:
    """What one page received of one camera in a stretch of time."""

    seconds: float
    frames: int
    freezes: int
    freeze_s: float
    lost: int
    width: int


async def first_frames_of_new_pages(cluster: Cluster, browser: Browser, runs: int) -> list[float]:
    """Milliseconds from `consume` to the first picture, each on a page that has just joined.

    ICE and DTLS are part of it: the page has a transport, which is not connected.
    """
    room = "bench-new-page"
    candidate = await _candidate(cluster, browser, room, "Ada")
    await asyncio.sleep(WARM_UP_S)
    peer_id = await candidate.own_peer_id()
    measured = []
    for _ in range(runs):
        proctor = await _proctor(cluster, browser, room)
        measured.append(await _consume_to_frame_ms(proctor, peer_id))
        await proctor.context.close()
    await candidate.context.close()
    return measured


async def first_frames_on_a_connected_transport(
    cluster: Cluster, browser: Browser, runs: int
) -> list[float]:
    """The same on a page that watches already: only the new stream has to start."""
    room = "bench-connected"
    proctor = await _proctor(cluster, browser, room)
    first = await _candidate(cluster, browser, room, "Ada")
    await Tile(proctor, "Ada").until_frames_grow()
    measured = []
    for number in range(runs):
        await proctor.page.evaluate("__bench.hold()")
        candidate = await _candidate(cluster, browser, room, f"Alan-{number}")
        await asyncio.sleep(WARM_UP_S / 2)
        await proctor.page.evaluate("__bench.release()")
        measured.append(await _consume_to_frame_ms(proctor, await candidate.own_peer_id()))
        await candidate.page.get_by_test_id("leave").click()
        await candidate.context.close()
    await first.context.close()
    await proctor.context.close()
    return measured


async def play(cluster: Cluster, browser: Browser, seconds: float) -> Play:
    """Watch one candidate for this long."""
    room = "bench-play"
    candidate = await _candidate(cluster, browser, room, "Ada")
    proctor = await _proctor(cluster, browser, room)
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    await asyncio.sleep(WARM_UP_S)
    before, started = await _camera(tile), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = await _camera(tile), time.monotonic() - started
    for tab in (proctor, candidate):
        await tab.context.close()
    return Play(
        seconds=took,
        frames=after.frames - before.frames,
        freezes=after.freezes - before.freezes,
        freeze_s=after.freeze_s - before.freeze_s,
        lost=after.lost - before.lost,
        width=after.width,
    )


async def _candidate(cluster: Cluster, browser: Browser, room: str, name: str) -> Tab:
    tab = await new_tab(browser)
    await tab.open(cluster.link(room, "candidate", name))
    await tab.until_good()
    return tab


async def _proctor(cluster: Cluster, browser: Browser, room: str) -> Tab:
    tab = await new_tab(browser)
    await tab.page.add_init_script(SCRIPT)
    await tab.open(cluster.link(room, "proctor", "Grace"))
    return tab


async def _camera(tile: Tile) -> Inbound:
    stream = await tile.inbound("video")
    assert stream is not None
    return stream


async def _consume_to_frame_ms(proctor: Tab, peer_id: str) -> float:
    async def shown() -> float:
        return float(await proctor.page.evaluate("id => __bench.firstFrames[id] ?? 0", peer_id))

    frame_ms = await until(shown, "the first picture")
    sent_ms = await proctor.page.evaluate(
        "ids => __bench.consumedAtMs(ids)", _cameras(proctor, peer_id)
    )
    assert sent_ms is not None
    return frame_ms - float(sent_ms)


def _cameras(proctor: Tab, peer_id: str) -> list[str]:
    """Ids of the peer's video producers, as the page was told them."""
    producers = [new for new in proctor.replies("producer:new") if new["peerId"] == peer_id]
    people = [p for state in proctor.replies("room:state") for p in state["participants"]]
    people += [event["participant"] for event in proctor.replies("participant:joined")]
    for person in people:
        producers += person["producers"] if person["peerId"] == peer_id else []
    return [producer["producerId"] for producer in producers if producer["kind"] == "video"]

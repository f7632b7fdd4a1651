"""Plain RTCPeerConnections of Chromium and of Firefox in one room with the console's pages."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import OpenTab
from tests.support.browser import Tab, Tile
from tests.support.chromium import chromium, new_tab
from tests.support.cluster import Cluster
from tests.support.firefox import firefox
from tests.support.firefox_tab import new_tab as new_firefox_tab
from tests.support.poll import until

pytestmark = pytest.mark.timeout(300)

PAGE = Path(__file__).parents[1] / "support" / "plain" / "page.js"


@asynccontextmanager
async def _chromium_tab() -> AsyncIterator[Tab]:
    async with chromium() as browser:
        yield await new_tab(browser)


@asynccontextmanager
async def _firefox_tab() -> AsyncIterator[Tab]:
    async with firefox() as bidi:
        yield await new_firefox_tab(bidi)


BROWSERS: dict[str, Callable[[], AbstractAsyncContextManager[Tab]]] = {
    "chromium": _chromium_tab,
    "firefox": _firefox_tab,
}


@pytest.fixture(params=BROWSERS)
async def tab(request: pytest.FixtureRequest) -> AsyncIterator[Tab]:
    async with BROWSERS[request.param]() as opened:
        yield opened
        print(await opened.evaluate("plain.failures"), opened.errors)


async def enter(tab: Tab, cluster: Cluster, room: str, role: str, name: str) -> None:
    """Make the tab a plain client that is in the room."""
    # Any page of the gateway's origin will do.
    await tab.open(f"http://127.0.0.1:{cluster.gateway_port}/healthz")
    await tab.evaluate(PAGE.read_text())
    where = {
        "url": f"ws://127.0.0.1:{cluster.gateway_port}/ws",
        "token": cluster.token(room, role, name),
        "room": room,
        "name": name,
    }
    await tab.evaluate("where => plain.join(where)", where)


async def received(tab: Tab, kind: str, least: int) -> dict[str, Any]:
    """What the tab gets of its only track of this kind, once it has decoded so much."""

    async def enough() -> dict[str, Any] | None:
        counted = "frames" if kind == "video" else "packets"
        found = await tab.evaluate("plain.received()")
        return next((e for e in found if e["kind"] == kind and e[counted] >= least), None)

    stream = await until(enough, f"{least} of {kind} received")
    assert stream is not None
    return stream


async def test_plain_page_publishes_a_simulcast_that_the_console_shows(
    cluster: Cluster, room: str, open_tab: OpenTab, tab: Tab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    await proctor.until_good()
    await proctor.unmute()
    await enter(tab, cluster, room, "candidate", "Ada")
    producers = await tab.evaluate("plain.publish()")
    assert len(producers) == 2
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    await tile.until_audio_grows()
    (camera,) = [p for p in proctor.replies("producer:new") if p["kind"] == "video"]
    assert camera["appData"] == {"source": "camera"}
    created = [c for reply in proctor.replies("consumer:created") for c in reply["consumers"]]
    assert {consumer["kind"]: consumer["type"] for consumer in created} == {
        "audio": "simple",
        "video": "simulcast",
    }

    # A lite server has no new credentials to give; it answers the checks of the client's new ones.
    await tab.evaluate("plain.restart()")
    await tile.until_frames_grow()

    await tab.evaluate("plain.direct('inactive')")
    await tile.until_attribute("connection", "paused")
    await tab.evaluate("plain.direct('sendonly')")
    await tile.until_attribute("connection", "ok")
    await tile.until_frames_grow()
    await tab.evaluate("plain.direct('stopped')")

    async def closed() -> bool:
        ended = proctor.replies("producer:closed")
        return any(payload["producerId"] == camera["producerId"] for payload in ended)

    await until(closed, "the camera is closed")
    assert await tab.evaluate("plain.failures") == []


async def test_plain_page_receives_what_the_console_publishes(
    cluster: Cluster, room: str, open_tab: OpenTab, tab: Tab
) -> None:
    await enter(tab, cluster, room, "proctor", "Grace")
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    await candidate.until_good()
    peer_id = await candidate.own_peer_id()

    async def announced() -> list[dict[str, Any]]:
        events = await tab.evaluate("plain.events")
        found = [e["payload"] for e in events if e["type"] == "producer:new"]
        return found if {p["kind"] for p in found} == {"audio", "video"} else []

    producers = await until(announced, "a sound and a picture are announced")
    consumers = {
        producer["kind"]: await tab.evaluate(
            "producerId => plain.ask('consume', { producerId })", producer["producerId"]
        )
        for producer in producers
    }
    picture = await received(tab, "video", 20)
    await received(tab, "audio", 50)
    assert picture["width"] > 0
    mid = consumers["video"]["rtpParameters"]["mid"]
    tracks = await tab.evaluate("plain.tracks")
    assert {track["stream"] for track in tracks} == {peer_id}
    assert {"mid": mid, "kind": "video", "stream": peer_id} in tracks

    await tab.evaluate(
        "consumerId => plain.ask('consumer:close', { consumerId })",
        consumers["video"]["consumerId"],
    )

    async def ended() -> bool:
        return bool(await tab.evaluate("plain.ended") == [mid])

    await until(ended, "the track has ended")
    producer = next(p for p in producers if p["kind"] == "video")
    again = await tab.evaluate(
        "producerId => plain.ask('consume', { producerId })", producer["producerId"]
    )
    assert again["rtpParameters"]["mid"] != mid
    await received(tab, "video", 20)
    assert await tab.evaluate("plain.failures") == []

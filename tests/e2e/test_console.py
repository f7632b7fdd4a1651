"""What people do on the console's pages in the middle of a call, in a real browser."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Locator, async_playwright

from scripts.toolchain import chromium as find_chromium
from tests.e2e.conftest import OpenTab
from tests.support.browser import Tile
from tests.support.chromium import ARGUMENTS, PATIENCE_MS, ChromiumTab, new_tab
from tests.support.client import joined
from tests.support.cluster import Cluster
from tests.support.console import part, until_data, until_says
from tests.support.poll import until

pytestmark = pytest.mark.timeout(300)

PHONE = (360, 740)
# A candidate's row of what is sent, and what a proctor is told of it.
LIVE, PAUSED, OFF = "live", "paused", "off"
HOLDS = ("consumer:pause", "consumer:resume")


def sent(tab: ChromiumTab, kind: str) -> list[dict[str, Any]]:
    """Payloads of the requests of one type that the page has made."""
    messages = [json.loads(text) for text in tab.sent]
    return [message.get("payload", {}) for message in messages if message["type"] == kind]


def cameras(tab: ChromiumTab) -> dict[str, str]:
    """Ids of the consumers of cameras that the page has been given, by peer id."""
    return {
        consumer["peerId"]: consumer["consumerId"]
        for reply in tab.replies("consumer:created")
        for consumer in reply["consumers"]
        if consumer["kind"] == "video"
    }


def asked_of(tab: ChromiumTab, consumer_id: str | None) -> list[str]:
    """Types of the requests that the page has made about one consumer, in their order."""
    messages = [json.loads(text) for text in tab.sent]
    return [m["type"] for m in messages if m.get("payload", {}).get("consumerId") == consumer_id]


async def both(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> tuple[ChromiumTab, ChromiumTab, Tile]:
    """A proctor who sees a candidate, and the candidate."""
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    await candidate.until_good()
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    return proctor, candidate, tile


async def frames_of(video: Locator) -> int:
    """Frames that a media element has shown."""
    return int(await video.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames"))


async def until_plays(video: Locator) -> None:
    before = await frames_of(video)

    async def advanced() -> bool:
        return await frames_of(video) > before + 5

    await until(advanced, "the picture moves")


async def test_camera_is_changed_in_the_middle_of_a_call_without_another_producer(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    _, candidate, tile = await both(cluster, room, open_tab)
    choice = part(candidate, "camera-choice")
    present = await choice.input_value()
    devices: list[str] = await choice.evaluate("list => [...list.options].map(o => o.value)")
    assert devices[0] == present
    other = devices[-1]
    await choice.select_option(other)

    in_use = "video => video.srcObject?.getVideoTracks()[0]?.getSettings().deviceId"

    async def changed() -> bool:
        return bool(await part(candidate, "preview").evaluate(in_use) == other)

    await until(changed, "the preview shows the other camera")
    await tile.until_frames_grow()
    await until_data(candidate, "send-camera", "state", LIVE)
    assert len(sent(candidate, "produce")) == 2
    assert sent(candidate, "producer:close") == []


async def test_muted_microphone_is_shown_as_muted_and_heard_again_after(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor, candidate, tile = await both(cluster, room, open_tab)
    await proctor.unmute()
    await tile.until_audio_grows()
    switch = part(candidate, "microphone-switch")
    await switch.click()
    await tile.until_attribute("microphone", "muted")
    await until_data(candidate, "send-microphone", "state", PAUSED)
    assert await candidate.tone() == "warning"
    assert await switch.inner_text() == "Unmute"

    await switch.click()
    await tile.until_attribute("microphone", "on")
    await tile.until_audio_grows()
    await candidate.until_good()
    assert len(sent(candidate, "produce")) == 2


async def test_camera_that_is_off_is_released_and_comes_back(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor, candidate, tile = await both(cluster, room, open_tab)
    switch = part(candidate, "camera-switch")
    await switch.click()
    await tile.until_attribute("connection", "paused")
    await until_says(proctor, "attention", "Ada")
    await until_data(candidate, "send-camera", "state", PAUSED)
    # No track of it is left: the camera's own light is out.
    assert await part(candidate, "preview").evaluate("video => video.srcObject") is None

    await switch.click()
    await tile.until_attribute("connection", "ok")
    await tile.until_frames_grow()
    await candidate.until_good()
    assert len(sent(candidate, "produce")) == 2


async def test_screen_is_shared_beside_camera_and_microphone_stopped_and_shared_again(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor, candidate, tile = await both(cluster, room, open_tab)
    await proctor.unmute()
    picture = part(proctor, "tile-screen")
    for _ in range(2):
        await part(candidate, "screen-switch").click()
        await tile.until_attribute("screen", "on")
        await until_plays(picture)
        await until_data(candidate, "send-screen", "state", LIVE)
        await tile.until_frames_grow()
        await tile.until_audio_grows()

        await part(candidate, "screen-switch").click()
        await tile.until_attribute("screen", "off")
        await until_data(candidate, "send-screen", "state", OFF)
    assert [p["appData"]["source"] for p in sent(candidate, "produce")].count("screen") == 2
    await tile.until_frames_grow()
    await candidate.until_good()


async def test_screen_that_the_browser_stops_sharing_is_gone_for_everyone(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    _, candidate, tile = await both(cluster, room, open_tab)
    await part(candidate, "screen-switch").click()
    await tile.until_attribute("screen", "on")
    # As the browser's own bar does, which no page can press.
    await part(candidate, "screen-preview").evaluate(
        "video => video.srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"
    )
    await tile.until_attribute("screen", "off")
    await until_says(candidate, "screen-switch", "Share screen")
    await tile.until_frames_grow()


async def test_candidate_leaves_releases_the_devices_and_joins_again(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    _, candidate, tile = await both(cluster, room, open_tab)
    await part(candidate, "leave").click()
    await tile.until_gone()
    assert await part(candidate, "preview").evaluate("video => video.srcObject") is None
    await until_says(candidate, "end-title", "You have left.")
    await part(candidate, "rejoin").click()
    await candidate.until_good()
    await tile.until_frames_grow()


async def test_enlarged_candidate_is_shown_in_the_best_layer_and_others_in_the_lowest(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor, _, ada = await both(cluster, room, open_tab)
    alan_tab = await open_tab(cluster.link(room, "candidate", "Alan"))
    await alan_tab.until_good()
    alan = Tile(proctor, "Alan")
    await alan.until_frames_grow()
    ada_camera = cameras(proctor)[await ada.attribute("peer-id")]
    alan_camera = cameras(proctor)[await alan.attribute("peer-id")]

    def wished(consumer_id: str) -> int | None:
        layers = [
            wish["spatialLayer"]
            for wish in sent(proctor, "consumer:set-layers")
            if wish["consumerId"] == consumer_id
        ]
        return layers[-1] if layers else None

    async def until_wished(consumer_id: str, layer: int) -> None:
        async def is_wished() -> bool:
            return wished(consumer_id) == layer

        await until(is_wished, f"layer {layer} is asked for")

    # Alan's first request came before his first picture.
    assert asked_of(proctor, alan_camera)[:2] == ["consumer:set-layers", "consumer:resume"]
    await until_wished(ada_camera, 0)
    await until_wished(alan_camera, 0)

    await part(proctor, "tile-open").first.click()
    await until_says(proctor, "stage-name", "Ada")
    await until_wished(ada_camera, 2)
    await until_plays(part(proctor, "stage-video"))
    await until_width(ada, 1280)
    await until_width(alan, 320)
    await part(proctor, "tile-open").nth(1).click()
    await until_says(proctor, "stage-name", "Alan")
    await until_wished(alan_camera, 2)
    await until_wished(ada_camera, 0)
    await until_width(alan, 1280)
    await until_width(ada, 320)
    await part(proctor, "stage-close").click()
    await until_wished(alan_camera, 0)
    assert await part(proctor, "stage").is_hidden()


async def until_width(tile: Tile, width: int) -> None:
    """Wait until what arrives of the camera is this wide: which layer is forwarded shows in it."""

    async def is_wide() -> bool:
        stream = await tile.inbound("video")
        return stream is not None and stream.width == width

    await until(is_wide, f"the picture of {tile.name} is {width} wide")


async def test_keys_alone_lead_through_the_wall_to_the_stage_and_back(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with AsyncExitStack() as stack:
        for name in ("Ada", "Alan", "Joan"):
            token = cluster.token(room, "candidate", name)
            await stack.enter_async_context(joined(cluster.socket_url, token, room, name))
        proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
        for name in ("Ada", "Alan", "Joan"):
            await Tile(proctor, name).until_shown()
        press = proctor.page.keyboard.press

        async def focused() -> str:
            label = await proctor.page.evaluate("document.activeElement.getAttribute('aria-label')")
            return str(label)

        async def reached() -> bool:
            await press("Tab")
            return (await focused()).startswith("Enlarge Ada")

        await until(reached, "the tabulator key reaches the first tile")
        await press("ArrowRight")
        assert (await focused()).startswith("Enlarge Alan")
        await press("End")
        assert (await focused()).startswith("Enlarge Joan")
        await press("Enter")
        await until_says(proctor, "stage-name", "Joan")
        await press("ArrowLeft")
        await press("Enter")
        await until_says(proctor, "stage-name", "Alan")
        await press("Escape")
        assert await part(proctor, "stage").is_hidden()
        assert (await focused()).startswith("Enlarge Alan")


async def test_tile_out_of_view_is_not_sent_until_it_is_scrolled_to(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with AsyncExitStack() as stack:
        for number in range(14):
            name = f"Guest {number}"
            token = cluster.token(room, "candidate", name)
            await stack.enter_async_context(joined(cluster.socket_url, token, room, name))
        candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
        await candidate.until_good()
        proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
        await proctor.page.set_viewport_size({"width": 360, "height": 500})
        tile = Tile(proctor, "Ada")
        await tile.until_shown()

        async def held_back() -> bool:
            camera = cameras(proctor).get(await tile.attribute("peer-id"))
            asked = [kind for kind in asked_of(proctor, camera) if kind in HOLDS]
            # It may have been in view before the window became small.
            return camera is not None and asked[-1:] != ["consumer:resume"]

        await until(held_back, "the picture out of view is not sent")
        await part(proctor, "tile-open").last.scroll_into_view_if_needed()
        await tile.until_frames_grow()
        await tile.until_attribute("picture", "playing")

        await part(proctor, "filter").fill("gue 3")
        await tile_hidden(tile)
        await part(proctor, "filter").fill("ad")
        await tile.until_frames_grow()


async def tile_hidden(tile: Tile) -> None:
    async def hidden() -> bool:
        shown = "name => __probe.tiles(name).some((tile) => tile.checkVisibility())"
        return not await tile.tab.evaluate(shown, tile.name)

    await until(hidden, f"the tile of {tile.name} is filtered out")


async def test_proctor_speaks_to_every_candidate_and_says_so(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor, candidate, _ = await both(cluster, room, open_tab)
    await until_says(candidate, "presence", "1 proctor is watching.")
    await part(proctor, "talk").click()
    await until_says(proctor, "talk-words", "You are live: every candidate hears you")
    grace = Tile(candidate, "Grace")
    await grace.until_audio_grows()
    await part(proctor, "talk-camera").click()
    await until_says(proctor, "talk-words", "You are live: every candidate sees and hears you")
    await grace.until_frames_grow()

    for name in ("talk", "talk-camera"):
        await part(proctor, name).click()
    await until_says(proctor, "talk-words", "")
    await grace.until_attribute("microphone", "none")
    assert await proctor.page.locator("body").get_attribute("data-talk") == "off"


@asynccontextmanager
async def refusing_chromium() -> AsyncIterator[ChromiumTab]:
    """A tab whose person says no to every question of the browser."""
    arguments = [word for word in ARGUMENTS if "fake-ui" not in word]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(),
            args=[*arguments, "--deny-permission-prompts"],
            timeout=PATIENCE_MS,
        )
        try:
            tab = await new_tab(browser)
            await tab.context.clear_permissions()
            yield tab
        finally:
            await browser.close()


async def test_refused_camera_is_explained_and_tried_again(cluster: Cluster, room: str) -> None:
    async with refusing_chromium() as candidate:
        await candidate.open(cluster.link(room, "candidate", "Ada"))
        await until_says(candidate, "end-title", "Camera refused")
        await until_says(candidate, "end-words", "Allow camera and microphone for this page")
        assert await candidate.tone() == "bad"
        assert cluster.room(room) is None

        await candidate.context.grant_permissions(["camera", "microphone"])
        await part(candidate, "rejoin").click()
        await candidate.until_good()
        assert candidate.errors == []


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("expired", "Your link has expired. Ask for a new one."),
        ("wrong-room", "Your link is for another room. Open it as you were given it."),
    ],
)
async def test_link_that_is_not_good_is_explained(
    cluster: Cluster, room: str, open_tab: OpenTab, how: str, words: str
) -> None:
    token = cluster.token(room, "candidate", "Ada", ttl_s=-120 if how == "expired" else 600)
    asked = room if how == "expired" else f"{room}-other"
    tab = await open_tab(f"{cluster.origin}/candidate#token={token}&room={asked}")
    await until_says(tab, "end-title", words)
    assert await tab.tone() == "bad"
    assert await part(tab, "preview").evaluate("video => video.srcObject") is None


async def test_every_control_has_a_name_and_a_narrow_window_needs_no_sideways_scrolling(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor, candidate, _ = await both(cluster, room, open_tab)
    await part(candidate, "screen-switch").click()
    await part(proctor, "tile-open").click()
    for tab in (proctor, candidate):
        controls = tab.page.locator("button:visible, a:visible, select:visible, input:visible")
        for index in range(await controls.count()):
            snapshot = await controls.nth(index).aria_snapshot()
            assert '"' in snapshot, f"a control without a name: {snapshot}"
        width, height = PHONE
        await tab.page.set_viewport_size({"width": width, "height": height})
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await tab.page.evaluate(overflow) == 0

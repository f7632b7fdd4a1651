"""Calls of Chromium and Firefox with each other and with themselves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import playwright.async_api
import pytest
import pytest_asyncio

from tests.support import chromium, firefox_tab
from tests.support.bidi import BidiError
from tests.support.browser import Inbound, Tab, Tile
from tests.support.cluster import CONSOLE, Cluster
from tests.support.firefox import firefox
from tests.support.poll import until
from tests.support.relay import Loss, relaying

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

SENT_SOUND = """Promise.all(__probe.connections.map((one) => one.getStats())).then((reports) =>
  reports
    .flatMap((report) => [...report.values()])
    .filter(({ type, kind }) => type === "outbound-rtp" && kind === "audio")
    .reduce((sum, { packetsSent }) => sum + packetsSent, 0))"""

NewTab = Callable[[], Awaitable[Tab]]

BROWSERS = ("chromium", "firefox")
# Of the three encodings, lowest first.
WIDTHS = (320, 640, 1280)
# Enough that a picture without repair would have stood still many times.
LOST_PACKETS = 15
EVERY = 8


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browsers() -> AsyncIterator[dict[str, NewTab]]:
    """Both, for all tests of this file: Firefox takes seconds to start."""
    assert (CONSOLE / "proctor.html").exists(), "build the console's pages first: make console"
    async with chromium.chromium() as one, firefox() as other:
        yield {
            "chromium": partial(chromium.new_tab, one),
            "firefox": partial(firefox_tab.new_tab, other),
        }


@pytest_asyncio.fixture(loop_scope="module")
async def pair(
    browsers: dict[str, NewTab], publisher: str, viewer: str
) -> AsyncIterator[tuple[Tab, Tab]]:
    """A page of each, empty so far; at the end neither may have reported an error."""
    tabs = [await browsers[name]() for name in (publisher, viewer)]
    yield tabs[0], tabs[1]
    for tab in tabs:
        # Shown by pytest for a test that failed.
        with suppress(playwright.async_api.Error, BidiError):
            print(await tab.report())
        await tab.close()
    assert [error for tab in tabs for error in tab.errors] == []


def in_pairs(*without: tuple[str, str]) -> pytest.MarkDecorator:
    """Parametrize by publisher and viewer."""
    pairs = [(one, other) for one in BROWSERS for other in BROWSERS]
    kept = [found for found in pairs if found not in without]
    names = [f"{publisher}-to-{viewer}" for publisher, viewer in kept]
    return pytest.mark.parametrize(("publisher", "viewer"), kept, ids=names)


async def started(cluster: Cluster, room: str, pair: tuple[Tab, Tab]) -> Tile:
    """A candidate publishes, a proctor watches with sound; returns what the proctor sees."""
    candidate, proctor = pair
    await proctor.open(cluster.link(room, "proctor", "Grace"))
    await proctor.unmute()
    await candidate.open(cluster.link(room, "candidate", "Ada Lovelace"))
    tile = Tile(proctor, "Ada Lovelace")
    await tile.until_shown()
    return tile


@in_pairs(("chromium", "chromium"))
async def test_picture_and_sound_go_on_beside_a_name_until_the_candidate_leaves(
    cluster: Cluster, room: str, pair: tuple[Tab, Tab]
) -> None:
    candidate, proctor = pair
    tile = await started(cluster, room, pair)
    first = await tile.until_frames_grow()
    assert await tile.until_frames_grow() > first
    quiet = await tile.until_audio_grows()
    assert await tile.until_audio_grows() > quiet
    await tile.until_attribute("connection", "ok")
    await tile.until_attribute("picture", "playing")
    await tile.until_attribute("microphone", "on")
    for tab in pair:
        await tab.until_good()
    await Tile(candidate, "Grace").until_shown()

    peer_id = await candidate.own_peer_id()
    await candidate.click("leave")
    await tile.until_gone()
    assert {"peerId": peer_id, "reason": "LEFT"} in proctor.replies("participant:left")


@in_pairs(("chromium", "chromium"))
async def test_page_that_reloads_is_back_and_one_that_is_closed_is_seen_to_be_gone(
    cluster: Cluster, room: str, pair: tuple[Tab, Tab]
) -> None:
    candidate, proctor = pair
    tile = await started(cluster, room, pair)
    await tile.until_frames_grow()
    await proctor.reload()
    await tile.until_shown()
    await tile.until_frames_grow()
    await candidate.close()

    async def is_gone() -> bool:
        # Chromium's page has said that it leaves. Firefox has closed the socket before the page
        # could, with the code that Chromium's has after a crash (1001): the seat is kept.
        return await tile.count() == 0 or await tile.attribute("connection") == "lost"

    await until(is_gone, "the proctor sees that the candidate is gone")


@in_pairs(("chromium", "chromium"))
async def test_candidate_sees_and_hears_a_proctor_who_talks(
    cluster: Cluster, room: str, pair: tuple[Tab, Tab]
) -> None:
    candidate, proctor = pair
    await started(cluster, room, pair)
    await candidate.until_good()
    for switch in ("talk", "talk-camera"):
        await proctor.click(switch)
    seen = Tile(candidate, "Grace")
    await seen.until_shown()
    await seen.until_frames_grow()
    await seen.until_audio_grows()


@in_pairs()
async def test_lost_packets_of_both_ways_are_repaired(
    cluster: Cluster, room: str, pair: tuple[Tab, Tab]
) -> None:
    candidate, proctor = pair
    with relaying(cluster.media_port, every=EVERY) as relay:
        for tab in pair:
            await tab.add_init_script(relay.script())
        tile = await started(cluster, room, pair)
        await tile.until_frames_grow()
        before, retransmitted = await camera(tile), cluster.counter("retransmitted")
        consumers = [c for r in proctor.replies("consumer:created") for c in r["consumers"]]
        relay.to_worker.payload_types = video_payload_types(candidate.requests("produce"))
        relay.to_browser.payload_types = video_payload_types(consumers)
        for loss in (relay.to_worker, relay.to_browser):
            await until_lost(loss)
        await tile.until_frames_grow()
        after = await camera(tile)
        assert cluster.counter("retransmitted") > retransmitted
        # Each packet that nothing repairs makes a decoder ask for a key frame.
        asked = after.key_frame_requests - before.key_frame_requests
        assert asked < relay.to_browser.lost / 4


@in_pairs()
async def test_picture_has_the_width_of_the_layer_that_is_wished_for(
    cluster: Cluster, room: str, pair: tuple[Tab, Tab]
) -> None:
    _, proctor = pair
    tile = await started(cluster, room, pair)
    await tile.until_frames_grow()
    consumers = [c for r in proctor.replies("consumer:created") for c in r["consumers"]]
    (consumer_id,) = {c["consumerId"] for c in consumers if c["kind"] == "video"}
    for layer in (2, 0, 1):
        wish = {"consumerId": consumer_id, "spatialLayer": layer}
        await proctor.send({"type": "consumer:set-layers", "timestamp": 0, "payload": wish})
        await until_wide(tile, WIDTHS[layer])
        await tile.until_frames_grow()


@in_pairs(("chromium", "chromium"))
async def test_scores_are_the_best_and_the_servers_numbers_those_of_the_browser(
    cluster: Cluster, room: str, pair: tuple[Tab, Tab]
) -> None:
    candidate, proctor = pair
    await started(cluster, room, pair)

    async def is_told() -> bool:
        # Sound and picture, of both of their ways.
        last = {told["consumerId"]: told for told in proctor.replies("consumer:score")}
        scores = [(told["score"], told["producerScore"]) for told in last.values()]
        return scores == [(10, 10), (10, 10)]

    await until(is_told, "the proctor knows that both streams are well")
    told = {told["producerId"]: told["scores"] for told in candidate.replies("producer:score")}
    # The microphone has one layer, the camera three.
    assert sorted(map(len, told.values())) == [1, 3]
    (microphone,) = (name for name, scores in told.items() if len(scores) == 1)

    least = await sent_sound(candidate)
    question = {"type": "stats:get", "timestamp": 0, "payload": {"producerId": microphone}}
    await candidate.send({**question, "correlationId": "test-stats"})

    async def answered() -> list[dict[str, Any]]:
        return candidate.replies("stats:got")

    ((inbound,),) = [reply["stats"] for reply in await until(answered, "stats")]
    assert inbound["type"] == "inbound-rtp"
    assert inbound["packetsLost"] == 0
    assert least <= inbound["packetsReceived"]

    async def sent_as_many() -> bool:
        # What a browser says of itself may be some packets old.
        return bool(await sent_sound(candidate) >= inbound["packetsReceived"])

    await until(sent_as_many, "the server has received no more than was sent")


async def sent_sound(tab: Tab) -> int:
    """How many packets of sound the page has sent, as it counts them."""
    return int(await tab.evaluate(SENT_SOUND))


async def until_wide(tile: Tile, width: int) -> None:
    async def is_wide() -> bool:
        return (await camera(tile)).width == width

    await until(is_wide, f"the picture of {tile.name} is {width} pixels wide")


async def camera(tile: Tile) -> Inbound:
    stream = await tile.inbound("video")
    assert stream is not None
    return stream


def video_payload_types(streams: list[dict[str, Any]]) -> set[int]:
    """Of the media, not of its retransmissions, which the call cannot do without."""
    found = {
        s["rtpParameters"]["codecs"][0]["payloadType"] for s in streams if s["kind"] == "video"
    }
    assert found
    return found


async def until_lost(loss: Loss) -> None:
    async def lost() -> bool:
        return loss.lost >= LOST_PACKETS

    await until(lost, f"{LOST_PACKETS} packets are lost")

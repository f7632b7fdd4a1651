"""What people see of a server that goes and comes back, in a real browser."""

import asyncio
from pathlib import Path

import pytest

from tests.support.browser import Inbound, Tile
from tests.support.chromium import chromium, new_tab
from tests.support.cluster import another_gateway, one_more_worker, running_cluster
from tests.support.console import part, until_says

pytestmark = pytest.mark.timeout(300)

# A page's connections, each with what would be another one after an ICE restart or a handshake.
TRANSPORTS = """async () => Promise.all(__probe.connections.filter(
  ({ connectionState }) => connectionState === "connected"
).map(async (connection) => {
  const entries = [...(await connection.getStats()).values()];
  const transport = entries.find(({ type }) => type === "transport");
  const [, ufrag] = /a=ice-ufrag:(\\S+)/.exec(connection.localDescription.sdp);
  const { dtlsState, selectedCandidatePairId } = transport;
  return [ufrag, dtlsState, selectedCandidatePairId];
}))"""
COUNT_REMOVED_TILES = """() => {
  window.removedTiles = 0;
  new MutationObserver((records) => {
    for (const { removedNodes } of records)
      for (const node of removedNodes)
        if (node.dataset?.testid === "tile") window.removedTiles += 1;
  }).observe(document.body, { childList: true, subtree: true });
}"""


async def test_gateway_that_is_killed_and_comes_back_costs_a_call_no_picture(
    tmp_path: Path, room: str
) -> None:
    with running_cluster(tmp_path) as cluster:
        async with chromium() as browser:
            # Pages log that they cannot reach the server, which is no fault of theirs.
            candidate, proctor = await new_tab(browser), await new_tab(browser)
            tabs = (candidate, proctor)
            await candidate.open(cluster.link(room, "candidate", "Ada"))
            await candidate.until_good()
            await proctor.open(cluster.link(room, "proctor", "Grace"))
            tile = Tile(proctor, "Ada")
            await tile.until_frames_grow()
            before = [await tab.evaluate(TRANSPORTS) for tab in tabs]
            asked = [len(tab.requests("transport:create")) for tab in tabs]
            handshakes = cluster.counter("transports_connected")
            peer_id = await tile.attribute("peer-id")
            await proctor.evaluate(COUNT_REMOVED_TILES)
            packets = (await inbound_video(tile)).packets

            await asyncio.to_thread(cluster.gateway.kill)
            for tab in tabs:
                await until_says(tab, "status", "Connection lost. Coming back…")
                assert await tab.tone() == "warning"
            await tile.until_frames_grow()
            # Asked for while nobody is there to hear it.
            await part(candidate, "microphone-switch").click()
            with another_gateway(cluster):
                await proctor.until_good()
                await until_says(candidate, "status", "You are live without sound.")
                await tile.until_attribute("connection", "ok")
                await tile.until_attribute("microphone", "muted")
                await tile.until_frames_grow()

                assert [await tab.evaluate(TRANSPORTS) for tab in tabs] == before
                assert [len(tab.requests("transport:create")) for tab in tabs] == asked
                assert [len(tab.requests("room:join")) for tab in tabs] == [1, 1]
                assert cluster.counter("transports_connected") == handshakes
                assert await tile.attribute("peer-id") == peer_id
                assert await proctor.evaluate("window.removedTiles") == 0
                stream = await inbound_video(tile)
                # One stream all along: its counters never began anew, and nothing of it is missing.
                assert (stream.packets > packets, stream.lost) == (True, 0)
                uncaught = [error for tab in tabs for error in tab.errors if "uncaught" in error]
                assert uncaught == []
                for tab in tabs:
                    await tab.page.close()


async def inbound_video(tile: Tile) -> Inbound:
    stream = await tile.inbound("video")
    assert stream is not None
    return stream


async def test_server_that_goes_altogether_is_waited_for_and_found_again(
    tmp_path: Path, room: str
) -> None:
    with running_cluster(tmp_path) as cluster:
        async with chromium() as browser:
            candidate, proctor = await new_tab(browser), await new_tab(browser)
            tabs = (candidate, proctor)
            await candidate.open(cluster.link(room, "candidate", "Ada"))
            await proctor.open(cluster.link(room, "proctor", "Grace"))
            tile = Tile(proctor, "Ada")
            await tile.until_frames_grow()
            peer_ids = [await tab.own_peer_id() for tab in tabs]

            for service in (cluster.gateway, cluster.worker):
                await asyncio.to_thread(service.kill)
            for tab in tabs:
                await until_says(tab, "status", "Connection lost.")
                assert await tab.tone() == "warning"
            with one_more_worker(cluster, "worker-2"), another_gateway(cluster):
                for tab in tabs:
                    await tab.until_good()
                await tile.until_frames_grow()
                assert await tile.count() == 1
                # The same session, whose media is new.
                assert [len(tab.requests("room:join")) for tab in tabs] == [1, 1]
                assert [tab.replies("room:state")[-1]["peerId"] for tab in tabs] == peer_ids
                uncaught = [error for tab in tabs for error in tab.errors if "uncaught" in error]
                assert uncaught == []
                for tab in tabs:
                    await tab.page.close()

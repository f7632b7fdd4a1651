"""What measurements share: running services, browsers, and the pages of a call in them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import Browser

from tests.bench import camera
from tests.support.chromium import ChromiumTab, chromium, new_tab
from tests.support.cluster import Cluster, running_cluster
from tests.support.poll import until

SCRIPT = Path(__file__).with_name("page.js").read_text()
# A browser's estimate of its uplink, and with it the layers it sends, settles within this time.
WARM_UP_S = 5.0

Stats = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rig:
    """Services, and a browser for each side; both sides may be one browser."""

    cluster: Cluster
    candidates: Browser
    proctors: Browser

    async def candidate(self, room: str, name: str, *, script: str = "") -> ChromiumTab:
        """A page that sends camera and microphone; `script` runs before its own."""
        tab = await _open(self.candidates, self.cluster.link(room, "candidate", name), script)
        await tab.until_good()
        return tab

    async def proctor(self, room: str, *, script: str = "") -> ChromiumTab:
        """A page that watches everyone; it may not have joined yet."""
        return await _open(self.proctors, self.cluster.link(room, "proctor", "Grace"), script)


async def _open(browser: Browser, link: str, script: str) -> ChromiumTab:
    tab = await new_tab(browser)
    await tab.page.add_init_script(f"{SCRIPT};{script}")
    await tab.open(link)
    return tab


@asynccontextmanager
async def on_loopback(*, lifelike: bool = False) -> AsyncIterator[Rig]:
    """Everything on this machine's loopback, in one browser.

    `lifelike`: its camera is that of `tests.bench.camera`.
    """
    with TemporaryDirectory() as name, running_cluster(Path(name)) as cluster:
        arguments = camera_arguments(Path(name)) if lifelike else ()
        async with chromium(*arguments) as browser:
            yield Rig(cluster, browser, browser)


def camera_arguments(folder: Path) -> tuple[str, ...]:
    """What gives Chromium the camera of `tests.bench.camera`, whose film is kept in the folder."""
    return (f"--use-file-for-fake-video-capture={camera.write(folder)}",)


async def close(*tabs: ChromiumTab) -> None:
    """Close pages and wait for it."""
    await asyncio.gather(*(tab.context.close() for tab in tabs))


async def stats(tab: ChromiumTab, *types: str) -> list[Stats]:
    """Entries of these types in the statistics of all of the page's connections."""
    found: list[Stats] = await tab.page.evaluate("types => __bench.stats(...types)", list(types))
    return found


async def received(tab: ChromiumTab, kind: str) -> Stats:
    """The statistics of the only stream of this kind that the page receives."""

    async def arrives() -> Stats | None:
        entries = [entry for entry in await stats(tab, "inbound-rtp") if entry["kind"] == kind]
        return entries[0] if entries else None

    found = await until(arrives, f"a stream of {kind} arrives")
    assert found is not None
    return found


async def noted(tab: ChromiumTab, what: str, peer_id: str) -> float:
    """When the page first had `decoded` or `shown` a picture of the peer, in ms of its clock."""

    async def seen() -> float:
        expression = "([what, id]) => __bench[what][id] ?? 0"
        return float(await tab.page.evaluate(expression, [what, peer_id]))

    return await until(seen, f"the first picture is {what}")


def cameras(proctor: ChromiumTab, peer_id: str) -> list[str]:
    """Ids of the peer's video producers, as the page was told them."""
    producers = [new for new in proctor.replies("producer:new") if new["peerId"] == peer_id]
    people = [p for state in proctor.replies("room:state") for p in state["participants"]]
    people += [event["participant"] for event in proctor.replies("participant:joined")]
    for person in people:
        producers += person["producers"] if person["peerId"] == peer_id else []
    return [producer["producerId"] for producer in producers if producer["kind"] == "video"]

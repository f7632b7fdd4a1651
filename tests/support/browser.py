"""Chromium with a fake camera and microphone, and what tests ask of the console's pages."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, WebSocket, async_playwright

from scripts.toolchain import chromium as find_chromium
from tests.support.poll import PATIENCE_S, until

PROBE = Path(__file__).with_name("probe.js").read_text()
PATIENCE_MS = PATIENCE_S * 1000

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    # More than one camera, so that one can be changed for another. The second gives depths (Y16),
    # which no call can send; the third is one like the first.
    "--use-fake-device-for-media-stream=device-count=3",
    # A machine whose only interface is the loopback has no candidate otherwise.
    "--allow-loopback-in-peer-connection",
    # The tabs of a test are all watched at once, though only one is in front.
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
)


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a page has received of one stream so far."""

    kind: str
    packets: int
    lost: int
    frames: int
    width: int
    freezes: int
    freeze_s: float
    audio_energy: float


@dataclass(slots=True)
class Tab:
    """One page in a context of its own, and everything that went wrong in it."""

    page: Page
    context: BrowserContext
    errors: list[str] = field(default_factory=list)
    # Text frames of every socket of the page, in both directions.
    sent: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    async def open(self, link: str) -> None:
        await self.page.goto(link)

    async def status(self) -> str:
        """What the page tells its user about the call."""
        return await self.page.get_by_test_id("status").inner_text()

    async def tone(self) -> str:
        """The same as one word: quiet, busy, good, warning or bad."""
        return str(await self.page.get_by_test_id("status-line").get_attribute("data-tone"))

    async def until_good(self) -> None:
        """Wait until all is well: a candidate is live, a proctor is watching."""

        async def is_good() -> bool:
            return await self.tone() == "good"

        await until(is_good, "the page says that all is well")

    def messages(self) -> list[dict[str, Any]]:
        """Everything the server has said to the page."""
        return [json.loads(text) for text in self.received]

    def replies(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of the messages of one type."""
        return [message["payload"] for message in self.messages() if message["type"] == kind]

    async def unmute(self) -> None:
        """Turn the sound on, as a proctor does."""
        button = self.page.get_by_test_id("enable-sound")
        await button.click()
        assert await button.get_attribute("data-on") == "true"

    async def report(self) -> str:
        """What a person needs who looks for the cause of a failure."""
        if self.page.is_closed():
            return f"(closed) errors: {self.errors}"
        lines = [f"{self.page.url.split('#')[0]} says {await self.status()!r}"]
        lines += [f"  error: {error}" for error in self.errors]
        lines += [f"  < {text[:200]}" for text in self.received[-12:]]
        lines += [f"  > {text[:200]}" for text in self.sent[-6:]]
        states = "__probe.connections.map((c) => [c.connectionState, c.iceConnectionState])"
        lines += [f"  connections: {await self.page.evaluate(states)}"]
        lines += [f"  inbound: {await self.page.evaluate('__probe.inbound()')}"]
        return "\n".join(lines)

    async def own_peer_id(self) -> str:
        async def joined() -> str:
            return next((reply["peerId"] for reply in self.replies("room:state")), "")

        return await until(joined, "the page is in the room")

    async def send(self, message: dict[str, Any]) -> None:
        """Say something over the page's own newest socket."""
        await self.page.evaluate("m => __probe.sockets.at(-1).send(JSON.stringify(m))", message)

    async def crash(self) -> None:
        """Kill the tab's process, as the browser's task manager does: no script of it runs."""
        session = await self.context.new_cdp_session(self.page)
        async with self.page.expect_event("crash"):
            # No answer comes, for want of a process that could send it.
            unanswered = asyncio.create_task(session.send("Page.crash"))
        unanswered.cancel()
        await asyncio.gather(unanswered, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Tile:
    """What a page shows of one other peer."""

    tab: Tab
    name: str

    @property
    def _locator(self) -> Any:
        tiles = self.tab.page.get_by_test_id("tile")
        name = self.tab.page.get_by_test_id("tile-name").get_by_text(self.name, exact=True)
        return tiles.filter(has=name)

    async def count(self) -> int:
        """How many tiles bear this name."""
        return int(await self._locator.count())

    async def attribute(self, name: str) -> str:
        """A data attribute: connection, picture, microphone, tone, sound, peer-id. "" if gone."""
        if await self.count() != 1:
            return ""
        return str(await self._locator.get_attribute(f"data-{name}", timeout=PATIENCE_MS) or "")

    async def inbound(self, kind: str) -> Inbound | None:
        """What this page has received of the peer's stream of this kind; None before it exists."""
        if await self.count() != 1:
            return None
        video = self._locator.get_by_test_id("tile-video")
        for found in await video.evaluate("element => __probe.inboundOf(element)"):
            if found["kind"] == kind:
                return _inbound(found)
        return None

    async def until_shown(self) -> None:
        async def shown() -> bool:
            return await self.count() == 1

        await until(shown, f"there is one tile of {self.name}")

    async def until_gone(self) -> None:
        async def gone() -> bool:
            return await self.count() == 0

        await until(gone, f"the tile of {self.name} is gone")

    async def until_attribute(self, name: str, value: str) -> None:
        async def has() -> bool:
            return await self.attribute(name) == value

        await until(has, f"the tile of {self.name} has {name}={value}")

    async def frames(self) -> int:
        """Frames of the camera that this page has decoded so far."""
        stream = await self.inbound("video")
        return stream.frames if stream else 0

    async def until_frames_grow(self, by: int = 20) -> int:
        """Wait until this page has decoded `by` more frames, and return how many there are."""
        before = await self.frames()

        async def grown() -> int:
            frames = await self.frames()
            return frames if frames >= before + by else 0

        return await until(grown, f"{by} more frames of {self.name} than {before}")

    async def until_audio_grows(self) -> float:
        """Wait until this page has heard more sound. Chromium counts none while it is muted."""
        first = await self.inbound("audio")
        before = first.audio_energy if first else 0.0

        async def grown() -> float:
            stream = await self.inbound("audio")
            return stream.audio_energy if stream and stream.audio_energy > before else 0.0

        return await until(grown, f"more sound of {self.name} than {before}")


@asynccontextmanager
async def chromium(*more: str, executable: str | None = None) -> AsyncIterator[Browser]:
    """A browser of its own process, with `more` arguments; CHROMIUM names another executable."""
    path = executable or find_chromium()
    assert path is not None, "these tests need Chromium: install it or set CHROMIUM"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path,
            args=[*ARGUMENTS, *more],
            # Sound that is muted at the output is not asked for at the input.
            ignore_default_args=["--mute-audio"],
            timeout=PATIENCE_MS,
        )
        try:
            yield browser
        finally:
            await browser.close()


async def new_tab(browser: Browser) -> Tab:
    """A page in a new context that records its sockets' frames and its errors."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(PROBE)
    page = await context.new_page()
    tab = Tab(page, context)
    page.on("pageerror", lambda error: tab.errors.append(f"uncaught: {error}"))
    page.on("console", lambda line: _note_console(tab, line))
    page.on("websocket", lambda socket: _record(tab, socket))
    return tab


def _note_console(tab: Tab, line: Any) -> None:
    if line.type in ("error", "warning"):
        tab.errors.append(f"console {line.type}: {line.text}")


def _record(tab: Tab, socket: WebSocket) -> None:
    socket.on("framesent", lambda frame: tab.sent.append(_text(frame)))
    socket.on("framereceived", lambda frame: tab.received.append(_text(frame)))


def _text(frame: Any) -> str:
    return frame if isinstance(frame, str) else bytes(frame).decode()


def _inbound(found: dict[str, Any]) -> Inbound:
    return Inbound(
        kind=found["kind"],
        packets=found["packets"],
        lost=found["lost"],
        frames=found["frames"],
        width=found["width"],
        freezes=found["freezes"],
        freeze_s=found["freezeS"],
        audio_energy=found["audioEnergy"],
    )

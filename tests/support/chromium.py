"""Chromium with a fake camera and microphone, and its pages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, WebSocket, async_playwright

from scripts.toolchain import chromium as find_chromium
from tests.support.browser import PROBE, Tab
from tests.support.poll import PATIENCE_S

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


class ChromiumTab(Tab):
    """Made by `new_tab`. `page` and `context` are Playwright's, for what only Chromium can do."""

    def __init__(self, page: Page, context: BrowserContext) -> None:
        super().__init__()
        self.page = page
        self.context = context
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("console", self._note)
        page.on("websocket", self._record)

    @property
    def is_closed(self) -> bool:
        return self.page.is_closed()

    async def open(self, link: str) -> None:
        await self.page.goto(link)

    async def reload(self) -> None:
        await self.page.reload()

    async def close(self) -> None:
        await self.page.close()
        await self.context.close()

    async def evaluate(self, script: str, argument: Any = None) -> Any:
        return await self.page.evaluate(script, argument)

    async def click(self, test_id: str) -> None:
        await self.page.get_by_test_id(test_id).click()

    async def add_init_script(self, script: str) -> None:
        await self.page.add_init_script(script)

    async def crash(self) -> None:
        """Kill the tab's process, as the browser's task manager does: no script of it runs."""
        session = await self.context.new_cdp_session(self.page)
        async with self.page.expect_event("crash"):
            # No answer comes, for want of a process that could send it.
            unanswered = asyncio.create_task(session.send("Page.crash"))
        unanswered.cancel()
        await asyncio.gather(unanswered, return_exceptions=True)

    def _note(self, line: Any) -> None:
        if line.type in ("error", "warning"):
            self.errors.append(f"console {line.type}: {line.text}")

    def _record(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(_text(frame)))
        socket.on("framereceived", lambda frame: self.received.append(_text(frame)))


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


async def new_tab(browser: Browser) -> ChromiumTab:
    """A page in a new context that records its sockets' frames and its errors."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(PROBE)
    return ChromiumTab(await context.new_page(), context)


def _text(frame: Any) -> str:
    return frame if isinstance(frame, str) else bytes(frame).decode()

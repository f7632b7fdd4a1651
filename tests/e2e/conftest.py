"""The services, a browser and its tabs, for tests that start everything for real."""

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
from playwright.async_api import Browser, Error

from tests.support.chromium import ChromiumTab, chromium, new_tab
from tests.support.cluster import CONSOLE, Cluster, running_cluster

OpenTab = Callable[[str], Awaitable[ChromiumTab]]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Services that many tests share: each has a room of its own and kills nothing."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """An id that no other test has, and that says in a log whose it is."""
    name = re.sub(r"[^a-z]+", "-", str(request.node.name))[:60]
    return f"{name}-{secrets.token_hex(3)}"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    assert (CONSOLE / "proctor.html").exists(), "build the console's pages first: make console"
    async with chromium() as running:
        yield running


@pytest.fixture
async def open_tab(browser: Browser) -> AsyncIterator[OpenTab]:
    """Opens links, each in a context of its own; at the end no page may have reported an error."""
    tabs: list[ChromiumTab] = []

    async def open_link(link: str) -> ChromiumTab:
        tab = await new_tab(browser)
        tabs.append(tab)
        await tab.open(link)
        return tab

    yield open_link
    for tab in tabs:
        # Shown by pytest for a test that failed.
        with suppress(Error):
            print(await tab.report())
    assert [error for tab in tabs for error in tab.errors] == []

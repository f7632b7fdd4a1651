"""What the console's pages say, in Chromium."""

from playwright.async_api import Locator

from tests.support.chromium import ChromiumTab
from tests.support.poll import until


def part(tab: ChromiumTab, name: str) -> Locator:
    return tab.page.get_by_test_id(name)


async def until_data(tab: ChromiumTab, name: str, data: str, value: str) -> None:
    """Wait until an element's data attribute has this value."""

    async def has() -> bool:
        return await part(tab, name).get_attribute(f"data-{data}") == value

    await until(has, f"{name} has {data}={value}")


async def until_says(tab: ChromiumTab, name: str, words: str) -> None:
    async def says() -> bool:
        return words in await part(tab, name).inner_text()

    await until(says, f"{name} says {words!r}")

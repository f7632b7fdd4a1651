"""Waiting for a condition with a deadline: the only way in which these tests wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")

# Generous: a loaded machine must not fail a test that a quiet one passes.
PATIENCE_S = 45.0
INTERVAL_S = 0.1
# In one process a look costs nothing.
SHORT_INTERVAL_S = 0.005


async def until(
    ask: Callable[[], Awaitable[Value]], what: str, *, within_s: float = PATIENCE_S
) -> Value:
    """The first true value that `ask` gives; AssertionError names `what` and the last value."""
    deadline = time.monotonic() + within_s
    while True:
        value = await ask()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:.0f} s: {what} (last: {value!r})")
        await asyncio.sleep(INTERVAL_S)


def until_now(ask: Callable[[], Value], what: str, *, within_s: float = PATIENCE_S) -> Value:
    """As `until`, for code without an event loop."""
    deadline = time.monotonic() + within_s
    while True:
        value = ask()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:.0f} s: {what} (last: {value!r})")
        time.sleep(INTERVAL_S)


async def eventually(
    condition: Callable[[], object], *, within_s: float = 10.0, what: str = ""
) -> None:
    """As `until`, for a condition in this process."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what or condition}")
        await asyncio.sleep(SHORT_INTERVAL_S)

"""Waiting in tests: a condition with a deadline, never a fixed time."""

import asyncio
from collections.abc import Callable

_POLL_S = 0.005


async def eventually(
    condition: Callable[[], object], *, within_s: float = 10.0, what: str = ""
) -> None:
    """Return as soon as `condition` holds; AssertionError when it does not in time."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {within_s} s: {what or condition}")
        await asyncio.sleep(_POLL_S)

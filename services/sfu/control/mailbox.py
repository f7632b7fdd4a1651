"""A bounded queue from the event loop to one stream's reader."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Overflow(Exception):
    """The reader let the bound fill; what waited is gone."""


class Mailbox(Generic[Item]):
    """Any number of writers on the event loop, one reader. Writing never waits."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._changed = asyncio.Event()
        self._is_closed = False
        self._has_overflown = False

    @property
    def has_overflown(self) -> bool:
        return self._has_overflown

    @property
    def is_half_full(self) -> bool:
        """Whether the reader is behind: what can wait should."""
        return len(self._items) * 2 >= self._capacity

    def push(self, item: Item) -> None:
        """Leave an item for the reader; dropped once the mailbox is closed or has overflown."""
        if self._is_closed or self._has_overflown:
            return
        if len(self._items) >= self._capacity:
            self._has_overflown = True
            self._items.clear()
        else:
            self._items.append(item)
        self._changed.set()

    def close(self) -> None:
        """No more items: the reader gets those that wait, then the end."""
        self._is_closed = True
        self._changed.set()

    async def read(self) -> AsyncIterator[Item]:
        """The items in order until the mailbox is closed. Raises Overflow."""
        while True:
            self._changed.clear()
            while self._items:
                yield self._items.popleft()
            if self._has_overflown:
                raise Overflow
            if self._is_closed:
                return
            await self._changed.wait()

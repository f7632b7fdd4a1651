"""Counts of what was turned away: one line of log for a flood, not one for each of its drops."""

import asyncio
from collections import Counter

from services.common.log import get_logger

log = get_logger("gateway.edge")

LINE_EVERY_S = 10.0


class Tally:
    """Counts by name, for as long as the gateway runs. `close` when it ends."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def count(self, name: str) -> None:
        self.counts[name] += 1
        if self._timer is None:
            # The first of them is told at once.
            self._tell()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        new = self.counts - self._told
        self._told = self.counts.copy()
        if not new:
            self._timer = None
            return
        log.warning("gateway.turned_away", **dict(new))
        self._timer = asyncio.get_running_loop().call_later(LINE_EVERY_S, self._tell)

"""How well a stream gets through: 10 is perfect, 1 as bad as can be, 0 nothing comes."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.common.ids import ConsumerId, ProducerId

BEST = 10
# The highest part of the packets that may be harmed for each score, from BEST downwards to 2.
HARM = (0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
# A packet that was lost and came again came late: as bad as this part of one that never came.
HARM_OF_REPAIRED = 0.2
# A step of one is told when it has lasted for so many counts, which what happens once does not: it
# is three seconds old then. Any other change is told at once.
PATIENCE = 4


# What is known of a stream so far; the numbers only matter as differences:
# - packets that have come, or left,
# - how many the receiver should have got by themselves, as far as it has said,
# - how many of these it has not,
# - how many packets came, or were sent, again.
# A plain tuple: there are tens of thousands a second, and the garbage collector lets them be.
Count: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts of all streams at one moment."""

    # One for each encoding, lowest layer first.
    producers: Mapping[ProducerId, Sequence[Count]]
    consumers: Mapping[ConsumerId, Count]


def rate(before: Count, now: Count) -> int | None:
    """The score of the time between two counts; None where nothing says how it was.

    Nothing says so while packets go out that nobody has reported on.
    """
    packets, expected, lost, repaired = (new - old for new, old in zip(now, before, strict=True))
    if packets == 0:
        return 0
    if expected <= 0:
        return None
    lost = min(max(0, lost), expected)
    repaired = min(max(0, repaired), lost)
    return BEST - bisect_left(HARM, (lost - repaired + repaired * HARM_OF_REPAIRED) / expected)


class Score:
    """The score of one stream, kept by counting once a second: that of the last three seconds."""

    __slots__ = ("_before", "_waits", "told")

    def __init__(self) -> None:
        # What the client is to know; None before anything is known.
        self.told: int | None = None
        # The counts of three, two and one seconds ago.
        self._before: tuple[Count | None, Count | None, Count | None] = (None, None, None)
        self._waits = 0

    def count(self, now: Count) -> bool:
        """Take the next count; whether `told` is another one by it."""
        oldest, older, newest = self._before
        self._before = (older, newest, now)
        if self.told == BEST and oldest and newest and oldest[2] == now[2] and newest[0] < now[0]:
            # The most are like this, most of the time: they go on, and lose nothing.
            self._waits = 0
            return False
        base = oldest or older or newest
        if base is None:
            return False
        found = rate(base, now)
        if found == 0 and oldest is None:
            # A stream that has just begun, or a screen that stands still, may pause for a moment.
            return False
        return found is not None and self._tell(found)

    def rest(self) -> None:
        """Nothing is to flow now: what comes after begins anew, and `told` stays until then."""
        if self._before[2] is not None:
            self._before = (None, None, None)
            self._waits = 0

    def _tell(self, found: int) -> bool:
        told = self.told
        if found == told:
            self._waits = 0
            return False
        if told is not None and told > 0 and found > 0 and abs(found - told) == 1:
            self._waits += 1
            if self._waits < PATIENCE:
                return False
        self._waits = 0
        self.told = found
        return True

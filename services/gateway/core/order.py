"""The order of a session's events among its replies."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from services.common.ids import Epoch
from services.gateway.core.message.envelope import Outbound, Payload


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the session's log: every event up to `seq` of the epoch has happened."""

    epoch: Epoch
    seq: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the session. `position` is None for a latest-only event.

    `payload` is None for an event that this gateway cannot express: it has its place in the log,
    and nobody is told.
    """

    payload: Payload | None
    position: Position | None

    @property
    def replaces(self) -> str | None:
        """Names the latest-only event that is out of date once this one is here."""
        if self.position is not None or self.payload is None:
            return None
        return Outbound(self.payload).replaces


class LogBroken(Exception):
    """The log cannot be followed: an event is missing, or it is another epoch's."""


class EventOrder:
    """Takes events as they arrive, gives them out in the order of the log, without gaps or repeats.

    Before `start` nothing is given out. The owner bounds `held`.
    """

    def __init__(self) -> None:
        self._held: deque[Event] = deque()
        # Those of them that a newer one makes out of date, by what it would name.
        self._latest: dict[str, Event] = {}
        # Last position given out.
        self._at: Position | None = None

    @property
    def held(self) -> int:
        return len(self._held)

    @property
    def is_started(self) -> bool:
        return self._at is not None

    def start(self, position: Position) -> None:
        """Follow the log from here on; what lies before is part of the snapshot at `position`."""
        self._at = position

    def resume(self, position: Position, missed: Iterable[Event]) -> None:
        """Follow the log from where the client stands; what it missed comes first."""
        self._at = position
        self._held.extendleft(reversed(tuple(missed)))

    def reset(self) -> None:
        """Forget everything, as before `start`."""
        self._held.clear()
        self._latest.clear()
        self._at = None

    def arrived(self, event: Event) -> None:
        replaced = event.replaces
        if replaced is not None:
            older = self._latest.get(replaced)
            if older is not None:
                self._held = deque(held for held in self._held if held is not older)
            self._latest[replaced] = event
        self._held.append(event)

    def reaches(self, position: Position) -> bool:
        """Whether every event up to `position` has arrived. Raises LogBroken for another epoch."""
        if self._at is None:
            raise LogBroken
        if position.epoch != self._at.epoch:
            raise LogBroken
        last = max(
            (event.position.seq for event in self._held if event.position is not None),
            default=self._at.seq,
        )
        return max(last, self._at.seq) >= position.seq

    def release(self, upto: int | None = None) -> list[Event]:
        """The next events: those of the log up to `upto`, or all. Raises LogBroken at a gap.

        Latest-only events wait for the whole: what they are about may be in the reply at `upto`.
        """
        released: list[Event] = []
        left: deque[Event] = deque()
        while self._at is not None and self._held:
            event = self._held[0]
            if event.position is not None and upto is not None and event.position.seq > upto:
                break
            self._held.popleft()
            if event.position is None and upto is not None:
                left.append(event)
            elif event.position is None:
                self._latest.pop(event.replaces or "", None)
                released.append(event)
            elif self._follow(event.position):
                released.append(event)
        self._held.extendleft(reversed(left))
        return released

    def _follow(self, position: Position) -> bool:
        at = self._at
        if at is None or position.epoch != at.epoch:
            raise LogBroken
        if position.seq <= at.seq:
            return False
        if position.seq != at.seq + 1:
            raise LogBroken
        self._at = position
        return True

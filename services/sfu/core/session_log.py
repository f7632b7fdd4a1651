"""The numbered events of one session, kept so that a client that comes back gets what it missed."""

from collections import deque

from services.sfu.core.event import Event

CAPACITY = 1024


class SessionLog:
    """Events from seq 1 without gaps; the last `capacity` of them are kept."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._events: deque[Event] = deque(maxlen=capacity)
        self._last_seq = 0

    @property
    def last_seq(self) -> int:
        """The seq of the newest event; 0 before the first."""
        return self._last_seq

    def append(self, event: Event) -> int:
        """Number an event and keep it; returns its seq."""
        self._last_seq += 1
        self._events.append(event)
        return self._last_seq

    def since(self, seq: int) -> tuple[tuple[int, Event], ...] | None:
        """The events after `seq` with their numbers.

        None where the log does not reach back so far, or `seq` was never given out.
        """
        first_kept = self._last_seq - len(self._events) + 1
        if seq + 1 < first_kept or seq > self._last_seq:
            return None
        skipped = seq + 1 - first_kept
        return tuple(
            (first_kept + index, event)
            for index, event in enumerate(self._events)
            if index >= skipped
        )

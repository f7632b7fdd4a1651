"""Sessions that are over for good, so that no resume token of theirs opens a room anew.

The worker knows it while it lives; this is for when it is gone. Bounded: the oldest go first.
"""

from collections import OrderedDict

from services.common.ids import SessionId

CAPACITY = 65_536

# Not REPLACED, which is also said of one of two connections, nor WORKER_FAULT, which nobody wanted.
FOR_GOOD = frozenset({"LEFT", "KICKED", "TIMED_OUT", "REJECTED", "WAITED_TOO_LONG"})


class EndedSessions:
    """What workers have said of the sessions in the rooms of this gateway."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._session_ids: OrderedDict[SessionId, None] = OrderedDict()

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._session_ids

    def note(self, session_id: SessionId, reason: str) -> None:
        """A session has ended; `reason` as in SessionEnded."""
        if reason not in FOR_GOOD:
            return
        self._session_ids[session_id] = None
        while len(self._session_ids) > self._capacity:
            self._session_ids.popitem(last=False)

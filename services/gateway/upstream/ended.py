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
        # The generation of the room in which each ended.
        self._generations: OrderedDict[SessionId, int] = OrderedDict()

    def holds(self, session_id: SessionId, generation: int) -> bool:
        """Whether it was over in the life of its room of this generation, or in a later one.

        A worker that another has taken the room from may not know yet, and end sessions as
        TIMED_OUT that are well in the later life.
        """
        ended_in = self._generations.get(session_id)
        return ended_in is not None and generation <= ended_in

    def note(self, session_id: SessionId, reason: str, generation: int) -> None:
        """A session has ended; `reason` and `generation` as in SessionEnded."""
        if reason not in FOR_GOOD:
            return
        self._generations[session_id] = max(generation, self._generations.get(session_id, 0))
        while len(self._generations) > self._capacity:
            self._generations.popitem(last=False)

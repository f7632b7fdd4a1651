"""What the viewers of a simulcast need of it, and so what its publisher has to send."""

from collections.abc import Iterable

# A layer that nobody needs any more is sent for this long still: viewers come and go, and each
# return costs the publisher a key frame and the viewer a moment of a lower layer.
LINGER_MS = 5_000


class Need:
    """The highest layer that some viewer has wished for within the last LINGER_MS.

    Layers below it are needed too: a viewer falls back to them. Whoever publishes sends all layers
    until told otherwise.
    """

    def __init__(self, layers: int) -> None:
        """`layers`: how many the producer has, 1 or more."""
        # What its publisher knows; None: nothing of it is needed.
        self.told: int | None = layers - 1
        # Whether it was ever told: who has heard nothing sends everything.
        self.was_told = False
        # Of each layer, since when nobody has wished for it or one above; None: somebody does.
        self._idle_since_ms: list[int | None] = [None] * layers

    def weigh(self, wishes: Iterable[int], now_ms: int) -> bool:
        """What the unpaused consumers wish for now; whether the publisher is to be told `told`."""
        highest = max(wishes, default=-1)
        for layer, since_ms in enumerate(self._idle_since_ms):
            if layer <= highest:
                self._idle_since_ms[layer] = None
            elif since_ms is None:
                self._idle_since_ms[layer] = now_ms
        before, self.told = self.told, self._highest(now_ms)
        if self.told == before:
            return False
        self.was_told = True
        return True

    def deadline_ms(self) -> int | None:
        """When it is to be weighed again, though nothing has changed; None: never."""
        since_ms = None if self.told is None else self._idle_since_ms[self.told]
        return None if since_ms is None else since_ms + LINGER_MS

    def _highest(self, now_ms: int) -> int | None:
        needed = (
            layer
            for layer, since_ms in enumerate(self._idle_since_ms)
            if since_ms is None or now_ms < since_ms + LINGER_MS
        )
        return max(needed, default=None)

"""Layers of a simulcast: what a consumer wishes for, what is sent, what is forwarded."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from services.common.errors import Code, Refusal

# The browser protocol can name no higher one.
MAX_LAYER = 7
# A layer that comes and goes is taken again at most once in this time: each return costs the
# publisher a key frame on all its layers, and every viewer a switch.
HOLD_OFF_MS = 3_000


@dataclass(frozen=True, slots=True)
class PreferredLayers:
    """What a client wishes for; 0 is the lowest, one above the highest means the highest."""

    spatial: int
    # None: the highest.
    temporal: int | None = None

    def check(self) -> None:
        """Raise Refusal INVALID_MESSAGE for numbers that no producer could have."""
        if not all(0 <= layer <= MAX_LAYER for layer in (self.spatial, self.temporal or 0)):
            raise Refusal(Code.INVALID_MESSAGE, "BAD_LAYER", f"Layers are 0 to {MAX_LAYER}.")


HIGHEST = PreferredLayers(MAX_LAYER)


def choose(wanted: int, sent: Collection[int]) -> int:
    """The highest layer that is sent and not above the wanted one, else the lowest above it.

    Where nothing is sent, the wanted one: there is nothing better to wait for.
    """
    not_above = [layer for layer in sent if layer <= wanted]
    return max(not_above) if not_above else min(sent, default=wanted)


class Activity:
    """Which layers a publisher sends. It switches the higher ones off when its uplink is narrow.

    A layer that goes quiet is left at once. One that comes back is taken at once too, but not more
    often than once in HOLD_OFF_MS.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        # Layers that are sent again but not taken yet, and when they may be.
        self._held: dict[int, int] = {}
        # When a layer that was taken may be taken again.
        self._rested_at: dict[int, int] = {}

    @property
    def sent(self) -> tuple[int, ...]:
        """The layers that are sent, lowest first."""
        return tuple(sorted(self._taken | self._held.keys()))

    @property
    def usable(self) -> Collection[int]:
        """The layers to choose from. Those held back are still better than none."""
        return self._taken or self._held.keys()

    def begin(self, layer: int, now_ms: int) -> None:
        """A layer is sent."""
        if layer in self._taken or layer in self._held:
            return
        rested_at = self._rested_at.get(layer, now_ms)
        if rested_at <= now_ms:
            self._take(layer, now_ms)
        else:
            self._held[layer] = rested_at

    def end(self, layer: int) -> None:
        """A layer is not sent any more."""
        self._taken.discard(layer)
        self._held.pop(layer, None)

    def welcome(self, layers: Iterable[int]) -> None:
        """The publisher was not asked for these until now: that they come back is no flapping."""
        for layer in layers:
            self._rested_at.pop(layer, None)

    def deadline_ms(self) -> int | None:
        """When the next layer that is held back may be taken; None while there is none."""
        return min(self._held.values(), default=None)

    def release(self, now_ms: int) -> None:
        """Take what has been held back for long enough."""
        for layer in [layer for layer, due_ms in self._held.items() if due_ms <= now_ms]:
            del self._held[layer]
            self._take(layer, now_ms)

    def _take(self, layer: int, now_ms: int) -> None:
        self._taken.add(layer)
        self._rested_at[layer] = now_ms + HOLD_OFF_MS


class Selection:
    """The layer of one consumer of a simulcast: wished for, aimed at, forwarded."""

    def __init__(self, preferred: PreferredLayers, layers: int, sent: Collection[int]) -> None:
        """`layers`: how many the producer has."""
        self._top = layers - 1
        self.preferred = self._bounded(preferred)
        # Forwarded from its next key frame on.
        self.target = choose(self.preferred.spatial, sent)
        # What the client knows to be forwarded; None: nothing.
        self.told: int | None = None
        # The media side's last word. It tells when a layer starts that is another than the last.
        self._started: int | None = None

    def prefer(self, preferred: PreferredLayers) -> None:
        """The client's wish from now on; `aim` follows."""
        self.preferred = self._bounded(preferred)

    def aim(self, sent: Collection[int]) -> bool:
        """Choose the target anew; whether it changed."""
        before, self.target = self.target, choose(self.preferred.spatial, sent)
        return self.target != before

    def started(self, layer: int, *, is_flowing: bool) -> bool:
        """The media side forwards another layer; whether the client is to be told."""
        self._started = layer
        return self._tell(layer if is_flowing else None)

    def settle(self, *, is_flowing: bool) -> bool:
        """Forwarding may have stopped or begun again; whether the client is to be told.

        A layer that begins again where it stopped is not announced by the media side; another one
        will be.
        """
        if not is_flowing:
            return self._tell(None)
        if self.told is None and self._started == self.target:
            return self._tell(self._started)
        return False

    def _tell(self, layer: int | None) -> bool:
        before, self.told = self.told, layer
        return layer != before

    def _bounded(self, preferred: PreferredLayers) -> PreferredLayers:
        return PreferredLayers(min(preferred.spatial, self._top), preferred.temporal)

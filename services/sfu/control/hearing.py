"""Asks some times a second how loud everybody was, and lets the rooms decide who speaks."""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import Context

from services.common.errors import Refusal
from services.common.ids import ProducerId, RoomId
from services.common.log import get_logger
from services.sfu.core.effect import AddProducer, Effect
from services.sfu.core.port import Kind, Media
from services.sfu.core.room import Room

# A syllable or two: shorter, and a gap between words looks like silence; longer, and a proctor sees
# late who it was.
INTERVAL_S = 0.3

log = get_logger("sfu.hearing")


class Hearing:
    """Owned by the worker, whose rooms it reads. Nothing runs while there is no audio."""

    def __init__(
        self,
        media: Media,
        rooms: Mapping[RoomId, Room],
        perform: Callable[[Room], None],
        is_behind: Callable[[RoomId], bool],
        clock_ms: Callable[[], int],
    ) -> None:
        """`perform` carries out what a room has decided.

        `is_behind`: whether a gateway does not catch up with what it is told of the room.
        """
        self._media = media
        self._rooms = rooms
        self._perform = perform
        self._is_behind = is_behind
        self._clock_ms = clock_ms
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    def note(self, effect: Effect) -> None:
        """The media side was told something: with the first audio there is something to hear."""
        is_audio = isinstance(effect, AddProducer) and effect.spec.kind is Kind.AUDIO
        if is_audio and not self.is_running:
            # On behalf of nobody: what is logged and traced is not of whoever happened to be first.
            self._task = asyncio.get_running_loop().create_task(self._listen(), context=Context())

    def close(self) -> None:
        """Hear nothing more. Twice is fine."""
        if self._task is not None:
            self._task.cancel()

    async def _listen(self) -> None:
        while any(room.speakers.is_needed for room in self._rooms.values()):
            await asyncio.sleep(INTERVAL_S)
            levels = await self._levels()
            for room in tuple(self._rooms.values()):
                self._hear(room, levels)
                # A word to each of a thousand sessions takes a while: others have their turn.
                await asyncio.sleep(0)

    async def _levels(self) -> Mapping[ProducerId, int]:
        """How loud everybody was; nobody, where the engine does not say."""
        try:
            return await self._media.audio_levels()
        except (Refusal, RuntimeError) as error:
            log.warning("sfu.hearing.no_levels", error=str(error))
            return {}

    def _hear(self, room: Room, levels: Mapping[ProducerId, int]) -> None:
        """A fault in one room costs no other one its speakers.

        All rooms may have news at once, so that together they could fill the stream of a gateway:
        where it is behind, what has changed is told of a later interval.
        """
        try:
            # One that is over may have a successor by now.
            is_over = self._rooms.get(room.room_id) is not room
            if is_over or self._is_behind(room.room_id):
                return
            if room.speakers.hear(levels, self._clock_ms()):
                self._perform(room)
        except Exception:
            log.exception("sfu.hearing.failed", room_id=room.room_id)

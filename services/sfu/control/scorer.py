"""Has all streams of the worker scored, once a second."""

import asyncio
from functools import partial

from services.common.errors import Refusal
from services.common.ids import ProducerId
from services.common.log import get_logger
from services.sfu.control.watch import Watch
from services.sfu.control.worker import Worker
from services.sfu.core.room import Room
from services.sfu.core.score import Sample

INTERVAL_S = 1.0
# Streams that are scored in one go: about a millisecond, for which everything else has to wait.
SLICE = 1_000
# How often a stream to a gateway that is read slowly is looked at, and for how long at most.
PATIENCE_S = 0.05
MAX_WAITS = 20

log = get_logger("sfu.score")


class Scorer:
    """`start` it on the event loop, `close` it at the end."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def poll(self) -> None:
        """Ask the engine once, and score all rooms. Raises Refusal where it does not answer."""
        if not self._worker.rooms:
            return
        sample = await self._worker.media.sample()
        behind: set[Watch] = set()
        for room in tuple(self._worker.rooms.values()):
            try:
                await self._rate(room, sample, behind)
            except Exception:
                log.exception("sfu.score.failed", room_id=room.room_id)
        for watch in behind:
            log.info("sfu.score.postponed", gateway_id=watch.gateway_id)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.poll()
            except Refusal as refusal:
                log.warning("sfu.score.no_sample", reason=refusal.reason)
            except Exception:
                log.exception("sfu.score.failed")

    async def _rate(self, room: Room, sample: Sample, behind: set[Watch]) -> None:
        """The rest is left for the next second where a gateway of the room does not catch up.

        It is then among `behind`: its other rooms do not wait for it again.
        """
        watches = self._worker.watches.of_room(room.room_id)
        for producer_ids in slices(room):
            if behind & watches or not await self._is_heard(watches):
                behind.update(watch for watch in watches if watch.mailbox.is_half_full)
                return
            self._worker.change(room, partial(_rate_some, room, producer_ids, sample))

    async def _is_heard(self, watches: set[Watch]) -> bool:
        """Let others have their turn, and these streams be read. False where one is not."""
        await asyncio.sleep(0)
        for _ in range(MAX_WAITS):
            if not any(watch.mailbox.is_half_full for watch in watches):
                return True
            await asyncio.sleep(PATIENCE_S)
        return False


def slices(room: Room) -> list[list[ProducerId]]:
    """The room's producers, in groups that together have not many more than SLICE consumers."""
    groups: list[list[ProducerId]] = [[]]
    size = 0
    for producer in room.router.producers.values():
        if size >= SLICE:
            groups.append([])
            size = 0
        groups[-1].append(producer.producer_id)
        size += 1 + len(producer.consumer_ids)
    return groups


def _rate_some(room: Room, producer_ids: list[ProducerId], sample: Sample) -> bool:
    # A list: each is to be scored, whatever is told of those before it.
    return any([room.scoring.rate(producer_id, sample) for producer_id in producer_ids])

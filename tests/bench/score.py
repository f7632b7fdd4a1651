"""What scoring costs a worker: python -m tests.bench.score [peers] [consumers of each].

A real engine holds the streams, and a real room scores them once a second. No packets flow: the
counters of the engine are answered as if all of them ran, some with loss.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator

from services.common.ids import ProducerId, WorkerId
from services.sfu.control.scorer import Scorer
from services.sfu.control.worker import Worker, WorkerConfig
from services.sfu.core.peer import Session
from services.sfu.core.port import Direction, Kind
from services.sfu.core.publication import ProduceRequest
from services.sfu.core.score import Count, Sample
from services.sfu.core.visibility import Role
from services.sfu.media.plane import MediaPlane
from services.sfu.media.sdp.text import SdpText
from tests.support.room import Stage
from tests.support.webrtc.stage import LOOPBACK, Ear

POLLS = 20
# Until every stream has its first score.
WARM_UP = 5
# One stream in so many loses a packet in twenty.
LOSSY = 10


class RunningPlane(MediaPlane):
    """Asks its engine, and answers as if all streams ran."""

    seconds = 0

    async def sample(self) -> Sample:
        asked = await super().sample()
        self.own = time.thread_time()
        self.seconds += 1
        producers = {name: [self._count(n)] for n, name in enumerate(asked.producers)}
        consumers = {name: self._count(n) for n, name in enumerate(asked.consumers)}
        self.own = time.thread_time() - self.own
        return Sample(producers, consumers)

    def _count(self, number: int) -> Count:
        sent = self.seconds * 100
        lost = self.seconds * 5 if number % LOSSY == 0 else 0
        return (sent, sent, lost, 0)


async def main(peers: int, consumers: int) -> None:
    plane = RunningPlane(LOOPBACK, Ear())
    await plane.start()
    worker = Worker(WorkerConfig(WorkerId("w"), "run"), plane, SdpText(), clock_ms=lambda: 0)
    stage = Stage(max_peers=peers)
    worker.rooms[stage.room.room_id] = stage.room
    fill(stage, plane, worker, peers, consumers)
    scorer = Scorer(worker)
    for _ in range(WARM_UP):
        await scorer.poll()
    loop_ms, all_ms = [], []
    for _ in range(POLLS):
        thread, process = time.thread_time(), time.process_time()
        await scorer.poll()
        loop_ms.append((time.thread_time() - thread - plane.own) * 1_000)
        all_ms.append((time.process_time() - process - plane.own) * 1_000)
    streams = len(stage.room.router.producers), len(stage.room.router.consumers)
    print(f"{streams[0]} producers, {streams[1]} consumers; CPU of one poll, once a second:")
    print(f"  event loop  median {median(loop_ms):6.2f} ms, worst {max(loop_ms):6.2f} ms")
    engine_ms = [whole - loop for whole, loop in zip(all_ms, loop_ms, strict=True)]
    print(f"  engine      median {median(engine_ms):6.2f} ms, worst {max(engine_ms):6.2f} ms")
    await plane.close()


def fill(stage: Stage, plane: MediaPlane, worker: Worker, peers: int, consumers: int) -> None:
    sessions = [stage.join(f"p{number}", Role.PROCTOR) for number in range(peers)]
    for session in sessions:
        for direction in Direction:
            transport = stage.room.router.create_transport(session, direction)
            plane.create_transport(transport.transport_id)
        for kind in Kind:
            stage.room.router.produce(session, ProduceRequest(kind))
    worker.change(stage.room, lambda: True)
    producer_ids = list(stage.room.router.producers)
    for number, session in enumerate(sessions):
        first = number % len(producer_ids)
        wanted = itertools.islice(
            itertools.cycle(producer_ids), first, first + min(consumers, len(producer_ids))
        )
        subscribe(stage, session, wanted)
        worker.change(stage.room, lambda: True)


def subscribe(stage: Stage, session: Session, wanted: Iterator[ProducerId]) -> None:
    while batch := tuple(itertools.islice(wanted, 64)):
        stage.room.router.consume(session, batch, None, None, paused=False)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:]]
    asyncio.run(main(*(arguments or [200, 100])))

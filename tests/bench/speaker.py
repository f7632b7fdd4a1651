"""What it costs to know who speaks: python -m tests.bench.speaker

Prints microseconds of a worker's event loop per interval (about three a second), for a room of 200.
"""

import asyncio
import statistics
import time
from collections.abc import Callable

from services.common.ids import ProducerId, TransportId
from services.sfu.core.port import InboundCodec, InboundEncoding, Kind, ProducerSpec
from services.sfu.core.visibility import Role, Visibility
from services.sfu.media.plane import MediaConfig, MediaPlane
from tests.support.room import Stage
from tests.support.webrtc.stage import Ear

PEERS = 200
PROCTORS = 4
ROUNDS = 200
INTERVAL_MS = 300
Levels = dict[ProducerId, int]


def full_room(visibility: Visibility) -> tuple[Stage, list[ProducerId]]:
    """Everybody with camera and microphone; ids of the microphones."""
    stage = Stage(visibility)
    microphones = []
    for number in range(PEERS):
        role = Role.PROCTOR if number < PROCTORS else Role.CANDIDATE
        session = stage.join(f"p{number}", role)
        stage.publish(session, Kind.VIDEO)
        microphones.append(stage.publish(session, Kind.AUDIO).producer_id)
    stage.room.take_effects(stage.now_ms)
    return stage, microphones


def measure(
    name: str, visibility: Visibility, levels_of: Callable[[list[ProducerId], int], Levels]
) -> None:
    stage, microphones = full_room(visibility)
    times_us: list[float] = []
    told = 0
    for turn in range(ROUNDS):
        levels = levels_of(microphones, turn)
        stage.now_ms += INTERVAL_MS
        begun_ns = time.perf_counter_ns()
        stage.room.speakers.hear(levels, stage.now_ms)
        effects = stage.room.take_effects(stage.now_ms)
        times_us.append((time.perf_counter_ns() - begun_ns) / 1_000)
        told += len(effects)
    median, worst = statistics.median(times_us), max(times_us)
    print(f"{name:52} {median:8.0f} {worst:8.0f}   {told / ROUNDS:6.1f}")


async def measure_engine() -> None:
    """The answer of an engine with as many microphones, all of them silent."""
    plane = MediaPlane(
        MediaConfig(host="127.0.0.1", port=0, advertised_addresses=("127.0.0.1",)), Ear()
    )
    await plane.start()
    try:
        for number in range(PEERS):
            transport_id = TransportId(f"t{number}")
            plane.create_transport(transport_id)
            plane.add_producer(
                ProducerSpec(
                    ProducerId(f"p{number}.1"),
                    transport_id,
                    Kind.AUDIO,
                    mid="0",
                    codecs=(InboundCodec("opus", 111, 48_000),),
                    encodings=(InboundEncoding(ssrc=number + 1),),
                    extension_ids={},
                    nack=False,
                    transport_cc=False,
                    paused=False,
                )
            )
        times_us = []
        for _ in range(ROUNDS):
            begun_ns = time.perf_counter_ns()
            await plane.audio_levels()
            times_us.append((time.perf_counter_ns() - begun_ns) / 1_000)
    finally:
        await plane.close()
    print(
        f"{'asking the engine, there and back':52} {statistics.median(times_us):8.0f} "
        f"{max(times_us):8.0f}"
    )


def main() -> None:
    print(f"{'room of 200, a camera and a microphone each':52}   median      max   events")
    for visibility in (Visibility.PROCTORED, Visibility.OPEN):
        of = visibility.value
        measure(f"{of}: all unmuted, nobody speaks", visibility, lambda ids, turn: {})
        measure(
            f"{of}: three speak",
            visibility,
            lambda ids, turn: dict.fromkeys(ids[-3:], 35),
        )
        measure(
            f"{of}: other three in each second",
            visibility,
            lambda ids, turn: dict.fromkeys(ids[turn // 3 % 50 * 3 :][:3], 30),
        )
        measure(
            f"{of}: all speak at once, each now louder, now softer",
            visibility,
            lambda ids, turn: {id_: 20 + hash((id_, turn // 4)) % 25 for id_ in ids},
        )
    asyncio.run(measure_engine())


if __name__ == "__main__":
    main()

"""How soon a candidate's browser sends video at a useful rate."""

import asyncio

from tests.bench import rig
from tests.bench.report import Table, most_at_least

GOAL_MBPS = 2.0
WITHIN_S = 5.0
WINDOW_MS = 1_000.0


async def of_a_new_publisher(table: Table, runs: int) -> None:
    """Bytes of payload, all layers together: no headers, padding or retransmissions."""
    within = f"within {WITHIN_S:.0f} s of connecting"
    best = table.row(
        f"video sent in the best second {within}", "Mbit/s", goal=most_at_least(GOAL_MBPS, 0.9)
    )
    reached = table.row(f"connected → a second with {GOAL_MBPS:.0f} Mbit/s is over", "ms")
    available = table.row(f"the browser's estimate of its uplink {WITHIN_S:.0f} s on", "Mbit/s")
    async with rig.on_loopback(lifelike=True) as stage:
        for number in range(runs):
            candidate = await stage.candidate(
                f"bench-{number}", "Ada", script="__bench.watchSending()"
            )
            await asyncio.sleep(WITHIN_S)
            start = float(await candidate.page.evaluate("__bench.connectedAtMs"))
            samples = await candidate.page.evaluate("__bench.sending")
            await rig.close(candidate)
            rates = _rates(samples, start)
            best.append(max(rate for _, rate in rates))
            reached.extend([at for at, rate in rates if rate >= GOAL_MBPS][:1])
            available.append(
                max(s["availableBps"] for s in samples if s["atMs"] - start <= WITHIN_S * 1e3) / 1e6
            )


def _rates(samples: list[rig.Stats], start_ms: float) -> list[tuple[float, float]]:
    """For each sample in time: ms since the start, and Mbit/s over the second before it."""
    rates = []
    for sample in samples:
        earlier = [s for s in samples if s["atMs"] <= sample["atMs"] - WINDOW_MS]
        since_ms = sample["atMs"] - start_ms
        if earlier and since_ms <= WITHIN_S * 1e3:
            span_ms = sample["atMs"] - earlier[-1]["atMs"]
            rates.append((since_ms, (sample["bytes"] - earlier[-1]["bytes"]) * 8e-3 / span_ms))
    return rates

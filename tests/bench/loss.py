"""What a call makes of lost packets: 5 % of a candidate's uplink, or of a proctor's downlink.

The same call without loss tells which freezes the machine itself is to blame for.

    unshare --net python -m tests.bench.loss uplink --seconds 60

Services, candidate and proctor each have a network namespace of their own; iptables drops datagrams
where they arrive, RTCP and handshakes as well as media. `tests.bench.call` runs this module in a
namespace that goes with it, and reads the rows that it prints, as JSON.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

from playwright.async_api import Error

from scripts.toolchain import chromium as find_chromium
from tests.bench import layer, rig
from tests.bench.report import Table, all_at_least, all_at_most
from tests.bench.rig import WARM_UP_S, Rig
from tests.support.browser import Tile
from tests.support.chromium import ChromiumTab, chromium
from tests.support.cluster import running_cluster
from tests.support.network import Loss, isolated_hosts

Where = Literal["uplink", "downlink", "nowhere"]
SHARE = 0.05
BEST_LAYER = 2
# Longer than a retransmission takes, and than until the next report.
SETTLE_S = 3.0
LEAVE_WITHIN_S = 60.0


class LossBenchError(Exception):
    """No namespace is to be had, or the process in it failed and has said why itself."""


def in_a_namespace(table: Table, where: Where, seconds: float) -> None:
    """Run this module where its network can be impaired; what it measured is added to the table."""
    if os.geteuid() != 0:
        raise LossBenchError("only root may make network namespaces")
    words = [sys.executable, "-m", __spec__.name, where, "--seconds", str(seconds)]
    with subprocess.Popen(["unshare", "--net", *words], stdout=subprocess.PIPE, text=True) as child:
        try:
            printed, _ = child.communicate()
        except KeyboardInterrupt:
            # The terminal has told it, too.
            printed, _ = child.communicate(timeout=LEAVE_WITHIN_S)
            table.extend(json.loads(printed or "[]"))
            raise
    table.extend(json.loads(printed or "[]"))
    if child.returncode != 0:
        raise LossBenchError(f"exit code {child.returncode}")


async def measure(table: Table, where: Where, seconds: float) -> None:
    """A call that begins on the lossy line; counted from when the picture moves.

    Repaired are video packets that came after they had been lost. The loss ends before they are
    counted, so that none is on its way.
    """
    on = "no loss: " if where == "nowhere" else f"{SHARE:.0%} loss, {where}: "
    freezes = table.row(f"{on}freezes", "1/min", all_at_most(1))
    repaired = table.row(f"{on}video packets repaired, of those lost", "%", all_at_least(95))
    lost = table.row(f"{on}video packets lost")
    share = table.row(f"{on}datagrams dropped", "%")
    rate = table.row(f"{on}frames decoded", "1/s")
    width = table.row(f"{on}width of the picture", "px")
    async with _lossy_rig(where) as (stage, loss):
        candidate = await stage.candidate("bench", "Ada")
        proctor = await stage.proctor("bench")
        await Tile(proctor, "Ada").until_frames_grow()
        await layer.prefer(proctor, layer.camera_of(proctor), BEST_LAYER)
        await asyncio.sleep(WARM_UP_S)
        before = await rig.received(proctor, "video")
        sent_before = await _frames_sent(candidate)
        for _ in range(round(seconds)):
            await asyncio.sleep(1)
            width.append((await rig.received(proctor, "video"))["frameWidth"])
        after = await rig.received(proctor, "video")
        sent_frames = await _frames_sent(candidate) - sent_before
        took_s = (after["timestamp"] - before["timestamp"]) / 1e3
        freezes.append((after["freezeCount"] - before["freezeCount"]) * 60 / took_s)
        rate.append((after["framesDecoded"] - before["framesDecoded"]) / took_s)
        came, dropped = loss.counts()
        share.append(100 * dropped / came)
        loss.stop()
        await asyncio.sleep(SETTLE_S)
        if where == "uplink":
            counted = await _counted_by_worker(stage, candidate)
        else:
            counted = _counted_by_proctor(before, after, sent_frames)
        lost.append(counted.lost)
        if counted.lost > 0:
            repaired.append(100 * counted.repaired / counted.lost)


@dataclass(frozen=True, slots=True)
class Counted:
    """Video packets."""

    lost: int
    repaired: int


async def _counted_by_worker(stage: Rig, candidate: ChromiumTab) -> Counted:
    """Since the call began. Lost by the worker's receiver reports; repaired are those that came
    again and were not there yet."""
    reports = [e for e in await rig.stats(candidate, "remote-inbound-rtp") if e["kind"] == "video"]
    counters = stage.cluster.describe().engine_counters
    useless = ("rtx_empty", "rtx_orphaned", "duplicates_in")
    return Counted(
        lost=sum(entry["packetsLost"] for entry in reports),
        repaired=counters["rtx_in"] - sum(counters[name] for name in useless),
    )


async def _frames_sent(candidate: ChromiumTab) -> int:
    """Pictures of the best layer that the candidate's browser has sent."""
    entries = await rig.stats(candidate, "outbound-rtp")
    return max(int(e["framesSent"]) for e in entries if e.get("rid") == f"r{BEST_LAYER}")


def _counted_by_proctor(before: rig.Stats, after: rig.Stats, sent_frames: int) -> Counted:
    """While it was watched. A packet that never came spoils the picture that it was part of.

    The browser's count of retransmissions would not do: on a lossy line each goes twice.
    """
    lost = after["packetsLost"] - before["packetsLost"]
    spoilt = sent_frames - (after["framesReceived"] - before["framesReceived"])
    return Counted(lost, lost - max(0, spoilt))


@asynccontextmanager
async def _lossy_rig(where: Where) -> AsyncIterator[tuple[Rig, Loss]]:
    path = find_chromium()
    assert path is not None, "install Chromium or set CHROMIUM"
    with isolated_hosts(2) as (services, sending, watching), TemporaryDirectory() as name:
        folder = Path(name)
        if where == "uplink":
            loss = services.lose(SHARE, sending.address)
        else:
            loss = watching.lose(SHARE if where == "downlink" else 0, services.address)
        with running_cluster(folder, host=services.address) as cluster:
            arguments = (
                # Cameras are for secure origins only, and the services have no certificate here.
                f"--unsafely-treat-insecure-origin-as-secure={cluster.origin}",
                *rig.camera_arguments(folder),
            )
            programs = [str(host.program(folder, path)) for host in (sending, watching)]
            async with (
                chromium(*arguments, executable=programs[0]) as candidates,
                chromium(*arguments, executable=programs[1]) as proctors,
            ):
                yield Rig(cluster, candidates, proctors), loss


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a call over a lossy line.")
    parser.add_argument("where", choices=get_args(Where))
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    table = Table()
    try:
        asyncio.run(measure(table, arguments.where, arguments.seconds))
    except KeyboardInterrupt:
        return 130
    except (AssertionError, Error, OSError, subprocess.CalledProcessError) as error:
        print(f"\n  {error} {getattr(error, 'stderr', '')}\n", file=sys.stderr, flush=True)
        return 1
    finally:
        print(json.dumps(table.cells()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

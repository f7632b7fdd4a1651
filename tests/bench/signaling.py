"""Measure the gateway's signaling on this machine and print a table. Nothing is asserted.

    python -m tests.bench.signaling [--seconds 5] [--rounds 5] [--idle 5000]

One gateway, all its threads on the first core; load and worker on the others. On a machine that
does other work too, the figure per second of processor time is the one to look at.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import report
from tests.bench.report import Row
from tests.support.cluster import ROOT, Cluster, Service, running_cluster

GATEWAY_CORE = 0
CONNECTIONS = 500
NEIGHBOURS = 100
# Between a neighbour's pong and its next ping.
PAUSE_S = 0.2
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") / 1024
# What each of the first two measurements is about is not the limits.
UNLIMITED = {
    "GATEWAY_MESSAGES_PER_S": "1e9",
    "GATEWAY_MESSAGE_BURST": "1000000000",
    "GATEWAY_MESSAGES_PER_ADDRESS_PER_S": "1e9",
    "GATEWAY_MESSAGE_BURST_PER_ADDRESS": "1000000000",
    "GATEWAY_CONNECTIONS_PER_ADDRESS": "20000",
    "GATEWAY_CONNECT_BURST_PER_ADDRESS": "20000",
}
Times = list[float]


class Load:
    """Starts loads on a cluster's gateway, on the cores that the gateway does not use."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._port = str(cluster.gateway_port)
        self.token = folder / "token"
        self.token.write_text(cluster.token("bench", "candidate", "Ada"))
        self._cores = (os.sched_getaffinity(0) - {GATEWAY_CORE}) or {GATEWAY_CORE}

    def start(self, what: str, *words: object, nice: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.bench.load", what, self._port, *map(str, words)]
        process = subprocess.Popen(
            ["nice", "-n", str(nice), *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(process.pid, self._cores)
        return process


def wait_started(load: subprocess.Popen[str]) -> None:
    assert load.stdout is not None
    if load.stdout.readline().strip() != "started":
        raise OSError("the load did not start")


def result(load: subprocess.Popen[str]) -> object:
    output, _ = load.communicate()
    if load.returncode:
        raise OSError(f"the load ended with {load.returncode}")
    return json.loads(output.splitlines()[-1])


def pin(service: Service, core: int) -> None:
    for task in Path(f"/proc/{service.process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def cpu_s(service: Service) -> float:
    """Processor time that it has used so far."""
    # After the name, which may hold anything; the third field is the state (proc(5)).
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_kb(service: Service) -> float:
    return int(Path(f"/proc/{service.process.pid}/statm").read_text().split()[1]) * PAGE_KB


@contextmanager
def pinned_cluster(settings: dict[str, str]) -> Iterator[tuple[Cluster, Load]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_cluster(Path(folder), **settings) as cluster,
    ):
        pin(cluster.gateway, GATEWAY_CORE)
        yield cluster, Load(cluster, Path(folder))


def ping_rows(seconds: float, rounds: int) -> list[Row]:
    per_s: Times = []
    per_cpu_s: Times = []
    with pinned_cluster(UNLIMITED) as (cluster, load):
        for _ in range(rounds):
            running = load.start("ping", load.token, CONNECTIONS, seconds, 0)
            wait_started(running)
            used, started = cpu_s(cluster.gateway), time.monotonic()
            time.sleep(seconds)
            used, elapsed = cpu_s(cluster.gateway) - used, time.monotonic() - started
            times = result(running)
            assert isinstance(times, list)
            per_s.append(len(times) / elapsed)
            per_cpu_s.append(len(times) / used)
    what = f"ping/pong, {CONNECTIONS} connections"
    return [
        Row(what, "/s", per_s, "≥ 10000"),
        Row(f"{what}, of the gateway's processor time", "/s", per_cpu_s, "≥ 10000"),
    ]


def idle_rows(count: int, seconds: float) -> list[Row]:
    with pinned_cluster({**UNLIMITED, "GATEWAY_MAX_CONNECTIONS": str(count + 1)}) as (
        cluster,
        load,
    ):
        # So that what the first connections load counts for none of the others.
        result_of_first = load.start("ping", load.token, 10, 1, 0)
        wait_started(result_of_first)
        result(result_of_first)
        before = rss_kb(cluster.gateway)
        running = load.start("idle", load.token, count)
        wait_started(running)
        time.sleep(2)
        memory = (rss_kb(cluster.gateway) - before) / count
        used, started = cpu_s(cluster.gateway), time.monotonic()
        # Longer than the time between ping frames, which are what an idle client costs.
        time.sleep(max(seconds, 35))
        busy = (cpu_s(cluster.gateway) - used) / (time.monotonic() - started) * 100
        assert result(running) == count, "clients were lost"
    what = f"{count} idle connections"
    return [
        Row(f"{what}: memory each", "KB", [memory], "≤ 30"),
        Row(f"{what}: processor", "%", [busy], "< 5"),
    ]


def flood_rows(seconds: float, rounds: int) -> list[Row]:
    quiet: Times = []
    flooded: Times = []
    cuts: Times = []
    with pinned_cluster({}) as (_, load):
        for _ in range(rounds):
            for is_flooded, p99s in ((False, quiet), (True, flooded)):
                neighbours = load.start("ping", load.token, NEIGHBOURS, seconds, PAUSE_S)
                wait_started(neighbours)
                if is_flooded:
                    # It must not keep the neighbours from their core: what counts is the gateway.
                    flood = load.start("flood", seconds - 0.5, nice=19)
                times = result(neighbours)
                assert isinstance(times, list)
                p99s.append(statistics.quantiles(times, n=100)[98])
                if is_flooded:
                    cut = result(flood)
                    assert isinstance(cut, int)
                    cuts.append(cut)
    bound = max(2 * statistics.median(quiet), 5)
    what = f"p99 of {NEIGHBOURS} clients' pings"
    return [
        Row(f"{what}, quiet", "ms", quiet),
        Row(f"{what}, while one client floods", "ms", flooded, f"≤ {bound:.1f}"),
        Row("flooding client cut off", "times", cuts),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the gateway's signaling.")
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each kind")
    parser.add_argument("--idle", type=int, default=5_000, help="idle connections")
    arguments = parser.parse_args()
    # Each connection is a file here and in the gateway, which inherits the limit.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(report.machine(), end="\n\n", flush=True)
    rows: list[Row] = []
    failed = False
    measures: list[Callable[[], list[Row]]] = [
        lambda: ping_rows(arguments.seconds, arguments.rounds),
        lambda: idle_rows(arguments.idle, arguments.seconds),
        lambda: flood_rows(arguments.seconds, arguments.rounds),
    ]
    for measure in measures:
        try:
            rows += measure()
        except (AssertionError, OSError) as error:
            failed = True
            print(f"not measured: {error}", file=sys.stderr)
    print(report.table(rows))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

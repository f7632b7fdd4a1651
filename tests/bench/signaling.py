"""Measure the gateway's signaling on this machine and print a table. Nothing is asserted.

    python -m tests.bench.signaling [--seconds 5] [--rounds 5] [--idle 5000] [--resumed 1000]

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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from tests.bench import report
from tests.bench.report import Goal, Table, all_at_least, all_at_most
from tests.support.cluster import (
    ROOT,
    Cluster,
    Service,
    gateway_again,
    one_more_gateway,
    running_cluster,
)

NAMES = ("pings", "idle", "flood", "joins", "resume")
SESSIONS = "tests.bench.session_load"
GATEWAY_CORE = 0
CONNECTIONS = 500
NEIGHBOURS = 100
# Between a neighbour's pong and its next ping.
PAUSE_S = 0.2
# Longer than the time between ping frames, which are what an idle client costs.
IDLE_S = 35.0
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


class Load:
    """Starts loads on a cluster's gateway, on the cores that the gateway does not use."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._port = str(cluster.gateway_port)
        self.token = folder / "token"
        self.token.write_text(cluster.token("bench", "candidate", "Ada"))
        self._cores = (os.sched_getaffinity(0) - {GATEWAY_CORE}) or {GATEWAY_CORE}

    def start(
        self, what: str, *words: object, nice: int = 0, module: str = "tests.bench.load"
    ) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", module, what, self._port, *map(str, words)]
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


def measure_pings(table: Table, seconds: float, rounds: int) -> None:
    what = f"ping/pong, {CONNECTIONS} connections"
    per_s = table.row(what, "/s", all_at_least(10_000))
    per_cpu_s = table.row(f"{what}, per processor time", "/s", all_at_least(10_000))
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


def measure_idle(table: Table, count: int) -> None:
    memory = table.row(f"{count} idle connections: memory each", "KB", all_at_most(30))
    busy = table.row(f"{count} idle connections: processor", "%", all_at_most(5))
    settings = {**UNLIMITED, "GATEWAY_MAX_CONNECTIONS": str(count + 10)}
    with pinned_cluster(settings) as (cluster, load):
        # What the first clients of all bring into memory is not theirs.
        first = load.start("ping", load.token, 10, 1, 0)
        wait_started(first)
        result(first)
        before = rss_kb(cluster.gateway)
        running = load.start("idle", load.token, count)
        wait_started(running)
        time.sleep(2)
        memory.append((rss_kb(cluster.gateway) - before) / count)
        used, started = cpu_s(cluster.gateway), time.monotonic()
        time.sleep(IDLE_S)
        busy.append((cpu_s(cluster.gateway) - used) / (time.monotonic() - started) * 100)
        assert result(running) == count, "clients were lost"


def measure_flood(table: Table, seconds: float, rounds: int) -> None:
    what = f"p99 of {NEIGHBOURS} clients' pings"
    quiet = table.row(f"{what}, quiet", "ms")
    flooded = table.row(
        f"{what}, while one client floods",
        "ms",
        Goal("≤ twice quiet, or 5", lambda values: median(values) <= max(2 * median(quiet), 5)),
    )
    cuts = table.row("flooding client cut off", "times")
    with pinned_cluster({}) as (_, load):
        for _ in range(rounds):
            quiet.append(_p99(load.start("ping", load.token, NEIGHBOURS, seconds, PAUSE_S)))
            neighbours = load.start("ping", load.token, NEIGHBOURS, seconds, PAUSE_S)
            # It must not keep the neighbours from their core: what counts is the gateway.
            flood = load.start("flood", seconds, nice=19)
            flooded.append(_p99(neighbours))
            cut = result(flood)
            assert isinstance(cut, int)
            cuts.append(cut)


def measure_joins(table: Table, seconds: float, rounds: int) -> None:
    what = "joins: auth, room, two transports, connect"
    per_s = table.row(what, "/s", all_at_least(100))
    late = table.row(f"{what}: p99 at half that rate", "ms", all_at_most(250))
    costs = {
        "gateway": table.row(f"{what}: gateway's processor time each", "ms"),
        "worker": table.row(f"{what}: worker's processor time each", "ms"),
    }
    with pinned_cluster(UNLIMITED) as (cluster, load):
        load.token.write_text(cluster.token("*", "candidate", "Ada"))
        for _ in range(rounds):
            used = cpu_s(cluster.gateway), cpu_s(cluster.worker)
            times = result(load.start("join", load.token, seconds, 0, module=SESSIONS))
            assert isinstance(times, list)
            per_s.append(len(times) / seconds)
            # With what it takes to leave again.
            for row, service, before in zip(
                costs.values(), (cluster.gateway, cluster.worker), used, strict=True
            ):
                row.append((cpu_s(service) - before) / len(times) * 1000)
            rate = round(per_s[-1] / 2, 1)
            times = result(load.start("join", load.token, seconds, rate, module=SESSIONS))
            assert isinstance(times, list)
            late.append(_p99_of(times))


def measure_resume(table: Table, count: int, rounds: int) -> None:
    what = f"{count} sessions after a gateway was killed"
    back = table.row(f"{what}: from the first socket until all are back", "s", all_at_most(5))
    events = table.row(f"{what}: events told to them", "")
    wrong = table.row(f"{what}: events lost or told twice", "", all_at_most(0))
    with (
        pinned_cluster(UNLIMITED) as (cluster, load),
        one_more_gateway(cluster, "proctors") as other,
        ExitStack() as stack,
    ):
        tokens = (cluster.token("*", role, role) for role in ("candidate", "proctor"))
        load.token.write_text("\n".join(tokens))
        port = urlsplit(other).port
        gateway = cluster.gateway
        for number in range(rounds):
            running = load.start("resume", load.token, count, port, module=SESSIONS)
            wait_started(running)
            assert running.stdin is not None
            running.stdin.write("now\n")
            running.stdin.flush()
            gateway.kill()
            gateway = stack.enter_context(
                gateway_again(cluster, f"gateway-{number}", cluster.gateway_port)
            )
            pin(gateway, GATEWAY_CORE)
            outcome = result(running)
            assert isinstance(outcome, dict)
            back.append(outcome["back_s"])
            events.append(outcome["events"])
            wrong.append(outcome["lost"] + outcome["doubled"])


def _p99(neighbours: subprocess.Popen[str]) -> float:
    wait_started(neighbours)
    times = result(neighbours)
    assert isinstance(times, list)
    return _p99_of(times)


def _p99_of(times: list[float]) -> float:
    return float(statistics.quantiles(times, n=100)[98])


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the gateway's signaling.")
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each kind")
    parser.add_argument("--only", choices=NAMES, help="what to measure")
    parser.add_argument("--idle", type=int, default=5_000, help="idle connections")
    parser.add_argument("--resumed", type=int, default=1_000, help="sessions that come back")
    arguments = parser.parse_args()
    # Each connection is a file here and in the gateway, which inherits the limit.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    described, table, code = report.machine(), Table(), 0
    measures: dict[str, Callable[[], None]] = {
        "pings": lambda: measure_pings(table, arguments.seconds, arguments.rounds),
        "idle": lambda: measure_idle(table, arguments.idle),
        "flood": lambda: measure_flood(table, arguments.seconds, arguments.rounds),
        "joins": lambda: measure_joins(table, arguments.seconds, arguments.rounds),
        "resume": lambda: measure_resume(table, arguments.resumed, min(3, arguments.rounds)),
    }
    for name in [arguments.only] if arguments.only else measures:
        try:
            measures[name]()
        except (AssertionError, OSError) as error:
            print(f"not measured: {error}", file=sys.stderr)
            code = 1
    print(f"{described}\n\n{table}")
    return code


if __name__ == "__main__":
    sys.exit(main())

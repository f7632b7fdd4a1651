"""Measure a call in Chromium on this machine and print a table. Nothing is asserted.

    python -m tests.bench.call [--only NAME …] [--runs 20] [--seconds 60]

The first start, in a fresh clone of the last commit with empty caches, takes minutes and needs the
package registries: it is measured only where it is named. Ctrl-C ends a measurement; what has been
measured until then is printed. Exit code 1 means that something could not be measured, not that it
was slow.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Coroutine

from playwright.async_api import Error

from tests.bench import bitrate, first_frame, layer, loss, play, report, start
from tests.bench.report import Table

FAILURES = (AssertionError, Error, OSError, start.StartFailedError, loss.LossBenchError)
INTERRUPTED = 130

Measurement = Callable[[Table, argparse.Namespace], Coroutine[None, None, None] | None]

MEASUREMENTS: dict[str, Measurement] = {
    "start": lambda table, _: start.cold_and_warm(table),
    "first-frame": lambda table, given: first_frame.on_a_new_page(table, given.runs),
    "next-frame": lambda table, given: first_frame.on_a_connected_transport(table, given.runs),
    "first-off": lambda table, given: first_frame.of_a_camera_that_was_off(table, given.runs),
    "bitrate": lambda table, given: bitrate.of_a_new_publisher(table, given.runs),
    "play": lambda table, given: play.of_one_candidate(table, given.seconds),
    "layers": lambda table, given: layer.of_a_simulcast_camera(table, 3 * given.runs),
    "layer-off": lambda table, given: layer.that_was_off(table, given.runs),
    "no-loss": lambda table, given: loss.in_a_namespace(table, "nowhere", given.seconds),
    "loss-uplink": lambda table, given: loss.in_a_namespace(table, "uplink", given.seconds),
    "loss-downlink": lambda table, given: loss.in_a_namespace(table, "downlink", given.seconds),
}
USUAL = [name for name in MEASUREMENTS if name != "start"]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a call in Chromium.")
    parser.add_argument(
        "--only", nargs="+", choices=MEASUREMENTS, default=USUAL, help="what to measure"
    )
    parser.add_argument("--runs", type=int, default=20, help="of what is measured many times")
    parser.add_argument("--seconds", type=float, default=60, help="of what is watched for a while")
    return parser.parse_args()


def attempt(name: str, table: Table, arguments: argparse.Namespace) -> bool:
    """Whether it could be measured; a failure is said, and the rest goes on."""
    print(f"  {name} …", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        measured = MEASUREMENTS[name](table, arguments)
        if measured is not None:
            asyncio.run(measured)
    except FAILURES as error:
        print(f"\n  {name} could not be measured: {error}\n", file=sys.stderr, flush=True)
        return False
    print(f"  {name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return True


def main() -> int:
    arguments = parse_arguments()
    described, table, began = report.machine(), Table(), time.monotonic()
    code = 0
    try:
        for name in arguments.only:
            if not attempt(name, table, arguments):
                code = 1
    except KeyboardInterrupt:
        print("\n  interrupted", file=sys.stderr)
        code = INTERRUPTED
    print(f"\n{described}\ntook         {time.monotonic() - began:.0f} s\n\n{table}")
    return code


if __name__ == "__main__":
    sys.exit(main())

"""Measure a call in Chromium on this machine and print a table. Nothing is asserted.

    python -m tests.bench.call [--no-cold] [--runs 20] [--seconds 60]

The first start, in a fresh clone of the last commit with empty caches, takes minutes; --no-cold
leaves it out. Exit code 1 means that a measurement could not be taken, not that it was slow.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from playwright.async_api import Error

from tests.bench import picture, report, start
from tests.bench.report import Row
from tests.support.browser import chromium
from tests.support.cluster import running_cluster

Value = TypeVar("Value")
FAILURES = (AssertionError, Error, OSError, start.StartFailedError)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a call in Chromium.")
    parser.add_argument("--cold", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--runs", type=int, default=20, help="first frames to measure, per kind")
    parser.add_argument("--seconds", type=float, default=60, help="how long to watch one camera")
    return parser.parse_args()


def start_rows() -> list[Row]:
    cold, again = start.measure_starts()
    return [
        Row("make run, clean clone, empty caches", "s", [cold], "≤ 360"),
        Row("make run again", "s", [again], "≤ 6"),
    ]


async def first_frame_rows(runs: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, running_cluster(Path(folder)) as cluster:
        async with chromium() as browser:
            new_page = await picture.first_frames_of_new_pages(cluster, browser, runs)
        async with chromium() as browser:
            connected = await picture.first_frames_on_a_connected_transport(cluster, browser, runs)
    return [
        Row("consume → first frame shown, new page (with ICE, DTLS)", "ms", new_page, "≤ 300"),
        Row("consume → first frame shown, connected transport", "ms", connected, "≤ 300"),
    ]


async def play_rows(seconds: float) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, running_cluster(Path(folder)) as cluster:
        async with chromium() as browser:
            played = await picture.play(cluster, browser, seconds)
    during = f"in {played.seconds:.0f} s of play"
    return [
        Row(f"freezes {during}", "", [played.freezes], "0"),
        Row(f"frozen {during}", "s", [played.freeze_s]),
        Row(f"packets lost {during}", "", [played.lost]),
        Row(f"frames decoded {during}", "", [played.frames]),
        Row("frame rate", "1/s", [played.frames / played.seconds]),
        Row("width of the picture", "px", [played.width]),
    ]


def attempt(what: str, measure: Callable[[], list[Row]]) -> tuple[list[Row], bool]:
    """The rows, and whether they could be measured; a failure is said and the rest goes on."""
    print(f"  {what} …", file=sys.stderr, flush=True)
    try:
        return measure(), True
    except FAILURES as error:
        print(f"\n  {what} could not be measured: {error}\n", file=sys.stderr, flush=True)
        return [Row(what, "", [])], False


def main() -> int:
    arguments = parse_arguments()
    described = report.machine()
    measurements: list[tuple[str, Callable[[], list[Row]]]] = [
        ("first frames", lambda: asyncio.run(first_frame_rows(arguments.runs))),
        ("play", lambda: asyncio.run(play_rows(arguments.seconds))),
    ]
    if arguments.cold:
        measurements.insert(0, ("starts", start_rows))
    results = [attempt(what, measure) for what, measure in measurements]
    rows = [row for found, _ in results for row in found]
    print(f"\n{described}\n\n{report.table(rows)}")
    return 0 if all(measured for _, measured in results) else 1


if __name__ == "__main__":
    sys.exit(main())

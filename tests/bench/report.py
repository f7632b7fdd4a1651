"""What a measurement prints: numbers with their spread, and the machine they were taken on."""

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.toolchain import chromium

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Row:
    """Some values of one quantity; `goal` is what the issue asks for, in words."""

    what: str
    unit: str
    values: Sequence[float]
    goal: str = ""

    def cells(self) -> tuple[str, ...]:
        if not self.values:
            return (self.what, self.unit, "", "not measured", "", "0", self.goal)
        low, middle, high = min(self.values), statistics.median(self.values), max(self.values)
        numbers = (_number(low), _number(middle), _number(high))
        return (self.what, self.unit, *numbers, str(len(self.values)), self.goal)


def table(rows: Iterable[Row]) -> str:
    """The rows with minimum, median and maximum, aligned."""
    head = ("what", "unit", "min", "median", "max", "n", "goal")
    lines = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 1, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def machine() -> str:
    """Processor, load, browser and commit, a line each."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    facts = {
        "processor": f"{os.cpu_count()} cores of {_processor()}",
        "load before": f"{load} (1, 5, 15 min)",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "browser": _first_line(chromium() or "chromium", "--version"),
        "commit": _commit(),
    }
    width = max(map(len, facts))
    return "\n".join(f"{name.ljust(width)}  {fact}" for name, fact in facts.items())


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.1f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _commit() -> str:
    commit = _first_line("git", "rev-parse", "--short", "HEAD")
    changed = _first_line("git", "status", "--porcelain")
    return f"{commit}, with uncommitted changes" if changed else commit


def _first_line(*command: str) -> str:
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    return next(iter(result.stdout.splitlines()), "")

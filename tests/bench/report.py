"""What a measurement prints: numbers with their spread beside the goal, and the machine."""

import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.toolchain import chromium

ROOT = Path(__file__).resolve().parents[2]
HEAD = ("what", "unit", "min", "median", "max", "n", "goal", "met")
LEFT_ALIGNED = ("what", "unit", "goal", "met")

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Goal:
    """What the values are to be, in words and as a question; it is shown, never asserted."""

    words: str
    is_met: Callable[[Sequence[float]], bool]


def median_at_most(limit: float) -> Goal:
    return Goal(f"median ≤ {_number(limit)}", lambda values: statistics.median(values) <= limit)


def all_at_most(limit: float) -> Goal:
    return Goal(f"≤ {_number(limit)}", lambda values: max(values) <= limit)


def all_at_least(limit: float) -> Goal:
    return Goal(f"≥ {_number(limit)}", lambda values: min(values) >= limit)


def most_at_least(limit: float, share: float) -> Goal:
    """`share` of the values, 0 to 1, are to reach the limit."""

    def is_met(values: Sequence[float]) -> bool:
        return sum(value >= limit for value in values) >= share * len(values)

    return Goal(f"≥ {_number(limit)} in {share:.0%}", is_met)


def most_at_most(limit: float, share: float) -> Goal:
    """`share` of the values, 0 to 1, are not to exceed the limit."""

    def is_met(values: Sequence[float]) -> bool:
        return sum(value <= limit for value in values) >= share * len(values)

    return Goal(f"≤ {_number(limit)} in {share:.0%}", is_met)


@dataclass(slots=True)
class Row:
    """Values of one quantity, as many as have been taken so far."""

    what: str
    unit: str
    goal: Goal | None = None
    values: list[float] = field(default_factory=list)

    def cells(self) -> Cells:
        words = self.goal.words if self.goal else ""
        if not self.values:
            return (self.what, self.unit, "", "not measured", "", "0", words, "")
        low, middle, high = min(self.values), statistics.median(self.values), max(self.values)
        numbers = (_number(low), _number(middle), _number(high))
        return (self.what, self.unit, *numbers, str(len(self.values)), words, self._mark())

    def _mark(self) -> str:
        if self.goal is None:
            return ""
        return "✓" if self.goal.is_met(self.values) else "✗"


class Table:
    """Rows in the order in which they were begun; a row begun is printed, whatever comes of it."""

    def __init__(self) -> None:
        self._lines: list[Row | Cells] = []

    def row(self, what: str, unit: str = "", goal: Goal | None = None) -> list[float]:
        """Begin a row; append to the list what is measured."""
        row = Row(what, unit, goal)
        self._lines.append(row)
        return row.values

    def extend(self, lines: Iterable[Sequence[str]]) -> None:
        """Rows that another process has measured."""
        self._lines.extend(tuple(line) for line in lines)

    def cells(self) -> list[Cells]:
        return [line.cells() if isinstance(line, Row) else line for line in self._lines]

    def __str__(self) -> str:
        """In Markdown, aligned."""
        lines = [HEAD, *self.cells()]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
        rule = tuple("-" * width for width in widths)
        return "\n".join(
            f"| {' | '.join(_aligned(line, widths))} |" for line in [HEAD, rule, *lines[1:]]
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


def _aligned(line: Cells, widths: Sequence[int]) -> Iterable[str]:
    for name, cell, width in zip(HEAD, line, widths, strict=True):
        yield cell.ljust(width) if name in LEFT_ALIGNED else cell.rjust(width)


def _number(value: float) -> str:
    if value == round(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


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

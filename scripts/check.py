"""Verify without changing anything: one line for each check, then lines of code by language."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts import line_count, toolchain

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "services" / "sfu" / "engine"
# The npm workspace, and what is in it.
SERVICES = ROOT / "services"
CLIENT = SERVICES / "client" / "typescript"
CONSOLE = SERVICES / "console"
PYTHON_MODULE = (sys.executable, "-m")
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"


@dataclass(frozen=True, slots=True)
class Check:
    """A command that exits 0 when all is well, and what repairs it when not."""

    language: str
    name: str
    command: tuple[str, ...]
    folder: Path = ROOT
    repair: str = "by hand"


CARGO_CLIPPY = (
    *("cargo", "clippy", "--quiet", "--all-targets", "--all-features"),
    *("--", "-D", "warnings"),
)
TSC = ("npm", "exec", "--", "tsc", "--noEmit")

CHECKS = (
    Check(
        "Python",
        "ruff format",
        (*PYTHON_MODULE, "ruff", "format", "--check", "--quiet"),
        repair="make fix",
    ),
    Check("Python", "ruff check", (*PYTHON_MODULE, "ruff", "check", "--quiet"), repair="make fix"),
    Check("Python", "mypy", (*PYTHON_MODULE, "mypy")),
    Check("Python", "imports", (sys.executable, "-c", LINT_IMPORTS)),
    Check("Python", "pins", (*PYTHON_MODULE, "scripts.lock", "--check"), repair="make lock"),
    Check(
        "protobuf",
        "generated code",
        (*PYTHON_MODULE, "scripts.gen_protos", "--check"),
        repair="make protos",
    ),
    Check(
        "JSON Schema",
        "generated schema",
        (*PYTHON_MODULE, "scripts.gen_schema", "--check"),
        repair="make protos",
    ),
    Check("protobuf", "buf lint", ("scripts/node_modules/.bin/buf", "lint", "protos")),
    Check("Rust", "rustfmt", ("cargo", "fmt", "--check"), ENGINE, repair="make fix"),
    Check("Rust", "clippy", CARGO_CLIPPY, ENGINE, repair="make fix"),
    Check("TypeScript", "tsc, client", TSC, CLIENT),
    Check("TypeScript", "tsc, console", TSC, CONSOLE),
    Check("TypeScript", "biome", ("npm", "run", "--silent", "lint"), SERVICES, repair="make fix"),
    Check("Helm", "chart", (*PYTHON_MODULE, "scripts.render_chart", "--check")),
    Check("every file", "no registry host", (*PYTHON_MODULE, "scripts.find_hosts")),
    Check("every file", "lines of code", (*PYTHON_MODULE, "scripts.line_count", "--check")),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    check: Check
    is_well: bool
    took_s: float
    output: str


def run(check: Check) -> Verdict:
    started = time.monotonic()
    result = subprocess.run(
        check.command,
        cwd=check.folder,
        env=toolchain.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    took_s = time.monotonic() - started
    return Verdict(check, result.returncode == 0, took_s, result.stdout)


def show(verdict: Verdict) -> None:
    check = verdict.check
    mark = "ok  " if verdict.is_well else "FAIL"
    line = f"  {mark}  {check.language:<11} {check.name:<17} {verdict.took_s:5.1f} s"
    print(line if verdict.is_well else f"{line}   repair: {check.repair}", flush=True)
    if not verdict.is_well:
        for text in verdict.output.rstrip().splitlines():
            print(f"        {text}")


def main() -> int:
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        verdicts = []
        for verdict in pool.map(run, CHECKS):
            show(verdict)
            verdicts.append(verdict)
    print(f"\n{line_count.table()}\n")
    failed = sum(not verdict.is_well for verdict in verdicts)
    print(f"  {len(verdicts) - failed} checks passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

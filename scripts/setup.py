"""Make this checkout ready: packages, engine, console. What is unchanged is skipped.

Goals: `run` (what the services need), `demo` (and their bots), `check` and `test` (what verifying
needs), `bench` (what measuring a call needs), `engine`, `console`, `lock` (only that). Started by
scripts/setup.sh in the virtual environment.
"""

import argparse
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import stamp, toolchain
from scripts.stamp import MAKE, ROOT

REQUIREMENTS = ROOT / "deploy" / "requirements"
ENGINE = ROOT / "services" / "sfu" / "engine"
# The npm workspace, and what is in it.
SERVICES = ROOT / "services"
CLIENT = SERVICES / "client" / "typescript"
CONSOLE = SERVICES / "console"
LOGS = MAKE / "log"
WHEELS = MAKE / "wheel"
GOALS = ("run", "demo", "check", "test", "bench", "engine", "console", "lock")
LAST_LINES = 30
# Sets of packages in one environment, which holds one version of each package: installing the one
# set may replace what the other installed, when requirements have changed in between.
SHARED = {"packages-run", "packages-demo", "packages-dev"}

Command = list[str]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to make. It is current while `fingerprint` is what its stamp says.

    `commands` are made only when the step runs, after the steps it comes `after`.
    """

    name: str
    says: str
    fingerprint: str
    commands: Callable[[], list[tuple[Command, Path]]]
    after: tuple[str, ...] = ()
    output: Path | None = None
    # Steps whose work this one overwrites.
    undoes: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        is_there = self.output is None or self.output.exists()
        return is_there and stamp.is_current(self.name, self.fingerprint)


class StepFailedError(Exception):
    """A command of a step failed; the message says where its output is."""


def venv_identity() -> str:
    """Changes when the virtual environment is made anew."""
    return str((Path(sys.prefix) / "pyvenv.cfg").stat().st_mtime_ns)


def pip(*words: str) -> Command:
    return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *words]


def hashed(*names: str) -> Command:
    files = [word for name in names for word in ("-r", str(REQUIREMENTS / f"{name}.txt"))]
    return pip("--require-hashes", *files)


def package_step(name: str, says: str, *locks: str, after: tuple[str, ...] = ()) -> Step:
    """Install hashed requirements into the virtual environment."""
    files = [REQUIREMENTS / f"{lock}.txt" for lock in locks]
    fingerprint = stamp.digest(files, venv_identity())
    undoes = tuple(SHARED - {name}) if name in SHARED else ()
    commands = [(hashed(*locks), ROOT)]
    return Step(name, says, fingerprint, lambda: commands, after, undoes=undoes)


def debian_step(goals: set[str]) -> Step | None:
    """Install what is missing from Debian's packages, or say what the person must install."""
    missing = toolchain.missing_tools(
        linters=bool(goals & {"check", "test"}),
        browser=bool(goals & {"test", "bench"}),
        both_browsers="test" in goals,
        turn="test" in goals,
        network="bench" in goals,
    )
    if "test" in goals and toolchain.can_use_apt() and not toolchain.has_webrtcbin():
        # Its tests are skipped where Debian's packages are not to be had.
        missing.append(toolchain.WEBRTCBIN)
    if not missing:
        return None
    if not toolchain.can_use_apt():
        raise toolchain.MissingError(toolchain.explain(missing))
    quiet: Command = ["env", "DEBIAN_FRONTEND=noninteractive"]
    commands = [
        ([*quiet, "apt-get", "update"], ROOT),
        ([*quiet, *toolchain.install_command(missing)], ROOT),
    ]
    says = "Debian's " + ", ".join(package for tool in missing for package in tool.debian)
    return Step("debian", says, "never current", lambda: commands)


def engine_steps(packages: str) -> list[Step]:
    """Build the engine's wheel, and install it once the packages are in place."""
    sources = stamp.files_below(ENGINE, without=("target", "benches", "tests", "fuzz"))
    fingerprint = stamp.digest([path for path in sources if path.name != "Cargo.lock"], sys.version)
    manifest = str(ENGINE / "Cargo.toml")
    build = [sys.executable, "-m", "maturin", "build", "--release", "--manifest-path", manifest]
    build += ["--features", "python", "--interpreter", sys.executable, "--out", str(WHEELS)]

    def install() -> list[tuple[Command, Path]]:
        newest = max(WHEELS.glob("*.whl"), key=lambda path: path.stat().st_mtime_ns)
        return [(pip("--no-index", "--no-deps", "--force-reinstall", str(newest)), ROOT)]

    installed = stamp.digest([], fingerprint, venv_identity())
    return [
        Step(
            "engine-wheel",
            "engine (Rust)",
            fingerprint,
            lambda: [(build, ROOT)],
            ("tools", "debian"),
            WHEELS,
        ),
        Step("engine", "engine, installed", installed, install, ("engine-wheel", packages)),
    ]


def console_steps(goals: set[str]) -> list[Step]:
    """Install the packages of client and console and, unless they are only checked, build."""
    manifests = [folder / "package.json" for folder in (SERVICES, CLIENT, CONSOLE)]
    locks = [*manifests, SERVICES / "package-lock.json", SERVICES / ".npmrc"]
    packages = stamp.digest(locks)
    not_built = ("node_modules", "dist", "test")
    sources = [SERVICES / "tsconfig.base.json", *locks]
    for folder in (CLIENT, CONSOLE):
        sources += stamp.files_below(folder, without=not_built)
    install = Step(
        "console-packages",
        "console packages (npm)",
        packages,
        lambda: [(["npm", "ci", "--no-audit", "--no-fund"], SERVICES)],
        ("tools",),
        SERVICES / "node_modules",
    )
    build = Step(
        "console",
        "console (TypeScript)",
        stamp.digest(sources),
        lambda: [(["npm", "run", "build"], CONSOLE)],
        ("console-packages",),
        CONSOLE / "dist",
    )
    return [install, build] if goals - {"check"} else [install]


def buf_step() -> Step:
    """Install the proto linter, which comes from npm."""
    scripts = ROOT / "scripts"
    locks = [scripts / "package.json", scripts / "package-lock.json"]
    command = ["npm", "ci", "--no-audit", "--no-fund"]
    return Step(
        "buf",
        "buf (npm)",
        stamp.digest(locks),
        lambda: [(command, scripts)],
        # Not beside the console's packages: npm's cache is slow for two at once.
        ("tools", "console-packages"),
        scripts / "node_modules",
    )


def plan(goals: set[str]) -> list[Step]:
    """The steps that reach `goals`, in an order in which each follows those it needs."""
    verifies = bool(goals & {"check", "test"})
    packages = python_step(
        "dev" if verifies or "bench" in goals else "demo" if "demo" in goals else "run"
    )
    steps: list[Step] = []
    if goals & {"run", "demo", "check", "test", "bench", "engine", "console"}:
        steps += [tools_step()]
    if goals & {"run", "demo", "check", "test", "bench", "engine"}:
        steps += [packages]
    if goals & {"run", "demo", "test", "bench", "engine"}:
        steps += engine_steps(packages.name)
    if goals & {"run", "demo", "check", "test", "bench", "console"}:
        steps += console_steps(goals)
    if verifies:
        steps += [buf_step()]
    if "lock" in goals:
        steps += [package_step("packages-lock", "uv", "lock")]
    return steps


def python_step(least: str) -> Step:
    """The services' Python packages, at `least` this set: a larger one that is there will do."""
    sets = {"run": ("run",), "demo": ("demo",), "dev": ("dev", "chart", "lock")}
    # Each holds those before it, version for version.
    sizes = list(sets)
    enough = [
        package_step(f"packages-{name}", "Python packages", *sets[name], after=("tools",))
        for name in sizes[sizes.index(least) :]
    ]
    return next((step for step in enough if step.is_current), enough[0])


def tools_step() -> Step:
    """Install maturin, and Node where this machine has none."""
    has_own_node = toolchain.node_folder() not in (None, toolchain.wheel_node_folder())
    if has_own_node:
        return package_step("tools", "build tools (PyPI)", "build")
    step = package_step("tools", "build tools, Node (PyPI)", "build", "node")
    link = [sys.executable, "-m", "scripts.link_node"]
    return replace(step, commands=lambda: [*step.commands(), (link, ROOT)])


class Progress:
    """One line for each step that starts or ends."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def say(self, mark: str, says: str, detail: str = "") -> None:
        with self.lock:
            print(f"  {mark}  {says:<28} {detail}".rstrip(), flush=True)


def run_step(step: Step, progress: Progress) -> None:
    """Run the commands of one step; its output goes to a file of its own."""
    log = LOGS / f"setup-{step.name}.log"
    started = time.monotonic()
    progress.say("…", step.says)
    for name in (step.name, *step.undoes):
        stamp.forget(name)
    with log.open("w") as file:
        for command, folder in step.commands():
            file.write(f"$ {' '.join(command)}\n")
            file.flush()
            result = subprocess.run(
                command,
                cwd=folder,
                env=toolchain.environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if result.returncode != 0:
                progress.say("✗", step.says, f"exit {result.returncode}")
                raise StepFailedError(failure(step, log))
    stamp.write(step.name, step.fingerprint)
    progress.say("✓", step.says, f"{time.monotonic() - started:.0f} s")


def failure(step: Step, log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    where = os.path.relpath(log)
    return "\n".join(
        [f"{step.says} failed; the end of {where}:", *(f"    {line}" for line in lines)]
    )


def run_all(steps: list[Step]) -> None:
    """Run steps side by side, each as soon as those it comes after are done."""
    progress = Progress()
    futures: dict[str, Future[None]] = {}

    def follow(step: Step, needed: list[Future[None]]) -> None:
        for future in needed:
            future.result()
        run_step(step, progress)

    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        for step in steps:
            needed = [futures[name] for name in step.after if name in futures]
            futures[step.name] = pool.submit(follow, step, needed)
    for future in futures.values():
        future.result()


def stale_steps(goals: set[str]) -> list[Step]:
    """What is to be done, the missing tools of the machine first."""
    steps = plan(goals)
    stale = [step for step in steps if not step.is_current]
    # What is built needs no compiler: only a start that builds or tests looks for one.
    if stale or goals & {"check", "test", "bench"}:
        debian = debian_step(goals)
        if debian is not None:
            stale = [debian, *stale]
    return stale


def main() -> int:
    parser = argparse.ArgumentParser(description="Make this checkout ready.")
    parser.add_argument("goals", nargs="+", choices=GOALS)
    goals = set(parser.parse_args().goals)
    LOGS.mkdir(parents=True, exist_ok=True)
    with (MAKE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            stale = stale_steps(goals)
            if stale:
                run_all(stale)
        except (toolchain.MissingError, StepFailedError) as error:
            print(f"\n{error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

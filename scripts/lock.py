"""Write deploy/requirements: every pin with its hashes, from pyproject.toml, naming no host.

`--upgrade` lifts every pin to the newest version that pyproject.toml allows; without it a pin moves
only when it must.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "deploy" / "requirements"
DIGEST_MARK = "# inputs sha256:"
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lock:
    """One requirements file: what it is made from, and what it must agree with."""

    name: str
    extras: tuple[str, ...] = ()
    group: str | None = None

    @property
    def path(self) -> Path:
        return TARGET / f"{self.name}.txt"

    @property
    def words(self) -> str:
        if self.group is not None:
            return f"group {self.group}"
        return f"extras {', '.join(self.extras)}"


# The first one holds everything the tests run with; the others take their versions from it, so
# that what is tested is what is shipped.
LOCKS = (
    Lock("dev", extras=("gateway", "sfu", "demo", "dev")),
    Lock("run", extras=("gateway", "sfu")),
    Lock("demo", extras=("gateway", "sfu", "demo")),
    Lock("gateway", extras=("gateway",)),
    Lock("sfu", extras=("sfu",)),
    Lock("build", group="build"),
    Lock("chart", group="chart"),
    Lock("lock", group="lock"),
    Lock("node", group="node"),
)


def read_pyproject() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def digest(lock: Lock, pyproject: dict[str, Any]) -> str:
    """A fingerprint of the requirements that `lock` is made from."""
    project = pyproject["project"]
    inputs: list[object] = [project["requires-python"]]
    if lock.group is not None:
        inputs.append(sorted(pyproject["dependency-groups"][lock.group]))
    else:
        inputs.append(sorted(project["dependencies"]))
        inputs.extend(sorted(project["optional-dependencies"][extra]) for extra in lock.extras)
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def stale_locks() -> list[Lock]:
    """The locks that were not made from pyproject.toml as it is."""
    pyproject = read_pyproject()
    return [
        lock
        for lock in LOCKS
        if not lock.path.exists()
        or f"{DIGEST_MARK}{digest(lock, pyproject)}" not in lock.path.read_text().splitlines()
    ]


def versions(lock: Lock) -> dict[str, set[str]]:
    """The versions that `lock` pins of each package: several where they depend on the Python."""
    pinned: dict[str, set[str]] = {}
    for name, version in PIN.findall(lock.path.read_text()):
        pinned.setdefault(name, set()).add(version)
    return pinned


def untested_pins() -> list[str]:
    """The pins that differ from those the tests run with, which only an edit by hand can cause."""
    tested = versions(LOCKS[0])
    return [
        f"{lock.path.name} pins {name}=={version}, which no test runs with"
        for lock in LOCKS[1:]
        for name, pinned in versions(lock).items()
        for version in sorted(pinned - tested.get(name, pinned))
    ]


def compile_lock(lock: Lock, *, upgrade: bool) -> str:
    """The pins and hashes of `lock`, as pip reads them."""
    command = [sys.executable, "-m", "uv", "--quiet", "pip", "compile", "--universal"]
    # Headers and annotations repeat the command line and the index of whoever ran it.
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
    command += ["--output-file", str(lock.path)]
    if upgrade:
        command.append("--upgrade")
    if lock is not LOCKS[0]:
        command += ["--constraint", str(LOCKS[0].path)]
    if lock.group is not None:
        command += ["--group", f"{ROOT / 'pyproject.toml'}:{lock.group}"]
    else:
        command.append(str(ROOT / "pyproject.toml"))
        for extra in lock.extras:
            command += ["--extra", extra]
    subprocess.run(command, check=True, cwd=ROOT)
    pins = [line for line in lock.path.read_text().splitlines() if not line.startswith("#")]
    return "\n".join(pins) + "\n"


def check() -> int:
    """Print what is stale or disagrees; 1 if anything is."""
    stale = stale_locks()
    found = [f"stale: {lock.path.name} (run `make lock`)" for lock in stale]
    # A lock that is stale may be missing altogether.
    found += [] if stale else untested_pins()
    print("\n".join(found))
    return 1 if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Write deploy/requirements from pyproject.toml.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest allowed versions")
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when stale")
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    TARGET.mkdir(parents=True, exist_ok=True)
    pyproject = read_pyproject()
    for lock in LOCKS:
        pins = compile_lock(lock, upgrade=arguments.upgrade)
        head = f"# Written by `make lock` from pyproject.toml, {lock.words}.\n"
        lock.path.write_text(f"{head}{DIGEST_MARK}{digest(lock, pyproject)}\n{pins}")
        print(f"{lock.path.relative_to(ROOT)}: {pins.count('==')} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())

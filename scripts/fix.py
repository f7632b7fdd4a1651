"""Repair what scripts/check.py can complain of; what only a person can repair stays as it is."""

import subprocess
import sys

from scripts import toolchain
from scripts.check import ENGINE, PYTHON_MODULE, ROOT, SERVICES
from scripts.lock import stale_locks

CLIPPY_FIX = (
    "cargo",
    "clippy",
    "--quiet",
    "--fix",
    "--allow-dirty",
    "--allow-staged",
    "--all-targets",
)

REPAIRS = (
    ((*PYTHON_MODULE, "ruff", "check", "--fix", "--quiet"), ROOT),
    ((*PYTHON_MODULE, "ruff", "format", "--quiet"), ROOT),
    ((*PYTHON_MODULE, "scripts.gen_protos"), ROOT),
    (CLIPPY_FIX, ENGINE),
    (("cargo", "fmt"), ENGINE),
    (("npm", "run", "--silent", "--if-present", "fix"), SERVICES),
)


def main() -> int:
    repairs = list(REPAIRS)
    if stale_locks():
        repairs.append(((*PYTHON_MODULE, "scripts.lock"), ROOT))
    failed = 0
    for command, folder in repairs:
        # Every repair is tried: one that fails says why, and the others do their part.
        result = subprocess.run(command, cwd=folder, env=toolchain.environment(), check=False)
        failed += result.returncode != 0
    print("  fixed what can be fixed; `make check` says what remains")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

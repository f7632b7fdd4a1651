"""Run every test: the engine's in Rust, client and console in TypeScript, then all in Python."""

import subprocess
import sys

from scripts import toolchain
from scripts.check import CLIENT, CONSOLE, ENGINE, PYTHON_MODULE, ROOT

SUITES = (
    ("engine", ("cargo", "test", "--quiet"), ENGINE),
    ("client", ("npm", "test", "--silent"), CLIENT),
    ("console", ("npm", "test", "--silent"), CONSOLE),
    # Last, because its closing line is the one that a reader looks for.
    ("services", (*PYTHON_MODULE, "pytest", *sys.argv[1:]), ROOT),
)


def main() -> int:
    failed = []
    for name, command, folder in SUITES:
        print(f"\n  {name}: {' '.join(command[:3])} …", flush=True)
        result = subprocess.run(command, cwd=folder, env=toolchain.environment(), check=False)
        if result.returncode != 0:
            failed.append(name)
    if failed:
        print(f"\n  failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

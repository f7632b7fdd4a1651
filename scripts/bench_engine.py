"""Run the engine's benchmark in Rust, with the toolchain that builds the engine."""

import subprocess
import sys

from scripts import toolchain
from scripts.check import ENGINE


def main() -> int:
    command = ("cargo", "bench", "--quiet", "--bench", "forward")
    return subprocess.run(command, cwd=ENGINE, env=toolchain.environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

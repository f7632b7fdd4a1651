#!/usr/bin/env bash
# Find a Python new enough, make .venv with it, and let scripts/setup.py make the rest ready.
# Usage: scripts/setup.sh GOAL…   (the goals are listed in scripts/setup.py)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Making .venv ends with pip's metadata: an environment without it is half made, or of a Python that
# has since been replaced.
readonly IS_USABLE='
import sys, importlib.metadata as metadata
metadata.version("pip")
sys.exit(sys.version_info < (3, 11))'
readonly CAN_MAKE_VENV='import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.{14,13,12,11} /usr/bin/python3; do
    if "$candidate" -c "$CAN_MAKE_VENV" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# What to type, in the words of this machine's own package manager.
python_command() {
  if command -v apt-get >/dev/null; then
    echo "sudo apt-get install python3 python3-venv"
  elif command -v dnf >/dev/null; then
    echo "sudo dnf install python3.12"
  elif command -v brew >/dev/null; then
    echo "brew install python@3.12"
  else
    echo "install Python 3.11 or newer, then: make PYTHON=/path/to/python3"
  fi
}

install_python() {
  [[ -e /etc/debian_version && $EUID -eq 0 ]] || return 1
  echo "  …  Python from Debian's packages"
  mkdir -p .make/log
  DEBIAN_FRONTEND=noninteractive apt-get update >.make/log/setup-python.log 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    python3 python3-venv >>.make/log/setup-python.log 2>&1
}

if [[ $(uname -s) != Linux ]]; then
  echo "Invigil runs on Linux only: its packet engine uses recvmmsg, sendmmsg and eventfd." >&2
  exit 1
fi

# Two starts at once would each make .venv; the second waits until the first has set up everything.
mkdir -p .make
exec 9>.make/setup.lock
if command -v flock >/dev/null; then flock 9; fi

if ! .venv/bin/python -c "$IS_USABLE" 2>/dev/null; then
  if ! python=$(find_python); then
    install_python || true
    if ! python=$(find_python); then
      {
        echo "Invigil needs Python 3.11 or newer, with its venv module; none was found. Please run"
        echo "    $(python_command)"
        echo "and start again."
      } >&2
      exit 1
    fi
  fi
  rm -rf .venv
  "$python" -m venv .venv
fi

exec .venv/bin/python -m scripts.setup "$@"

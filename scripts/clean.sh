#!/usr/bin/env bash
# Remove everything that was made here, so that the next start is a first one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rm -rf .venv .make build ./*.egg-info
rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
rm -rf services/{,console/,client/typescript/}node_modules services/sfu/engine/target
rm -rf services/{console,client/typescript}/dist
find services tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

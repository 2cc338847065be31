#!/usr/bin/env bash
# Everything: the tests, then what is too slow for each change. Usage: bash scripts/full.sh [STAGE…]
set -euo pipefail
cd "$(dirname "$0")/.."
stages=(tests faults gcc notebooks quickstart)
source scripts/stages.sh

stage_tests() { bash scripts/test.sh; }

stage_faults() { bash scripts/faults.sh; }

stage_gcc() {
  cmake --preset gcc
  cmake --build --preset gcc
  ctest --test-dir build/gcc --no-tests=error --output-on-failure -j2
}

stage_notebooks() { .venv/bin/python scripts/run_notebooks.py python/notebooks/*.ipynb; }

stage_quickstart() {
  rm -rf build/quickstart
  .venv/bin/mmi quickstart --out build/quickstart
}

run_stages "$@"

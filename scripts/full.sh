#!/usr/bin/env bash
# Everything: the tests, then what is too slow for each change. Usage: bash scripts/full.sh [STAGE…]
set -euo pipefail
cd "$(dirname "$0")/.."
stages=(tests faults gcc tsan fuzz mutate long_media notebooks quickstart)
source scripts/stages.sh

stage_tests() { bash scripts/test.sh; }

stage_faults() { bash scripts/faults.sh; }

stage_gcc() {
  cmake --preset gcc
  cmake --build --preset gcc
  run_ctest build/gcc
}

# Threads: prefetcher, logger and the parsers, without what is not instrumented.
stage_tsan() {
  cmake --preset tsan
  cmake --build --preset tsan
  TSAN_OPTIONS=halt_on_error=1 run_ctest build/tsan
}

# All rooms under ASan and UBSan; by name only, until it has been run once. LibTorch is not instrumented: its containers
# cannot be checked, and what it keeps until the end belongs into tests/lsan.supp.
stage_asan_torch() {
  cmake --preset asan-torch
  cmake --build --preset asan-torch
  ASAN_OPTIONS=detect_container_overflow=0 LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0 \
    run_ctest build/asan-torch
}

stage_fuzz() { bash scripts/fuzz.sh 20; }

# Damaged media; 10,000 files a format are the figure to reach before a release.
stage_mutate() {
  cmake --build --preset release --target mutate_media
  build/release/tests/mutate_media --count 2000
}

stage_long_media() { bash scripts/long_media.sh 60; }

stage_notebooks() { .venv/bin/python scripts/run_notebooks.py python/notebooks/*.ipynb; }

stage_quickstart() {
  rm -rf build/quickstart
  .venv/bin/mmi quickstart --out build/quickstart
}

run_stages "$@"

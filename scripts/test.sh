#!/usr/bin/env bash
# Sets up, then runs every test and gate. Usage: bash scripts/test.sh [STAGE…] (default: all of them, in this order).
set -euo pipefail
cd "$(dirname "$0")/.."
stages=(layers format ruff mypy units asan core)
source scripts/stages.sh

cpp_files() { git ls-files -co --exclude-standard '*.h' '*.cpp' '*.cu' ':!third_party'; }

stage_layers() { .venv/bin/python scripts/lint_layers.py; }

stage_format() { cpp_files | xargs clang-format-19 --dry-run -Werror; }

stage_ruff() {
  .venv/bin/ruff check .
  .venv/bin/ruff format --check .
}

stage_mypy() { .venv/bin/mypy --strict python/mmi; }

stage_units() { ctest --test-dir build/release --no-tests=error --output-on-failure -j2; }

stage_pytest() { .venv/bin/python -m pytest -q python/tests; }

# The torch-free rooms again, under address and undefined-behaviour sanitizers.
stage_asan() {
  cmake --preset asan
  cmake --build --preset asan
  ctest --test-dir build/asan --no-tests=error --output-on-failure -j2
}

# Without media, synthesiser and Python.
stage_core() {
  cmake --preset core
  cmake --build --preset core
  ctest --test-dir build/core --no-tests=error --output-on-failure -j2
}

run_stages "$@"

#!/usr/bin/env bash
# Sets up, then runs every test and gate. Usage: bash scripts/test.sh [STAGE…] (default: all of them, in this order).
set -euo pipefail
cd "$(dirname "$0")/.."
stages=(layers format ruff mypy units pytest faults asan core smoke wheel consumer)
source scripts/stages.sh

cpp_files() { git ls-files -co --exclude-standard '*.h' '*.cpp' '*.cu' ':!third_party'; }

stage_layers() { .venv/bin/python scripts/lint_layers.py; }

stage_format() { cpp_files | xargs clang-format-19 --dry-run -Werror; }

stage_ruff() {
  .venv/bin/ruff check .
  .venv/bin/ruff format --check .
}

stage_mypy() { .venv/bin/mypy --strict python/mmi; }

stage_units() { run_ctest build/release; }

stage_pytest() { .venv/bin/python -m pytest -q python/tests; }

# Kills, full disks and bad input: a seeded share of them.
stage_faults() { bash scripts/faults.sh --quick; }

# The torch-free rooms again, under address and undefined-behaviour sanitizers.
stage_asan() {
  cmake --preset asan
  cmake --build --preset asan
  run_ctest build/asan
}

# Without media, synthesiser and Python.
stage_core() {
  cmake --preset core
  cmake --build --preset core
  run_ctest build/core
}

# The line from YAML to sound at its smallest: make data, train, score, generate.
stage_smoke() {
  local out=build/smoke mmi=.venv/bin/mmi frames run
  rm -rf "$out"
  $mmi data make configs/audeo/video2roll.yaml preset=smoke --out "$out/data"
  $mmi train configs/audeo/roll2midi.yaml preset=smoke --runs "$out/runs" | tail -n 1 | tee "$out/run"
  run=$(<"$out/run")
  $mmi eval "$run" --json
  frames=$(find "$out/data/input_images/testing" -mindepth 1 -type d | sort | head -n 1)
  ffmpeg -v error -framerate 25 -i "$frames/frame%d.jpg" -c:v mpeg4 -q:v 2 "$out/clip.mp4"
  $mmi generate "$run" --input "$out/clip.mp4" --out "$out/played"
  ls -l "$out"/played.{mid,wav,mp4,png}
  $mmi table 3.1 --preset smoke --seeds 1 --runs "$out/runs" --out "$out/results"
  ls -l "$out"/results/3.1.{md,csv,json,svg} "$out"/results/index.html
  # Killed in the middle and run again: the same table as in one go.
  $mmi table 3.1 --preset smoke --seeds 1 --runs "$out/killed" --out "$out/killed" &
  until (($(find "$out/killed/audeo" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l) > 2)) || ! kill -0 $!; do
    sleep 0.05
  done
  kill -KILL $!
  wait $! || true
  test ! -e "$out/killed/3.1.json"
  $mmi table 3.1 --preset smoke --seeds 1 --runs "$out/killed" --out "$out/killed"
  .venv/bin/python - "$out"/{results,killed}/3.1.json <<'PYTHON'
import json, sys
one, two = ([row["metrics"] for row in json.load(open(path))["rows"]] for path in sys.argv[1:])
assert one == two, "a table that was killed and run again differs from one that was not"
PYTHON
  $mmi table 3.2 --preset smoke --seeds 1 --runs "$out/runs" --out "$out/results"
  MMI_CACHE="$out/cache" $mmi table 8.1 --preset smoke --seeds 1 --runs "$out/runs" --out "$out/results"
  MMI_CACHE="$out/cache" $mmi table 8.2 --preset smoke --seeds 1 --runs "$out/runs" --out "$out/results"
  MMI_CACHE="$out/cache" $mmi table configs/xrir/tables/single_room.yaml --preset smoke --seeds 1 --runs "$out/runs" --out "$out/results"
  ls -l "$out"/results/{8.1,8.2,xrir-single-room}.{md,csv,json,svg}
  $mmi demo --out "$out/demo"
  ls -l "$out"/demo/{bwv772.wav,index.html}
}

# A wheel of the same build (nothing is compiled again), in an environment of its own that borrows this one's torch.
stage_wheel() {
  local env=build/wheel-env site
  rm -rf build/wheel "$env"
  .venv/bin/python -m pip wheel -v --no-build-isolation --no-deps -w build/wheel --config-settings=build-dir=build/release \
    --config-settings=cmake.define.MMI_TESTS=ON . 2>&1 | tee build/logs/wheel-build.log
  cmake -U 'SKBUILD*' build/release
  grep -q 'ninja: no work to do' build/logs/wheel-build.log
  .venv/bin/python -m venv --without-pip "$env"
  .venv/bin/python -m pip --python "$env/bin/python" install --no-deps build/wheel/*.whl
  site=$("$env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  .venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/borrowed.pth"
  cd "$env"
  bin/python -c "import mmi; assert mmi.__file__.startswith('$site'), mmi.__file__; print(mmi.__version__)"
  bin/mmi info
}

# A program outside the project: find_package(mmi) in a plain prefix; it loads the run of the smoke stage.
stage_consumer() {
  rm -rf build/prefix build/consumer
  cmake --install build/release --prefix build/prefix
  cmake -S tests/consumer -B build/consumer -G Ninja -DCMAKE_PREFIX_PATH="$PWD/build/prefix" -DCMAKE_CXX_COMPILER=clang++-19
  cmake --build build/consumer
  build/consumer/consumer "$(<build/smoke/run)" build/smoke/clip.mp4 build/smoke/consumer
}

run_stages "$@"

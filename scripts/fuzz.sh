#!/usr/bin/env bash
# Fuzzes the byte parsers of tests/fuzz/targets from the committed corpus. Usage: bash scripts/fuzz.sh [SECONDS] [TARGET…]
# Ends with the number of executions and findings of each target; a finding is left in build/fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
shift || true
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
mkdir -p build/fuzz/findings
targets=("$@")
if ((${#targets[@]} == 0)); then
  for program in build/fuzz/fuzzers/fuzz_*; do targets+=("${program##*/fuzz_}"); done
fi
report=()
bad=0
for target in "${targets[@]}"; do
  log=build/fuzz/$target.log
  mkdir -p "build/fuzz/corpus/$target"
  # Small stack frames keep recursion honest; a unit may take 5 s and 512 MiB.
  status=0
  "build/fuzz/fuzzers/fuzz_$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=512 -max_len=65536 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$target-" \
    "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 || status=$?
  units=$(sed -nE 's/^stat::number_of_executed_units: *([0-9]+)/\1/p' "$log")
  if ((status)); then
    bad=$((bad + 1))
    tail -n 40 "$log"
  fi
  report+=("$(printf '%-12s %10s executions  %s' "$target" "${units:-?}" "$( ((status)) && echo FINDING || echo 'no finding')")")
done
printf '%s\n' "${report[@]}"
printf '%d targets, %d with findings\n' "${#targets[@]}" "$bad"
((bad == 0))

# shellcheck shell=bash
# Sourced by test.sh and full.sh: runs the functions stage_NAME of the array `stages`, each with its own log, and ends
# with a table of times and the line 'N passed, N failed' (tests counted singly, a gate as one). Red when anything is.
passed=0
failed=0
report=()

# Runs the C++ tests of a build; ctest counts suites, this their cases.
run_ctest() {
  local status=0
  ctest --test-dir "$1" --no-tests=error --output-on-failure -j2 || status=$?
  awk '/^\[  PASSED  \] [0-9]+ test/ {good += $4} /^\[  FAILED  \] [0-9]+ test/ {bad += $4}
    END {printf "%d passed, %d failed\n", good, bad}' "$1/Testing/Temporary/LastTest.log"
  return "$status"
}

# Counts what the log of a finished stage says: totals of pytest and run_ctest, else the stage itself.
count_tests() {
  local log=$1 status=$2 good bad
  good=$(sed -nE 's/^(.* )?([0-9]+) passed.*/\2/p' "$log" | awk '{n += $1} END {print n + 0}')
  bad=$(sed -nE 's/^(.* )?([0-9]+) failed.*/\2/p; s/^(.* )?([0-9]+) errors? in .*/\2/p' "$log" | awk '{n += $1} END {print n + 0}')
  ((good + bad)) || good=$((status == 0))
  if ((status)); then ((bad)) || bad=1; else bad=0; fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

run_stage() {
  local name=$1 log=build/logs/$1.log start=$SECONDS status
  printf '%-10s … ' "$name"
  set +e
  (set -e; "stage_$name") >"$log" 2>&1
  status=$?
  set -e
  count_tests "$log" "$status"
  report+=("$(printf '%-10s %5d s  %s' "$name" "$((SECONDS - start))" "$([[ $status == 0 ]] && echo passed || echo FAILED)")")
  if ((status)); then
    printf 'FAILED; the end of %s:\n' "$log"
    tail -n 60 "$log"
  else
    printf 'passed, %d s\n' "$((SECONDS - start))"
  fi
}

run_stages() {
  local name
  mkdir -p build/logs
  if ! bash scripts/setup.sh; then
    printf '0 passed, 1 failed\n'
    exit 1
  fi
  report+=("$(printf '%-10s %5d s  passed' setup "$SECONDS")")
  for name in "${@:-${stages[@]}}"; do
    run_stage "$name"
  done
  printf '\nstage       time    verdict\n'
  printf '%s\n' "${report[@]}"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((passed > 0 && failed == 0))
}

#!/usr/bin/env bash
# Makes a Debian 12 machine ready: Debian packages, .venv with pinned wheels, build/release, and in .venv the Python
# package and the command `mmi`. Safe to repeat: what is done already is skipped.
#   PYTHON=…         the interpreter that .venv is made from (default: python3.11 or python3 on PATH)
#   MMI_SKIP_APT=1   Debian packages are someone else's business (another system, no root)
set -euo pipefail
cd "$(dirname "$0")/.."
logs=build/logs
mkdir -p "$logs"

die() {
  printf 'setup: %s\n' "$2" >&2
  exit "$1"
}

# step TITLE SENTENCE_IF_IT_FAILS COMMAND…: runs the command quietly and says how long it took.
step() {
  local title=$1 failure=$2 log=$logs/setup-${1%%[ :]*}.log start=$SECONDS
  shift 2
  printf 'setup: %s … ' "$title"
  if ! "$@" >"$log" 2>&1; then
    printf 'failed after %d s; the end of %s:\n' "$((SECONDS - start))" "$log"
    tail -n 20 "$log"
    die 1 "$failure"
  fi
  printf '%d s\n' "$((SECONDS - start))"
}

debian_packages() {
  local wanted missing root=()
  mapfile -t wanted < <(grep -v '^#' scripts/apt_packages.txt)
  command -v dpkg-query >/dev/null ||
    die 2 "this is no Debian system: install what scripts/apt_packages.txt lists, then run again with MMI_SKIP_APT=1."
  mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort) \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u))
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    sudo -v 2>/dev/null || {
      printf 'sudo apt-get update && sudo apt-get install -y --no-install-recommends %s\n' "${missing[*]}"
      die 2 "${#missing[@]} Debian packages are missing and this user is not root: run the line above, then this script again."
    }
    root=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  step "apt-index (seconds)" "apt-get update failed: check the network and /etc/apt." \
    "${root[@]}" apt-get update
  step "apt-packages: ${#missing[@]} (two to four minutes from nothing)" \
    "apt-get could not install all of: ${missing[*]}." \
    "${root[@]}" apt-get install -y --no-install-recommends "${missing[@]}"
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3}; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  die 2 "no Python 3.11 or newer with venv was found: install python3-venv, or name one with PYTHON=…"
}

python_packages() {
  local stamp=.venv/.mmi-constraints python
  .venv/bin/python -c '' 2>/dev/null && cmp -s python/constraints.txt "$stamp" && return
  python=$(find_python)
  if ! .venv/bin/python -c '' 2>/dev/null; then
    step "venv (seconds)" "$python could not make .venv: is python3-venv installed?" "$python" -m venv --clear .venv
  fi
  step "wheels (one to three minutes)" "pip could not install python/constraints.txt into .venv: see the lines above." \
    .venv/bin/python -m pip install --progress-bar off -r python/constraints.txt
  cp python/constraints.txt "$stamp"
}

build() {
  if [[ ! -f build/release/build.ninja ]]; then
    step "configure (seconds)" "CMake could not configure: the lines above name what it did not find." \
      cmake --preset release
  fi
  step "build (minutes the first time)" "the compiler stopped: the lines above hold its first error." \
    cmake --build --preset release
}

# The package in .venv consists of links into the source and build trees, so edits and rebuilds are live.
install_package() {
  local site names
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
  names="$PWD $(find python/mmi configs include build/release/python -type f ! -name '*.pyc' | sort | sha256sum)"
  # The command is a copy: it looks for its library and its Python where it lies.
  cmp -s build/release/bin/mmi .venv/bin/mmi || install build/release/bin/mmi .venv/bin/mmi
  [[ "$names" == "$(cat "$site/mmi/.links" 2>/dev/null)" ]] && return
  rm -rf "$site/mmi"
  step "install (seconds)" "the Python package could not be installed into .venv: see the lines above." \
    env CMAKE_INSTALL_MODE=ABS_SYMLINK cmake --install build/release --component wheel --prefix "$site"
  printf '%s\n' "$names" >"$site/mmi/.links"
}

[[ -n ${MMI_SKIP_APT:-} ]] || debian_packages
python_packages
build
install_package
printf 'setup: ready after %d s\n' "$SECONDS"

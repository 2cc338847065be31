#!/usr/bin/env bash
# From a bare Debian 12 machine to something to hear and see: sets up, then trains the first system and plays a piece.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
exec .venv/bin/mmi quickstart "$@"

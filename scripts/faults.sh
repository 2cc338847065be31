#!/usr/bin/env bash
# Kills, full disks and bad input: what libmmi promises when things go wrong, tried on a built checkout.
#   scripts/faults.sh            everything
#   scripts/faults.sh --quick    a seeded share of the kill points, and the fault matrix; at most a minute
#   scripts/faults.sh --help     more
cd "$(dirname "$0")/.." && exec .venv/bin/python scripts/faults.py "$@"

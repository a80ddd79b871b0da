#!/usr/bin/env bash
# The project's own table, RESULTS.md, from scenes that it makes itself: bash experiments.sh [FLAGS]
#   bash experiments.sh --jobs 2                                       generated rooms, a small network, 77 trainings
#   bash experiments.sh --budget gpu --data data/scannet200            ScanNet200 at full settings
#   bash experiments.sh --repeat ce                                    one cell again, against the page in the clone
# Stopped or killed, the same command goes on. `--help` lists the flags. PYTHON names an interpreter; without it .venv is
# made and used. Relative paths mean the folder that it is called from.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -z "${PYTHON:-}" ]; then
  CALLER=$PWD
  cd "$ROOT"
  . training_scripts/environment.sh
  ensure_environment requirements.txt
  cd "$CALLER"
fi
unset STAGE
PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH} exec "$PYTHON" -m benchmarks.experiments "$@"

#!/usr/bin/env bash
# Run all tests in the clone's own environment, some side by side: bash test.sh [ARGS of pytest], of which -n 0 is one by one
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
. training_scripts/environment.sh
ensure_environment requirements-test.txt || exit 1
exec "$PYTHON" -m pytest -q -n auto --maxprocesses 8 --dist worksteal "$@"

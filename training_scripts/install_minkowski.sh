#!/usr/bin/env bash
# Build MinkowskiEngine 0.5.4 for the CPU and install it beside the project's own engine, for --sparse_engine minkowski:
#   bash training_scripts/install_minkowski.sh
# About 7 minutes on two cores the first time; the wheel is kept in $MINKOWSKI_WHEELS (~/.cache/minkowski_wheels).
# Needs g++ and OpenBLAS's headers; as root on Debian or Ubuntu they are installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. training_scripts/environment.sh
if [ -z "${PYTHON:-}" ]; then ensure_environment requirements-test.txt; fi
tag=$("$PYTHON" -c 'import platform, sys, torch
print("cp%d%d-torch%s-%s" % (*sys.version_info[:2], torch.__version__, platform.machine()))')
wheels=${MINKOWSKI_WHEELS:-$HOME/.cache/minkowski_wheels}/$tag

has_blas() { echo 'int main() {}' | g++ -include cblas.h -x c++ - -lopenblas -o /dev/null 2>/dev/null; }

if ! has_blas && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq && apt-get install -y -qq libopenblas-dev g++ python3-dev >/dev/null
fi
has_blas || { echo "error: g++ or OpenBLAS is missing: apt-get install libopenblas-dev g++ python3-dev" >&2; exit 1; }
if ! ls "$wheels"/*.whl >/dev/null 2>&1; then
  echo "== building MinkowskiEngine 0.5.4 (about 7 minutes on two cores)"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check pip==26.3 setuptools==84.2.1 wheel==0.48.0 ninja==1.13.2
  mkdir -p "$wheels"
  log=$wheels/build.log
  PATH=$(dirname "$PYTHON"):$PATH CXX=${CXX:-g++} MAX_JOBS=${MAX_JOBS:-$(nproc)} \
    "$PYTHON" -m pip wheel --disable-pip-version-check --no-deps --no-build-isolation \
    --config-settings="--global-option=--blas=openblas" --config-settings="--global-option=--cpu_only" \
    -w "$wheels/partial" MinkowskiEngine==0.5.4 >"$log" 2>&1 || {
    echo "error: the build failed, see $log" >&2; exit 1; }
  mv "$wheels"/partial/*.whl "$wheels"/ && rmdir "$wheels/partial"
fi
"$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps "$wheels"/*.whl
"$PYTHON" -c 'from lib.execution import import_minkowski; print("MinkowskiEngine", import_minkowski().__version__)'

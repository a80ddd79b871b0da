# ensure_environment FILE: makes .venv in the project's root with the requirements of FILE, once per content of the files.
# Sourced by demo.sh and test.sh, from the project's root. Sets PYTHON. PYTHON3 names another interpreter than python3.
ensure_environment() {
  local base=${PYTHON3:-python3} wanted
  command -v "$base" >/dev/null || { echo "error: $base not found: install Python 3.10 or newer" >&2; return 1; }
  "$base" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "error: $("$base" --version) is too old: Python 3.10 or newer is needed (PYTHON3=... names one)" >&2; return 1; }
  PYTHON=$PWD/.venv/bin/python
  wanted=$(cat requirements.txt "$1" | cksum)
  if [ -x "$PYTHON" ] && [ "$(cat ".venv/installed-$1" 2>/dev/null)" = "$wanted" ]; then return; fi
  echo "== installing into .venv (about 2 GB on disk)"
  if [ ! -x "$PYTHON" ]; then
    "$base" -m venv .venv || {
      echo "error: $base cannot make a virtual environment: on Debian, apt-get install python3-venv" >&2; return 1; }
  fi
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$1" || {
    echo "error: installing $1 failed, see above" >&2; return 1; }
  echo "$wanted" > ".venv/installed-$1"
}

#!/usr/bin/env bash
# Everything to know about this code on a GPU, in one call of under ten minutes: bash benchmarks/gpu.sh [OUTPUT.txt]
#   kernel tests -> whole networks -> layers -> 50k to 2M voxels -> other engines -> training -> all other tests
# A part that fails or takes too long does not stop the next; the exit code says whether any did. PYTHON names the
# interpreter (default: .venv/bin/python, else python3), LIMIT the seconds for all (default: 570), ROOMS a file with
# rooms to time on (default: made anew). Other engines are timed where they are installed; `#` lines say how to.
set -uo pipefail
OUTPUT=${1:-outputs/gpu.txt}
case $OUTPUT in /*) ;; *) OUTPUT=$PWD/$OUTPUT ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  if [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python; fi
fi
"$PYTHON" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' >/dev/null 2>&1 || {
  echo "error: $PYTHON has no torch that sees a GPU: nothing to measure here (PYTHON=... names another interpreter)" >&2
  exit 1
}
mkdir -p "$(dirname "$OUTPUT")" || exit 1
FOLDER=$(mktemp -d) || exit 1
trap 'rm -rf "$FOLDER"' EXIT
ROOMS=${ROOMS:-$FOLDER/rooms.npz}
LIMIT=${LIMIT:-570}
FAILED=()
SECONDS=0

# part NAME SECONDS COMMAND...: at most so long, longer where LIMIT is, and never past LIMIT
part() {
  local name=$1 most=$2 left=$((LIMIT - SECONDS))
  shift 2
  if [ "$LIMIT" -gt 570 ]; then most=$((most * LIMIT / 570)); fi
  printf '\n== %d:%02d  %s\n$ %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$name" "$*"
  if [ "$left" -lt 5 ]; then
    FAILED+=("$name (no time left)")
    return
  fi
  # an interrupt, so that pytest still says what has failed until then
  timeout --signal=INT --kill-after=15 $((most < left ? most : left)) "$@"
  local code=$?
  if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then FAILED+=("$name (stopped after its time)")
  elif [ "$code" -ne 0 ]; then FAILED+=("$name (exit code $code)"); fi
}

measure() {
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null
  "$PYTHON" -c 'import sys, torch, triton; print("Python", sys.version.split()[0], "torch", torch.__version__,
                                                 "triton", triton.__version__)'
  local engine=("$PYTHON" -u -m benchmarks.engine --device cuda --rooms "$ROOMS")
  local both=(--models Res16UNet34C Res16UNet34D --precisions bf16 tf32 fp16 --memory)
  local peers=(spconv spconv_triton warpconvnet)
  part "kernels against the reference" 150 \
    "$PYTHON" -m pytest -q -p no:cacheprovider tests/lib/sparse/test_sparse_triton.py tests/lib/sparse/test_triton_tiles.py
  part "whole networks, 100,000 voxels" 200 "${engine[@]}" "${both[@]}" --engines reference triton
  part "whole networks, 800,000 voxels" 100 \
    "${engine[@]}" "${both[@]}" --engines triton --voxels 800000 --repeats 3
  part "layer by layer" 60 "${engine[@]}" --models Res16UNet34D --precisions bf16 --engines triton --per_layer
  part "how time and memory grow" 80 \
    "${engine[@]}" --voxels 50000 100000 200000 500000 1000000 2000000 --precisions bf16 --engines triton --memory \
    --repeats 3
  part "beside other engines" 150 "${engine[@]}" "${both[@]}" --engines triton "${peers[@]}" --voxels 100000 800000
  # an epoch of all the 5 + 10 steps, of 8 scenes each: between epochs the device waits for the loader to begin
  part "scenes to train on" 60 \
    "$PYTHON" -m datasets.synthetic --out "$FOLDER/data" --train 120 --val 1 --test 0 --workers "$(nproc)"
  part "training, all three stages" 120 \
    "$PYTHON" -m benchmarks.training --scannet_path "$FOLDER/data" --device cuda --precision bf16 --steps 10
  part "all other tests" 240 "$PYTHON" -m pytest -q -p no:cacheprovider --ignore tests/lib/sparse/test_sparse_triton.py \
    --ignore tests/lib/sparse/test_triton_tiles.py
  printf '\n== %d:%02d  ' $((SECONDS / 60)) $((SECONDS % 60))
  if [ ${#FAILED[@]} -eq 0 ]; then echo "all parts went through"; else
    echo "${#FAILED[@]} parts failed:"
    printf '   %s\n' "${FAILED[@]}"
    return 1
  fi
}

measure 2>&1 | tee "$OUTPUT"

#!/usr/bin/env bash
# Predict the test scenes of a run: <run>/visualize/fulleval/<scene>.{ply,txt}. Run or source:
#   inference.sh POSTFIX [ARGS of main.py, quoted or not]
# The run is <OUTPUT_DIR_ROOT>/<DATASET>/<MODEL>-POSTFIX, else the newest whose name ends in -POSTFIX; its flags are read
# from its config.yaml. PRETRAINED_WEIGHTS names another checkpoint, DATA_ROOT another dataset (training_scripts/common.sh).
(
  cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
  . training_scripts/common.sh
  [ $# -ge 1 ] || stop "usage: inference.sh POSTFIX [ARGS]"
  POSTFIX=$1
  split_args "${@:2}"

  RUN=$OUTPUT_DIR_ROOT/$DATASET/$MODEL-$POSTFIX
  WEIGHTS=${PRETRAINED_WEIGHTS:-}
  if [ -z "$WEIGHTS" ]; then
    if [ -z "$(best_of "$RUN")" ]; then
      newest=$(ls -td "$OUTPUT_DIR_ROOT"/*/*-"$POSTFIX"/config.yaml 2>/dev/null | head -n 1) || true
      [ -n "$newest" ] || stop "no run named *-$POSTFIX in $OUTPUT_DIR_ROOT: train one (bash demo.sh does), or set PRETRAINED_WEIGHTS"
      RUN=$(dirname "$newest")
    fi
    WEIGHTS=$(best_of "$RUN")
    [ -n "$WEIGHTS" ] || stop "$RUN: holds no checkpoint"
  fi
  [ -f "$WEIGHTS" ] || stop "$WEIGHTS: no such checkpoint (PRETRAINED_WEIGHTS)"

  CONFIG=$(dirname "$WEIGHTS")/config.yaml
  if [ -f "$CONFIG" ]; then
    FLAGS=(--config "$CONFIG")
    if [ -n "$DATA_SET_BY_USER" ]; then FLAGS+=(--scannet_path "$DATA_ROOT"); fi
  else
    FLAGS=(--dataset "$DATASET" --model "$MODEL" --scannet_path "$DATA_ROOT")
  fi
  echo "weights: $WEIGHTS"
  run_main "$RUN" "${FLAGS[@]}" --is_train False --val_phase test --visualize True \
    --visualize_path "$RUN/visualize" --weights "$WEIGHTS" "${ARGS[@]}"
)

#!/usr/bin/env bash
# Stage 2, segmentation, from stage 1's weights of the same POSTFIX where there are any. Run or source:
#   training_scripts/train_models.sh BATCH LOSS POSTFIX [ARGS of main.py, quoted or not]
# LOSS: cross_entropy, focal, lovasz, or a sum such as focal+0.5*lovasz
if [ "${BASH_SOURCE[0]}" = "$0" ]; then trap : TERM USR1; fi  # main.py answers them
(
  CALLER=$PWD
  cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
  . training_scripts/common.sh
  [ $# -ge 3 ] || stop "usage: train_models.sh BATCH LOSS POSTFIX [ARGS]"
  BATCH=$1 LOSS=$2 POSTFIX=$3
  split_args "${@:4}"

  weights_from "$OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX"
  if [ -n "$WEIGHTS" ]; then ARGS=(--weights "$WEIGHTS" "${ARGS[@]}"); fi
  run_main "$OUTPUT_DIR_ROOT/$DATASET/$MODEL-$POSTFIX" \
    --dataset "$DATASET" --loss_type "$LOSS" \
    --scannet_path "$DATA_ROOT" --model "$MODEL" --batch_size "$BATCH" "${ARGS[@]}"
)

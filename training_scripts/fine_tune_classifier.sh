#!/usr/bin/env bash
# Stage 3, classifier fine-tuning, from stage 2's weights of the same POSTFIX. Run or source:
#   training_scripts/fine_tune_classifier.sh BATCH LOSS SAMPLE_TAIL POSTFIX [ARGS of main.py, quoted or not]
# LOSS: cross_entropy, focal, lovasz, or a sum such as focal+0.5*lovasz; SAMPLE_TAIL: True or False
if [ "${BASH_SOURCE[0]}" = "$0" ]; then trap : TERM USR1; fi  # main.py answers them
(
  CALLER=$PWD
  cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
  . training_scripts/common.sh
  [ $# -ge 4 ] || stop "usage: fine_tune_classifier.sh BATCH LOSS SAMPLE_TAIL POSTFIX [ARGS]"
  BATCH=$1 LOSS=$2 SAMPLE_TAIL=$3 POSTFIX=$4
  split_args "${@:5}"

  weights_from "$OUTPUT_DIR_ROOT/$DATASET/$MODEL-$POSTFIX"
  if [ -n "$WEIGHTS" ]; then ARGS=(--weights "$WEIGHTS" "${ARGS[@]}"); fi
  run_main "$OUTPUT_DIR_ROOT/$DATASET/$MODEL-finetune-$POSTFIX" \
    --dataset "$DATASET" --loss_type "$LOSS" --classifier_only True --sample_tail_instances "$SAMPLE_TAIL" \
    --scannet_path "$DATA_ROOT" --model "$MODEL" --batch_size "$BATCH" "${ARGS[@]}"
)

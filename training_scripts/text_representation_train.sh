#!/usr/bin/env bash
# Stage 1, language-grounded pretraining. Run or source:
#   training_scripts/text_representation_train.sh BATCH POSTFIX [ARGS of main.py, quoted or not]
(
  CALLER=$PWD
  cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
  . training_scripts/common.sh
  [ $# -ge 2 ] || stop "usage: text_representation_train.sh BATCH POSTFIX [ARGS]"
  BATCH=$1 POSTFIX=$2
  split_args "${@:3}"

  # This stage has none before it: PRETRAINED_WEIGHTS, if any, is what it starts from.
  if [ -n "${PRETRAINED_WEIGHTS:-}" ] && [ "$PRETRAINED_WEIGHTS" != none ]; then
    ARGS=(--weights "$PRETRAINED_WEIGHTS" "${ARGS[@]}")
  fi
  run_main "$OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX" \
    --dataset "$TEXT_DATASET" --use_embedding_loss True \
    --scannet_path "$DATA_ROOT" --model "$MODEL" --batch_size "$BATCH" "${ARGS[@]}"
)

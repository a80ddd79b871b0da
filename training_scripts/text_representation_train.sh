#!/usr/bin/env bash
# Stage 1, language-grounded pretraining. Run or source:
#   training_scripts/text_representation_train.sh BATCH POSTFIX [ARGS of main.py, quoted or not]
# Where ARGS says nothing of the loss, it is cross entropy over all anchors, which helps stage 2 most of what was measured
# (docs/anchors.md). The paper's, main.py's own default, is `--embedding_loss_type contrast`; --contrast_form and other
# flags that this loss alone reads choose it, too.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then trap : TERM USR1; fi  # main.py answers them
(
  CALLER=$PWD
  cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
  . training_scripts/common.sh
  [ $# -ge 2 ] || stop "usage: text_representation_train.sh BATCH POSTFIX [ARGS]"
  BATCH=$1 POSTFIX=$2
  split_args "${@:3}"

  case " ${ARGS[*]} " in
    *" --embedding_loss_type"* | *" --config"* | *" --contrast_form"* | *" --negative_sampling"* | *" --num_negative_"* | \
    *" --contrast_pos_"* | *" --contrast_neg_"* | *" --resume"*) ;;
    *) ARGS=(--embedding_loss_type contrast_ce "${ARGS[@]}") ;;
  esac

  # This stage has none before it: PRETRAINED_WEIGHTS, if any, is what it starts from.
  if [ -n "${PRETRAINED_WEIGHTS:-}" ] && [ "$PRETRAINED_WEIGHTS" != none ]; then
    ARGS=(--weights "$PRETRAINED_WEIGHTS" "${ARGS[@]}")
  fi
  run_main "$OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX" \
    --dataset "$TEXT_DATASET" --use_embedding_loss True \
    --scannet_path "$DATA_ROOT" --model "$MODEL" --batch_size "$BATCH" "${ARGS[@]}"
)

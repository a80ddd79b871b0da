#!/usr/bin/env bash
# Predict the test scenes of a run: <run>/visualize/fulleval/<scene>.{ply,txt}. Run or source:
#   inference.sh POSTFIX [ARGS of main.py, quoted or not]
# The run is the last stage that was trained as POSTFIX: <OUTPUT_DIR_ROOT>/<DATASET>/<MODEL>-finetune-POSTFIX (stage 3),
# else <MODEL>-POSTFIX (stage 2, else stage 1); STAGE=2 names one. Where MODEL or DATASET is not set, any will do, if there
# is but one. The run's flags are read from its config.yaml. PRETRAINED_WEIGHTS names another checkpoint, DATA_ROOT
# another dataset (training_scripts/common.sh).
(
  CALLER=$PWD
  cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
  . training_scripts/common.sh
  [ $# -ge 1 ] || stop "usage: inference.sh POSTFIX [ARGS]"
  POSTFIX=$1
  split_args "${@:2}"
  case ${STAGE:-} in "" | 1 | 2 | 3) ;; *) stop "STAGE=$STAGE: give 1, 2 or 3" ;; esac

  # runs_of_postfix: a line for each run of POSTFIX that holds a checkpoint: stage, network (<DATASET>/<MODEL>), folder,
  # parted by tabs, the last stage first. Stage 1 is left out where there is a later one, unless STAGE asks for it.
  runs_of_postfix() {
    local run model stage later=
    for run in "$OUTPUT_DIR_ROOT"/${DATASET_SET_BY_USER:-*}/*-"$POSTFIX"; do
      [ -n "$(best_of "$run")" ] || continue
      model=${run##*/}
      model=${model%-"$POSTFIX"} stage=2
      case $model/$POSTFIX in *-finetune/* | */finetune-*) stage=3 ;; esac
      model=${model%-finetune}
      case $model in *-*) continue ;; esac  # no model's name: another POSTFIX, which ends alike
      [ "$model" = "${MODEL_SET_BY_USER:-$model}" ] || continue
      if grep -qs '^use_embedding_loss: true' "$run/config.yaml"; then stage=1; fi
      if [ "$stage" = "${STAGE:-$stage}" ]; then printf '%s\t%s\t%s\n' "$stage" "${run%/*}/$model" "$run"; fi
    done | sort -r | while IFS= read -r run; do
      case $run in 1*) [ -z "$later" ] || continue ;; *) later=1 ;; esac
      printf '%s\n' "$run"
    done
  }

  # find_run: sets RUN, and FOUND to its stage.
  find_run() {
    local runs
    runs=$(runs_of_postfix)
    [ -n "$runs" ] || stop "no run named *-$POSTFIX${STAGE:+ of stage $STAGE} in $OUTPUT_DIR_ROOT/${DATASET_SET_BY_USER:-*}" \
      "holds a checkpoint${MODEL_SET_BY_USER:+ of $MODEL_SET_BY_USER}: train one (bash demo.sh does), or set PRETRAINED_WEIGHTS"
    [ "$(cut -f 2 <<< "$runs" | sort -u | wc -l)" -eq 1 ] || stop "$POSTFIX names several runs, set MODEL and DATASET" \
      "to choose: $(cut -f 3 <<< "$runs" | paste -s -d ' ' -)"
    IFS=$'\t' read -r FOUND _ RUN <<< "$runs"
  }

  RUN=$OUTPUT_DIR_ROOT/$DATASET/$MODEL-$POSTFIX
  WEIGHTS=${PRETRAINED_WEIGHTS:-}
  if [ -z "$WEIGHTS" ] || [ "$WEIGHTS" = none ]; then
    find_run
    WEIGHTS=$(best_of "$RUN")
    echo "run: $RUN, stage $FOUND (STAGE=1, 2 or 3 chooses)"
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

#!/usr/bin/env bash
# Predict the test scenes of a run: <run>/visualize/fulleval/<scene>.{ply,txt}. Run or source:
#   inference.sh POSTFIX [ARGS of main.py, quoted or not]
# The run is the last stage that was trained as POSTFIX: <OUTPUT_DIR_ROOT>/<DATASET>/<MODEL>-finetune-POSTFIX (stage 3),
# else <MODEL>-POSTFIX (stage 2, else stage 1); STAGE=2 names one. Where MODEL or DATASET is not set, any will do, if there
# is but one. The run's flags are read from its config.yaml. PRETRAINED_WEIGHTS names another checkpoint, DATA_ROOT
# another dataset (training_scripts/common.sh).
#
#   DATA_ROOT=room.ply bash inference.sh pretrained
# takes the network that lies in the clone, weights/pretrained, with its own flags, and installs what it needs into .venv
# first; predictions go to <OUTPUT_DIR_ROOT>/pretrained. A run that was itself trained as `pretrained` is meant only where
# STAGE is given, too.
(
  CALLER=$PWD
  cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
  PYTHON_SET_BY_USER=${PYTHON:-}
  . training_scripts/common.sh
  [ $# -ge 1 ] || stop "usage: inference.sh POSTFIX [ARGS]"
  POSTFIX=$1
  split_args "${@:2}"
  case ${STAGE:-} in "" | 1 | 2 | 3) ;; *) stop "STAGE=$STAGE: give 1, 2 or 3" ;; esac

  # of_the_clone: RUN, WEIGHTS and DATA_ROOT for the network in the clone; sets up the environment unless PYTHON is given.
  of_the_clone() {
    WEIGHTS=weights/pretrained RUN=$OUTPUT_DIR_ROOT/pretrained
    [ -f $WEIGHTS/model.safetensors ] || stop "$WEIGHTS: this clone has no such network; train one of your own" \
      "(bash demo.sh does), or the clone's as docs/inference.md says"
    case ${PRETRAINED_WEIGHTS:-none} in none | pretrained) ;; *)
      stop "PRETRAINED_WEIGHTS=$PRETRAINED_WEIGHTS names another network than \`inference.sh pretrained\`: unset it" ;;
    esac
    case " ${ARGS[*]-} " in *" --scannet_path"*) ;; *)
      [ -n "$DATA_SET_BY_USER" ] || stop "name a scan, or a folder of them: DATA_ROOT=room.ply bash inference.sh pretrained"
      [ -e "$DATA_ROOT" ] || stop "DATA_ROOT=$DATA_SET_BY_USER: there is no such scan or folder" ;;
    esac
    if [ -n "$(runs_of_postfix)" ]; then
      echo "weights/pretrained is meant; for the run that was trained as \`pretrained\`, give STAGE, too"
    fi
    if [ -z "$PYTHON_SET_BY_USER" ]; then
      . training_scripts/environment.sh
      ensure_environment requirements.txt || exit 1
    fi
  }

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
  if [ "$POSTFIX" = pretrained ] && [ -z "${STAGE:-}" ]; then
    of_the_clone
  elif [ -z "$WEIGHTS" ] || [ "$WEIGHTS" = none ]; then
    find_run
    WEIGHTS=$(best_of "$RUN")
    echo "run: $RUN, stage $FOUND (STAGE=1, 2 or 3 chooses)"
  fi
  if [ "$WEIGHTS" = pretrained ] && [ ! -e pretrained ]; then WEIGHTS=weights/pretrained; fi
  [ -f "$WEIGHTS" ] || [ -f "$WEIGHTS/model.safetensors" ] || stop "$WEIGHTS: no such checkpoint (PRETRAINED_WEIGHTS)"

  CONFIG=$(dirname "$WEIGHTS")/config.yaml
  if [ -d "$WEIGHTS" ]; then CONFIG=$WEIGHTS/config.yaml; fi
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

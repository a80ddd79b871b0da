# What the scripts share; sourced by them in a subshell whose working directory is the project's root, and which has
# the folder they were called from in CALLER.
#
# Environment variables, all optional. Relative paths in them mean the caller's folder, their defaults the project's
# root; in ARGS, what the caller's folder has means that (training_scripts/paths.sh):
#   DATA_ROOT           dataset root with train.txt, val.txt, test.txt        data/scannet200
#   OUTPUT_DIR_ROOT     where runs go: <DATASET>/<MODEL>-<POSTFIX>            outputs
#   MODEL               a name of models.ARCHITECTURES                        Res16UNet34D
#   DATASET             dataset class of stages 2 and 3                       Scannet200Voxelization2cmDataset
#   TEXT_DATASET        dataset class of stage 1                              Scannet200Textual2cmDataset
#   PRETRAINED_WEIGHTS  checkpoint to start from; "none": from scratch;       the stage before, of the same POSTFIX
#                       "pretrained": the network in the clone, whose MODEL then is the default
#   NUM_GPU             processes on this machine, one for each GPU; where     1, of a resumed run as many as it had
#                       there is none they share the cores
#   NNODES              machines; then each has its NODE_RANK, 0..NNODES-1,   1
#                       and all know MASTER_ADDR and MASTER_PORT (29500)
#   PYTHON              interpreter                                           .venv/bin/python, else python3

CALLER=${CALLER:-$PWD}
. training_scripts/paths.sh
DATA_SET_BY_USER=${DATA_ROOT:-} MODEL_SET_BY_USER=${MODEL:-} DATASET_SET_BY_USER=${DATASET:-}
case ${PRETRAINED_WEIGHTS:-none} in
  none) ;;
  pretrained) MODEL=${MODEL:-$(sed -n "s/^model: //p" weights/pretrained/config.yaml 2>/dev/null || true)} ;;
  *) PRETRAINED_WEIGHTS=$(from_caller "$PRETRAINED_WEIGHTS") ;;
esac
case ${PYTHON:-} in */*) PYTHON=$(from_caller "$PYTHON") ;; esac
DATA_ROOT=$(from_caller "${DATA_ROOT:-}") OUTPUT_DIR_ROOT=$(from_caller "${OUTPUT_DIR_ROOT:-}")
DATA_ROOT=${DATA_ROOT:-data/scannet200}
OUTPUT_DIR_ROOT=${OUTPUT_DIR_ROOT:-outputs}
MODEL=${MODEL:-Res16UNet34D}
DATASET=${DATASET:-Scannet200Voxelization2cmDataset}
TEXT_DATASET=${TEXT_DATASET:-Scannet200Textual2cmDataset}
if [ -z "${PYTHON:-}" ]; then
  if [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python; else PYTHON=python3; fi
fi

# stop MESSAGE: one line on stderr, and the script ends with exit code 1.
stop() { echo "error: $*" >&2; exit 1; }

# split_args WORD...: extra arguments as the array ARGS; a single one is taken for a quoted string of several.
split_args() {
  # -d '': to the end, not to the end of the line; `read` then says 1, as there was no such sign
  if [ $# -eq 1 ]; then read -r -d '' -a ARGS <<< "$1" || true; else ARGS=("$@"); fi
  arguments_from_caller
}

# best_of RUN: the checkpoint of a run folder to go on from, nothing if it has none.
best_of() {
  local name
  for name in best.ckpt last.ckpt; do
    if [ -f "$1/$name" ]; then echo "$1/$name"; return; fi
  done
}

# weights_from RUN: sets WEIGHTS from PRETRAINED_WEIGHTS, else from the run of the stage before; says which.
weights_from() {
  WEIGHTS=${PRETRAINED_WEIGHTS:-$(best_of "$1")}
  if [ -z "$WEIGHTS" ] || [ "$WEIGHTS" = none ]; then
    WEIGHTS=
    echo "no weights to start from (PRETRAINED_WEIGHTS, or $1): from scratch"
  fi
}

# run_main LOG_DIR ARGS...: main.py; what it prints is also kept in LOG_DIR/TIME.txt, unless --dry_run True says that
# nothing is written. Returns main.py's exit code. Signals that go to all processes of a job, as Ctrl-C does and
# schedulers send them, are main.py's to answer: the others stay.
run_main() {
  local log_dir=$1 log code
  shift
  case " $* " in
    *" --dry_run "[Tt][Rr][Uu][Ee]" "* | *" --dry_run="[Tt][Rr][Uu][Ee]" "*)
      "$PYTHON" -u main.py --log_dir "$log_dir" ${NUM_GPU:+--num_gpu "$NUM_GPU"} "$@"
      return ;;
  esac
  mkdir -p "$log_dir" || return 1
  log=$log_dir/$(date +%Y-%m-%d_%H-%M-%S).txt
  trap : TERM USR1
  "$PYTHON" -u main.py --log_dir "$log_dir" ${NUM_GPU:+--num_gpu "$NUM_GPU"} "$@" |
    (trap '' INT TERM USR1 && exec tee "$log")
  code=${PIPESTATUS[0]}
  if [ ! -s "$log" ]; then rm -f "$log"; rmdir "$log_dir" 2>/dev/null; fi
  return "$code"
}

#!/usr/bin/env bash
# Makes the network that lies in the clone, weights/pretrained, and one to ask in words beside it, of generated scenes alone:
#   bash training_scripts/train_pretrained.sh
#   scenes, two kinds -> joined -> stage 1 -> stage 2, with strong augmentation -> lib.export -> scores on each kind
#   -> stage 1's loss on stage 2's weights -> lib.export
# Stopped with Ctrl-C, or killed, the same command goes on where it was; another POSTFIX begins anew. The furniture models
# are fetched by apt (docs/data.md). Environment variables, all optional; words of a variable are flags:
#   PROCEDURAL FURNISHED   of `python -m datasets.synthetic`; FURNISHED=none leaves these scenes out
#   EPOCHS1 EPOCHS2        epochs of the stages                                          30, 60
#   EPOCHS_ASK             of the network to ask; 0 leaves it out                        4
#   START                  network or checkpoint that stage 2 starts from, in place of stage 1: `pretrained` trains it further
#   VOXEL_SIZE             metres, of stage 2 and of whoever uses it                     0.06
#   MODEL                  a name of models.ARCHITECTURES, 25 MB for both networks       Res16UNet14S
#   TRANSFER1 TRANSFER     flags of main.py against being at home in one source only, of stage 1 and of stage 2
#   VIEWS                  flags of lib.export for stage 2's network                     --tta 8 --logit_adjustment 0.2
#   WORKERS                processes that make scenes                                    2
#   DATA_ROOT OUT POSTFIX  scenes; networks; name of the runs      data/pretrained, weights/pretrained, for-the-clone
#   OUTPUT_DIR_ROOT        runs                                                          outputs
set -euo pipefail
CALLER=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. training_scripts/environment.sh
. training_scripts/paths.sh
. training_scripts/staged.sh
ensure_environment requirements.txt
export PYTHON
SECONDS=0

POSTFIX=${POSTFIX:-for-the-clone} EPOCHS1=${EPOCHS1:-30} EPOCHS2=${EPOCHS2:-60} EPOCHS_ASK=${EPOCHS_ASK:-4}
VOXEL_SIZE=${VOXEL_SIZE:-0.06} WORKERS=${WORKERS:-2}
PROCEDURAL=${PROCEDURAL:---train 300 --val 30 --test 0 --seed 0}
FURNISHED=${FURNISHED:---furnished --scanner fused --train 300 --val 60 --test 30 --seed 0}
TRANSFER1=${TRANSFER1:---color_dropout 0.2 --data_aug_color_trans_ratio 0.2 --data_aug_color_jitter_std 0.1}
TRANSFER=${TRANSFER:-$TRANSFER1 --data_aug_scale_min 0.8 --data_aug_scale_max 1.2 --mix_scenes 0.5 --elastic_distortion True}
VIEWS=${VIEWS:---tta 8 --logit_adjustment 0.2}
SCENES=$(from_caller "${DATA_ROOT:-}") OUTPUT_DIR_ROOT=$(from_caller "${OUTPUT_DIR_ROOT:-}") OUT=$(from_caller "${OUT:-}")
SCENES=${SCENES:-data/pretrained} OUT=${OUT:-weights/pretrained}
export DATA_ROOT=$SCENES/joined OUTPUT_DIR_ROOT=${OUTPUT_DIR_ROOT:-outputs} MODEL=${MODEL:-Res16UNet14S}
export DATASET=Scannet200VoxelizationDataset TEXT_DATASET=Scannet200TextualDataset
unset PRETRAINED_WEIGHTS STAGE
START=${START:-}
case $START in */*) START=$(from_caller "$START") ;; esac
TEXT_RUN=$OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX RUN=$OUTPUT_DIR_ROOT/$DATASET/$MODEL-$POSTFIX
ASK=$TEXT_RUN-ask
COMMON="--optimizer Muon --lr 0.05 --scheduler PolyLR --bn_momentum 0.1 --precision $PRECISION
  --cache_data True --num_workers 0 --num_val_workers 0 --val_epoch_freq 5"

# Seconds of every start of this command, added up for the card.
mkdir -p "$SCENES"
trap 'echo $SECONDS >> "$SCENES/seconds_$POSTFIX.txt"' EXIT
trap 'echo; echo "stopped: the same command goes on from here"; exit 130' INT TERM

say "scenes: $PROCEDURAL"
"$PYTHON" -m datasets.synthetic --out "$SCENES/procedural" --workers "$WORKERS" $PROCEDURAL
KINDS=("$SCENES/procedural")
if [ "$FURNISHED" != none ]; then
  say "scenes: $FURNISHED"
  "$PYTHON" -m datasets.synthetic --out "$SCENES/furnished" --workers "$WORKERS" $FURNISHED
  KINDS+=("$SCENES/furnished")
fi
"$PYTHON" -m datasets.join "${KINDS[@]}" --out "$DATA_ROOT"

if [ -z "$START" ]; then
  say "stage 1: language-grounded pretraining, 10 cm voxels"
  go_on "$TEXT_RUN"
  bash training_scripts/text_representation_train.sh 2 "$POSTFIX" $COMMON --voxel_size 0.1 --max_epoch "$EPOCHS1" \
    --embedding_loss_type contrast_ce --elastic_distortion False $TRANSFER1 ${GO_ON[@]+"${GO_ON[@]}"}
else
  export PRETRAINED_WEIGHTS=$START
fi

say "stage 2: segmentation, from ${START:-stage 1}"
go_on "$RUN"
bash training_scripts/train_models.sh 2 cross_entropy "$POSTFIX" $COMMON --voxel_size "$VOXEL_SIZE" \
  --max_epoch "$EPOCHS2" $TRANSFER ${GO_ON[@]+"${GO_ON[@]}"}

say "the network for the clone: $VIEWS"
"$PYTHON" -m datasets.preprocess.statistics "$DATA_ROOT"
"$PYTHON" -m lib.export "$RUN" --out "$OUT" $VIEWS
SCORES=()
for kind in "${KINDS[@]}"; do
  say "its scores on the validation scenes of $kind"
  folder=$RUN/on_$(basename "$kind")
  "$PYTHON" main.py --config "$OUT/config.yaml" --is_train False --val_phase val --scannet_path "$kind" \
    --weights "$OUT" --log_dir "$folder"
  SCORES+=("$(basename "$kind")=$folder/scores_val.json")
done

say "its card"
processor=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
minutes=$({ cat "$SCENES/seconds_$POSTFIX.txt" 2>/dev/null || true; echo $SECONDS; } |
  awk '{ s += $1 } END { printf "%d", s / 60 }')
trained="$minutes minutes, making the scenes included, on $(nproc) cores${processor:+ of $processor}"
"$PYTHON" -m lib.export "$RUN" --out "$OUT" $VIEWS --trained "$trained" --scores "${SCORES[@]}"

if [ "$EPOCHS_ASK" -gt 0 ]; then
  say "the network to ask in words, from stage 2"
  go_on "$ASK"
  PRETRAINED_WEIGHTS=$RUN/best.ckpt bash training_scripts/text_representation_train.sh 2 "$POSTFIX-ask" $COMMON \
    --voxel_size "$VOXEL_SIZE" --max_epoch "$EPOCHS_ASK" --embedding_loss_type contrast_ce --learned_projection True \
    $TRANSFER --lr 0.02 ${GO_ON[@]+"${GO_ON[@]}"}
  "$PYTHON" -m lib.export "$ASK" --out "${OUT}_text" --trained "$EPOCHS_ASK epochs of stage 1, from $(basename "$OUT")"
fi
say "done: read $OUT/MODEL_CARD.md, and fill in what it leaves open"

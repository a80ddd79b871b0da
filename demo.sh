#!/usr/bin/env bash
# The whole job on a fresh clone, without GPU and without ScanNet: bash demo.sh
#   scenes -> stage 1 -> stage 2 -> stage 3 -> inference on test scenes -> pictures -> a page -> one table
# It calls the scripts a user would, with a small network and 6 cm voxels; stage 1 sees 10 cm, which costs it 0.4 of the
# time. TRAINING=4 trains four times as long; EMBEDDING_LOSS=contrast takes the paper's loss for stage 1. Stopped with
# Ctrl-C, or killed, the same command goes on where it was; another POSTFIX begins anew.
set -euo pipefail
CALLER=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
. training_scripts/environment.sh
. training_scripts/paths.sh
. training_scripts/staged.sh
ensure_environment requirements.txt
SECONDS=0
trap 'echo; echo "stopped: the same command goes on from here"; exit 130' INT TERM

TRAINING=${TRAINING:-1}
POSTFIX=${POSTFIX:-demo-test}
export MODEL=Res16UNet14S
export DATASET=Scannet200VoxelizationDataset TEXT_DATASET=Scannet200TextualDataset
DATA_ROOT=$(from_caller "${DATA_ROOT:-}") OUTPUT_DIR_ROOT=$(from_caller "${OUTPUT_DIR_ROOT:-}")
export DATA_ROOT=${DATA_ROOT:-data/synthetic} OUTPUT_DIR_ROOT=${OUTPUT_DIR_ROOT:-outputs}
unset PRETRAINED_WEIGHTS STAGE
RUN=$OUTPUT_DIR_ROOT/$DATASET/$MODEL
COMMON="--voxel_size 0.06 --optimizer Muon --lr 0.05 --scheduler PolyLR --bn_momentum 0.1 --elastic_distortion False
  --precision $PRECISION --cache_data True --num_workers 0 --num_val_workers 0 --val_epoch_freq 1000"
if ! command -v "${CXX:-c++}" >/dev/null && ! command -v g++ >/dev/null; then
  echo "no C++ compiler: the slower reference engine will do, which takes about three times as long"
fi

if [ ! -f "$DATA_ROOT/test.txt" ]; then
  say "scenes: 96 living rooms, bedrooms, kitchens and offices to train on, 16 to validate, 4 unlabelled to test"
  "$PYTHON" -m datasets.synthetic --out "$DATA_ROOT" --train 96 --val 16 --test 4 --seed 0 --workers 2 \
    --rooms living,bedroom,kitchen,office
fi

# seconds_left: about how long the rest of the trainings takes here, by a few measured steps; nothing if that fails.
seconds_left() {
  local rate left=0 run epochs scenes
  [ -f "$DATA_ROOT/train.txt" ] || return 0
  rate=$("$PYTHON" -m benchmarks.training --scannet_path "$DATA_ROOT" --model $MODEL --voxel_size 0.06 --batch_size 2 \
    --steps 4 --warm_up 2 --stages 2 --precision $PRECISION --elastic_distortion False --num_workers 0 2>/dev/null |
    awk -F'|' 'END { print $6 }') || return 0
  scenes=$(wc -l < "$DATA_ROOT/train.txt")
  # an epoch of stage 1 costs 0.4 of one of stage 2, one of stage 3 about 0.5
  for run in "$OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX:$((4 * EPOCHS1))" "$RUN-$POSTFIX:$((10 * EPOCHS2))" \
    "$RUN-finetune-$POSTFIX:$((5 * EPOCHS3))"; do
    epochs=${run##*:}
    [ -f "${run%:*}/scores.json" ] || left=$((left + epochs * scenes / 10))
  done
  awk -v left="$left" -v rate="$rate" 'BEGIN { if (rate > 0) printf "%d", left / rate + 90 }'
}

EPOCHS1=$((12 * TRAINING)) EPOCHS2=$((15 * TRAINING)) EPOCHS3=$((2 * TRAINING))
left=$(seconds_left)
if [ -n "$left" ]; then say "about $(((left + 59) / 60)) minutes to go on this machine, by a few steps of training"; fi

say "stage 1: language-grounded pretraining"
go_on "$OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX"
bash training_scripts/text_representation_train.sh 2 "$POSTFIX" $COMMON --voxel_size 0.1 --max_epoch $EPOCHS1 \
  --embedding_loss_type "${EMBEDDING_LOSS:-contrast_ce}" ${GO_ON[@]+"${GO_ON[@]}"}

say "stage 2: segmentation, from stage 1's weights"
go_on "$RUN-$POSTFIX"
bash training_scripts/train_models.sh 2 cross_entropy "$POSTFIX" $COMMON --max_epoch $EPOCHS2 \
  ${GO_ON[@]+"${GO_ON[@]}"}

say "stage 3: the classifier alone, category-balanced focal loss"
go_on "$RUN-finetune-$POSTFIX"
bash training_scripts/fine_tune_classifier.sh 2 focal False "$POSTFIX" $COMMON --lr 0.001 --max_epoch $EPOCHS3 \
  ${GO_ON[@]+"${GO_ON[@]}"}

say "inference on the test scenes, and on the validation scenes, whose ground truth the pictures show beside it"
bash inference.sh "finetune-$POSTFIX"
STAGE=2 bash inference.sh "$POSTFIX" --val_phase val

say "pictures, and a page of the validation scenes with heat maps of two texts"
validation=("$RUN-$POSTFIX"/visualize/fulleval/*.ply)
for scene in "$RUN-finetune-$POSTFIX"/visualize/fulleval/*.ply "${validation[@]:0:4}"; do
  "$PYTHON" visualize.py "$scene" --png "$OUTPUT_DIR_ROOT/pictures/$(basename "$scene" .ply).png" --width 2000
done &
pictures=$!
page=$OUTPUT_DIR_ROOT/validation.html
"$PYTHON" visualize.py "$RUN-$POSTFIX" --html "$page" --ask "somewhere to sit" "something to read" \
  --weights "$OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX/best.ckpt"
wait $pictures

say "validation scores at every point, in percent"
"$PYTHON" -m lib.metrics \
  "stage 1, nearest anchor=$OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX/scores.json" \
  "stage 2, segmentation=$RUN-$POSTFIX/scores.json" \
  "stage 3, classifier=$RUN-finetune-$POSTFIX/scores.json"
cat <<END

checkpoints   $OUTPUT_DIR_ROOT/*/$MODEL-*$POSTFIX/{best,last}.ckpt
predictions   $RUN-finetune-$POSTFIX/visualize/fulleval/<scene>.{ply,txt}
pictures      $OUTPUT_DIR_ROOT/pictures/<scene>.png
curves        $PYTHON -m tensorboard.main --logdir $OUTPUT_DIR_ROOT
a window      $PYTHON visualize.py FILE.ply
a page that answers questions in words, served on this machine:
              $PYTHON visualize.py $RUN-$POSTFIX --serve --weights $OUTPUT_DIR_ROOT/$TEXT_DATASET/$MODEL-$POSTFIX/best.ckpt

Look at the validation scenes: open $page in a browser, by double click.
END

"""demo.sh in a copy of the scripts, with an interpreter that only notes its calls and leaves behind what a run does."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUB = r"""#!/bin/bash
printf '%s ' "${@//$'\n'/ }" >> "$CALLS"; echo >> "$CALLS"
text=false
while [ $# -gt 0 ]; do
  case $1 in
    --log_dir) run=$2 ;;
    --is_train) exit ;;
    --use_embedding_loss) text=true ;;
  esac
  shift
done
if [ -n "${run:-}" ]; then echo "use_embedding_loss: $text" > "$run/config.yaml"; touch "$run/best.ckpt"; fi
"""


@pytest.fixture
def demo(tmp_path):
    """A function that runs the copy's demo.sh from a user's folder; returns the interpreter's calls, a line each."""
    copy, user = tmp_path / "project", tmp_path / "user"
    shutil.copytree(ROOT / "training_scripts", copy / "training_scripts")
    for name in ("demo.sh", "inference.sh", "requirements.txt"):
        shutil.copy(ROOT / name, copy)
    python = copy / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STUB)
    python.chmod(0o755)
    user.mkdir()
    names = ("DATA_ROOT", "OUTPUT_DIR_ROOT", "PRETRAINED_WEIGHTS", "STAGE", "TRAINING", "POSTFIX", "EMBEDDING_LOSS")
    environment = {name: value for name, value in os.environ.items() if name not in names}

    def run(**more: str) -> list[str]:
        (tmp_path / "calls").unlink(missing_ok=True)
        subprocess.run('echo "$(cat requirements.txt requirements.txt | cksum)" > .venv/installed-requirements.txt',
                       shell=True, cwd=copy, check=True)
        subprocess.run(["bash", str(copy / "demo.sh")], cwd=user, check=True, capture_output=True, timeout=60,
                       env={**environment, "CALLS": str(tmp_path / "calls"), **more})
        return (tmp_path / "calls").read_text().splitlines()

    run.user = user
    return run


def test_the_demo_trains_three_stages_from_each_other_and_predicts_with_the_last(demo):
    calls = [call for call in demo(STAGE="1", PRETRAINED_WEIGHTS="x") if " main.py " in call]
    stage1, stage2, stage3, test, validation = calls
    runs = "outputs/Scannet200VoxelizationDataset/Res16UNet14S"
    assert "--use_embedding_loss True" in stage1 and "--embedding_loss_type contrast_ce" in stage1
    assert "--weights outputs/Scannet200TextualDataset/Res16UNet14S-demo-test/best.ckpt" in stage2
    assert f"--weights {runs}-demo-test/best.ckpt" in stage3 and "--classifier_only True" in stage3
    assert f"--weights {runs}-finetune-demo-test/best.ckpt" in test and "--val_phase val" not in test
    assert f"--weights {runs}-demo-test/best.ckpt" in validation and validation.rstrip().endswith("--val_phase val")


def test_the_demo_takes_paths_from_its_callers_folder_and_another_loss(demo):
    calls = demo(DATA_ROOT="scenes", OUTPUT_DIR_ROOT="out", EMBEDDING_LOSS="contrast", TRAINING="2")
    assert f"--out {demo.user}/scenes" in calls[0]
    stage1 = next(call for call in calls if " main.py " in call)
    assert f"--scannet_path {demo.user}/scenes" in stage1 and f"--log_dir {demo.user}/out/" in stage1
    assert stage1.split().count("--embedding_loss_type") == 1 and "--embedding_loss_type contrast " in stage1
    assert "--max_epoch 8" in stage1
    table = next(call for call in calls if "-m lib.metrics" in call)
    assert f"={demo.user}/out/Scannet200TextualDataset/Res16UNet14S-demo-test/scores.json" in table

"""demo.sh in a copy of the scripts, with an interpreter that only notes its calls and leaves behind what a run does."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUB = r"""#!/bin/bash
printf '%s ' "${@//$'\n'/ }" >> "$CALLS"; echo >> "$CALLS"
if [ "$2" = benchmarks.training ]; then echo "| 2 | float32 | 40000 | 800 | 2.0 | 1 % | 1.2 |"; exit; fi
text=false
while [ $# -gt 0 ]; do
  case $1 in
    --log_dir) run=$2 ;;
    --is_train) exit ;;
    --use_embedding_loss) text=true ;;
  esac
  shift
done
[ -n "${run:-}" ] || exit 0
echo "use_embedding_loss: $text" > "$run/config.yaml"
touch "$run/best.ckpt" "$run/last.ckpt"
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
        run.said = subprocess.run(["bash", str(copy / "demo.sh")], cwd=user, check=True, capture_output=True,
                                  timeout=60, text=True,
                                  env={**environment, "CALLS": str(tmp_path / "calls"), **more}).stdout
        return (tmp_path / "calls").read_text().splitlines()

    run.user, run.copy = user, copy
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


def test_the_demo_ends_with_the_page_of_its_validation_scenes_and_says_where(demo):
    call, = [call for call in demo() if " --html " in call]
    run = "outputs/Scannet200VoxelizationDataset/Res16UNet14S-demo-test"
    assert f"visualize.py {run} --html outputs/validation.html" in call
    assert "--weights outputs/Scannet200TextualDataset/Res16UNet14S-demo-test/best.ckpt" in call
    assert "open outputs/validation.html in a browser" in demo.said.strip().splitlines()[-1]


def test_the_demo_takes_paths_from_its_callers_folder_and_another_loss(demo):
    calls = demo(DATA_ROOT="scenes", OUTPUT_DIR_ROOT="out", EMBEDDING_LOSS="contrast", TRAINING="2")
    assert f"--out {demo.user}/scenes" in calls[0]
    stage1 = next(call for call in calls if " main.py " in call)
    assert f"--scannet_path {demo.user}/scenes" in stage1 and f"--log_dir {demo.user}/out/" in stage1
    assert stage1.split().count("--embedding_loss_type") == 1 and "--embedding_loss_type contrast " in stage1
    assert "--max_epoch 24" in stage1  # twice as many
    table = next(call for call in calls if "-m lib.metrics" in call)
    assert f"={demo.user}/out/Scannet200TextualDataset/Res16UNet14S-demo-test/scores.json" in table


def test_the_demo_begun_again_goes_on_with_every_stage_it_began(demo):
    first = [call for call in demo() if " main.py " in call][:3]
    assert not any("--resume" in call for call in first)
    again = [call for call in demo() if " main.py " in call][:3]
    runs = ("Scannet200TextualDataset/Res16UNet14S", "Scannet200VoxelizationDataset/Res16UNet14S",
            "Scannet200VoxelizationDataset/Res16UNet14S-finetune")
    for call, run in zip(again, runs):
        assert f"--resume outputs/{run}-demo-test" in call and f"--log_dir outputs/{run}-demo-test " in call
    assert not any("--resume" in call for call in demo(POSTFIX="other"))


def test_the_demo_says_how_long_it_will_take_by_what_was_measured_and_not_done(demo):
    data = demo.copy / "data" / "synthetic"
    data.mkdir(parents=True)
    for name in ("train.txt", "test.txt"):
        (data / name).write_text("a\n" * 60)
    demo()
    assert "about 12 minutes to go on this machine" in demo.said  # 20.8 epochs of 60 scenes, 2 a second, and 90 s
    (demo.copy / "outputs/Scannet200VoxelizationDataset/Res16UNet14S-demo-test/scores.json").write_text("{}")
    demo()
    assert "about 5 minutes to go on this machine" in demo.said

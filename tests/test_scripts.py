"""The shell scripts as a user calls them: run or sourced, ARGS quoted or not, stages starting from each other."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMALL = "--voxel_size 0.05 --max_epoch 1 --num_workers 0 --num_val_workers 0 --optimizer Adam --lr 0.01"


@pytest.fixture
def shell(run_flags, tmp_path):
    """A function that runs a line of bash in the project's root, on the tiny dataset of `run_flags`."""
    environment = {**os.environ, "DATA_ROOT": str(run_flags.root), "OUTPUT_DIR_ROOT": str(tmp_path / "out"),
                   "MODEL": "Res16UNet14S", "DATASET": "Scannet200VoxelizationDataset",
                   "TEXT_DATASET": "Scannet200TextualDataset", "PYTHON": sys.executable}
    environment.pop("PRETRAINED_WEIGHTS", None)

    def run(line: str, **more: str) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=300,
                              env={**environment, **more})

    run.out = tmp_path / "out"
    return run


def test_stages_start_from_each_other_and_inference_finds_the_run(shell, tmp_path):
    anchors = tmp_path / "anchors.npz"
    subprocess.run([sys.executable, "-c", "import sys, numpy as np\nfrom datasets.label_sets import load_label_set\n"
                    "np.savez(sys.argv[1], names=np.array(load_label_set().names),"
                    " embeddings=np.eye(200, 64) + 0.1)", anchors],
                   cwd=ROOT, check=True)
    first = shell("bash training_scripts/text_representation_train.sh 2 demo-test "
                  f"'{SMALL} --text_encoder file:{anchors}'")
    assert first.returncode == 0, first.stderr
    second = shell(f"source training_scripts/train_models.sh 2 cross_entropy demo-test {SMALL}; echo still here: $?")
    assert "still here: 0" in second.stdout
    assert f"{shell.out}/Scannet200TextualDataset/Res16UNet14S-demo-test/best.ckpt: 198 of 200" in second.stdout
    third = shell(f"bash training_scripts/fine_tune_classifier.sh 2 cross_entropy False demo-test '{SMALL}'")
    assert third.returncode == 0, third.stderr
    run = shell.out / "Scannet200VoxelizationDataset" / "Res16UNet14S-finetune-demo-test"
    assert f"{run.parent}/Res16UNet14S-demo-test/best.ckpt: 200 of 200 weights loaded" in third.stdout
    assert any("stage 3" in log.read_text() for log in run.glob("*.txt"))

    for line in ("source inference.sh demo-test", 'bash inference.sh demo-test "--batch_size 1"'):
        # Another shell, which was told neither network nor data: the newest run of that name says it all.
        result = shell(line, MODEL="", DATASET="", DATA_ROOT="")
        assert result.returncode == 0, result.stderr
        assert "unlabelled" in result.stdout
        written = run / "visualize" / "fulleval"
        assert sorted(p.name for p in written.iterdir()) == [
            "scenes.json", *(f"test000{i}_00{kind}" for i in (0, 1) for kind in (".ply", ".txt", "_objects.json"))]
        for file in written.iterdir():
            file.unlink()


@pytest.mark.parametrize("line,words", [
    ("bash inference.sh nobody", "no run named *-nobody"),
    ("bash inference.sh", "usage: inference.sh POSTFIX"),
    ("PRETRAINED_WEIGHTS=nowhere.ckpt bash inference.sh x", "nowhere.ckpt: no such checkpoint"),
    ("bash training_scripts/train_models.sh 2", "usage: train_models.sh BATCH LOSS POSTFIX"),
    ("bash training_scripts/fine_tune_classifier.sh 2 focal False", "usage: fine_tune_classifier.sh"),
    ("DATA_ROOT=nowhere bash training_scripts/train_models.sh 2 focal x", "nowhere: no such dataset folder"),
])
def test_wrong_calls_stop_with_one_line_and_leave_no_folder(shell, line, words):
    result = shell(line)
    assert result.returncode != 0
    assert words in result.stderr and result.stderr.count("\n") == 1
    assert not shell.out.exists() or not any(p.is_file() for p in shell.out.rglob("*"))


@pytest.mark.parametrize("flag", ["--dry_run True", "--dry_run=true"])
def test_a_dry_run_through_a_script_leaves_no_folder(shell, flag):
    result = shell(f"bash training_scripts/train_models.sh 2 cross_entropy x '{SMALL} {flag}'")
    assert result.returncode == 0, result.stderr
    assert "2 an epoch (4 scenes in batches of 2)" in result.stdout and not shell.out.exists()


@pytest.mark.parametrize("words,expected", [
    ("'--lr 1\n  --max_epoch 2\n'", ["--lr", "1", "--max_epoch", "2"]), ("", []), ("''", []),
    ("--class_names 'a b,c'", ["--class_names", "a b,c"]),
])
def test_extra_arguments_are_words_or_one_quoted_string_of_any_number_of_lines(shell, words, expected):
    result = shell(f"set -euo pipefail; . training_scripts/common.sh; split_args {words}; "
                   'printf "%s\\n" ${#ARGS[@]} "${ARGS[@]}"')
    assert result.stdout.splitlines() == [str(len(expected)), *expected]


def test_the_environment_is_installed_once_for_each_list_of_requirements(tmp_path):
    (tmp_path / "requirements.txt").write_text("torch\n")
    (tmp_path / "requirements-test.txt").write_text("pytest\n")
    stub = tmp_path / "python"  # for `-m venv` makes itself the environment's interpreter, else notes its call
    stub.write_text('#!/bin/bash\nif [ "$2" = venv ]; then mkdir -p .venv/bin; cp "$0" .venv/bin/python; '
                    'elif [ "$2" = pip ]; then echo "${@: -1}"; fi\n')
    stub.chmod(0o755)

    def installed(*lists):
        line = f". {ROOT}/training_scripts/environment.sh; " + "; ".join(f"ensure_environment {name}" for name in lists)
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", line], cwd=tmp_path, capture_output=True, text=True,
                                env={**os.environ, "PYTHON3": str(stub)}, check=True)
        return [word for word in result.stdout.splitlines() if not word.startswith("==")]

    both = ["requirements.txt", "requirements-test.txt"]
    assert installed(*both, *both) == both
    (tmp_path / "requirements.txt").write_text("torch==2\n")
    assert installed(*both, *both) == both


def test_sourcing_with_a_mistake_does_not_end_the_users_shell(shell):
    for options in ("", "set -uo pipefail; "):
        result = shell(f"{options}source inference.sh nobody; echo still here: $?")
        assert "still here: 1" in result.stdout and "no run named *-nobody" in result.stderr
    assert "no run named *-nobody" in shell("set -euo pipefail; source inference.sh nobody").stderr

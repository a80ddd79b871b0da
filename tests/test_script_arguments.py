"""What the shell scripts hand to main.py, with an interpreter that only prints it: which run, which files."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from config.config import get_parser

ROOT = Path(__file__).resolve().parents[1]
DATASET, TEXT = "Scannet200Voxelization2cmDataset", "Scannet200Textual2cmDataset"


@pytest.fixture
def call(tmp_path):
    """A function that runs a line of bash in a folder of the user's, `call.folder`; `$P` is the project's root."""
    stub = tmp_path / "python"
    stub.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    stub.chmod(0o755)
    names = ("DATA_ROOT", "OUTPUT_DIR_ROOT", "MODEL", "DATASET", "TEXT_DATASET", "PRETRAINED_WEIGHTS", "STAGE")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    folder = tmp_path / "user's folder"
    folder.mkdir()

    def run(line: str, cwd: Path = folder) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", "-c", line], cwd=cwd, capture_output=True, text=True, timeout=60,
                              env={**environment, "PYTHON": str(stub), "P": str(ROOT)})

    run.folder = folder
    return run


def train(out: Path, *runs: str) -> None:
    """Leave behind what a training does: `<DATASET>/<MODEL>-<POSTFIX>` with flags and checkpoint."""
    for run in runs:
        (out / run).mkdir(parents=True)
        (out / run / "best.ckpt").write_bytes(b"")
        (out / run / "config.yaml").write_text(f"use_embedding_loss: {str('Textual' in run).lower()}\n")


def value(result: subprocess.CompletedProcess, flag: str) -> str:
    """The last value that main.py was given for a flag."""
    assert result.returncode == 0, result.stderr
    words = result.stdout.splitlines()
    return words[len(words) - words[::-1].index(flag)]


@pytest.mark.parametrize("trained,line,expected", [
    (["V/A-mine", "T/A-mine", "V/A-finetune-mine"], "mine", "V/A-finetune-mine"),  # README's three stages
    (["V/A-mine", "T/A-mine"], "mine", "V/A-mine"),
    (["T/A-mine"], "mine", "T/A-mine"),
    (["V/A-mine", "V/A-finetune-mine"], "finetune-mine", "V/A-finetune-mine"),
    (["V/A-mine", "V/A-other-mine", "V/B-finetune-other-mine"], "mine", "V/A-mine"),
])
def test_inference_takes_the_last_stage_of_exactly_that_name(call, trained, line, expected):
    def full(run):
        return run.replace("V/", f"{DATASET}/").replace("T/", f"{TEXT}/")

    train(call.folder / "out", *map(full, trained))
    for names in ("", f"MODEL=A DATASET={full(expected).split('/')[0]} "):
        result = call(f"export OUTPUT_DIR_ROOT=out; {names}bash $P/inference.sh {line}")
        assert value(result, "--weights") == f"{call.folder}/out/{full(expected)}/best.ckpt"
        assert value(result, "--visualize_path") == f"{call.folder}/out/{full(expected)}/visualize"
        assert f"run: {call.folder}/out/{full(expected)}, stage" in result.stdout


def test_STAGE_names_an_earlier_stage_and_a_folder_without_checkpoint_is_none(call):
    out = call.folder / "out"
    train(out, f"{DATASET}/A-mine", f"{TEXT}/A-mine", f"{DATASET}/A-finetune-mine")
    for stage, run in (("1", f"{TEXT}/A-mine"), ("2", f"{DATASET}/A-mine"), ("3", f"{DATASET}/A-finetune-mine")):
        line = f"OUTPUT_DIR_ROOT=out STAGE={stage} bash $P/inference.sh mine"
        assert value(call(line), "--weights") == f"{out}/{run}/best.ckpt"
    (out / DATASET / "A-finetune-mine" / "best.ckpt").unlink()
    assert value(call("OUTPUT_DIR_ROOT=out bash $P/inference.sh mine"), "--weights").endswith("A-mine/best.ckpt")
    for line, words in (("STAGE=4 bash $P/inference.sh mine", "STAGE=4: give 1, 2 or 3"),
                        ("STAGE=3 OUTPUT_DIR_ROOT=out bash $P/inference.sh mine", "no run named *-mine of stage 3")):
        result = call(line)
        assert result.returncode == 1 and words in result.stderr and result.stderr.count("\n") == 1


def test_inference_refuses_to_guess_between_networks_and_lists_them(call):
    runs = [f"{DATASET}/A-finetune-mine", f"{DATASET}/B-mine", "OtherDataset/A-mine"]
    train(call.folder / "out", *runs)
    result = call("OUTPUT_DIR_ROOT=out bash $P/inference.sh mine")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "mine names several runs, set MODEL and DATASET" in result.stderr
    assert all(f"{call.folder}/out/{run}" in result.stderr for run in runs)
    result = call(f"OUTPUT_DIR_ROOT=out MODEL=A DATASET={DATASET} bash $P/inference.sh mine")
    assert value(result, "--weights") == f"{call.folder}/out/{runs[0]}/best.ckpt"
    assert "of C" in call("OUTPUT_DIR_ROOT=out MODEL=C bash $P/inference.sh mine").stderr  # never another network's


@pytest.mark.parametrize("script", ["text_representation_train.sh 2 x", "train_models.sh 2 focal x",
                                    "fine_tune_classifier.sh 2 focal False x"])
def test_relative_paths_of_the_environment_mean_the_callers_folder(call, script):
    (call.folder / "w.ckpt").write_bytes(b"")
    line = f"DATA_ROOT=data OUTPUT_DIR_ROOT=../out PRETRAINED_WEIGHTS=w.ckpt bash $P/training_scripts/{script}"
    result = call(line)
    assert value(result, "--scannet_path") == f"{call.folder}/data"
    assert value(result, "--log_dir").startswith(f"{call.folder}/../out/")
    assert value(result, "--weights") == f"{call.folder}/w.ckpt"


def test_defaults_and_calls_from_the_root_stay_relative_to_it(call, tmp_path):
    out = tmp_path / "out"
    result = call(f"OUTPUT_DIR_ROOT={out} bash $P/training_scripts/train_models.sh 2 focal x")
    assert value(result, "--scannet_path") == "data/scannet200"
    result = call(f"DATA_ROOT=data/mine OUTPUT_DIR_ROOT={out} bash inference.sh x --weights conftest.py", cwd=ROOT)
    assert "no run named" in result.stderr
    result = call(f"DATA_ROOT=data/mine OUTPUT_DIR_ROOT={out} bash training_scripts/train_models.sh 2 focal x "
                  "--weights conftest.py", cwd=ROOT)
    assert value(result, "--scannet_path") == "data/mine" and value(result, "--weights") == "conftest.py"


def test_paths_in_ARGS_mean_the_callers_folder_where_it_has_them(call, tmp_path):
    for name in ("w.ckpt", "a.npz", "names.txt", "val", "focal"):
        (call.folder / name).write_bytes(b"")
    words = "--weights w.ckpt --text_encoder file:a.npz --class_names=names.txt --val_phase val --log_dir deeper/run"
    call.folder.joinpath("deeper").mkdir()
    for given in (words, f"'{words}'"):
        result = call(f"OUTPUT_DIR_ROOT={tmp_path}/out bash $P/training_scripts/train_models.sh 2 focal x {given}")
        assert value(result, "--weights") == f"{call.folder}/w.ckpt"
        assert value(result, "--text_encoder") == f"file:{call.folder}/a.npz"
        assert f"--class_names={call.folder}/names.txt" in result.stdout.splitlines()
        assert value(result, "--val_phase") == "val" and value(result, "--loss_type") == "focal"
        assert value(result, "--log_dir") == f"{call.folder}/deeper/run"
    result = call(f"OUTPUT_DIR_ROOT={tmp_path}/out bash $P/training_scripts/train_models.sh 2 focal x "
                  "--weights outputs/best.ckpt --class_names a,b")  # of the project's root
    assert value(result, "--weights") == "outputs/best.ckpt" and value(result, "--class_names") == "a,b"


def test_of_several_weights_each_means_the_callers_folder(call, tmp_path):
    for name in ("a.ckpt", "b.ckpt"):
        (call.folder / name).write_bytes(b"")
    result = call(f"OUTPUT_DIR_ROOT={tmp_path}/out bash $P/training_scripts/train_models.sh 2 focal x "
                  "--weights a.ckpt,outputs/best.ckpt,b.ckpt")
    assert value(result, "--weights") == f"{call.folder}/a.ckpt,outputs/best.ckpt,{call.folder}/b.ckpt"


def test_every_flag_that_names_a_file_or_folder_is_among_them():
    script = (ROOT / "training_scripts" / "paths.sh").read_text()
    listed = set(re.findall(r"--\w+", script))
    named = {action.option_strings[0] for action in get_parser()._actions
             if re.search("FILE|DIR|FOLDER|PATH", str(action.metavar))}
    assert named and named <= listed


@pytest.mark.parametrize("words,loss", [
    ("", "contrast_ce"), ("--contrast_temperature 0.1", "contrast_ce"), ("--embedding_loss_type contrast", "contrast"),
    ("--embedding_loss_type=l2", None), ("'--contrast_form code'", None), ("--contrast_neg_weight 2", None),
    ("--config flags.yaml", None), ("--resume outputs/run", None),
])
def test_stage_1_takes_contrast_ce_where_nothing_is_said_of_the_loss(call, words, loss):
    result = call(f"OUTPUT_DIR_ROOT=out bash $P/training_scripts/text_representation_train.sh 2 x {words}")
    assert "--use_embedding_loss" in result.stdout
    assert loss is None and "--embedding_loss_type\n" not in result.stdout or \
        value(result, "--embedding_loss_type") == loss


def test_download_checks_the_folder_that_the_caller_means(call):
    (call.folder / "raw").mkdir()
    result = call("bash $P/download.sh --check raw")
    assert f"error: {call.folder}/raw/scannetv2-labels.combined.tsv: missing" in result.stderr

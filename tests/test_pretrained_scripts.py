"""inference.sh pretrained, PRETRAINED_WEIGHTS=pretrained and train_pretrained.sh in a copy of the scripts, with an
interpreter that only notes its calls and leaves behind what a run does."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from config.config import get_config
from tests.test_demo_script import ROOT, STUB

VARIABLES = ("DATA_ROOT", "OUTPUT_DIR_ROOT", "PRETRAINED_WEIGHTS", "STAGE", "POSTFIX", "MODEL", "DATASET",
             "TEXT_DATASET", "PYTHON", "PYTHON3", "OUT", "EPOCHS1", "EPOCHS2", "PROCEDURAL", "FURNISHED")
ENSURED = 'echo "$(cat requirements.txt requirements.txt | cksum)" > .venv/installed-requirements.txt'


@pytest.fixture
def project(tmp_path):
    """A function that runs a line of bash in a user's folder, $PROJECT being the copy: (what it said, its calls)."""
    copy, user = tmp_path / "project", tmp_path / "user"
    shutil.copytree(ROOT / "training_scripts", copy / "training_scripts")
    for name in ("inference.sh", "requirements.txt"):
        shutil.copy(ROOT / name, copy)
    python = copy / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STUB)
    python.chmod(0o755)
    subprocess.run(ENSURED, shell=True, cwd=copy, check=True)
    user.mkdir()
    (user / "room.ply").write_text("ply\n")
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}

    def run(line: str, **more: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        (tmp_path / "calls").unlink(missing_ok=True)
        result = subprocess.run(["bash", "-c", line], cwd=user, capture_output=True, text=True, timeout=60, env={
            **environment, "PROJECT": str(copy), "CALLS": str(tmp_path / "calls"), **more})
        return result, (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []

    run.copy, run.user = copy, user
    return run


def put_network(copy: Path) -> None:
    folder = copy / "weights" / "pretrained"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()
    (folder / "config.yaml").write_text("dataset: Scannet200VoxelizationDataset\nmodel: Res16UNet18S\n")


def test_one_command_labels_a_scan_with_the_clones_network_and_its_flags(project):
    put_network(project.copy)
    result, calls = project("bash $PROJECT/inference.sh pretrained --tta 2", DATA_ROOT="room.ply",
                            OUTPUT_DIR_ROOT="out", MODEL="Res16UNet34D")
    assert result.returncode == 0, result.stderr
    (call,) = calls
    assert call.startswith("-u main.py ") and call.rstrip().endswith("--tta 2") and "--model" not in call
    for words in ("--config weights/pretrained/config.yaml ", f"--scannet_path {project.user}/room.ply ",
                  "--weights weights/pretrained ", f"--log_dir {project.user}/out/pretrained ",
                  f"--visualize_path {project.user}/out/pretrained/visualize ", "--is_train False "):
        assert words in call


def test_a_fresh_machine_gets_its_environment_first_unless_an_interpreter_is_named(project):
    put_network(project.copy)
    (project.copy / ".venv/installed-requirements.txt").unlink()
    _, calls = project("bash $PROJECT/inference.sh pretrained", DATA_ROOT="room.ply")
    assert "-m pip install" in calls[0] and calls[0].rstrip().endswith("-r requirements.txt") and len(calls) == 2
    (project.copy / ".venv/installed-requirements.txt").unlink()
    _, calls = project("bash $PROJECT/inference.sh pretrained", DATA_ROOT="room.ply",
                       PYTHON=str(project.copy / ".venv/bin/python"))
    assert [call for call in calls if "pip" in call] == [] and len(calls) == 1


def test_the_clones_network_is_meant_where_a_run_has_its_name_and_stage_names_the_run(project):
    put_network(project.copy)
    run = project.copy / "outputs/Scannet200VoxelizationDataset/Res16UNet14S-pretrained"
    run.mkdir(parents=True)
    (run / "best.ckpt").touch()
    result, (call,) = project("bash $PROJECT/inference.sh pretrained", DATA_ROOT="room.ply")
    assert "--weights weights/pretrained " in call and "weights/pretrained is meant" in result.stdout
    _, (call,) = project("bash $PROJECT/inference.sh pretrained", DATA_ROOT="room.ply", STAGE="2")
    assert "--weights outputs/Scannet200VoxelizationDataset/Res16UNet14S-pretrained/best.ckpt" in call


@pytest.mark.parametrize("there,more,words", [
    (False, {"DATA_ROOT": "room.ply"}, "weights/pretrained: this clone has no such network"),
    (True, {}, "DATA_ROOT=room.ply bash inference.sh pretrained"),
    (True, {"DATA_ROOT": "nowhere.ply"}, "nowhere.ply: there is no such scan or folder"),
    (True, {"DATA_ROOT": "room.ply", "PRETRAINED_WEIGHTS": "a.ckpt"}, "names another network than"),
])
def test_what_is_missing_is_one_line_before_anything_is_installed(project, there, more, words):
    if there:
        put_network(project.copy)
    (project.copy / ".venv/installed-requirements.txt").unlink()
    result, calls = project("bash $PROJECT/inference.sh pretrained", **more)
    assert result.returncode == 1 and words in result.stderr and result.stderr.count("\n") == 1 and calls == []


def test_training_scripts_start_from_the_clones_network_with_its_model(project):
    put_network(project.copy)
    more = {"PRETRAINED_WEIGHTS": "pretrained", "DATA_ROOT": "data"}
    for script in ("text_representation_train.sh 2 x", "train_models.sh 2 focal x",
                   "fine_tune_classifier.sh 2 focal False x"):
        result, (call,) = project(f"set -euo pipefail; source $PROJECT/training_scripts/{script}", **more)
        assert "--weights pretrained " in call and "--model Res16UNet18S " in call, result.stderr
    _, (call,) = project("bash $PROJECT/training_scripts/train_models.sh 2 focal x", MODEL="Res16UNet14S", **more)
    assert "--model Res16UNet14S " in call
    result, (call,) = project("bash $PROJECT/inference.sh x", **more)
    assert "--weights weights/pretrained " in call and "--config weights/pretrained/config.yaml" in call


def test_one_command_makes_the_clones_networks_and_goes_on_where_it_was(project):
    line = "bash $PROJECT/training_scripts/train_pretrained.sh"
    result, calls = project(line, OUT="w", EPOCHS2="7", PROCEDURAL="--train 2 --val 1 --test 0")
    assert result.returncode == 0, result.stderr
    procedural, furnished, joined, stage1, stage2, counts, plain, home, away, network, ask, text = calls
    assert "--out data/pretrained/procedural --workers 2 --train 2 --val 1 --test 0" in procedural
    assert "--out data/pretrained/furnished" in furnished and "--furnished --scanner fused" in furnished
    kinds = "data/pretrained/procedural data/pretrained/furnished"
    assert joined.strip() == f"-m datasets.join {kinds} --out data/pretrained/joined"
    runs = "outputs/Scannet200VoxelizationDataset/Res16UNet14S-for-the-clone"
    assert "--embedding_loss_type contrast_ce" in stage1 and "--voxel_size 0.1 " in stage1
    assert "--max_epoch 7 " in stage2 and "--weights outputs/Scannet200TextualDataset/" in stage2
    assert counts.strip() == "-m datasets.preprocess.statistics data/pretrained/joined"
    export = f"-m lib.export {runs} --out {project.user}/w --tta 8 --logit_adjustment 0.2"
    assert plain.strip() == export and network.startswith(f"{export} --trained 0 minutes")
    assert f"--weights {project.user}/w --log_dir {runs}/on_procedural" in home and "data/pretrained/furnished" in away
    assert f"furnished={runs}/on_furnished/scores_val.json" in network and f"--out {project.user}/w_text" in text
    assert f"--weights {runs}/best.ckpt" in ask and "--max_epoch 4 " in ask and "--learned_projection True" in ask
    for call in (stage1, stage2, ask, home):  # flags that are there, with values they take
        parsed = get_config(call.split("main.py ")[1].replace(f"--config {project.user}/w/config.yaml", "").split())
        assert parsed.is_train is (call is not home)
    assert get_config(stage2.split("main.py ")[1].split()).color_dropout > 0
    _, again = project(line)
    assert f"--resume {runs} " in again[4] and "--resume outputs/Scannet200TextualDataset" in again[3]
    _, further = project(line, START="pretrained", POSTFIX="further")
    assert "--weights pretrained " in further[3] and "-ask " not in further[3] and "--max_epoch 60 " in further[3]
    assert len([call for call in further if "--max_epoch" in call]) == 2  # stage 2, and what is to be asked
    _, fewer = project(line, FURNISHED="none", POSTFIX="other")
    assert not any("furnished" in call or "--resume" in call for call in fewer)

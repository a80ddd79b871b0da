"""Flags: the original's names and defaults, all read; retired ones say what to use; YAML in and out."""
import re
from pathlib import Path

import pytest
import yaml

from config.config import get_config, get_parser, write_config
from config.flags.data import TEXT_DATASETS
from config.resume import changed_flags
from config.retired import RETIRED
from datasets.scannet200 import DATASETS
from lib.checkpoint import save_checkpoint

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [action.dest for action in get_parser()._actions if action.dest not in ("help", "config")]


def test_L17_every_flag_that_is_accepted_is_read():
    sources = "\n".join(path.read_text() for folder in ("lib", "datasets", "models") for path in
                        (ROOT / folder).rglob("*.py")) + (ROOT / "main.py").read_text()
    unread = [flag for flag in FLAGS if not re.search(rf"config\.{flag}\b", sources)]
    assert not unread


@pytest.mark.parametrize("flag", ["wrapper_type", "save_freq", "focal_alpha", "resume_optimizer"])
def test_L17_retired_flags_stop_with_a_line_that_says_what_to_use(flag, capsys):
    for words in ([f"--{flag}", "1"], [f"--{flag}=1"]):
        with pytest.raises(SystemExit) as stop:
            get_config(words)
        error = capsys.readouterr().err
        assert stop.value.code == 2 and error.count("\n") == 1
        assert f"--{flag} was retired: {RETIRED[flag]}" in error


def test_L17_no_flag_is_both_retired_and_accepted():
    assert not set(FLAGS) & set(RETIRED)


@pytest.mark.parametrize("text,value", [("True", True), ("true", True), ("False", False), ("false", False)])
def test_L17_false_is_false(text, value):
    assert get_config(["--is_train", text]).is_train is value


@pytest.mark.parametrize("line", [["--is_train", "0"], ["--no_such_flag", "1"], ["--batch_size", "0"],
                                  ["--loss_type", "hinge"], ["--dilations", "1,a"], ["--max_iter", "1.5"],
                                  ["--max_iter", "nan"], ["--seed", "-1"], ["--num_workers", "-2"],
                                  ["--step_size", "0"], ["--exp_step_size", "0"], ["--exp_step_size", "nan"],
                                  ["--mix_scenes", "80"], ["--bn_momentum", "-1"]])
def test_what_cannot_be_meant_stops(line, capsys):
    with pytest.raises(SystemExit) as stop:
        get_config(line)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and line[0] in error


FLOATS = [action.dest for action in get_parser()._actions if action.dest in FLAGS and action.type not in (None, str)
          and isinstance(action.default, float) or action.dest == "voxel_size"]


def stopped_by(line, capsys):
    with pytest.raises(SystemExit) as stop:
        get_config(line)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    return error


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "-inf", "x"])
def test_no_float_flag_takes_nan_infinity_or_a_negative_number(value, capsys, tmp_path):
    assert len(FLOATS) > 20 and {"focal_gamma", "contrast_neg_weight", "poly_power", "lr", "adam_beta2"} <= set(FLOATS)
    for flag in FLOATS:
        assert flag in stopped_by([f"--{flag}", value], capsys)
        (tmp_path / "config.yaml").write_text(f"{flag}: {'.' * (value in ('nan', 'inf'))}{value}\n")
        assert flag in stopped_by(["--config", str(tmp_path / "config.yaml")], capsys)


@pytest.mark.parametrize("line", [
    ["--adam_beta1", "1"], ["--adam_beta2", "1.5"], ["--sgd_momentum", "1"], ["--sgd_dampening", "2"],
    ["--step_gamma", "1.1"], ["--step_gamma", "0"], ["--exp_gamma", "0"], ["--contrast_temperature", "0"],
    ["--contrast_neg_thresh", "2.1"], ["--voxel_size", "0"], ["--data_aug_scale_min", "0"],
    ["--data_aug_color_jitter_std", "2"], ["--multi_step_milestones", "150,120"], ["--multi_step_milestones", "9,9"],
    ["--multi_step_milestones", "-3"], ["--dilations", "1,1,1,0"], ["--warmup_iters", "-1"],
    ["--data_aug_scale_min", "1.2", "--data_aug_scale_max", "1.1"],
    ["--step_gamma", "1", "--scheduler", "ReduceLROnPlateau"],
    ["--scheduler_min_lr", "0.2", "--scheduler", "ReduceLROnPlateau", "--lr", "0.1"]])
def test_values_outside_their_range_or_their_order_stop(line, capsys):
    assert line[0] in stopped_by(line, capsys)


def test_the_dataset_chooses_stage_1_and_contradicting_it_stops(capsys):
    assert {name for name, dataset in DATASETS.items() if dataset.textual} == set(TEXT_DATASETS)
    for name in DATASETS:
        assert get_config(["--dataset", name]).use_embedding_loss is (name in TEXT_DATASETS)
        assert get_config(["--dataset", name, "--use_embedding_loss", "True"]).use_embedding_loss is True
    error = stopped_by(["--dataset", "Scannet200Textual2cmDataset", "--use_embedding_loss", "False"], capsys)
    assert "--dataset Scannet200Voxelization2cmDataset" in error


RUN = ["--loss_type", "focal", "--dataset", "Scannet200VoxelizationDataset", "--voxel_size", "0.2", "--mix_scenes", "1"]


@pytest.mark.parametrize("kept", ["config.yaml", "last.ckpt"])
def test_resuming_takes_the_flags_of_the_run_and_the_line_wins(tmp_path, kept):
    run = tmp_path / "run"
    first = get_config([*RUN, "--log_dir", "elsewhere"])
    if kept == "config.yaml":
        write_config(first, run / "config.yaml")
    else:
        save_checkpoint(run / "last.ckpt", {"step": 3, "config": dict(vars(first))})
    for named in (run, run / "last.ckpt"):
        again = get_config(["--resume", str(named), "--voxel_size", "0.1"])
        assert vars(again) == {**vars(first), "voxel_size": 0.1, "resume": str(named), "log_dir": str(run)}
    assert get_config(["--resume", str(run), "--log_dir", "other"]).log_dir == "other"
    (run / "kept").touch()
    if kept == "config.yaml":  # a checkpoint of any name
        assert get_config(["--resume", str(run / "kept")]).log_dir == str(run)


def test_a_resumed_run_from_before_category_weighting_keeps_its_weights(tmp_path):
    (tmp_path / "config.yaml").write_text("loss_type: focal\n")
    assert get_config(["--resume", str(tmp_path)]).category_weighting == "log"
    (tmp_path / "config.yaml").write_text("loss_type: focal\ncategory_weighting: none\n")
    assert get_config(["--resume", str(tmp_path)]).category_weighting == "none"


@pytest.mark.parametrize("content,words", [("no_such: 1", "no flag --no_such"), ("lr: -1", "lr: -1"), ("a: [", "yaml"),
                                           ("- 1", "no flags of a run")])
def test_wrong_flags_of_a_resumed_run_stop_with_one_line(tmp_path, content, words, capsys):
    (tmp_path / "config.yaml").write_text(content)
    error = stopped_by(["--resume", str(tmp_path)], capsys)
    assert words in error and str(tmp_path) in error


def test_muon_warms_up_by_default_and_nothing_else_does():
    assert get_config(["--optimizer", "Muon"]).warmup_iters > 0 == get_config([]).warmup_iters
    assert get_config(["--optimizer", "Muon", "--warmup_iters", "0"]).warmup_iters == 0
    assert get_config(["--optimizer", "Muon", "--scheduler", "OneCycleLR"]).warmup_iters == 0  # which rises itself


def test_a_recipe_that_a_run_older_than_its_flag_is_resumed_with_is_listed():
    stored = {"lr": 0.05}
    now = vars(get_config(["--ema_decay", "0.9", "--drop_path", "0.1", "--category_weighting", "log"]))
    assert changed_flags(stored, now) == ["drop_path: 0.0 -> 0.1", "ema_decay: 0.0 -> 0.9"]


def test_defaults_of_the_original_are_kept():
    config = get_config([])
    assert config.max_epoch == 200  # what each stage of the original was trained for
    assert (config.lr, config.sgd_momentum, config.sgd_dampening, config.weight_decay) == (0.05, 0.9, 0.1, 1e-4)
    assert (config.bn_momentum, config.multi_step_milestones, config.step_gamma) == (0.02, [120, 150], 0.3)
    assert (config.num_negative_samples, config.contrast_neg_thresh, config.contrast_neg_weight) == (3, 0.6, 1.0)
    assert (config.max_iter, config.batch_size, config.train_limit_numpoints, config.seed) == (10**7, 16, 1800000, 42)


def test_a_written_configuration_starts_another_run_and_the_command_line_wins(tmp_path):
    first = get_config(["--lr", "0.25", "--multi_step_milestones", "3,5", "--is_train", "False"])
    write_config(first, tmp_path / "config.yaml")
    again = get_config(["--config", str(tmp_path / "config.yaml")])
    assert {**vars(again), "config": None} == vars(first)
    assert get_config(["--config", str(tmp_path / "config.yaml"), "--lr", "1"]).lr == 1.0
    assert get_config(["--lr", "1", f"--config={tmp_path / 'config.yaml'}"]).lr == 1.0


@pytest.mark.parametrize("content,words", [
    ("lr: fast", "lr"), ("no_such: 1", "no flag --no_such"), ("- 1", "flag: value"), ("a: [", "config"),
    ("loss_type: hinge", "hinge"), ("wrapper_type: crf", "retired"), ("is_train: 3", "neither True nor False"),
    ("!!python/object/apply:os.mkdir [owned]", "config"), ("lr:", "lr: is empty"),
])
def test_a_wrong_configuration_file_stops_with_one_line(tmp_path, content, words, capsys):
    path = tmp_path / "wrong.yaml"
    path.write_text(content)
    with pytest.raises(SystemExit) as stop:
        get_config(["--config", str(path)])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and words in error and error.count("\n") == 1


def test_the_conda_environment_is_valid_and_installs_the_pinned_requirements():
    environment = yaml.safe_load((ROOT / "config" / "lg_semseg.yml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert (ROOT / "config" / pip[0].removeprefix("-r ")).resolve() == ROOT / "requirements.txt"
    assert "torch==2.13.0" in (ROOT / "requirements.txt").read_text().splitlines()

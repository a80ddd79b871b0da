"""Flags: the original's names and defaults, all read; retired ones say what to use; YAML in and out."""
import re
from pathlib import Path

import pytest
import yaml

from config.config import get_config, get_parser, write_config
from config.retired import RETIRED

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [action.dest for action in get_parser()._actions if action.dest not in ("help", "config")]


def test_L17_every_flag_that_is_accepted_is_read():
    sources = "\n".join(path.read_text() for folder in ("lib", "datasets", "models") for path in
                        (ROOT / folder).rglob("*.py")) + (ROOT / "main.py").read_text()
    unread = [flag for flag in FLAGS if not re.search(rf"config\.{flag}\b", sources) and flag != "num_gpu"]
    assert not unread  # num_gpu has one choice so far


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


def test_defaults_of_the_original_are_kept():
    config = get_config([])
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

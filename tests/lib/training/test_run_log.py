"""metrics.jsonl: every number of a training once, also over a kill and a resume."""
import errno
import json
import os

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lib.checkpoint import load_checkpoint
from lib.training import run_log
from lib.training.run_log import METRICS_FILE, RunLog
from main import main


def lines(folder):
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


def test_every_number_of_tensorboard_stands_in_the_lines_and_no_other(run_flags):
    assert main(run_flags("--max_epoch", "3", "--stat_freq", "2")) == 0
    events = EventAccumulator(str(run_flags.run))
    events.Reload()
    curves = {(name, event.step): event.value for name in events.Tags()["scalars"] for event in events.Scalars(name)}
    ours = {(name, line["step"]): value for line in lines(run_flags.run) for name, value in line.items()
            if name not in ("step", "time", "epoch")}
    assert curves.keys() == ours.keys()
    assert all(value is None or abs(value - curves[key]) <= 1e-5 * abs(value) for key, value in ours.items())
    kinds = [(line["step"], next(key for key in line if "/" in key).split("/")[0]) for line in lines(run_flags.run)]
    assert kinds == [(1, "train"), (2, "train"), (2, "speed"), (2, "val"), (4, "train"), (4, "speed"), (4, "val"),
                     (6, "train"), (6, "speed"), (6, "val")]
    speed = next(line for line in lines(run_flags.run) if "speed/wait_share" in line)
    assert speed["speed/scenes_per_s"] > 0 and speed["speed/voxels_per_s"] > speed["speed/scenes_per_s"]
    assert 0 <= speed["speed/wait_share"] <= 1 and speed["speed/peak_GB"] > 0


def test_a_resumed_run_has_every_line_once_whatever_was_logged_after_its_checkpoint(run_flags):
    assert main(run_flags("--max_epoch", "2", "--stat_freq", "1")) == 0
    path = run_flags.run / METRICS_FILE
    whole = path.read_text()
    assert load_checkpoint(run_flags.run / "last.ckpt")["step"] == 4
    with open(path, "a") as file:  # of a run that went on and was killed: two steps, and a part of a line
        file.write('{"step": 5, "train/loss": 1.0}\n{"step": 6, "train/loss": 1.0}\n{"step": 7, "tra')
    assert main(["--resume", str(run_flags.run), "--max_epoch", "3"]) == 0
    text = path.read_text()
    assert text.startswith(whole)
    steps = [line["step"] for line in lines(run_flags.run) if "train/loss" in line]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_new_run_in_the_folder_begins_its_lines_anew(run_flags):
    for _ in range(2):
        assert main(run_flags("--max_epoch", "1", "--stat_freq", "1")) == 0
    assert [line["step"] for line in lines(run_flags.run) if "train/loss" in line] == [1, 2]


def test_what_is_no_number_is_null(tmp_path):
    with RunLog(tmp_path) as log:
        log.scalars({"loss": float("nan"), "norm": float("inf"), "lr": 0.5}, 3, "train", epoch=1)
    line, = lines(tmp_path)
    assert line.pop("time") > 0
    assert line == {"step": 3, "epoch": 1, "train/loss": None, "train/norm": None, "train/lr": 0.5}


def test_a_process_beside_the_first_writes_nothing(tmp_path):
    with RunLog(tmp_path / "run", writes=False) as log:
        log.scalars({"loss": 1.0}, 1)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_costs_figures_and_is_said_once_but_does_not_end_a_run(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with RunLog(tmp_path) as log:
        log.scalars({"loss": 1.0}, 1)
        with monkeypatch.context() as patch:
            patch.setattr(run_log, "open", full, raising=False)
            log.scalars({"loss": 2.0}, 2)
            log.scalars({"loss": 3.0}, 3)
        log.scalars({"loss": 4.0}, 4)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 and f"{tmp_path}: No space left on device: figures are lost" in lines[0]
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [1, 4]

"""--dry_run: it says what a training would do, ends with what the training would end with, and leaves no trace."""
import json
from collections import namedtuple

import numpy as np
import pytest

from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.ply import Scene, write_scene
from lib.stages import SegmentationStage
from lib.training import plan, rehearsal, throughput, trainer
from main import main

DRY = ("--dry_run", "True")


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(rehearsal, "MOST", 2)


def files(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_dry_run_of_each_stage_says_what_would_happen_and_writes_nothing(run_flags, tmp_path, capsys, anchors_file,
                                                                           stage):
    flags, folder = [], run_flags.run
    if stage == 1:
        flags = ["--dataset", "Scannet200TextualDataset", "--language_features_path", anchors_file]
    if stage == 3:
        assert main(run_flags("--max_epoch", "1", "--log_dir", str(tmp_path / "two"))) == 0
        flags = ["--classifier_only", "True", "--weights", str(tmp_path / "two" / "best.ckpt")]
    before = files(tmp_path)
    capsys.readouterr()
    assert main(run_flags("--max_epoch", "3", "--train_limit_numpoints", "0", *flags, *DRY)) == 0
    said = capsys.readouterr().out
    assert files(tmp_path) == before and not folder.exists()
    name = {1: "stage 1, language-grounded", 2: "stage 2, segmentation", 3: "stage 3, classifier fine-tuning"}[stage]
    for words in (name, "Res16UNet14S", "4 scenes to train on (train), 2 to validate on (val)", "voxels of 5 cm",
                  "200 of label set scannet200", "2 an epoch (4 scenes in batches of 2); 6 in all, 3 epochs",
                  "Adam, MultiStepLR", "0.01 in the first step", "--multi_step_milestones 120,150 are never reached",
                  str(folder), "nothing is overwritten", "largest scene train000", "scenes/s", "an epoch ",
                  "3 epochs and 3 validation(s)"):
        assert words in said, words


@pytest.mark.parametrize("flags", [
    ("--scannet_path", "nowhere"), ("--weights", "nowhere.ckpt"), ("--classifier_only", "True"),
    ("--label_set", "nowhere.csv"), ("--dataset", "other"), ("--train_phase", "test"), ("--resume", "nowhere"),
    ("--category_weights", "nowhere.json", "--loss_type", "focal")])
def test_it_ends_with_the_very_line_that_the_training_would_end_with(run_flags, capsys, flags):
    ends = []
    for more in ((), DRY):
        try:
            ends.append(main(run_flags("--max_epoch", "1", *flags, *more)))
        except SystemExit as stop:
            ends.append(stop.code)
        ends.append(capsys.readouterr().err.splitlines()[-1])
    assert ends[0] != 0 and ends[:2] == ends[2:]
    assert not run_flags.run.exists()


def test_what_would_be_overwritten_is_named_and_a_resumed_run_counts_what_is_left(run_flags, capsys):
    assert main(run_flags("--max_epoch", "1")) == 0
    before = files(run_flags.run)
    capsys.readouterr()
    assert main(run_flags("--max_epoch", "2", *DRY)) == 0
    assert "OVERWRITTEN: best.ckpt, last.ckpt, scores.json, config.yaml, metrics.jsonl of 2" \
        in capsys.readouterr().out
    assert main(["--resume", str(run_flags.run), "--max_epoch", "3", *DRY]) == 0
    said = capsys.readouterr().out
    assert "6 in all, 3 epochs; 2 are done" in said and "2 epochs and 2 validation(s)" in said
    assert "the run goes on in it" in said and "OVERWRITTEN" not in said and "dry_run" not in said.split("plan (")[0]
    assert main(["--resume", str(run_flags.run), *DRY]) == 0
    assert "2 are done: nothing is left to train" in capsys.readouterr().out
    assert files(run_flags.run) == before


def test_a_disk_without_room_for_the_checkpoints_is_said(run_flags, monkeypatch, capsys):
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(3 * 2**20))
    assert main(run_flags("--max_epoch", "1", *DRY)) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "3 MB are free, checkpoints of this run take up to" in error and "--log_dir" in error


def test_the_size_of_a_checkpoint_is_known_beforehand(run_flags):
    run = trainer.Training(get_config(run_flags("--max_epoch", "1", "--ema_decay", "0.9")))
    rehearsal.measure_pace(run)
    run.save("last.ckpt")
    written = (run_flags.run / "last.ckpt").stat().st_size
    assert rehearsal.checkpoint_bytes(run) == pytest.approx(written, rel=0.02)


def test_a_scene_too_large_for_memory_is_named(run_flags, monkeypatch, capsys):
    forward = SegmentationStage.forward

    def too_small(stage, batch):
        if len(batch.scenes) == 1 and stage.training:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: not enough memory")
        return forward(stage, batch)

    monkeypatch.setattr(SegmentationStage, "forward", too_small)
    assert main(run_flags("--max_epoch", "1", *DRY)) == 0
    said = capsys.readouterr().out
    assert "voxels: do not fit into the " in said and "would learn from a part of it alone" in said


def test_steps_that_would_be_left_out_leave_no_trace_either(run_flags, monkeypatch, capsys):
    monkeypatch.setattr(trainer, "_loss", lambda run, batch: run.replicas(batch).sum() * float("nan"))
    assert main(run_flags("--max_epoch", "1", "--max_skipped_steps", "100", *DRY)) == 0
    assert "the step is left out" in capsys.readouterr().out and not run_flags.run.exists()


def test_the_largest_scene_is_that_of_most_voxels_not_of_most_bytes(run_flags):
    ids = load_label_set().ids
    rng = np.random.default_rng(0)
    for name, size, extent in (("train0001_00", 900, 0.1), ("train0003_00", 700, 3.0)):
        points = (rng.random((size, 3)) * extent).astype(np.float32)
        write_scene(run_flags.root / "train" / f"{name}.ply",
                    Scene(name, points, np.zeros((size, 3), np.uint8), np.full(size, ids[0])))
    run = trainer.Training(get_config(run_flags("--elastic_distortion", "False")))
    largest, batch = rehearsal.find_largest(run)
    assert largest.name == "train0003_00" == batch.scenes[0]
    assert largest.voxels == len(batch.coordinates) > 600


def test_an_epoch_is_reckoned_by_the_bytes_of_the_scenes_that_were_timed(run_flags, monkeypatch):
    monkeypatch.setattr(rehearsal, "MOST", 4)
    moments = iter(np.arange(0, 1000, 0.5).tolist())
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(moments))  # every batch: asked, given, the end
    run = trainer.Training(get_config(run_flags("--batch_size", "1")))
    pace = rehearsal.measure_pace(run)
    assert pace.steps == 4 and pace.epoch == pytest.approx(4 * pace.step)
    mixed = trainer.Training(get_config(run_flags("--batch_size", "1", "--mix_scenes", "1")))
    assert rehearsal.measure_pace(mixed).epoch == pytest.approx(4 * pace.step, rel=0.3)  # pairs were timed, too
    assert rehearsal.scene_bytes("a", {"a": 3, "b": 4}, 5.0) == 3
    assert rehearsal.scene_bytes("a+b", {"a": 3, "b": 4}, 5.0) == 7


@pytest.mark.parametrize("schedule", ["OneCycleLR", "MultiStepLR", "PolyLR"])
def test_the_rates_it_shows_are_those_that_the_training_has(run_flags, schedule):
    flags = run_flags("--scheduler", schedule, "--max_epoch", "3", "--multi_step_milestones", "1,2", "--stat_freq", "1",
                      "--warmup_iters", "2")
    assert main(flags) == 0
    lines = [json.loads(line) for line in (run_flags.run / "metrics.jsonl").read_text().splitlines()]
    logged = [line["train/lr"] for line in lines if "train/lr" in line]
    assert plan.rates_at(get_config(flags), 2, list(range(6))) == pytest.approx(logged)


def test_it_plans_trainings_only(capsys):
    with pytest.raises(SystemExit):
        get_config(["--is_train", "False", *DRY])
    assert "--dry_run True plans a training" in capsys.readouterr().err


@pytest.mark.parametrize("seconds,words", [(3.21, "3.2 s"), (45, "45 s"), (720, "12 min"), (12000, "3 h 20 min"),
                                           (187200, "2 d 4 h")])
def test_durations_are_said_as_one_would(seconds, words):
    assert plan.duration(seconds) == words

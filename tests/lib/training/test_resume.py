"""Stopping and resuming after every step ends with the same bits; `python -m benchmarks.resume` has all the cases."""
import json
import shutil

import numpy as np
import pytest

from benchmarks.resume import LOSSES, VARIANTS, files_to_start_from, stops_and_goes_on
from datasets.label_sets import load_label_set
from datasets.ply import Scene, write_scene
from lib.checkpoint import load_checkpoint, newest_checkpoint
from main import main

SCANNET200 = load_label_set()

CASES = [("1 contrast published", "mixing"), ("1 pointsupcon", "accumulation"), ("2 focal", "repeat factor"),
         ("3 cross_entropy", "tail instances"), ("2 cross_entropy+lovasz", "average, clipping and drop path"),
         ("3 focal", "average, clipping and drop path")]


@pytest.fixture
def statistics(run_flags):
    """What a dataset's feature_data holds, and one tail instance, for the dataset of `run_flags`."""
    folder = run_flags.root / "feature_data"
    folder.mkdir()
    rows = [f"{name},{1 + k % 5}" for k, name in enumerate(SCANNET200.names)]
    (folder / "statistics.csv").write_text("\n".join(["class,train_points", *rows]))
    (folder / "instance_sampling_weights.json").write_text('{"broom": 1.0}')
    (folder / "scene_classes.json").write_text(json.dumps(
        {f"train000{k}_00": ["wall", "chair"][:1 + (k == 2)] for k in range(4)}))
    points = np.random.default_rng(1).random((40, 3)).astype(np.float32) * 0.1
    write_scene(run_flags.root / "train" / "train_instances" / "broom" / "broom_0.ply",
                Scene("broom_0", points, np.zeros((40, 3), np.uint8), np.full(40, 1, np.int32), np.ones(40, np.int32)))


@pytest.mark.parametrize("loss,variant", CASES)
def test_L19_stopping_and_resuming_after_every_step_ends_with_the_same_bits(run_flags, statistics, tmp_path, loss,
                                                                           variant):
    flags = run_flags("--max_epoch", "2", "--scheduler", "MultiStepLR", "--multi_step_milestones", "1",
                      *LOSSES[loss], *files_to_start_from(tmp_path)[loss[0]], *VARIANTS[variant])
    steps, differ = stops_and_goes_on(flags, tmp_path)
    assert steps == (2 if variant == "accumulation" else 4) and not differ


def test_what_a_resume_from_an_earlier_step_gives_up_is_not_gone_on_with_later(run_flags):
    flags = run_flags("--keep_checkpoints", "9", "--max_iter", "4")
    assert main(flags) == 0
    folder = run_flags.run
    shutil.copyfile(folder / "last.ckpt", folder / "best.ckpt")  # best at the end
    (folder / ".last.ckpt.abc.tmp").write_bytes(b"half a checkpoint")
    first = min(folder.glob("step_*.ckpt"))
    assert load_checkpoint(first)["step"] == 2
    assert main([*flags, "--resume", str(first), "--max_iter", "3"]) == 0
    found = {file.name: load_checkpoint(file)["step"] for file in folder.glob("*.ckpt")}
    assert max(found.values()) == 3 == found["last.ckpt"] and newest_checkpoint(folder).name != "step_00000004.ckpt"
    assert "best.ckpt" in found and not list(folder.glob(".*.tmp"))

"""A batch that memory is too small for costs a part of itself, not the run."""
import json

import numpy as np
import pytest
import torch

from datasets.loader import Batch
from lib import prefetch
from lib.checkpoint import load_checkpoint
from lib.stages import SegmentationStage
from lib.training import oversize, trainer
from lib.training.oversize import cropped, learn_what_fits
from main import main


def batch_of(*sizes):
    """Scenes of these sizes, their features the numbers of their rows."""
    rng = np.random.default_rng(0)
    coordinates = [np.insert(np.unique(rng.integers(0, 99, (2 * n, 3)), axis=0)[:n], 0, k, axis=1)
                   for k, n in enumerate(sizes)]
    rows = torch.arange(sum(sizes))
    return Batch(torch.from_numpy(np.concatenate(coordinates)).int(), rows[:, None].float(), rows % 5 - 1, None, None,
                 list(sizes), [f"scene{k}" for k in range(len(sizes))])


def too_large(limit, error):
    def step(batch):
        seen.append(batch)
        if len(batch.coordinates) > limit:
            raise error
        return torch.tensor(float(len(batch.coordinates)))
    seen = []
    return step, seen


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"),
                                   RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")])
def test_a_batch_is_halved_until_it_fits_and_its_largest_scenes_are_named(error, capsys):
    batch, undone = batch_of(3000, 9000), []
    step, seen = too_large(3500, error)
    loss = learn_what_fits(step, batch, lambda: undone.append(1), [1, 2, 3], -1)
    assert loss == 3000 and [len(part.coordinates) for part in seen] == [12000, 6000, 3000] and len(undone) == 2
    last = seen[-1]
    assert [int((last.coordinates[:, 0] == k).sum()) for k in range(2)] == [1500, 1500]
    assert torch.equal(last.labels, last.features[:, 0].long() % 5 - 1)  # rows stay together
    assert torch.equal(batch.coordinates[last.features[:, 0].long()], last.coordinates)
    lines = capsys.readouterr().out.splitlines()
    assert "of scene1 only a part" in lines[0] and "of scene0, scene1 only a part" in lines[1]
    again, other = (too_large(3500, error) for _ in range(2))
    learn_what_fits(again[0], batch, list, [1, 2, 3], -1)
    learn_what_fits(other[0], batch, list, [1, 2, 4], -1)
    assert torch.equal(again[1][-1].features, last.features) and not torch.equal(other[1][-1].features, last.features)


def test_other_errors_and_memory_too_small_for_anything_end_the_run():
    batch = batch_of(3000)
    with pytest.raises(RuntimeError, match="shapes"):
        learn_what_fits(too_large(0, RuntimeError("shapes differ"))[0], batch, list, [0], -1)
    with pytest.raises(ValueError, match=r"out of memory at 1,500 voxels \(scenes scene0\)"):
        learn_what_fits(too_large(0, MemoryError())[0], batch, list, [0], -1)


def test_a_crop_says_whether_it_has_a_label():
    batch = batch_of(40)
    batch.labels[:] = -1
    assert not cropped(batch, 20, np.random.default_rng(0), -1)[0].labelled
    batch.labels[5] = 1
    part, _ = cropped(batch, 20, np.random.default_rng(0), -1)
    assert part.labelled and (part.labels == 1).any()  # crops are around a labelled voxel


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_step_that_broke_off_leaves_nothing_behind(run_flags, monkeypatch, where):
    """The weights are those of a run whose batches were as small from the start."""
    original, seen = trainer._learn, []

    def learn(run, group, completes_step, batch):
        seen.append(len(batch.coordinates))
        if len(seen) == 3:
            run.stage(batch).sum().backward() if where == "backward" else run.stage(batch)
            raise MemoryError
        return original(run, group, completes_step, batch)

    def straight(run, group, completes_step, batch):
        seen.append(len(batch.coordinates))
        if len(seen) == 3:
            progress = run.progress
            rng = np.random.default_rng([run.config.seed, progress.epoch, progress.batch])
            batch = cropped(batch, len(batch.coordinates) // 2, rng, -1)[0]
        return original(run, group, completes_step, batch)

    monkeypatch.setattr(oversize, "LEAST", 10)
    ends = []
    for function in (learn, straight):
        seen.clear()
        monkeypatch.setattr(trainer, "_learn", function)
        assert main(run_flags("--max_epoch", "2", "--batch_size", "1")) == 0
        ends.append(load_checkpoint(run_flags.run / "last.ckpt"))
    assert all(torch.equal(value, ends[1]["state_dict"][name]) for name, value in ends[0]["state_dict"].items())
    assert ends[0]["step"] == 8


def test_a_step_of_several_batches_is_the_mean_over_those_whose_gradient_is_left(run_flags, monkeypatch):
    original, groups = trainer._learn, []

    def learn(run, group, completes_step, batch):
        groups.append(group)
        if len(groups) == 2:
            raise MemoryError
        return original(run, group, completes_step, batch)

    monkeypatch.setattr(oversize, "LEAST", 10)
    monkeypatch.setattr(trainer, "_learn", learn)
    assert main(run_flags("--max_epoch", "1", "--batch_size", "1", "--iter_size", "2")) == 0
    assert groups == [2, 2, 1, 2, 2]


def test_a_validation_scene_that_is_too_large_is_left_out_of_the_scores_and_named(run_flags, monkeypatch, capsys):
    original = SegmentationStage.forward

    def forward(self, batch):
        if batch.scenes == ["val0000_00"]:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes.")
        return original(self, batch)

    monkeypatch.setattr(SegmentationStage, "forward", forward)
    assert main(run_flags("--max_iter", "1")) == 0
    assert "warning: val0000_00: not scored, out of memory at " in capsys.readouterr().out
    scores = json.loads((run_flags.run / "scores.json").read_text())
    assert sum(values["points"] for values in scores["classes"].values()) == 500  # of two scenes' 1000


def test_maps_that_memory_is_too_small_for_are_left_to_the_step(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(prefetch, "CoordinateManager", full)
    batch = batch_of(30)
    assert [part.maps for part in prefetch.Prefetcher([batch], torch.device("cpu"), maps=True)] == [None]

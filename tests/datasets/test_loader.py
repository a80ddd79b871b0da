"""Batches: scenes never mix, the limit cuts whole scenes, worker count changes nothing, an epoch resumes anywhere."""
import logging
import random

import numpy as np
import pytest
import torch

from datasets.label_sets import load_label_set
from datasets.loader import EpochSampler, build_loader, collate
from datasets.scannet200 import Sample, Scannet200Voxelization2cmDataset

SCANNET200 = load_label_set()


def sample(name, voxels, points, fill, labelled=True):
    rng = np.random.default_rng(fill)
    return Sample(name, rng.integers(-9, 9, (voxels, 3)).astype(np.int32), np.full((voxels, 3), fill, np.float32),
                  np.full(voxels, fill), rng.integers(0, voxels, points), np.full(points, fill) if labelled else None,
                  points)


def batches_equal(one, other):
    names = ("coordinates", "features", "labels")
    return len(one) == len(other) and all(
        a.scenes == b.scenes and all(torch.equal(getattr(a, n), getattr(b, n)) for n in names)
        for a, b in zip(one, other))


def test_scenes_of_a_batch_never_mix():
    samples = [sample("a", 5, 9, 1), sample("b", 3, 4, 2), sample("c", 7, 7, 3)]
    batch = collate(samples)
    assert batch.scenes == ["a", "b", "c"] and batch.point_counts == [9, 4, 7] and batch.dropped == []
    assert batch.coordinates.dtype == torch.int32 and batch.coordinates.shape == (15, 4)
    start = 0
    for i, (one, inverse) in enumerate(zip(samples, batch.inverse.split(batch.point_counts))):
        rows = batch.coordinates[:, 0] == i
        assert torch.equal(batch.coordinates[rows, 1:], torch.from_numpy(one.coordinates))
        assert (batch.features[rows] == i + 1).all() and (batch.labels[rows] == i + 1).all()
        assert (batch.coordinates[inverse, 0] == i).all()  # points lead to voxels of their own scene
        assert torch.equal(inverse - start, torch.from_numpy(one.inverse))
        start += len(one.coordinates)
    assert torch.equal(batch.point_labels, batch.labels[batch.inverse])


def test_the_limit_drops_whole_scenes_and_names_them():
    samples = [sample("a", 50, 60, 1), sample("b", 30, 40, 2), sample("c", 30, 30, 3), sample("d", 5, 5, 4)]
    assert collate(samples, 115).scenes == ["a", "b", "c", "d"] and collate(samples, 0).dropped == []
    cut = collate(samples, 109)
    assert cut.scenes == ["a", "b"] and cut.dropped == ["c", "d"]
    assert len(cut.coordinates) == 80 and len(cut.inverse) == 100
    assert collate(samples, 80).scenes == ["a", "b"] and collate(samples, 79).scenes == ["a"]
    assert collate(samples, 10).scenes == ["a"]  # the first stays, whatever its size


def test_a_batch_counts_what_was_placed_and_what_was_skipped():
    one, other = sample("a", 3, 4, 1), sample("b", 3, 4, 2)
    one.placed, one.skipped, other.placed, other.skipped = ["cup"], ["hat", "tube"], ["cup", "bowl"], []
    batch = collate([one, other])
    assert batch.placed == ["cup", "cup", "bowl"] and batch.skipped == ["hat", "tube"]


def test_the_seed_chooses_the_order(dataset_config):
    orders = []
    for dataset_config.seed in (42, 43):
        loader = build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
        orders.append(list(loader.batch_sampler.sampler))
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])


def test_L13_unlabelled_scenes_in_a_batch():
    assert collate([sample("a", 3, 4, 1, labelled=False)]).point_labels is None
    mixed = collate([sample("a", 3, 4, 1, labelled=False), sample("b", 3, 2, 5)], ignore_label=255)
    assert mixed.point_labels.tolist() == [255] * 4 + [5] * 2


def test_batch_moves_as_a_whole():
    moved = collate([sample("a", 3, 4, 1)]).to("meta")
    names = ("coordinates", "features", "labels", "inverse", "point_labels")
    assert moved.scenes == ["a"] and all(getattr(moved, n).device.type == "meta" for n in names)


def test_every_scene_comes_once_an_epoch_and_the_last_batch_is_kept(dataset_config):
    dataset_config.batch_size = 4
    loader = build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
    orders = []
    for epoch in range(3):
        loader.set_epoch(epoch)
        batches = list(loader)
        assert [len(b.scenes) for b in batches] == [4, 2] and len(loader) == 2
        orders.append([name for b in batches for name in b.scenes])
        assert sorted(orders[-1]) == loader.dataset.names
    assert orders[0] != orders[1] != orders[2]
    validation = list(build_loader(dataset_config, "val", training=False, label_set=SCANNET200))
    assert [b.scenes for b in validation] == [["val0000_00"], ["val0001_00"]]
    assert all(b.inverse is not None and b.point_labels is not None for b in validation)


def test_worker_processes_give_the_same_batches_and_epochs_differ(dataset_config):
    alone = build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
    dataset_config.num_workers = 2
    helped = build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
    epochs = []
    for epoch in (0, 1, 0):  # workers persist: the epoch has to reach them
        for loader in (alone, helped):
            loader.set_epoch(epoch)
        epochs.append(list(alone))
        assert batches_equal(epochs[-1], list(helped))
    assert not batches_equal(epochs[0], epochs[1]) and batches_equal(epochs[0], epochs[2])


def test_L19_an_epoch_resumes_at_the_scene_where_it_stopped(dataset_config):
    loader = build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
    loader.set_epoch(5)
    whole = list(loader)
    for done in range(4):
        fresh = build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
        fresh.set_epoch(5, start=2 * done)
        assert len(fresh) == 3 - done and batches_equal(whole[done:], list(fresh))


def test_looping_leaves_the_global_generators_alone(dataset_config):
    def state():
        return random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()
    before = state()
    list(build_loader(dataset_config, "train", training=True, label_set=SCANNET200))
    assert state() == before


def test_dropped_scenes_are_logged_in_training_and_never_dropped_in_validation(dataset_config, caplog):
    dataset_config.train_limit_numpoints = dataset_config.val_batch_size = 2
    with caplog.at_level(logging.WARNING):
        assert [len(b.scenes) for b in build_loader(dataset_config, "train", True, SCANNET200)] == [1, 1, 1]
    assert len(caplog.records) == 3 and "1 scene(s) dropped" in caplog.text
    assert [len(b.scenes) for b in build_loader(dataset_config, "val", training=False, label_set=SCANNET200)] == [2]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_scene_is_one_line_from_workers_too(dataset_config, dataset_root, workers):
    dataset_config.num_val_workers = workers
    path = dataset_root / "val" / "val0001_00.ply"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="val0001_00.ply: truncated") as error:
        list(build_loader(dataset_config, "val", training=False, label_set=SCANNET200))
    assert "\n" not in str(error.value)


def test_bad_flags_are_refused(dataset_config):
    with pytest.raises(ValueError, match="batch size 0"):
        dataset_config.batch_size = 0
        build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
    with pytest.raises(ValueError, match=Scannet200Voxelization2cmDataset.__name__):
        dataset_config.dataset = "Scannet"
        build_loader(dataset_config, "train", training=True, label_set=SCANNET200)
    with pytest.raises(ValueError, match="position 7"):
        EpochSampler(6, 0).set_epoch(0, start=7)

"""Scenes of too many voxels: what is left is a piece around a labelled voxel, another in each epoch."""
import numpy as np
import pytest

from datasets.cropping import around_a_label, shares
from datasets.label_sets import load_label_set
from datasets.loader import build_loader

SCANNET200 = load_label_set()


def test_a_crop_holds_the_voxels_nearest_to_a_labelled_one():
    rng = np.random.default_rng(3)
    coordinates = rng.integers(-50, 50, (400, 3)).astype(np.int32)
    labels = np.full(400, -1)
    labels[[7, 90]] = 4
    centres = set()
    for seed in range(9):
        rows = around_a_label(coordinates, labels, 60, np.random.default_rng(seed))
        distance = {k: np.linalg.norm(coordinates - coordinates[k], axis=1) for k in (7, 90)}
        near = [k for k, d in distance.items() if d[rows].max() <= np.sort(d)[59]]
        assert len(rows) == 60 and (np.diff(rows) > 0).all() and near
        centres.update(near)
    assert centres == {7, 90}  # of both, by chance


def test_far_voxels_do_not_overflow_and_an_unlabelled_scene_is_cropped_too():
    coordinates = np.array([[-(1 << 20), 0, 0], [(1 << 20) - 1, 0, 0], [(1 << 20) - 2, 5, 0]], np.int32)
    for seed in range(4):
        rows = around_a_label(coordinates, np.array([-1, 2, -1]), 2, np.random.default_rng(seed))
        assert rows.tolist() == [1, 2]
    assert len(around_a_label(coordinates, np.full(3, -1), 1, np.random.default_rng(0))) == 1
    assert around_a_label(coordinates, np.full(3, -1), 3, np.random.default_rng(0)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("sizes,total,kept", [([10, 4, 100], 60, [10, 4, 46]), ([50, 60, 2], 52, [25, 25, 2]),
                                              ([9], 4, [4]), ([5, 5], 1, [1, 1])])
def test_the_largest_scenes_of_a_batch_are_cut_and_small_ones_stay_whole(sizes, total, kept):
    assert shares(sizes, total) == kept


def test_max_scene_voxels_crops_in_training_alone_the_same_again_and_otherwise_in_the_next_epoch(dataset_config):
    def samples(most, epoch, training=True):
        dataset_config.max_scene_voxels = most
        dataset = build_loader(dataset_config, "train" if training else "val", training, SCANNET200).dataset
        dataset.set_epoch(epoch)
        return [dataset[k] for k in range(2)]

    for whole, one, again, later in zip(samples(0, 1), samples(100, 1), samples(100, 1), samples(100, 2)):
        assert len(whole.coordinates) > 200 and len(one.coordinates) == len(one.features) == len(one.labels) == 100
        rows = {tuple(c): (f.tolist(), k) for c, f, k in zip(whole.coordinates.tolist(), whole.features, whole.labels)}
        assert [rows[tuple(c)][1] for c in one.coordinates.tolist()] == one.labels.tolist()  # the augmentation stays
        assert np.array_equal(one.coordinates, again.coordinates) and np.array_equal(one.features, again.features)
        assert not np.array_equal(one.coordinates, later.coordinates)
    assert all(len(sample.coordinates) > 200 and len(sample.inverse) for sample in samples(100, 1, training=False))
    dataset_config.train_augmentation = False
    for one, later in zip(samples(100, 1), samples(100, 2)):  # where nothing else changes
        assert not np.array_equal(one.coordinates, later.coordinates)

"""What is left out of training scans: a share of the points, holes, and noise on the others."""
import numpy as np
import pytest

from datasets.label_sets import load_label_set
from datasets.loader import build_loader
from datasets.thinning import RADII, kept_rows
from datasets.transforms import PointJitter

POINTS = np.random.default_rng(0).uniform(0, 3, (4000, 3)).astype(np.float32)


def test_dropout_leaves_any_share_down_to_its_own():
    left = [len(kept_rows(POINTS, np.random.default_rng(seed), dropout=0.8)) / len(POINTS) for seed in range(200)]
    assert 0.17 < min(left) < 0.25 and 0.95 < max(left) <= 1 and abs(np.mean(left) - 0.6) < 0.05


def test_a_cutout_is_a_ball_around_a_point():
    counts = set()
    for seed in range(40):
        rows = kept_rows(POINTS, np.random.default_rng(seed), cutouts=1)
        gone = np.setdiff1d(np.arange(len(POINTS)), rows)
        counts.add(len(gone) > 0)
        if len(gone):  # all that is as near to one of them as the farthest, and that within the largest radius
            whole = []
            for centre in gone:
                distance = np.linalg.norm(POINTS - POINTS[centre], axis=1)
                reach = distance[gone].max()
                whole.append(reach <= RADII[1] and len(gone) == (distance <= reach).sum())
            assert any(whole)
    assert counts == {False, True}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_something_is_always_left(count):
    for seed in range(20):
        assert len(kept_rows(POINTS[:count], np.random.default_rng(seed), dropout=1.0, cutouts=9)) == min(count, 1) or \
            count == 2


def test_jitter_has_its_deviation():
    moved = PointJitter(0.01)(POINTS, POINTS, None, np.random.default_rng(0))[0]
    assert moved.dtype == np.float32 and abs((moved - POINTS).std() - 0.01) < 2e-4


@pytest.mark.parametrize("flag,value", [("point_dropout", 0.9), ("cutouts", 30), ("point_jitter", 0.05)])
def test_the_flags_act_in_training_alone_and_otherwise_in_every_epoch(dataset_config, flag, value):
    def sample(value, epoch, training=True):
        setattr(dataset_config, flag, value)
        dataset = build_loader(dataset_config, "train" if training else "val", training, load_label_set()).dataset
        dataset.set_epoch(epoch)
        return dataset[0]

    counts = []
    for epoch in (1, 2, 3):
        whole, one, again = sample(0, epoch), sample(value, epoch), sample(value, epoch)
        assert np.array_equal(one.coordinates, again.coordinates)
        assert not np.array_equal(one.coordinates, whole.coordinates)
        assert (one.point_count < whole.point_count) == (flag != "point_jitter")
        counts.append(one.point_count)
    assert len(set(counts)) == (1 if flag == "point_jitter" else 3)
    assert len(sample(value, 1, training=False).coordinates) == len(sample(0, 1, training=False).coordinates)
    dataset_config.train_augmentation = False
    assert np.array_equal(sample(value, 1).coordinates, sample(0, 1).coordinates)

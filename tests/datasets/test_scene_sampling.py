"""Repeat factors against LVIS's formula, and what an epoch draws."""
from collections import Counter

import numpy as np

from datasets.loader import build_loader
from datasets.scene_sampling import EpochSampler, repeat_factors, scene_classes


def test_repeat_factors_are_lvis():
    scenes = [{"wall"}, {"wall", "cup"}, {"wall", "hat", "cup"}, {"wall"}]
    expected = [1, np.sqrt(0.6 / 0.5), np.sqrt(0.6 / 0.25), 1]  # max over classes of max(1, sqrt(t / f))
    assert np.allclose(repeat_factors(scenes, 0.6), expected)
    assert np.array_equal(repeat_factors([set(), {"wall"}], 0.5), [1, 1])


def test_an_epoch_is_as_long_as_before_and_draws_by_the_factors():
    repeats = np.array([1.0, 3.0, 1.0, 1.0, 2.0])
    drawn = Counter()
    for epoch in range(400):
        sampler = EpochSampler(5, seed=1, repeats=repeats)
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert len(order) == 5 and 1 <= order.count(1) <= 2
        sampler.set_epoch(epoch, start=2)
        assert list(sampler) == order[2:]
        drawn.update(order)
    share = np.array([drawn[i] for i in range(5)]) / 2000
    assert np.abs(share - repeats / repeats.sum()).max() < 0.02


def test_classes_come_from_the_roots_file_or_else_from_the_scans(dataset_config, dataset_root):
    dataset_config.scene_sampling = "repeat_factor"
    dataset = build_loader(dataset_config, "train", training=True).dataset
    from_scans = scene_classes(dataset)
    assert all(from_scans) and len(from_scans) == 6
    (dataset_root / "feature_data").mkdir()
    path = dataset_root / "feature_data/scene_classes.json"
    path.write_text('{"train0000_00": ["wall"]}')
    assert scene_classes(dataset) == from_scans  # it lacks scenes
    path.write_text(str({name: ["wall", "cup"] for name in dataset.names}).replace("'", '"'))
    assert scene_classes(dataset) == [{"wall", "cup"}] * 6


def test_a_flag_chooses_it(dataset_config):
    dataset_config.scene_sampling = "repeat_factor"
    assert build_loader(dataset_config, "train", training=True).sampler.repeats is not None
    dataset_config.scene_sampling = "uniform"
    assert build_loader(dataset_config, "train", training=True).sampler.repeats is None



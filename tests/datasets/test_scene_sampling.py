"""Repeat factors against LVIS's formula, and what an epoch draws."""
import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from datasets.label_sets import load_label_set
from datasets.loader import build_loader
from datasets.scene_sampling import EpochSampler, repeat_factors, scene_classes

SCANNET200 = load_label_set()


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
        scenes = [scene for scene, _ in order]
        assert len(order) == 5 and 1 <= scenes.count(1) <= 2
        assert [before for _, before in order] == [scenes[:i].count(scene) for i, scene in enumerate(scenes)]
        sampler.set_epoch(epoch, start=2)
        assert list(sampler) == order[2:]
        drawn.update(scenes)
    share = np.array([drawn[i] for i in range(5)]) / 2000
    assert np.abs(share - repeats / repeats.sum()).max() < 0.02


def test_classes_come_from_the_roots_file_or_else_from_the_scans(dataset_config, dataset_root):
    dataset_config.scene_sampling = "repeat_factor"
    dataset = build_loader(dataset_config, "train", training=True, label_set=SCANNET200).dataset
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
    assert build_loader(dataset_config, "train", True, SCANNET200).batch_sampler.sampler.repeats is not None
    dataset_config.scene_sampling = "uniform"
    assert build_loader(dataset_config, "train", True, SCANNET200).batch_sampler.sampler.repeats is None




def repeating(dataset_config, **flags):
    """A loader in which the first scene asks to come four times as often as the others."""
    dataset_config.scene_sampling, dataset_config.repeat_threshold = "repeat_factor", 16 / 6
    for name, value in flags.items():
        setattr(dataset_config, name, value)
    root = Path(dataset_config.scannet_path)
    (root / "feature_data").mkdir(exist_ok=True)
    classes = {f"train{i:04d}_00": ["wall", "cup"] if i == 0 else ["wall"] for i in range(6)}
    (root / "feature_data/scene_classes.json").write_text(json.dumps(classes))
    return build_loader(dataset_config, "train", training=True, label_set=SCANNET200)


def test_a_scene_drawn_twice_in_an_epoch_is_two_samples(dataset_config):
    loader = repeating(dataset_config, batch_size=1)
    several = 0
    for epoch in range(6):
        loader.set_epoch(epoch)
        batches = [batch for batch in loader if batch.scenes == ["train0000_00"]]
        seen = {batch.coordinates.numpy().tobytes() for batch in batches}
        assert len(seen) == len(batches)
        several += len(batches) > 1
    assert several > 3


def test_repeated_draws_are_the_same_with_workers_and_after_a_resume(dataset_config):
    alone, helped = repeating(dataset_config, mix_scenes=0.5), repeating(dataset_config, num_workers=2)
    for loader in (alone, helped):
        loader.set_epoch(3)
    whole = list(alone)
    assert sum(batch.scenes[i].startswith("train0000_00") for batch in whole for i in range(2)) > 1
    rest = repeating(dataset_config, num_workers=0)
    rest.set_epoch(3, start=2)
    for others, start in ((helped, 0), (rest, 1)):
        for one, other in zip(whole[start:], others, strict=True):
            assert one.scenes == other.scenes and torch.equal(one.coordinates, other.coordinates)
            assert torch.equal(one.features, other.features)


def test_scenes_to_mix_with_come_by_their_factors(dataset_config):
    dataset = repeating(dataset_config, mix_scenes=1.0, elastic_distortion=False).dataset.inner
    assert np.allclose(dataset.repeats, [4, *[np.sqrt(16 / 6)] * 5])
    partners = Counter()
    for epoch in range(100):
        dataset.set_epoch(epoch)
        partners.update(dataset[index].name.split("+")[1] for index in range(6))
    assert abs(partners["train0000_00"] / 600 - 4 / dataset.repeats.sum()) < 0.06  # 3 deviations


def test_a_sample_drawn_once_is_what_uniform_sampling_draws(dataset_config):
    dataset = build_loader(dataset_config, "train", training=True, label_set=SCANNET200).dataset
    assert np.array_equal(dataset[2].coordinates, dataset[2, 0].coordinates)
    assert not np.array_equal(dataset[2].coordinates, dataset[2, 1].coordinates)

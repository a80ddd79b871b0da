"""Colour dropout, and scans without colours: both are the neutral colour to a network, exactly."""
import numpy as np
import pytest

from datasets.instance_sampling import InstanceSampler
from datasets.label_sets import load_label_set
from datasets.npy_scene import read_npy_scene
from datasets.ply import read_scene, write_scene
from datasets.preprocess.statistics import main as statistics_main
from datasets.relabel import main as relabel_main
from datasets.scannet200 import Scannet200Voxelization2cmDataset
from datasets.transforms import NEUTRAL_COLOR
from tests.datasets.test_instance_sampling import room
from tests.datasets.test_preprocess import small_scene

SCANNET200 = load_label_set()


def dataset(config, split="train", training=True, **flags):
    vars(config).update(flags)
    return Scannet200Voxelization2cmDataset(config, split, training, label_set=SCANNET200)


def bleach(path):
    scene = read_scene(path)
    scene.colors = None
    write_scene(path, scene)


def draws(dataset, epochs):
    for epoch in range(epochs):
        dataset.set_epoch(epoch)
        yield from (dataset[index] for index in range(len(dataset)))


def test_dropout_takes_every_colour_of_its_share_of_the_scenes_and_changes_nothing_else(dataset_config):
    plain, dropping = dataset(dataset_config), dataset(dataset_config, color_dropout=0.3)
    grey = []
    for before, after in zip(draws(plain, 25), draws(dropping, 25)):
        assert np.array_equal(before.coordinates, after.coordinates) and np.array_equal(before.labels, after.labels)
        grey.append(not after.features.any())
        assert grey[-1] or np.array_equal(before.features, after.features)
    assert 30 <= sum(grey) <= 60  # of 150
    assert not any((sample.features == 0).all() for sample in draws(plain, 2))


def test_dropout_needs_no_other_augmentation_and_leaves_validation_alone(dataset_config):
    flags = {"train_augmentation": False, "color_dropout": 1.0}
    assert not dataset(dataset_config, **flags)[0].features.any()
    assert dataset(dataset_config, "val", training=False, **flags)[0].features.any()


@pytest.mark.parametrize("cached", [False, True])
def test_a_scan_without_colours_is_neutral_outside_training(dataset_config, dataset_root, cached):
    bleach(dataset_root / "val" / "val0000_00.ply")
    for _ in range(2):
        sample, other = (dataset(dataset_config, "val", False, cache_data=cached)[k] for k in range(2))
        assert not sample.features.any() and other.features.any() and sample.point_labels is not None
        raw = dataset(dataset_config, "val", False, normalize_color=False)[0]
        assert (raw.features == NEUTRAL_COLOR).all()
        dataset_config.normalize_color = True


def test_training_on_a_scan_without_colours_wants_dropout_and_then_does_not_jitter_it(dataset_config, dataset_root):
    bleach(dataset_root / "train" / "train0001_00.ply")
    with pytest.raises(ValueError, match="train0001_00.ply: has no colours; to train on it say --color_dropout P"):
        dataset(dataset_config)[1]
    bare = dataset(dataset_config, color_dropout=0.01)
    samples = list(draws(bare, 3))
    assert [not sample.features.any() for sample in samples] == [k % 6 == 1 for k in range(18)]
    mixed = list(draws(dataset(dataset_config, mix_scenes=1.0), 5))
    with_bare = ["train0001_00" in sample.name for sample in mixed]
    assert [not sample.features.any() for sample in mixed] == with_bare and 5 < sum(with_bare) < 30


def test_roots_without_colours_get_statistics_tail_instances_and_another_label_set(tmp_path):
    root = tmp_path / "set"
    scene = small_scene("scene0000_00")
    scene.colors = None
    write_scene(root / "train" / "scene0000_00.ply", scene)
    (root / "train.txt").write_text("train/scene0000_00.ply\n")
    assert statistics_main([str(root)]) == 0
    sampler, bare, colored = InstanceSampler(root, SCANNET200), room(), room()
    bare.colors = None
    made, placed, _ = sampler(bare, np.random.default_rng(0))
    assert placed and made.colors is None and len(made.points) > len(bare.points)
    made, placed, _ = sampler(colored, np.random.default_rng(0))
    assert placed and (made.colors[len(colored.points):] == round(NEUTRAL_COLOR)).all()
    assert relabel_main([str(root), "--label_map", "scannet200_to_scannet20", "--label_set", "scannet20", "--out",
                         str(tmp_path / "twenty")]) == 0
    again = read_scene(tmp_path / "twenty" / "train" / "scene0000_00.ply", colorless=True)
    assert again.colors is None and np.array_equal(again.points, scene.points)


def test_a_scan_with_some_of_the_colour_columns_is_damaged(tmp_path):
    (tmp_path / "a.ply").write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
                                    "property float z\nproperty uchar red\nend_header\n0 0 0 9\n")
    with pytest.raises(ValueError, match="a.ply: has no colours: vertex column.s. missing: green, blue"):
        read_scene(tmp_path / "a.ply", colorless=True)


def test_pointcepts_scenes_may_lack_colours(tmp_path):
    (tmp_path / "scene").mkdir()
    np.save(tmp_path / "scene" / "coord.npy", np.zeros((4, 3)))
    assert read_npy_scene(tmp_path / "scene", SCANNET200).colors is None

"""A small dataset on disk, and the flags the input pipeline reads."""
from argparse import Namespace

import numpy as np
import pytest

from datasets.label_sets import load_label_set
from datasets.ply import Scene, write_scene

SCANNET200 = load_label_set()


def make_scene(name: str, count: int = 400, seed: int = 0, labelled: bool = True) -> Scene:
    rng = np.random.default_rng(seed)
    points = (rng.random((count, 3)) * [2, 1.5, 1] - [1, 0.5, 0]).astype(np.float32)
    labels = rng.choice(np.append(SCANNET200.ids[:20], 0), count).astype(np.int32)
    return Scene(name, points, rng.integers(0, 256, (count, 3)).astype(np.uint8), labels if labelled else None)


@pytest.fixture
def dataset_root(tmp_path):
    """Six training scenes, two for validation, one unlabelled for testing."""
    for split, count in (("train", 6), ("val", 2), ("test", 1)):
        lines = []
        for i in range(count):
            scene = make_scene(f"{split}{i:04d}_00", count=300 + 50 * i, seed=i + len(split), labelled=split != "test")
            write_scene(tmp_path / split / f"{scene.name}.ply", scene)
            lines.append(f"{split}/{scene.name}.ply\n")
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def dataset_config(dataset_root):
    return Namespace(
        scannet_path=str(dataset_root), dataset="Scannet200Voxelization2cmDataset", voxel_size=None, ignore_label=-1,
        normalize_color=True, seed=42, cache_data=False, train_augmentation=True, elastic_distortion=True,
        data_aug_scale_min=0.9, data_aug_scale_max=1.1, data_aug_color_trans_ratio=0.1,
        data_aug_color_jitter_std=0.05, color_dropout=0.0, batch_size=2, val_batch_size=1, num_workers=0,
        num_val_workers=0, train_limit_numpoints=1_800_000, max_scene_voxels=0, mix_scenes=0.0,
        point_jitter=0.0, point_dropout=0.0, cutouts=0,
        sample_tail_instances=False, num_instances_to_add=5, max_instance_placing_iterations=50,
        instance_sampling_weights=None, scene_sampling="uniform", repeat_threshold=0.1, is_train=True,
        held_out_classes=None, label_ids="auto")

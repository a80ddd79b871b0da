"""Dataset classes: files to voxelised samples, the exact way back to points, and clear words for what is missing."""
import numpy as np
import pytest

from datasets.label_sets import load_label_set
from datasets.ply import read_columns, read_scene, write_columns
from datasets.scannet200 import DATASETS, Scannet200Voxelization2cmDataset, Scannet200VoxelizationDataset

SCANNET200 = load_label_set()


def test_a_validation_sample_is_the_scene_at_2cm(dataset_config, dataset_root):
    dataset = Scannet200Voxelization2cmDataset(dataset_config, "val", training=False, label_set=SCANNET200)
    assert dataset.names == ["val0000_00", "val0001_00"]
    sample, scene = dataset[1], read_scene(dataset_root / "val" / "val0001_00.ply")
    cells = np.floor(scene.points.astype(np.float64) / 0.02).astype(int)
    assert sample.name == "val0001_00" and sample.point_count == len(scene.points)
    assert np.array_equal(sample.coordinates, np.unique(cells, axis=0))
    assert sample.coordinates.dtype == np.int32 and sample.features.dtype == np.float32
    assert sample.labels.dtype == sample.inverse.dtype == np.int64
    assert np.array_equal(sample.point_labels, SCANNET200.to_classes(scene.labels))
    for voxel in (0, 7, len(sample.coordinates) - 1):
        inside = (cells == sample.coordinates[voxel]).all(axis=1)
        assert np.allclose(sample.features[voxel], scene.colors[inside].mean(0) / 255 - 0.5, atol=1e-6)


def test_L11_voxel_to_point_is_the_exact_inverse_at_every_vertex(dataset_config, dataset_root):
    dataset_config.dataset, dataset_config.voxel_size = "Scannet200VoxelizationDataset", 0.25
    dataset = Scannet200VoxelizationDataset(dataset_config, "val", training=False, label_set=SCANNET200)
    sample, scene = dataset[0], read_scene(dataset_root / "val" / "val0000_00.ply")
    assert len(sample.coordinates) <= len(scene.points) / 2  # several points share a voxel
    for point, row in enumerate(sample.inverse):  # brute force over every voxel
        cell = np.floor(scene.points[point].astype(np.float64) / 0.25).astype(int)
        matches = np.flatnonzero((sample.coordinates == cell).all(axis=1))
        assert matches.tolist() == [row]


def test_training_samples_are_augmented_by_seed_epoch_and_index(dataset_config):
    dataset = Scannet200Voxelization2cmDataset(dataset_config, "train", training=True, label_set=SCANNET200)
    first, again, other = dataset[0], dataset[0], dataset[1]
    assert np.array_equal(first.coordinates, again.coordinates) and np.array_equal(first.features, again.features)
    assert first.inverse is None and first.point_labels is None and not np.array_equal(first.labels, other.labels)
    dataset.set_epoch(1)
    assert not np.array_equal(dataset[0].coordinates, first.coordinates)
    dataset.set_epoch(0)
    assert np.array_equal(dataset[0].coordinates, first.coordinates)
    dataset_config.seed = 43
    reseeded = Scannet200Voxelization2cmDataset(dataset_config, "train", training=True, label_set=SCANNET200)
    assert not np.array_equal(reseeded[0].coordinates, first.coordinates)


def test_without_augmentation_training_equals_validation(dataset_config):
    dataset_config.train_augmentation = False
    for name in ("coordinates", "features", "labels"):
        training, plain = (getattr(Scannet200Voxelization2cmDataset(dataset_config, "train", t, SCANNET200)[2], name)
                           for t in (True, False))
        assert np.array_equal(training, plain)


def test_cached_scenes_give_the_same_samples(dataset_config):
    fresh = Scannet200Voxelization2cmDataset(dataset_config, "train", training=True, label_set=SCANNET200)
    dataset_config.cache_data = True
    cached = Scannet200Voxelization2cmDataset(dataset_config, "train", training=True, label_set=SCANNET200)
    for _ in range(2):
        assert np.array_equal(cached[3].features, fresh[3].features)
    assert isinstance(cached.scene(3).points, np.memmap) and not isinstance(fresh.scene(3).points, np.memmap)


def test_L16_a_class_named_2cm_cuts_at_2cm_and_says_so(dataset_config):
    for name, cls in DATASETS.items():
        dataset_config.voxel_size = None
        assert cls(dataset_config, "val", False, SCANNET200).voxel_size == 0.02
        dataset_config.voxel_size = 0.04
        if "2cm" in name:
            with pytest.raises(ValueError, match=f"0.04: use --dataset {name.replace('2cm', '')} "):
                cls(dataset_config, "val", False, SCANNET200)
        else:
            assert cls(dataset_config, "val", False, SCANNET200).voxelizer.voxel_size == 0.04
        assert cls.textual == ("Textual" in name)
    dataset_config.voxel_size = 0.02
    assert Scannet200Voxelization2cmDataset(dataset_config, "val", False, label_set=SCANNET200).voxel_size == 0.02


def test_L21_missing_files_stop_at_construction_with_path_and_command(dataset_config, dataset_root):
    def message():
        with pytest.raises(FileNotFoundError) as error:
            Scannet200Voxelization2cmDataset(dataset_config, "train", training=True, label_set=SCANNET200)
        assert "python -m datasets.synthetic --out" in str(error.value)
        assert "docs/data.md" in str(error.value) and "\n" not in str(error.value)
        return str(error.value)

    (dataset_root / "train" / "train0004_00.ply").unlink()
    assert str(dataset_root / "train" / "train0004_00.ply") in message() and "1 of 6" in message()
    (dataset_root / "train.txt").unlink()
    assert str(dataset_root / "train.txt") in message()
    dataset_config.scannet_path = str(dataset_root / "nowhere")
    assert str(dataset_root / "nowhere") in message()
    dataset_config.scannet_path = ""
    assert "--scannet_path is empty" in message()


def test_scene_lists_are_read_with_care(dataset_config, dataset_root):
    listing = dataset_root / "val.txt"
    listing.write_bytes(b"\xef\xbb\xbfval/val0001_00.ply\r\n\r\n  val/val0000_00.ply")
    assert Scannet200VoxelizationDataset(dataset_config, "val", False, SCANNET200).names == ["val0001_00", "val0000_00"]
    listing.write_text("val/val0001_00.ply\nval/val0001_00.ply\n")
    with pytest.raises(ValueError, match="val0001_00 is listed twice"):
        Scannet200VoxelizationDataset(dataset_config, "val", False, label_set=SCANNET200)
    listing.write_text("\n\n")
    with pytest.raises(ValueError, match="lists no scene"):
        Scannet200VoxelizationDataset(dataset_config, "val", False, label_set=SCANNET200)


def test_L13_scenes_without_labels_are_read_but_not_trained_on(dataset_config):
    sample = Scannet200Voxelization2cmDataset(dataset_config, "test", training=False, label_set=SCANNET200)[0]
    assert sample.point_labels is None and (sample.labels == -1).all() and len(sample.inverse) == sample.point_count
    with pytest.raises(ValueError, match="test0000_00.ply: has no label column"):
        Scannet200Voxelization2cmDataset(dataset_config, "test", training=True, label_set=SCANNET200)[0]
    dataset_config.cache_data = True
    Scannet200Voxelization2cmDataset(dataset_config, "test", False, SCANNET200)[0]  # which keeps the decoded scene
    with pytest.raises(ValueError, match="test0000_00.ply: has no label column"):
        Scannet200Voxelization2cmDataset(dataset_config, "test", training=True, label_set=SCANNET200)[0]


def test_labels_of_another_label_set_are_refused_and_unknown_ones_ignored(dataset_config, dataset_root):
    path = dataset_root / "val" / "val0000_00.ply"
    columns = read_columns(path)
    columns["label"][:3] = [0, 12, 2]  # 12 is a ScanNet id outside the 200
    write_columns(path, columns)
    dataset = Scannet200Voxelization2cmDataset(dataset_config, "val", training=False, label_set=SCANNET200)
    assert dataset[0].point_labels[:3].tolist() == [-1, -1, 1]
    for wrong in (-1, -100, 9999, 2**31 - 1):
        columns["label"][5] = wrong
        write_columns(path, columns)
        with pytest.raises(ValueError, match=f"val0000_00.ply: vertex 5 has label {wrong}, outside"):
            dataset[0]


def test_ignore_label_and_raw_colours_follow_their_flags(dataset_config):
    dataset_config.ignore_label, dataset_config.normalize_color = 255, False
    sample = Scannet200Voxelization2cmDataset(dataset_config, "val", training=False, label_set=SCANNET200)[0]
    assert 255 in sample.labels and 255 in sample.point_labels and -1 not in sample.labels
    assert sample.features.max() > 200 and sample.features.min() >= 0
    dataset_config.ignore_label = 0
    with pytest.raises(ValueError, match="--ignore_label 0: is the class wall"):
        Scannet200Voxelization2cmDataset(dataset_config, "val", training=False, label_set=SCANNET200)


def test_errors_of_the_pipeline_name_the_file(dataset_config, dataset_root):
    path = dataset_root / "train" / "train0000_00.ply"
    columns = read_columns(path)
    write_columns(path, columns | {axis: columns[axis] * 1e5 for axis in "xyz"})
    for training in (True, False):
        with pytest.raises(ValueError, match="train0000_00.ply: .*metres"):
            Scannet200Voxelization2cmDataset(dataset_config, "train", training, label_set=SCANNET200)[0]

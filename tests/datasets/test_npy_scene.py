"""Scenes as .npy folders: Pointcept's layout read as it is, decoded scenes kept and renewed."""
import os

import numpy as np
import pytest

from datasets.label_sets import load_label_set
from datasets.npy_scene import DecodedScenes, read_npy_scene
from datasets.ply import read_scene, write_scene
from datasets.scannet200 import Scannet200Voxelization2cmDataset, read_split
from tests.datasets.conftest import make_scene

SCANNET200 = load_label_set()


def write_pointcept(folder, count=50, labelled=True):
    """An array of each field, (count, ...); the first five points are of class 4."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    arrays = {"coord": rng.random((count, 3)).astype(np.float32), "color": rng.integers(0, 256, (count, 3), np.uint8),
              "normal": np.zeros((count, 3), np.float32)}
    if labelled:
        arrays |= {"segment200": np.append([4] * 5, rng.integers(-1, 200, count - 5)).astype(np.int16),
                   "instance": rng.integers(-1, 9, count).astype(np.int32)}
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return arrays


def test_pointcepts_scannet_is_a_dataset_root_as_it_is(tmp_path, dataset_config):
    made = {split: write_pointcept(tmp_path / "p" / split / f"scene000{i}_00", labelled=split != "test")
            for i, split in enumerate(("train", "val", "test"))}
    dataset_config.scannet_path = str(tmp_path / "p")
    for split, arrays in made.items():
        dataset = Scannet200Voxelization2cmDataset(dataset_config, split, split == "train", SCANNET200)
        scene = dataset.scene(0)
        assert np.array_equal(scene.points, arrays["coord"]) and np.array_equal(scene.colors, arrays["color"])
        if split == "test":
            assert scene.labels is None and scene.instances is None
        else:
            assert np.array_equal(scene.labels, SCANNET200.to_ids(arrays["segment200"]))
            assert np.array_equal(scene.instances == 0, arrays["instance"] == -1)
            doors = arrays["segment200"] == SCANNET200.names.index("door")
            assert doors.any() and (scene.labels[doors] == 5).all()  # door's raw id in ScanNet
        assert dataset[0].name == scene.name


def spoil(name, values):
    return lambda folder: np.save(folder / f"{name}.npy", values)


@pytest.mark.parametrize("change,words", [
    (lambda folder: (folder / "coord.npy").unlink(), "coord.npy: no such file"),
    (lambda folder: (folder / "coord.npy").write_bytes(b"\x93NUMPY\x01"), "coord.npy: truncated or no array"),
    (spoil("coord", np.full((50, 3), np.nan, np.float32)), "finite ones only"),
    (spoil("coord", np.zeros((50, 4), np.float32)), "one row of 3 a point"),
    (spoil("color", np.zeros((49, 3), np.uint8)), "49 rows for 50"),
    (spoil("color", np.full((50, 3), 300.0)), "colours outside 0..255"),
    (spoil("segment200", np.full(50, 200)), "outside -1..199"),
    (spoil("segment200", np.array([{}] * 50, dtype=object)), "segment200.npy: truncated or no array"),
])
def test_bad_arrays_are_named(tmp_path, change, words):
    write_pointcept(tmp_path / "scene0000_00")
    change(tmp_path / "scene0000_00")
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        read_npy_scene(tmp_path / "scene0000_00", label_set=SCANNET200)


def test_decoded_scenes_are_the_scans_and_follow_their_changes(tmp_path):
    path, decoded = tmp_path / "a.ply", DecodedScenes(tmp_path / "kept", ["raw", SCANNET200.ids.tolist()])
    write_scene(path, make_scene("a"))
    first, again = decoded.get(path, read_scene), decoded.get(path, lambda p: pytest.fail("read twice"))
    for name in ("points", "colors", "labels"):
        assert np.array_equal(getattr(first, name), getattr(read_scene(path), name))
        assert isinstance(getattr(again, name), np.memmap)
    assert again.instances is None
    write_scene(path, make_scene("a", seed=5))
    os.utime(path, ns=(1, 1))
    assert np.array_equal(decoded.get(path, read_scene).points, read_scene(path).points)
    (tmp_path / "kept/a/points.npy").write_bytes(b"broken")
    assert np.array_equal(decoded.get(path, read_scene).points, read_scene(path).points)


def test_a_folder_of_scans_and_a_single_one_can_be_run_on_but_not_trained_on(tmp_path):
    for name in ("b", "a"):
        write_scene(tmp_path / f"{name}.ply", make_scene(name, labelled=False))
    assert [p.name for p in read_split(tmp_path, "test")] == ["a.ply", "b.ply"]
    assert read_split(tmp_path / "a.ply", "test") == [tmp_path / "a.ply"]
    (tmp_path / "a.ply").rename(tmp_path / "A.PLY")
    assert [p.name for p in read_split(tmp_path, "test")] == ["A.PLY", "b.ply"]
    assert read_split(tmp_path / "A.PLY", "test") == [tmp_path / "A.PLY"]
    with pytest.raises(FileNotFoundError, match="train.txt: the list of train scenes is missing"):
        read_split(tmp_path, "train")


def test_colours_are_rounded_and_labels_below_minus_1_refused(tmp_path):
    folder = tmp_path / "scene0000_00"
    folder.mkdir()
    np.save(folder / "coord.npy", np.zeros((2, 3)))
    np.save(folder / "color.npy", np.full((2, 3), 99.6))
    assert (read_npy_scene(folder, SCANNET200).colors == 100).all()
    np.save(folder / "segment200.npy", np.array([0, -2]))
    with pytest.raises(ValueError, match=r"segment200.npy: labels -2..0 are outside -1..199"):
        read_npy_scene(folder, SCANNET200)

"""What is written of a scan: all that its file had, the prediction beside it, and the objects."""
import json

import numpy as np
import pytest
import trimesh

from datasets.label_sets import load_label_set
from datasets.ply import read_columns
from datasets.scans.scan import Scan
from lib.inference.objects import find_objects
from lib.inference.outputs import write_prediction
from lib.inference.predictor import Prediction

SCANNET200 = load_label_set()
CHAIR, FLOOR, TABLE = (SCANNET200.index(name) for name in ("chair", "floor", "table"))


def predicted(voxels, inverse, voxel_classes, confidence, best=0):
    """Of points by their voxel."""
    classes = np.asarray(voxel_classes)[inverse]
    rng = np.random.default_rng(5)
    others = np.stack([rng.permutation(200) for _ in classes])[:, :best]
    if best:
        others[:, 0] = classes
    shares = np.sort(rng.random((len(classes), best)), axis=1)[:, ::-1].astype(np.float16)
    return Prediction(classes, np.asarray(confidence, np.float32), others.astype(np.int32), shares, np.asarray(voxels),
                      np.asarray(inverse), np.asarray(voxel_classes), 1)


@pytest.fixture
def mesh():
    """Five vertices in map coordinates, the third without a place, and what is predicted of the other four."""
    points = np.array([[500_000.123456789, 1, 2], [500_000.2, 1, 2], [np.nan] * 3, [500_000.3, 1, 2], [500_001, 1, 2]])
    rng = np.random.default_rng(0)
    columns = {"nx": rng.random(5).astype(np.float32), "alpha": np.arange(5, dtype=np.uint8),
               "intensity": rng.random(5), "gps time": np.arange(5) + 2**40, "confidence": np.full(5, 9.0, np.float32),
               "half": np.arange(5, dtype=np.float16), "valid": np.array([1, 0, 1, 0, 1], bool)}
    scan = Scan("hall", "hall.ply", points, rng.integers(0, 255, (5, 3)).astype(np.uint8), np.arange(5, dtype=np.int32),
                np.arange(5, dtype=np.int32), faces=np.array([[0, 1, 3], [1, 3, 4]]), columns=columns,
                origin=np.array([500_000.0, 0, 0]))
    found = predicted([[0, 0, 0], [1, 0, 0]], [0, 0, 1, 1], [CHAIR, FLOOR], [0.5, 0.6, 0.7, 0.8], best=3)
    return scan, found


def test_the_ply_has_all_that_the_file_had_exactly(mesh, tmp_path):
    scan, found = mesh
    write_prediction(tmp_path, scan, found, SCANNET200)
    columns = read_columns(tmp_path / "hall.ply")
    assert columns["x"].dtype == np.float64
    np.testing.assert_array_equal(np.stack([columns[axis] for axis in "xyz"], 1), scan.points)
    for name in ("nx", "alpha", "intensity", "half", "valid"):
        np.testing.assert_array_equal(columns[name], scan.columns[name])
    np.testing.assert_array_equal(columns["gps_time"], scan.columns["gps time"])
    np.testing.assert_array_equal(columns["ground_truth"], scan.labels)
    np.testing.assert_array_equal(columns["instance_id"], scan.instances)
    ids = SCANNET200.to_ids(np.array([CHAIR, CHAIR, -1, FLOOR, FLOOR])).tolist()
    assert columns["label"].tolist() == ids and ids[2] == 0
    np.testing.assert_allclose(columns["confidence"], [0.5, 0.6, 0, 0.7, 0.8], rtol=1e-6)
    assert [int(line) for line in (tmp_path / "hall.txt").read_text().split()] == ids
    colors = np.stack([columns[name] for name in ("red", "green", "blue")], 1)
    np.testing.assert_array_equal(colors[0], SCANNET200.colors[CHAIR])
    np.testing.assert_array_equal(columns["input_red"], scan.colors[:, 0])


def test_the_ply_keeps_the_faces(mesh, tmp_path):
    scan, found = mesh
    write_prediction(tmp_path, scan, found, SCANNET200)
    faces = trimesh.load(tmp_path / "hall.ply", process=False).faces
    assert faces.tolist() == scan.faces.tolist()


def test_coordinates_of_float32_stay_float32(mesh, tmp_path):
    scan, found = mesh
    scan.points = np.where(np.isnan(scan.points), np.nan, np.arange(15).reshape(5, 3) / 8)
    write_prediction(tmp_path, scan, found, SCANNET200)
    assert read_columns(tmp_path / "hall.ply")["x"].dtype == np.float32


def test_the_likeliest_classes_are_written_without_pickle_and_an_older_runs_go(mesh, tmp_path):
    scan, found = mesh
    write_prediction(tmp_path, scan, found, SCANNET200)
    with np.load(tmp_path / "hall.npz", allow_pickle=False) as file:
        assert file["ids"].shape == file["probabilities"].shape == (5, 3)
        assert file["ids"].dtype == np.int32 and file["probabilities"].dtype == np.float16
        seen = scan.seen
        np.testing.assert_array_equal(file["ids"][seen], SCANNET200.ids[found.best])
        np.testing.assert_array_equal(file["ids"][seen][:, 0], SCANNET200.to_ids(found.classes))
        assert (file["ids"][~seen] == 0).all() and (file["probabilities"][~seen] == 0).all()
    found.best = found.best[:, :0]
    write_prediction(tmp_path, scan, found, SCANNET200)
    assert not (tmp_path / "hall.npz").exists()


def test_objects_are_parts_of_one_class_with_the_box_of_their_points_in_the_files_coordinates(tmp_path):
    block = np.array(list(np.ndindex(3, 3, 3)))
    voxels = np.concatenate([block, block + [3, 0, 0], block + [8, 0, 0], [[20, 0, 0]]]).astype(np.int32)
    classes = np.repeat([CHAIR, TABLE, CHAIR, FLOOR], [27, 27, 27, 1])  # chair and table touch, the floor is tiny
    inverse = np.repeat(np.arange(len(voxels)), 2)
    rng = np.random.default_rng(0)
    points = (voxels[inverse] + rng.random((len(inverse), 3))) * 0.1 + [1000, 0, 0]
    confidence = rng.random(len(inverse))
    scan = Scan("room", "room.ply", points)
    objects = find_objects(scan, predicted(voxels, inverse, classes, confidence), SCANNET200)
    assert sorted(each.name for each in objects) == ["chair", "chair", "table"] and {o.points for o in objects} == {54}
    assert {each.label for each in objects if each.name == "chair"} == {int(SCANNET200.ids[CHAIR])}
    for start, name in ((0, "chair"), (27, "table"), (54, "chair")):
        own = (inverse >= start) & (inverse < start + 27)
        low, high = points[own].min(0), points[own].max(0)
        match = [o for o in objects if o.name == name and np.allclose(o.center, (low + high) / 2, atol=1e-3)]
        assert len(match) == 1 and np.allclose(match[0].size, high - low, atol=1e-3)
        assert match[0].confidence == pytest.approx(confidence[own].mean(), abs=1e-4)


def test_objects_leave_out_what_the_network_did_not_see_and_samples_of_a_mesh():
    voxels = np.array(list(np.ndindex(3, 3, 3)), np.int32)
    points = np.insert((voxels + 0.5) * 0.1, 4, np.nan, axis=0)
    scan = Scan("room", "room.ply", points, samples=np.full((2, 3), 0.05))
    inverse = np.concatenate([np.arange(27), [0, 0]])
    objects = find_objects(scan, predicted(voxels, inverse, np.full(27, CHAIR), np.ones(29)), SCANNET200)
    assert [(each.name, each.points) for each in objects] == [("chair", 27)]


def test_nothing_but_tiny_parts_is_no_object(tmp_path):
    scan = Scan("room", "room.ply", np.zeros((2, 3)))
    found = predicted([[0, 0, 0]], [0, 0], [CHAIR], [1, 1])
    assert find_objects(scan, found, SCANNET200) == []
    write_prediction(tmp_path, scan, found, SCANNET200)
    assert json.loads((tmp_path / "room_objects.json").read_text())["objects"] == []

"""The synthetic data set: python -m pytest tests/datasets/test_synthetic_scenes.py"""
import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from datasets.label_sets import load_label_set
from datasets.ply import read_scene
from datasets.statistics import bounding_boxes, category_weights, instance_sampling_weights, tail_instances
from datasets.synthetic.__main__ import main
from datasets.synthetic.catalogue import CATALOGUE, CLASSES, expected_scenes, plan_split, rooms_of
from datasets.synthetic.collision import collide, upright_boxes
from datasets.synthetic.dataset import Settings, build_dataset, furnished_room, make_scene
from datasets.synthetic.layout import hull

SCANNET200 = load_label_set()

SMALL = Settings(train=2, val=1, test=1, seed=3, room_scale=0.5)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp("synthetic") / "set"
    build_dataset(out, SMALL)
    return out


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_same_seed_gives_the_same_bytes_with_any_number_of_workers(dataset, tmp_path):
    build_dataset(tmp_path / "again", SMALL, workers=2)
    assert files_of(dataset) == files_of(tmp_path / "again")


def test_another_seed_or_split_gives_another_scene(dataset):
    scenes = [read_scene(dataset / "train" / "scene0000_00.ply"), read_scene(dataset / "val" / "scene0002_00.ply"),
              make_scene(replace(SMALL, seed=4), "train", 0)]
    assert len({scene.points.tobytes() for scene in scenes}) == 3


def test_files_lie_as_the_design_says(dataset):
    names = {split: (dataset / f"{split}.txt").read_text().split() for split in ("train", "val", "test")}
    assert names == {"train": ["train/scene0000_00.ply", "train/scene0001_00.ply"], "val": ["val/scene0002_00.ply"],
                     "test": ["test/scene0003_00.ply"]}
    for line in names["train"] + names["val"] + names["test"]:
        assert len(read_scene(dataset / line).points) > 10_000
    for file in (dataset / "train" / "train_instances").rglob("*.ply"):
        category, _, number = file.stem.rpartition("_")
        assert category == file.parent.name and number.isdigit()
        assert SCANNET200.groups[SCANNET200.names.index(category)] == "tail"
        instance = read_scene(file)
        assert len(instance.points) >= 30
        assert set(SCANNET200.to_classes(instance.labels)) == {SCANNET200.index(category)}
        assert np.allclose(instance.points[:, :2].min(0), -instance.points[:, :2].max(0), atol=1e-5)
    assert not [p for p in dataset.rglob("*") if p.suffix in (".pkl", ".pth")]


def test_feature_data_match_the_scenes(dataset):
    train = [read_scene(dataset / line) for line in (dataset / "train.txt").read_text().split()]
    boxes = json.loads((dataset / "feature_data" / "bounding_boxes.json").read_text())
    for scene in train:
        box = boxes[scene.name][0]
        rows = scene.instances == box["instance"]
        assert np.allclose(scene.points[rows].min(0), box["min"], atol=1e-3)
        assert len(boxes[scene.name]) == len(np.unique(scene.instances))
    weights = json.loads((dataset / "feature_data" / "category_weights.json").read_text())
    present = np.unique(np.concatenate([SCANNET200.to_classes(s.labels) for s in train]))
    assert list(weights) == list(SCANNET200.names)
    assert np.isclose(np.mean([weights[SCANNET200.names[k]] for k in present]), 1)
    rows = (dataset / "feature_data" / "statistics.csv").read_text().splitlines()
    assert rows[0] == "class,group,train_scenes,train_points,val_scenes,val_points" and len(rows) == 201


def test_test_scenes_are_unlabelled_and_the_others_fully_labelled(dataset):
    test = read_scene(dataset / "test" / "scene0003_00.ply")
    assert test.labels is None and test.instances is None
    val = read_scene(dataset / "val" / "scene0002_00.ply")
    assert (SCANNET200.to_classes(val.labels) >= 0).all() and (val.instances > 0).all()


def test_points_are_about_two_centimetres_apart(dataset):
    points = read_scene(dataset / "train" / "scene0000_00.ply").points
    gap = cKDTree(points).query(points, k=2)[0][:, 1]
    assert 0.012 < np.median(gap) < 0.024
    assert len(np.unique(np.rint(points.astype(float) / 0.02), axis=0)) > 0.99 * len(points)


def test_at_least_a_hundred_classes_each_in_the_label_table():
    assert len(CLASSES) >= 100
    assert CLASSES.issubset(SCANNET200.names)


def test_plan_is_long_tailed_and_keeps_to_the_rooms():
    plans = plan_split(0, 0, 60)
    scenes = {name: sum(name in p.classes + p.features for p in plans) for name in CATALOGUE}
    mean = {g: np.mean([n for name, n in scenes.items() if SCANNET200.groups[SCANNET200.names.index(name)] == g])
            for g in ("head", "common", "tail")}
    assert mean["head"] > 2 * mean["common"] and mean["common"] > 1.5 * mean["tail"] and mean["tail"] < 5
    assert min(scenes.values()) >= 2
    for plan in plans:
        assert all(plan.room in rooms_of(name) for name in plan.classes + plan.features)
    rooms = [plan.room for plan in plans]
    assert all(expected_scenes(name, rooms) <= 60 for name in CATALOGUE)


def test_boxes_collide_as_hand_computed():
    square = upright_boxes(np.array([[-1, -1, 0, 1, 1, 1]]), (0, 0, 0), 0.0)
    far_corner = upright_boxes(np.array([[-1, -1, 0, 1, 1, 1]]), (2.3, 0, 0), np.pi / 4)  # its corner is at x = 0.886
    apart = upright_boxes(np.array([[-1, -1, 0, 1, 1, 1]]), (2.42, 0, 0), np.pi / 4)  # at x = 1.006
    diagonal = upright_boxes(np.array([[-1, -1, 0, 1, 1, 1]]), (1.8, 1.8, 0), np.pi / 4)  # bounds meet, boxes do not
    above = upright_boxes(np.array([[-1, -1, 1, 1, 1, 2]]), (0, 0, 0), 0.0)
    assert [collide(square, other) for other in (far_corner, apart, diagonal, above)] == [True, False, False, False]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_objects_do_not_interpenetrate(index):
    """Random points inside the parts of each object are inside no part of another (beyond the 2 cm cushions give)."""
    room, placed, _ = furnished_room(Settings(train=12, val=0, test=0, seed=5), "train", index)
    assert len(placed) > 5
    rng = np.random.default_rng(0)
    solid = [p for p in placed + room.pieces if len(p.shape.boxes)]
    for one in placed:
        b = one.shape.boxes
        if not len(b):
            continue
        low, size = b[:, None, :3], b[:, None, 3:] - b[:, None, :3]
        inner = one.world((low + size * rng.uniform(0, 1, (len(b), 40, 3))).reshape(-1, 3))
        outer = hull(one.shape)
        corners = one.world(np.array([[outer[i], outer[j], 0] for i in (0, 3) for j in (1, 4)]))
        assert (corners[:, :2] > -0.01).all() and (corners[:, :2] < (room.width + 0.01, room.depth + 0.01)).all()
        for other in solid:
            if other is one:
                continue
            local = inner - other.position
            c, s = np.cos(other.yaw), np.sin(other.yaw)
            local = np.column_stack([c * local[:, 0] + s * local[:, 1], c * local[:, 1] - s * local[:, 0], local[:, 2]])
            give = 0.0205 if one.carrier is other or other.carrier is one else 0.003
            for box in other.shape.boxes:
                within = (local > box[:3] + (0.003, 0.003, give)) & (local < box[3:] - (0.003, 0.003, give))
                assert not within.all(1).any(), f"{one.name} in {other.name}"


def test_tail_instances_are_cut_out_whole_and_centred(dataset):
    scene = read_scene(dataset / "train" / "scene0000_00.ply")
    tail = {SCANNET200.names.index(name) for name, _ in tail_instances(scene, min_points=1, label_set=SCANNET200)}
    assert tail == {k for k in np.unique(SCANNET200.to_classes(scene.labels)) if SCANNET200.groups[k] == "tail"}
    for _, cut in tail_instances(scene, label_set=SCANNET200):
        assert len(cut.points) == (scene.instances == cut.instances[0]).sum()
        assert cut.points[:, 2].min() == 0


def test_weights_fall_with_frequency():
    points = np.zeros(200)
    points[[0, 1, 2]] = 1000, 100, 10
    weights = list(category_weights(points, SCANNET200.names).values())
    assert weights[0] < weights[1] < weights[2] == weights[3] and np.isclose(np.mean(weights[:3]), 1)
    assert instance_sampling_weights({"cup": 1, "clock": 3, "bowl": 0}) == {"clock": 0.25, "cup": 0.75}
    with pytest.raises(ValueError, match="no labelled point"):
        category_weights(np.zeros(200), SCANNET200.names)


def test_statistics_of_unlabelled_scenes_name_the_scene(dataset):
    with pytest.raises(ValueError, match="scene0003_00: has no label column"):
        bounding_boxes(read_scene(dataset / "test" / "scene0003_00.ply"))


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "datasets.synthetic", *map(str, arguments)], check=False,
                          capture_output=True, text=True)


def test_a_folder_with_another_configuration_or_other_files_is_refused(dataset, tmp_path):
    before = files_of(dataset)
    refused = run("--out", dataset, "--train", 1)
    assert refused.returncode == 1 and refused.stderr.startswith("error:") and refused.stderr.count("\n") == 1
    assert files_of(dataset) == before
    assert build_dataset(dataset, SMALL)["fresh"] is False
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="give another --out"):
        build_dataset(tmp_path, SMALL, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_failure_leaves_nothing_behind_and_the_old_set_in_place(tmp_path, monkeypatch):
    empty = Settings(train=0, val=0, test=0)
    build_dataset(tmp_path / "set", empty)
    before = files_of(tmp_path)
    monkeypatch.setattr("datasets.synthetic.dataset.write_root", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build_dataset(tmp_path / "set", Settings(train=0, val=0, test=0, seed=1), overwrite=True)
    assert files_of(tmp_path) == before and [p.name for p in tmp_path.iterdir()] == ["set"]


def test_a_killed_worker_is_one_line_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    class Killed(ThreadPoolExecutor):
        def map(self, *_):
            raise BrokenProcessPool("terminated abruptly")

    monkeypatch.setattr("datasets.synthetic.dataset.ProcessPoolExecutor", Killed)
    assert main(["--out", str(tmp_path / "set"), "--train", "1", "--workers", "2"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: a worker process was killed") and "--workers" in error
    assert not list(tmp_path.iterdir())


def test_only_the_kinds_of_room_asked_for_are_made():
    plans = plan_split(0, 0, 20, ["kitchen", "office"])
    assert Counter(plan.room for plan in plans) == {"kitchen": 10, "office": 10}
    with pytest.raises(ValueError, match="dungeon"):
        Settings(rooms="kitchen,dungeon")

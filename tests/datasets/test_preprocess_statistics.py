"""Statistics made again from a root's lists: the same bytes as preprocessing's, without scenes that were moved."""
import json
import shutil

import numpy as np
import pytest

import val_split
from datasets.instance_sampling import InstanceSampler
from datasets.label_sets import load_label_set
from datasets.ply import Scene, read_scene, write_scene
from datasets.preprocess.statistics import main
from datasets.root_files import scene_record, write_root
from datasets.statistics import tail_instances
from tests.datasets.test_preprocess import content, small_scene

SCANNET200 = load_label_set()


@pytest.fixture
def root(tmp_path):
    """Four training scenes and one to validate as preprocessing leaves them, each with a guitar."""
    out, records, cuts = tmp_path / "set", [], []
    for i in range(5):
        scene, split = small_scene(f"scene{i:04d}_00", seed=i), "train" if i < 4 else "val"
        write_scene(out / split / f"{scene.name}.ply", scene)
        records.append(scene_record(scene, split, label_set=SCANNET200))
        for name, cut in tail_instances(scene, label_set=SCANNET200) if split == "train" else ():
            write_scene(tmp_path / f"{cut.name}.ply", cut)
            cuts.append((name, tmp_path / f"{cut.name}.ply"))
    assert write_root(out, records, cuts, label_set=SCANNET200)["tail_instances"] == 4
    return out


def test_statistics_made_again_are_the_same_bytes(root):
    before = content(root)
    shutil.rmtree(root / "feature_data")
    shutil.rmtree(root / "train" / "train_instances")
    with pytest.raises(FileNotFoundError, match="datasets.preprocess.statistics"):
        InstanceSampler(root, label_set=SCANNET200)
    assert main([str(root)]) == 0
    assert content(root) == before
    InstanceSampler(root, label_set=SCANNET200)


def test_scenes_moved_to_validation_leave_the_weights_and_the_instances(root):
    assert val_split.main([str(root), "1"]) == 0
    assert main([str(root)]) == 0
    moved = (root / "val.txt").read_text().split()[-1]
    kept = [read_scene(path).points for path in (root / "train/train_instances/guitar").iterdir()]
    (_, gone), = tail_instances(read_scene(root / moved), label_set=SCANNET200)
    assert len(kept) == 3 and not any(np.array_equal(points, gone.points) for points in kept)
    assert json.loads((root / "feature_data/scene_classes.json").read_text()).keys() == {
        line.split("/")[1][:-4] for line in (root / "train.txt").read_text().split()}


def without(root, *columns):
    for path in root.glob("train/*.ply"):
        scene = read_scene(path)
        write_scene(path, Scene(scene.name, scene.points, scene.colors, *[getattr(scene, name) for name in columns]))


def test_own_scans_without_instance_ids_get_weights_and_tables(root):
    before = content(root / "feature_data")
    without(root, "labels")
    shutil.rmtree(root / "feature_data")
    shutil.rmtree(root / "train" / "train_instances")
    (root / "val.txt").unlink()
    shutil.rmtree(root / "val")
    assert main([str(root)]) == 0
    assert content(root / "feature_data")["category_weights.json"] == before["category_weights.json"]


@pytest.mark.parametrize("spoil,words", [
    (lambda root: without(root), "no label column"),
    (lambda root: without(root, "labels"), "train_instances: would be emptied"),
    (lambda root: (root / "train.txt").unlink(), "train.txt: the list of train scenes is missing"),
])
def test_what_cannot_be_counted_stops_with_one_line_and_changes_nothing(root, capsys, spoil, words):
    spoil(root)
    before = content(root)
    assert main([str(root)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and words in error
    assert content(root) == before

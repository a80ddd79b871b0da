"""Label sets: tables, ids, groups, maps, and roots of another set."""
import subprocess
from pathlib import Path

import numpy as np
import pytest

from datasets.label_sets import LabelSet, find_label_set, load_label_map, load_label_set, ordered_groups
from datasets.npy_scene import read_npy_scene
from datasets.ply import Scene, read_scene, write_scene
from datasets.preprocess.statistics import write_statistics_of
from datasets.relabel import main as relabel_main
from datasets.scannet200 import read_scan

ROOT = Path(__file__).resolve().parents[2]
SCANNET200, SCANNET20 = load_label_set(), load_label_set("scannet20")


def own_set(path, text="name,id,group,color\nfloor,0,big,#102030\nseat,5,big,#aabbcc\nlamp,9,small,#ffffff\n"):
    path.write_text(text)
    return load_label_set(path)


def test_the_built_in_sets_are_the_benchmarks():
    assert len(SCANNET200) == 200 and SCANNET200.group_names == ("head", "common", "tail")
    assert [len(SCANNET200.members(group)) for group in SCANNET200.group_names] == [66, 68, 66]
    assert SCANNET200.ids[:3].tolist() == [1, 2, 3] and SCANNET200.names[199] == "mattress"
    assert SCANNET20.ids.tolist() == [*range(1, 13), 14, 16, 24, 28, 33, 34, 36, 39]
    assert SCANNET20.group_names == () and SCANNET20.names[19] == "otherfurniture"


def test_ids_and_classes_are_each_others_inverse_and_unknown_ids_are_ignored(tmp_path):
    for label_set in (SCANNET200, SCANNET20, own_set(tmp_path / "own.csv")):
        classes = np.arange(len(label_set))
        assert np.array_equal(label_set.to_classes(label_set.to_ids(classes)), classes)
        assert label_set.to_classes(np.array([-7, 10**9, label_set.unlabelled_id]), 255).tolist() == [255, 255, 255]
        assert label_set.to_ids(np.array([-1, len(label_set)])).tolist() == [label_set.unlabelled_id] * 2


def test_a_set_of_its_own_has_its_ids_groups_and_colours(tmp_path):
    own = own_set(tmp_path / "own.csv")
    assert own.names == ("floor", "seat", "lamp") and own.ids.tolist() == [0, 5, 9] and own.unlabelled_id == -1
    assert own.group_names == ("big", "small") and own.tail_group == "small"
    assert own.to_colors(np.array([1, -1])).tolist() == [[170, 187, 204], [100, 100, 100]]
    bare = own_set(tmp_path / "bare.csv", "name\nWall\n a  chair \n")
    assert bare.names == ("wall", "a chair") and bare.ids.tolist() == [1, 2] and bare.group_names == ()
    assert len(np.unique(bare.colors, axis=0)) == 2


def test_a_set_survives_its_file_and_a_checkpoints_table(tmp_path):
    own = own_set(tmp_path / "own.csv")
    own.write(tmp_path / "again.csv")
    for again in (load_label_set(tmp_path / "again.csv"), LabelSet.from_table(own.table(), "x")):
        assert again.same_classes(own) and again.groups == own.groups and np.array_equal(again.colors, own.colors)
    with pytest.raises(ValueError, match="x.ckpt: holds a damaged label set"):
        LabelSet.from_table({**own.table(), "ids": [1]}, "x.ckpt")


def test_a_set_is_called_like_a_built_in_one_only_where_it_is_that(tmp_path):
    SCANNET20.write(tmp_path / "rooms" / "label_set.csv")
    assert load_label_set(tmp_path / "rooms" / "label_set.csv").name == "scannet20"
    assert own_set(tmp_path / "scannet200.csv").name == "scannet200.csv"
    (tmp_path / "rooms" / "label_set.csv").write_text("name\nwall\n")
    assert load_label_set(tmp_path / "rooms" / "label_set.csv").name == "rooms"


@pytest.mark.parametrize("text,words", [
    ("class\nwall\n", "needs a column `name`"), ("name\n", "at least one class"),
    ("name,id\nwall,1\nwall,2\n", "name wall comes twice"), ("name,id\nwall,1\nfloor,1\n", "id 1 comes twice"),
    ("name,id\nwall,x\n", "line 2"), ("name,id\nwall,-4\n", "id -4 is not in"),
    ("name,id\n,3\n", "line 2: has no name"),
    ("name,color\nwall,#12\n", "line 2: its colour"), ("name,red,green,blue\nwall,1,2,300\n", "line 2: its colour"),
])
def test_a_table_that_is_none_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(ValueError, match=words) as error:
        own_set(tmp_path / "own.csv", text)
    assert "own.csv" in str(error.value) and "\n" not in str(error.value)


def test_unknown_names_and_files_name_what_there_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="scannet20, scannet200"):
        load_label_set("scannet40")
    with pytest.raises(FileNotFoundError, match="none.csv"):
        load_label_set(tmp_path / "none.csv")


def test_a_root_brings_its_set_and_a_flag_that_disagrees_is_refused(tmp_path):
    own = own_set(tmp_path / "label_set.csv")
    assert find_label_set(None, tmp_path).same_classes(own)
    assert find_label_set(None, tmp_path / "elsewhere").same_classes(SCANNET200)
    with pytest.raises(ValueError, match="label_set.csv: its labels are of another set than --label_set scannet20"):
        find_label_set("scannet20", tmp_path)


def test_ids_of_another_benchmark_are_refused_and_own_sets_ignore_what_they_lack(tmp_path):
    with pytest.raises(ValueError, match="vertex 1 has label 4999, outside label set scannet200"):
        SCANNET200.check_ids(np.array([0, 4999]), "a.ply")
    with pytest.raises(ValueError, match="vertex 0 has label 1163, outside label set scannet20 "):
        SCANNET20.check_ids(np.array([1163]), "a.ply")
    own_set(tmp_path / "own.csv").check_ids(np.array([-1, 255, 4999]), "a.ply")


def test_groups_come_in_the_usual_order_and_a_single_one_is_none():
    assert ordered_groups(["tail", "head", "rare", "common", "head"]) == ("head", "common", "tail", "rare")
    assert ordered_groups(["a", "a"]) == () and ordered_groups([]) == ()


def test_a_map_keeps_equal_names_and_unlabels_the_rest(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("from,to\ncouch,sofa\narmchair,\n")
    names = load_label_map(path, SCANNET200, SCANNET20)
    assert names["couch"] == "sofa" and names["wall"] == "wall" and names["armchair"] == "" and names["lamp"] == ""
    assert load_label_map("scannet200_to_scannet20", SCANNET200, SCANNET20)["office chair"] == "chair"
    for text, words in (("from,to\nsofa,sofa\n", "'sofa' is no class of label set scannet200"),
                        ("from,to\ncouch,couch\n", "'couch' is no class of label set scannet20"),
                        ("from,to\nbed,bed\nbed,sofa\n", "'bed' comes twice"),
                        ("a,b\n1,2\n", "columns `from` and `to`")):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            load_label_map(path, SCANNET200, SCANNET20)


@pytest.fixture
def root(tmp_path):
    """A root of two labelled scenes and one without labels, in ScanNet200's ids."""
    rng = np.random.default_rng(0)
    names = ("wall", "floor", "couch", "lamp", "dumbbell")
    for split in ("train", "val", "test"):
        kinds = rng.integers(len(names), size=400)
        labels = SCANNET200.ids[SCANNET200.indices(names, "")][kinds]
        scene = Scene(f"{split}_0", rng.random((400, 3)).astype(np.float32), rng.integers(0, 256, (400, 3), np.uint8),
                      labels if split != "test" else None, kinds.astype(np.int32) + 1)
        write_scene(tmp_path / "data" / split / f"{split}_0.ply", scene)
        (tmp_path / "data" / f"{split}.txt").write_text(f"{split}/{split}_0.ply\n")
    return tmp_path / "data"


def test_a_root_without_test_scenes_whose_list_is_empty_can_be_relabelled(root, tmp_path):
    (root / "test.txt").write_text("\n")
    (tmp_path / "map.csv").write_text("from,to\nwall,surface\n")
    out = tmp_path / "new"
    assert relabel_main([str(root), "--label_map", str(tmp_path / "map.csv"), "--out", str(out)]) == 0
    assert (out / "test.txt").read_text() == "" and len((out / "train.txt").read_text().splitlines()) > 0


def test_relabelling_maps_every_point_and_brings_statistics_and_the_set(root, tmp_path, capsys):
    (tmp_path / "map.csv").write_text("from,to\ncouch,seat\nlamp,glow\ndumbbell,glow\nfloor,floor\n")
    out = tmp_path / "own"
    assert relabel_main([str(root), "--label_map", str(tmp_path / "map.csv"), "--out", str(out)]) == 0
    assert "2 to seat, 2 to glow, 1 to floor" in capsys.readouterr().out
    own = find_label_set(None, out)
    assert own.names == ("seat", "glow", "floor") and own.ids.tolist() == [1, 2, 3]
    expected = {"wall": 0, "floor": 3, "couch": 1, "lamp": 2, "dumbbell": 2}
    for split in ("train", "val"):
        before, after = (read_scene(folder / split / f"{split}_0.ply") for folder in (root, out))
        truth = [expected[SCANNET200.names[k]] for k in SCANNET200.to_classes(before.labels)]
        assert after.labels.tolist() == truth and np.array_equal(after.points, before.points)
        assert np.array_equal(after.instances, before.instances)
    assert read_scene(out / "test" / "test_0.ply").labels is None
    assert (out / "feature_data" / "statistics.csv").read_text().splitlines()[1].startswith("seat,,1,")
    assert write_statistics_of(out, own)[0] == 2  # the same again from the root alone
    assert relabel_main([str(root), "--label_map", str(tmp_path / "map.csv"), "--out", str(out)]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_pointcepts_arrays_are_read_in_the_set_they_are_of(tmp_path):
    folder = tmp_path / "scene0000_00"
    folder.mkdir()
    for name, values in (("coord", np.zeros((3, 3))), ("color", np.zeros((3, 3))), ("segment20", np.array([0, 19, -1])),
                         ("segment200", np.array([1, -1, 199]))):
        np.save(folder / f"{name}.npy", values)
    assert read_scan(folder, SCANNET20).labels.tolist() == [1, 39, 0]
    assert read_npy_scene(folder, SCANNET200).labels.tolist() == [2, 0, SCANNET200.ids[199]]


def test_no_module_but_label_sets_holds_a_table_of_classes():
    """ScanNet200 is data: a module-level table elsewhere would be a second truth that --label_set does not reach."""
    table = r"^(NUM_CLASSES|CLASS_NAMES|RAW_IDS|[A-Z_]+ = .*load_label_set)"
    places = ["*.py", ":!tests", ":!datasets/label_sets.py"]
    found = subprocess.run(["git", "grep", "-nE", table, "--", *places], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout == ""

"""What label columns hold: tables of ids, file names that tell theirs, and trainings that would misread them."""
import numpy as np
import pytest

from datasets.label_checks import check_training_labels
from datasets.label_ids import LabelIds, another_table
from datasets.label_sets import load_label_map, load_label_set
from datasets.ply import Scene, read_columns, read_scene, write_scene
from datasets.preprocess.statistics import main as statistics_main
from datasets.relabel import main as relabel_main
from datasets.scannet200 import Scannet200Voxelization2cmDataset
from main import main
from tests.datasets.test_instance_sampling import room, sheet

SCANNET200, SCANNET20, NYU40 = load_label_set(), load_label_set("scannet20"), load_label_set("nyu40")
ids200, ids40 = ({name: int(i) for name, i in zip(s.names, s.ids)} for s in (SCANNET200, NYU40))


def furnished(table, seed=0):
    """Floor, walls, chairs with seat and back, a table and a cabinet, with the ids of a table: {name: id}."""
    x, y = np.random.default_rng(seed).uniform(0.4, 2.4, 2)
    parts = [(sheet((0, 3), (0, 3), 0.0, 2, 0.05), "floor"), (sheet((0, 3), (0, 2.2), 0.0, 0, 0.05), "wall"),
             (sheet((0, 3), (0, 2.2), 3.0, 1, 0.05), "wall"), (sheet((1, 2), (1, 2), 0.7, 2), "table"),
             (sheet((x, x + .4), (y, y + .4), 0.45, 2), "chair"), (sheet((x, x + .4), (0.4, 0.9), y, 1), "chair"),
             (sheet((0, 1.0), (0, 1.5), 2.5, 0), "cabinet")]
    points = np.concatenate([points for points, _ in parts])
    labels = np.concatenate([np.full(len(points), table[name], np.int32) for points, name in parts])
    return Scene(f"room{seed}", points, np.full(points.shape, 90, np.uint8), labels)


@pytest.fixture
def rooms(dataset_config, tmp_path):
    """A function that puts rooms with the ids of a table in place of the dataset's training scenes."""
    def put(table, names=("a.ply", "b.ply")):
        for seed, name in enumerate(names):
            write_scene(tmp_path / "train" / name, furnished(table, seed))
        (tmp_path / "train.txt").write_text("".join(f"train/{name}\n" for name in names))
        return dataset_config
    return put


def check(config, label_set=SCANNET200):
    check_training_labels(Scannet200Voxelization2cmDataset(config, "train", training=True, label_set=label_set))


def test_nyu40_holds_the_benchmarks_20_and_every_mapped_name_is_known():
    assert NYU40.ids.tolist() == list(range(1, 41))
    assert {ids40[name]: name for name in SCANNET20.names} == dict(zip(SCANNET20.ids.tolist(), SCANNET20.names))
    for source, target, lost in ((NYU40, SCANNET200, 3), (SCANNET20, SCANNET200, 1), (NYU40, SCANNET20, 20)):
        names = {name: name if name in target.names else "" for name in source.names}
        if target is SCANNET200:
            names = load_label_map(f"{source.name}_to_{target.name}", source, target)
        assert sum(not name for name in names.values()) == lost, (source.name, target.name)


def test_ids_of_a_table_become_the_label_sets(tmp_path):
    read = LabelIds("nyu40", SCANNET200)
    assert read(np.array([1, 2, 5, 6, 15, 23, 40, 0]), "a.ply").tolist() == [
        ids200[name] for name in ("wall", "floor", "chair", "couch", "shelf", "book")] + [0, 0]
    assert LabelIds("raw", SCANNET20)(np.array([1, 2, 3, 10, 0, 56]), "a").tolist() == [1, 5, 2, 5, 0, 39]
    assert LabelIds("scannet20", SCANNET200)(np.array([6, 39, 24]), "a").tolist() == [6, 0, ids200["refrigerator"]]
    assert LabelIds("index", SCANNET200)(np.array([0, 2, -1, 255]), "a").tolist() == [1, 3, 0, 0]
    for name in ("own", "auto", "raw"):
        assert LabelIds(name, SCANNET200)(np.array([1, 1163, 255]), "a.ply").tolist()[:2] == [1, 1163]
    (tmp_path / "mine.csv").write_text("id,name\n7,floor\n9,chair\n11,spaceship\n")
    assert LabelIds(str(tmp_path / "mine.csv"), SCANNET200)(np.array([7, 9, 11, 3]), "a").tolist() == [3, 2, 0, 0]


def test_tables_and_ids_that_cannot_be_are_named(tmp_path):
    (tmp_path / "odd.csv").write_text("id,name\n1,spaceship\n")
    for name, words in (("nyu41", "--label_ids nyu41: label set nyu41: there is none"),
                        (str(tmp_path / "odd.csv"), "odd.csv: none of its names is a class of label set scannet200")):
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            LabelIds(name, SCANNET200)
    for name, wrong in (("nyu40", 41), ("index", 200)):
        with pytest.raises(ValueError, match=f"a.ply: vertex 1 has label {wrong}.*--label_ids"):
            LabelIds(name, SCANNET200)(np.array([1, wrong]), "a.ply")


def test_scannets_labels_files_are_nyu40_and_it_is_said(rooms, capsys):
    names = [f"scene000{k}_00_vh_clean_2.labels.ply" for k in range(2)]
    config = rooms(ids40, names)
    check(config)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and f"{names[0]} and 1 more" in said and "read by --label_ids nyu40" in said
    dataset = Scannet200Voxelization2cmDataset(config, "train", training=True, label_set=SCANNET200)
    assert np.array_equal(dataset.scene(1).labels, furnished(ids200, 1).labels)
    config.label_ids = "raw"
    dataset = Scannet200Voxelization2cmDataset(config, "train", training=True, label_set=SCANNET200)
    assert np.array_equal(dataset.scene(1).labels, furnished(ids40, 1).labels)


def test_a_cache_of_another_table_is_not_taken(rooms):
    config = rooms(ids40)
    config.cache_data = True
    for table, labels in (("nyu40", furnished(ids200).labels), ("own", furnished(ids40).labels)) * 2:
        config.label_ids = table
        dataset = Scannet200Voxelization2cmDataset(config, "train", training=True, label_set=SCANNET200)
        for _ in range(2):
            assert np.array_equal(dataset.scene(0).labels, labels)


@pytest.mark.parametrize("table,label_set,flag", [
    (ids40, SCANNET200, "nyu40"), (ids200, SCANNET20, "raw"),
    ({name: k for k, name in enumerate(SCANNET200.names)}, SCANNET200, "index"),
])
def test_a_training_stops_at_ids_that_look_like_another_tables(rooms, table, label_set, flag):
    config = rooms(table)
    with pytest.raises(ValueError, match=f"a.ply: its labels look like another table's, not .*--label_ids {flag} has"):
        check(config, label_set)
    for said in (flag, "own"):
        config.label_ids = said
        check(config, label_set)


def test_own_ids_are_never_refused():
    def seen(points, labels, label_set=SCANNET200):
        return another_table(points, labels, label_set)

    for seed in range(5):
        assert seen(furnished(ids200, seed).points, furnished(ids200, seed).labels) == "own"
        assert seen(furnished(ids40, seed).points, furnished(ids40, seed).labels, SCANNET20) == "own"
    assert seen(room().points, room().labels) == "own"
    scene = furnished(ids200)
    for missing in ("floor", "wall", "table"):  # not scanned, or not labelled
        kept = scene.labels != ids200[missing]
        assert seen(scene.points[kept], scene.labels[kept]) in ("own", None)
        assert seen(scene.points, np.where(kept, scene.labels, 0)) in ("own", None)
    for turned in (scene.points[:, [0, 2, 1]], scene.points[:, [2, 0, 1]]):  # another axis up: nothing is known
        assert seen(turned, scene.labels) is None
    chairs = scene.labels == ids200["chair"]
    assert seen(scene.points[chairs], scene.labels[chairs]) is None


def test_a_root_of_raw_ids_with_one_odd_scene_is_trained_on(rooms, tmp_path):
    config = rooms(ids200, ("a.ply", "b.ply", "c.ply"))
    write_scene(tmp_path / "train" / "b.ply", furnished(ids40))
    check(config)


def test_a_training_without_one_label_stops_and_says_what_was_found(run_flags, capsys):
    for path in (run_flags.root / "train").glob("*.ply"):
        scene = read_scene(path)
        scene.labels[:] = 255
        write_scene(path, scene)
    assert main(run_flags("--max_epoch", "1")) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "not one point of its 4 train scenes has a class to train on (labels found: 255;" in error
    assert not run_flags.run.exists()


def test_scenes_without_one_label_are_named_once(run_flags, capsys):
    scene = read_scene(run_flags.root / "train" / "train0002_00.ply")
    scene.labels[:] = 0
    write_scene(run_flags.root / "train" / "train0002_00.ply", scene)
    assert main(run_flags("--max_epoch", "3", "--batch_size", "1")) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "no labelled voxel" in line]
    assert said == ["warning: no labelled voxel, so nothing learned, in 1 scene(s): train0002_00"]


def test_statistics_and_relabel_take_the_table(rooms, tmp_path):
    rooms(ids40)
    assert statistics_main([str(tmp_path), "--label_ids", "nyu40"]) == 0
    rows = (tmp_path / "feature_data" / "statistics.csv").read_text().splitlines()
    points = {row.split(",")[0]: int(row.split(",")[3]) for row in rows[1:]}
    assert points["floor"] == 2 * (furnished(ids200).labels == ids200["floor"]).sum() and points["armchair"] == 0
    (tmp_path / "val.txt").unlink()
    assert relabel_main([str(tmp_path), "--label_map", "scannet200_to_scannet20", "--label_set", "scannet20",
                         "--label_ids", "nyu40", "--out", str(tmp_path / "new")]) == 0
    written = read_columns(tmp_path / "new" / "train" / "a.ply")["label"]
    assert np.array_equal(written, furnished(ids40).labels)

"""Predictions beside a truth that lies elsewhere: it is that of `lib.evaluate`, however the prediction is written."""
import json
import re
from pathlib import Path

import numpy as np
import pytest

import visualize
from datasets.label_sets import load_label_set
from datasets.ply import Scene, read_columns, write_columns, write_scene
from datasets.prediction_files import GroundTruth
from lib.evaluate import compare
from lib.view.page.make import make_page
from tests.lib.view.rooms import CHAIR, SCANNET200, room, write_prediction

SPACING = 0.1


@pytest.fixture
def root(tmp_path) -> Path:
    """A dataset root with the truth of two rooms, a third of whose points are not labelled."""
    points, classes = room(SPACING)
    classes[::3] = -1
    for name in ("a", "b"):
        write_scene(tmp_path / "data" / "val" / f"{name}.ply", Scene(
            name, points.astype(np.float32), np.zeros((len(points), 3), np.uint8), SCANNET200.to_ids(classes)))
    (tmp_path / "data" / "val.txt").write_text("val/a.ply\nval/b.ply\n")
    return tmp_path / "data"


def write(folder: Path, kind: str, name: str) -> Path:
    """A prediction as inference writes it, with another truth or none; of another program; or a list of ids."""
    folder.mkdir(exist_ok=True)
    path = write_prediction(folder, name, truth=kind == "scored", spacing=SPACING)
    columns = read_columns(path)
    if kind == "foreign":
        write_columns(path, {key: columns[key] for key in ("x", "y", "z", "label")})
    elif kind == "list":
        path.unlink()
        path = path.with_suffix(".txt")
        path.write_text("\n".join(map(str, columns["label"])))
    return path


def scenes_of(page) -> list[dict]:
    return json.loads(re.search(r'id="content">(.*?)</script>', page.html, re.DOTALL)[1])["scenes"]


@pytest.mark.parametrize("kind", ["bare", "scored", "foreign", "list"])
def test_accuracy_on_the_page_is_that_of_evaluate(root, tmp_path, kind):
    for name in ("a", "b"):
        write(tmp_path / "found", kind, name)
    scenes = scenes_of(make_page(tmp_path / "found", ground_truth=GroundTruth(root)))
    scores = compare([tmp_path / "found"], root, bootstrap=0)
    assert [scene["accuracy"] for scene in scenes] == pytest.approx([scores.of_score("accuracy")[0]] * 2)
    assert scenes[0]["accuracy"] < 1 and scenes[0]["has"]["prediction"] and scenes[0]["has"]["truth"]
    assert sum(count for t, _, count in scenes[0]["pairs"] if t == -1) == -(-len(room(SPACING)[0]) // 3)


def test_one_file_is_the_truth_of_a_prediction_of_any_name(root, tmp_path, capsys):
    path = write(tmp_path, "bare", "mine")
    assert visualize.main([str(path), "--html", str(tmp_path / "a.html"), "--gt", str(root / "val" / "a.ply")]) == 0
    page = make_page(path, ground_truth=GroundTruth(root / "val" / "a.ply"))
    assert scenes_of(page)[0]["accuracy"] is not None and page.html == (tmp_path / "a.html").read_text()
    assert visualize.main([str(path), "--png", str(tmp_path / "a.png"), "--width", "300", "--gt",
                           str(root / "val" / "a.ply")]) == 0
    assert capsys.readouterr().err == ""


def test_the_classes_of_the_truth_are_those_of_its_folder(root, tmp_path):
    small = load_label_set("scannet20")
    small.write(root / "label_set.csv")
    points, _ = room(SPACING)
    for path in (root / "val" / "a.ply", tmp_path / "a.ply"):
        write_columns(path, dict(zip("xyz", points.astype(np.float32).T)) | {
            "label": np.full(len(points), small.ids[small.index("chair")])})
    scene, = scenes_of(page := make_page(tmp_path / "a.ply", ground_truth=GroundTruth(root)))
    assert scene["pairs"] == [[small.index("chair")] * 2 + [len(points)]] and len(page.scenes[0].panels.label_set) == 20


def test_scans_without_truth_are_named(root, tmp_path):
    for name in ("a", "b", "c"):
        write(tmp_path / "found", "foreign", name)
    page = make_page(tmp_path / "found", ground_truth=GroundTruth(root))
    assert page.remarks == [f"no truth in {root}, split val of 1 of 3 scans: c"]
    bare = scenes_of(page)[2]
    assert bare["has"]["prediction"] and not bare["has"]["truth"] and bare["pairs"][0][0] == -1


def shorten(root: Path, path: Path) -> None:
    path.write_text("2\n")


def spoil_ids(root: Path, path: Path) -> None:
    path.write_text(path.read_text().replace(str(SCANNET200.ids[CHAIR]), "12"))


def spoil_set(root: Path, path: Path) -> None:
    load_label_set("scannet20").write(root / "label_set.csv")
    SCANNET200.write(path.parent / "label_set.csv")


@pytest.mark.parametrize("name, spoil, words", [
    ("a", shorten, "a.txt: 1 predictions for the 4119 points of"), ("a", spoil_ids, "is 12, no id of label set"),
    ("a", spoil_set, "label_set.csv: is of other classes than label set scannet200"),
    ("c", None, "split val: has no truth of c; --split names another"),
    ("a", lambda root, path: (root / "val.txt").unlink(), "holds no val.txt")])
def test_what_is_no_truth_of_a_prediction_is_one_line(root, tmp_path, capsys, name, spoil, words):
    path = write(tmp_path / "found", "list", name)
    if spoil:
        spoil(root, path)
    for flag in ("--html", "--png"):
        assert visualize.main([str(path), flag, str(tmp_path / "out"), "--gt", str(root)]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and error.startswith("error: ") and words in error
    assert not (tmp_path / "out").exists()


def test_a_split_without_a_truth_is_refused(tmp_path, capsys):
    path = write(tmp_path, "bare", "a")
    assert visualize.main([str(path), "--html", str(tmp_path / "a.html"), "--split", "test"]) == 1
    assert capsys.readouterr().err.count("--gt") == 1

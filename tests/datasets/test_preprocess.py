"""From raw ScanNet scans to a dataset root: labels, alignment, order, interruption, and what may be wrong."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from datasets.label_sets import load_label_set
from datasets.ply import Scene, read_scene
from datasets.preprocess.raw_scannet import read_axis_alignment, read_label_table, read_raw_scene
from datasets.preprocess.scannet200 import main, preprocess
from datasets.synthetic.raw import write_label_table, write_raw_scan

SCANNET200 = load_label_set()

ROOT = Path(__file__).resolve().parents[2]


def small_scene(name, seed=0, count=900):
    """Boxes of four classes, of which `guitar` is a tail one, as instances 1 to 4."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 4, count)
    points = (rng.random((count, 3)) * 0.4 + which[:, None] * [1.0, 0.5, 0]).astype(np.float32)
    raw = SCANNET200.ids[[SCANNET200.names.index(c) for c in ("floor", "wall", "chair", "guitar")]]
    colors = rng.integers(0, 256, (count, 3)).astype(np.uint8)
    return Scene(name, points, colors, raw[which], (which + 1).astype(np.int32))


@pytest.fixture
def raw(tmp_path):
    """A raw distribution: four scenes to train on, two to validate, one to test. `.scenes`: what went in."""
    root = tmp_path / "raw"
    root.mkdir()
    write_label_table(root / "scannetv2-labels.combined.tsv")
    scenes = {}
    for split, numbers in (("train", range(4)), ("val", range(4, 6)), ("test", range(6, 7))):
        names = [f"scene{i:04d}_00" for i in numbers]
        for i, name in zip(numbers, names):
            scenes[name] = small_scene(name, seed=i)
            folder = root / ("scans_test" if split == "test" else "scans") / name
            write_raw_scan(folder, scenes[name], np.random.default_rng(i), split != "test")
        (root / f"scannetv2_{split}.txt").write_bytes(("\r\n".join(names) + "\r\n").encode())
    return root, scenes


def content(folder):
    """Every file under a folder by relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_scans_come_back_aligned_labelled_and_in_their_vertex_order(raw, tmp_path):
    root, scenes = raw
    summary, failed = preprocess(root, tmp_path / "out")
    assert not failed and summary["scenes"] == 7 and summary["tail_instances"] == 4
    for split, names in (("train", range(4)), ("val", range(4, 6)), ("test", [6])):
        listed = (tmp_path / "out" / f"{split}.txt").read_text().split()
        assert listed == [f"{split}/scene{i:04d}_00.ply" for i in names]
    for name, scene in scenes.items():
        split = "test" if name == "scene0006_00" else "val" if name >= "scene0004" else "train"
        made = read_scene(tmp_path / "out" / split / f"{name}.ply")
        assert np.abs(made.points - scene.points).max() < 1e-5 and np.array_equal(made.colors, scene.colors)
        if split == "test":
            assert made.labels is None
        else:
            assert np.array_equal(made.labels, scene.labels)
            for instance in range(1, 5):  # ids may differ, the objects may not
                assert len(np.unique(made.instances[scene.instances == instance])) == 1
    guitars = sorted((tmp_path / "out/train/train_instances/guitar").iterdir())
    assert [p.name for p in guitars] == [f"guitar_{k}.ply" for k in range(4)]
    weights = json.loads((tmp_path / "out/feature_data/category_weights.json").read_text())
    assert set(weights) == set(SCANNET200.names)


def test_workers_and_a_second_run_change_no_byte(raw, tmp_path):
    root, _ = raw
    preprocess(root, tmp_path / "one")
    preprocess(root, tmp_path / "two", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "one").rglob("scene*.ply")}
    preprocess(root, tmp_path / "one")
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert all(p.stat().st_mtime_ns == t for p, t in before.items() if p.parent.name in ("train", "val", "test"))


def test_a_run_killed_in_the_middle_goes_on_to_the_same_bytes(raw, tmp_path):
    root, _ = raw
    preprocess(root, tmp_path / "whole")
    code = ("import sys, time; sys.path.insert(0, sys.argv[1]); import datasets.preprocess.scannet200 as s; "
            "real = s.read_raw_scene; s.read_raw_scene = lambda *a, **k: (time.sleep(0.4), real(*a, **k))[1]; "
            "s.preprocess(s.Path(sys.argv[2]), s.Path(sys.argv[3]))")
    run = subprocess.Popen([sys.executable, "-c", code, str(ROOT), str(root), str(tmp_path / "killed")],
                           stderr=subprocess.DEVNULL)
    records = tmp_path / "killed" / ".preprocess" / "records"
    for _ in range(300):
        time.sleep(0.05)
        if records.is_dir() and len(list(records.glob("scene*.json"))) >= 2:
            break
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "killed" / "train.txt").exists() and list(records.glob("scene*.json"))
    (tmp_path / "killed" / "train" / ".scene0003_00.ply.x1.tmp").write_text("half")
    preprocess(root, tmp_path / "killed")
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_a_bad_scene_is_named_and_the_rest_done(raw, tmp_path, capsys):
    root, _ = raw
    segs = root / "scans/scene0001_00/scene0001_00_vh_clean_2.0.010000.segs.json"
    segs.write_bytes(segs.read_bytes()[:200])
    (root / "scans/scene0002_00/scene0002_00.aggregation.json").unlink()
    assert main(["--scannet", str(root), "--out", str(tmp_path / "out"), "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert "segs.json: truncated or damaged JSON" in said.err + said.out
    assert "2 scene(s) left out, see above: scene0001_00, scene0002_00" in said.err
    assert (tmp_path / "out/train.txt").read_text().split() == ["train/scene0000_00.ply", "train/scene0003_00.ply"]
    segs.unlink()
    _, scenes = raw
    write_raw_scan(segs.parent, scenes["scene0001_00"], np.random.default_rng(1), True)
    assert list(preprocess(root, tmp_path / "out")[1]) == ["scene0002_00"]


def damaged(change):
    """A test body: reading scene 0 after `change(folder, name)`."""
    def read(raw):
        root, scenes = raw
        folder = root / "scans" / "scene0000_00"
        change(folder, "scene0000_00")
        return read_raw_scene(folder, read_label_table(root / "scannetv2-labels.combined.tsv"), labelled=True)
    return read


def edit_json(suffix, edit):
    def change(folder, name):
        path = folder / f"{name}{suffix}"
        content = json.loads(path.read_text())
        edit(content)
        path.write_text(json.dumps(content))
    return change


AGGREGATION, SEGMENTS = ".aggregation.json", "_vh_clean_2.0.010000.segs.json"


def test_the_last_of_overlapping_objects_has_the_vertices(raw):
    def overlap(content):
        content["segGroups"].append({"label": "bed", "segments": content["segGroups"][0]["segments"]})
    scene, notes = damaged(edit_json(AGGREGATION, overlap))(raw)
    first = raw[1]["scene0000_00"].instances == 1
    bed = SCANNET200.ids[SCANNET200.index("bed")]
    assert (scene.labels[first] == bed).all() and (scene.instances[first] == 5).all()
    assert notes["objects that overlap an earlier one, which they take the vertices of"] == 1


def test_unknown_categories_missing_segments_and_no_objects_are_noted(raw):
    def change(content):
        content["segGroups"][0]["label"] = "flying carpet"
        content["segGroups"][1]["segments"] = [10**9]
    scene, notes = damaged(edit_json(AGGREGATION, change))(raw)
    was = raw[1]["scene0000_00"].instances
    assert (scene.labels[(was == 1) | (was == 2)] == 0).all() and (scene.labels[was > 2] > 0).all()
    assert notes["objects without a vertex, left out"] == 1 and any("flying carpet" in note for note in notes)
    scene, _ = damaged(edit_json(AGGREGATION, lambda content: content.update(segGroups=[])))(raw)
    assert not scene.labels.any() and not scene.instances.any()


@pytest.mark.parametrize("change,words", [
    (edit_json(SEGMENTS, lambda c: c["segIndices"].pop()), "segIndices needs 900 whole numbers"),
    (edit_json(SEGMENTS, lambda c: c.update(segIndices=[0.5] * 900)), "segIndices needs 900 whole numbers"),
    (edit_json(SEGMENTS, lambda c: c.update(segIndices=[[1]] + [2] * 899)), "segIndices needs 900 whole numbers"),
    (edit_json(SEGMENTS, lambda c: c.clear()), "segIndices needs 900 whole numbers"),
    (edit_json(AGGREGATION, lambda c: c.clear()), "needs a list `segGroups`"),
    (edit_json(AGGREGATION, lambda c: c["segGroups"][0].pop("label")), "object 1 needs a `label`"),
    (edit_json(AGGREGATION, lambda c: c["segGroups"].insert(0, 7)), "object 1 needs a `label`"),
    (lambda folder, name: (folder / f"{name}.txt").write_text("axisAlignment = 1 0 0\n"), "needs 16 numbers"),
    (lambda folder, name: (folder / f"{name}.txt").write_text("axisAlignment = " + "nan " * 16), "needs 16 numbers"),
    (lambda folder, name: (folder / f"{name}.txt").write_text("axisAlignment = " + "2 " * 16), "no rotation and shift"),
    (lambda folder, name: (folder / f"{name}{AGGREGATION}").write_text("[" * 100000), "truncated or damaged JSON"),
    (lambda folder, name: (folder / f"{name}_vh_clean_2.ply").write_bytes(b"ply\n"), "truncated or damaged PLY"),
])
def test_damaged_files_are_named_in_one_line(raw, change, words):
    with pytest.raises(ValueError, match=words) as caught:
        damaged(change)(raw)
    assert "scene0000_00" in str(caught.value) and "\n" not in str(caught.value)


def test_a_scan_without_alignment_stays_as_it_is(raw):
    scene, notes = damaged(lambda folder, name: (folder / f"{name}.txt").write_text("numDepthFrames = 3\r\n"))(raw)
    assert notes["scenes without an axisAlignment, left as they are"] == 1
    assert np.abs(scene.points - raw[1]["scene0000_00"].points).max() > 0.1


def test_alignment_is_read_from_windows_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"axisAlignment = 0 -1 0 2.5 1 0 0 3 0 0 1 -4 0 0 0 1 \r\ncolorWidth = 3\r\n")
    assert read_axis_alignment(path).tolist() == [[0, -1, 0, 2.5], [1, 0, 0, 3], [0, 0, 1, -4], [0, 0, 0, 1]]


@pytest.mark.parametrize("spoil,words", [
    (lambda root: (root / "scannetv2-labels.combined.tsv").unlink(), "combined.tsv: missing; `bash download.sh`"),
    (lambda root: (root / "scannetv2-labels.combined.tsv").write_text("a\tb\n1\t2\n"), "the tab-separated columns"),
    (lambda root: (root / "scannetv2_val.txt").unlink(), "scannetv2_val.txt: missing"),
    (lambda root: (root / "scannetv2_val.txt").write_text("scene0000_00\n"), "scene0000_00 is listed twice"),
    (lambda root: (root / "scannetv2_val.txt").write_text("../evil\n"), "is no scene's name"),
])
def test_a_distribution_that_cannot_be_read_writes_nothing(raw, tmp_path, capsys, spoil, words):
    root, _ = raw
    spoil(root)
    assert main(["--scannet", str(root), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_another_folder_is_not_written_into(raw, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="was not made by this command"):
        preprocess(raw[0], tmp_path / "mine")


def test_random_damage_gives_a_scene_or_an_error_with_the_files_name(raw):
    """400 damaged scans: bytes changed, cut out or doubled in one of the four files; no other outcome, no hang."""
    root, scenes = raw
    rng, folder, raw_ids = np.random.default_rng(0), root / "scans/scene0000_00", read_label_table(
        root / "scannetv2-labels.combined.tsv")
    known, outcomes = {0, *raw_ids.values()}, {"read": 0, "refused": 0}
    files = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    for round_ in range(400):
        path, whole = list(files.items())[round_ % len(files)]
        content = bytearray(whole)
        at = int(rng.integers(len(content))) if round_ % 8 < 4 else int(rng.integers(min(300, len(content))))
        kind = rng.integers(4)
        if kind == 0:
            content[at] = rng.integers(256)
        elif kind == 1:
            del content[at:at + int(rng.integers(1, 200))]
        elif kind == 2:
            content[at:at] = content[at:at + 50]
        else:
            content = content[:at]
        path.write_bytes(content)
        try:
            scene, _ = read_raw_scene(folder, raw_ids, labelled=True)
            assert set(np.unique(scene.labels)) <= known and np.isfinite(scene.points).all()
            outcomes["read"] += 1
        except (ValueError, FileNotFoundError) as error:
            assert "scene0000_00" in str(error) and "\n" not in str(error)
            outcomes["refused"] += 1
        path.write_bytes(whole)
    print(outcomes)
    assert outcomes["refused"] > 100 and outcomes["read"] > 20


def test_a_category_that_begins_with_a_quote_swallows_no_line(tmp_path):
    table = tmp_path / "labels.tsv"
    table.write_text('id\traw_category\tid40\n1\tpost\t1\n2\t"l" shaped desk\t2\n3\t"tv\t3\n4\tchair\t4\n5\tlamp"\t5\n')
    assert read_label_table(table) == {"post": 1, '"l" shaped desk': 2, '"tv': 3, "chair": 4, 'lamp"': 5}


def test_of_a_category_listed_twice_the_first_row_counts(tmp_path):
    table = tmp_path / "labels.tsv"
    table.write_text("id\traw_category\n7\tcouch\n8\tdoor\n1191\tcouch\n")
    assert read_label_table(table) == {"couch": 7, "door": 8}

"""Pages of scans: what is packed comes back, counts are of all points, nothing of a file is read as HTML."""
import base64
import hashlib
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

import visualize
from datasets.label_sets import label_set_of, load_label_set, write_classes
from datasets.ply import write_columns
from lib.view.page.make import make_page, save_page, to_script
from lib.view.page.names import find_parts
from lib.view.page.pack import REST, STEPS, to_bytes, to_codes
from lib.view.page.palette import least_difference, safe_palette
from lib.view.page.scene import find_page_scans, read_page_scene
from lib.view.panels import ERROR_COLORS, error_colors
from tests.lib.view.rooms import CHAIR, SCANNET200, TABLE, room, write_many_classes, write_prediction


def content_of(html: str) -> dict:
    return json.loads(re.search(r'id="content">(.*?)</script>', html, re.DOTALL)[1])


def unpack(html: str, number: int = 0) -> dict[str, np.ndarray]:
    """The columns of a page's scan, read as web/data.js does: running sums of differences."""
    about = content_of(html)["scenes"][number]
    text = re.search(rf'id="points-{number}">(.*?)</script>', html, re.DOTALL)[1]
    data, n = zlib.decompress(base64.b64decode(text)), about["kept"]
    columns = np.frombuffer(data, np.uint8).reshape(-1, n)
    taken = iter(columns)

    def joined(count, kind):
        parts = [next(taken).astype(kind) << kind(8 * k) for k in range(count)]
        return np.cumsum(sum(parts), dtype=kind)
    has = about["has"]
    found = {"place": np.stack([joined(2, np.uint16) for _ in range(3)], 1),
             "color": np.stack([np.cumsum(next(taken), dtype=np.uint8) for _ in range(3)], 1)}
    for name in ("prediction", "truth", "confidence"):
        if has[name]:
            found[name] = next(taken)
    if has["rows"]:
        found["rows"] = joined(4, np.uint32)
    found["best"] = [next(taken) for _ in range(has["best"])]
    found["shares"] = [next(taken) for _ in range(has["best"])]
    found["heats"] = [next(taken) for _ in about["heats"]]
    assert next(taken, None) is None
    return found


def classes_of(codes: np.ndarray, about: dict) -> np.ndarray:
    return np.array([-1, *about["codes"]])[codes]


def test_points_come_back_from_the_page(tmp_path):
    html = make_page(write_prediction(tmp_path, best=3)).html
    about, found = content_of(html)["scenes"][0], unpack(html)
    points, classes = room()
    back = found["place"] * about["step"] + np.array(about["low"])
    np.testing.assert_allclose(back, points, atol=0.51 * about["step"] + 1e-6)
    assert about["step"] == pytest.approx(3 / STEPS)
    np.testing.assert_array_equal(classes_of(found["truth"], about), classes)
    wrong = (classes == TABLE) & (points[:, 0] > 2.45)
    np.testing.assert_array_equal(classes_of(found["prediction"], about), np.where(wrong, CHAIR, classes))
    np.testing.assert_allclose(found["confidence"] / 255, np.where(wrong, 0.4, 0.9), atol=0.003)
    np.testing.assert_array_equal(found["best"][0], found["prediction"])
    np.testing.assert_allclose(found["shares"][2] / 255, 0.1, atol=0.003)
    assert not about["has"]["rows"]


def test_a_point_takes_at_most_12_bytes_before_they_are_deflated(tmp_path):
    html = make_page(write_prediction(tmp_path)).html
    packed = zlib.decompress(base64.b64decode(re.search(r'id="points-0">(.*?)</script>', html)[1]))
    assert len(packed) == 12 * len(room()[0])


def test_a_thinned_scan_says_so_counts_all_points_and_knows_the_vertices(tmp_path):
    path = write_prediction(tmp_path)
    page = make_page(path, max_points=500)
    about, found = content_of(page.html)["scenes"][0], unpack(page.html)
    points = room()[0]
    assert about["kept"] == 500 and about["total"] == len(points) and "500 of" in about["remarks"][0]
    assert page.remarks == about["remarks"]
    assert sum(count for *_, count in about["pairs"]) == len(points)
    np.testing.assert_allclose(found["place"] * about["step"] + about["low"], points[found["rows"]], atol=1e-3)


def test_vertices_keep_their_number_where_some_are_not_seen(tmp_path):
    points, _ = room(0.2)
    points[[3, 40]] = np.nan
    write_columns(tmp_path / "a.ply", dict(zip("xyz", points.astype(np.float32).T)))
    found = unpack(make_page(tmp_path / "a.ply").html)
    np.testing.assert_array_equal(found["rows"], np.delete(np.arange(len(points)), [3, 40]))


def test_pairs_are_the_confusion_of_truth_and_prediction(tmp_path):
    scene = read_page_scene(write_prediction(tmp_path), 10**6)
    points, classes = room()
    table = (classes == TABLE)
    assert scene.confusion[TABLE, CHAIR] == (table & (points[:, 0] > 2.45)).sum()
    assert scene.confusion[TABLE].sum() == table.sum() and scene.confusion.sum() == len(points)
    assert scene.confusion[-1].sum() == scene.confusion[:, -1].sum() == 0


def test_a_scan_without_one_label_has_no_truth(tmp_path):
    path = write_prediction(tmp_path)
    scene_truth = read_page_scene(path, 10**6)
    assert scene_truth.panels.truth is not None
    points, _ = room(0.2)
    write_columns(tmp_path / "b.ply", dict(zip("xyz", points.astype(np.float32).T)) | {
        "label": np.zeros(len(points), np.int32)})
    html = make_page(tmp_path / "b.ply").html
    assert not content_of(html)["scenes"][0]["has"]["truth"]
    assert "truth" not in unpack(html)


def test_more_classes_than_codes_share_the_last_code():
    codes = np.arange(300)[::-1]
    found = to_codes(np.array([299, 46, 45, 0, -1]), codes, 300)
    assert found.tolist() == [1, 254, REST, REST, 0]


def test_a_scan_of_more_classes_than_codes_says_how_many_share_one(tmp_path, capsys):
    path, out = write_many_classes(tmp_path / "many", 300), tmp_path / "a.html"
    assert visualize.main([str(path), "--html", str(out)]) == 0
    about = content_of(out.read_text())["scenes"][0]
    assert about["remarks"] == ["46 of 300 classes, those of fewest points, share a number and are drawn alike; "
                                "figures are of each"]
    assert capsys.readouterr().err == f"{about['remarks'][0]}\n"
    assert len({t for t, *_ in about["pairs"]}) == 300
    assert make_page(write_many_classes(tmp_path / "few", 254)).remarks == []
    (path.parent / "b.ply").write_bytes(path.read_bytes())
    said = []
    make_page(path.parent, say=said.append)
    assert [line.strip() for line in said].count(about["remarks"][0]) == 2


def test_what_is_no_number_is_the_lowest_byte():
    assert to_bytes(np.array([np.nan, -1, 0.5, 2])).tolist() == [0, 0, 128, 255]


def test_classes_of_ones_own_have_their_names_and_colours(tmp_path):
    points, _ = room(0.2)
    own = label_set_of(["round table", "wall"], "own")
    write_classes(tmp_path / "classes.json", own)
    grey = np.full(len(points), 9, np.uint8)
    write_columns(tmp_path / "a.ply", dict(zip("xyz", points.astype(np.float32).T)) | {
        "label": np.tile([1, 2], len(points))[:len(points)].astype(np.int32), "input_red": grey, "input_green": grey,
        "input_blue": grey})
    html = make_page(tmp_path / "a.ply").html
    content = content_of(html)
    classes = classes_of(unpack(html)["prediction"], content["scenes"][0])
    names = [content["classes"][k]["name"] for k in np.unique(classes)]
    assert sorted(names) == ["round table", "wall"]
    assert content["classes"][-1] == {"name": "round table", "group": "", "color": own.colors[0].tolist(),
                                      "safe": content["classes"][-1]["safe"], "wall": False, "ceiling": False}


def test_another_label_set_brings_its_groups(tmp_path):
    nyu = load_label_set("nyu40")
    nyu.write(tmp_path / "label_set.csv")
    points, _ = room(0.2)
    write_columns(tmp_path / "a.ply", dict(zip("xyz", points.astype(np.float32).T)) | {
        "label": np.full(len(points), 5, np.int32)})
    content = content_of(make_page(tmp_path / "a.ply").html)
    assert [each["name"] for each in content["classes"]] == list(nyu.names)
    assert content["groups"] == list(nyu.group_names)


def test_names_stand_on_the_parts_of_each_class_the_largest_first():
    points, classes = room()
    chair = points[classes == CHAIR]
    two = np.concatenate([points, chair[:60] + (0, 1.2, 0)])
    found = find_parts(two, np.concatenate([classes, np.full(60, CHAIR)]))
    chairs = [part[1:] for part in found if part[0] == CHAIR]
    assert len(chairs) == 2 and SCANNET200.names[found[0][0]] == "wall"
    for place, middle in zip(chairs, ((1.5, 1.0, 0.6), (1.5, 1.96, 0.6))):
        np.testing.assert_allclose(place, middle, atol=0.12)
    assert find_parts(points, np.full(len(points), -1)) == []


# ---- folders and runs

def test_a_runs_page_has_its_last_predictions_and_pictures_of_them(tmp_path):
    folder = tmp_path / "visualize" / "fulleval"
    folder.mkdir(parents=True)
    for name in ("a", "b", "old"):
        write_prediction(folder, name, best=2, spacing=0.2)
    (folder / "scenes.json").write_text(json.dumps({"scenes": ["a", "b"], "failed": {}}))
    paths, remarks = find_page_scans(tmp_path)
    assert [path.name for path in paths] == ["a.ply", "b.ply"] and "1 files of earlier" in remarks[0]
    content = content_of(make_page(tmp_path).html)
    assert [scene["name"] for scene in content["scenes"]] == ["a", "b"]
    assert set(content["scenes"][0]["thumbnails"]) == {"input", "prediction", "truth", "error"}
    assert base64.b64decode(content["scenes"][0]["thumbnails"]["error"])[:3] == b"\xff\xd8\xff"
    assert content["remarks"] == remarks


def test_a_run_without_predictions_says_how_to_make_them(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("")
    assert visualize.main([str(tmp_path), "--html", str(tmp_path / "out.html")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "inference.sh" in error and not (tmp_path / "out.html").exists()


def test_files_of_different_label_sets_are_refused(tmp_path):
    points, _ = room(0.2)
    for name in ("a", "b"):
        scene = tmp_path / "scans" / name / f"{name}_vh_clean_2.ply"
        scene.parent.mkdir(parents=True)
        write_columns(scene, dict(zip("xyz", points.astype(np.float32).T)))
    load_label_set("nyu40").write(scene.parent / "label_set.csv")
    with pytest.raises(ValueError, match="label set than a_vh_clean_2.ply"):
        make_page(tmp_path)


def test_two_files_of_one_stem_have_names_of_their_own(tmp_path):
    path = write_prediction(tmp_path, "a", spacing=0.2)
    points, _ = room(0.2)
    (tmp_path / "a.xyz").write_text("".join("{} {} {}\n".format(*point) for point in points))
    names = [scene["name"] for scene in content_of(make_page(tmp_path).html)["scenes"]]
    assert path.is_file() and sorted(names) == ["a.ply", "a.xyz"]


def test_error_colours_are_red_where_wrong_and_tell_unlabelled_apart():
    colors = error_colors(np.array([1, 2, 3, -1]), np.array([1, 5, -1, 4]))
    assert colors[:3].tolist() == [list(ERROR_COLORS[name]) for name in ("right", "wrong", "unknown")]
    assert colors[0].std() < 10 and colors[1, 0] > 200 > colors[1, 1] and colors[2, 2] > colors[2, 0]
    np.testing.assert_array_equal(colors[1], colors[3])


# ---- what comes from files stays text

HOSTILE = '</script><script>alert(1)</script>'


def test_hostile_names_and_comments_do_not_leave_the_json(tmp_path):
    path = write_prediction(tmp_path, "a", spacing=0.2)
    data = path.read_bytes().replace(b"format binary_little_endian 1.0\n", b"format binary_little_endian 1.0\ncomment "
                                     + HOSTILE.encode() + b"\n", 1)
    hostile = tmp_path / "{POINTS}{SCRIPT}<img src=x onerror=alert(1)>.ply"
    hostile.write_bytes(data)
    label_set_of([HOSTILE, "<b>bold</b>", "{POINTS}"], "own").write(tmp_path / "label_set.csv")
    html = make_page(hostile).html
    assert html.count("<script") == html.count("</script>") == 3 and "<img" not in html and "<b>" not in html
    content = content_of(html)
    assert [each["name"] for each in content["classes"]] == [HOSTILE, "<b>bold</b>", "{points}"]
    assert content["scenes"][0]["name"] == hostile.stem


def test_json_for_a_script_has_no_sign_that_ends_it():
    value = {"</ScRipt>": ["<!--", "\u2028", "\udcff", "&amp;"]}
    text = to_script(value)
    assert not set("<&") & set(text) and text.isascii() and json.loads(text) == value


def test_the_policy_lets_only_the_pages_own_script_run(tmp_path):
    html = make_page(write_prediction(tmp_path, spacing=0.2)).html
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert len(script) == 1 and f"script-src 'sha256-{digest}'" in policy and "connect-src 'none'" in policy
    assert "unsafe" not in policy
    assert set(re.findall(r"\w+://[^\s\"'`)]*", html)) == {"http://www.w3.org/2000/svg"}  # a name, never fetched


# ---- the second palette

def test_the_first_colours_of_the_safe_palette_differ_for_everyone():
    assert least_difference(safe_palette(12)) > 20
    assert least_difference(safe_palette(12)) > 3 * least_difference(SCANNET200.colors[:12])
    assert len(np.unique(safe_palette(64), axis=0)) == 64 and len(safe_palette(200)) == 200


# ---- the command

def test_command_writes_a_page(tmp_path, capsys):
    out = tmp_path / "new" / "page.html"
    assert visualize.main([str(write_prediction(tmp_path, spacing=0.2)), "--html", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n" and out.read_bytes().startswith(b"<!doctype html>")
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]


def test_ask_without_a_network_names_the_flag(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lib.live.WEIGHTS", tmp_path)
    assert visualize.main([str(write_prediction(tmp_path, spacing=0.2)), "--html", "x.html", "--ask", "a chair"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--weights" in error


def test_a_damaged_list_of_likeliest_classes_is_named(tmp_path, capsys):
    path = write_prediction(tmp_path, best=2, spacing=0.2)
    path.with_suffix(".npz").write_bytes(b"PK\x03\x04broken")
    assert visualize.main([str(path), "--html", str(tmp_path / "a.html")]) == 1
    assert str(path.with_suffix(".npz")) in capsys.readouterr().err


def test_a_page_can_be_saved_again(tmp_path):
    page = make_page(write_prediction(tmp_path, spacing=0.2))
    for _ in range(2):
        save_page(page, tmp_path / "a.html")
    assert Path(tmp_path / "a.html").stat().st_size == len(page.html.encode())

"""Scores from files alone: equal to a literal count, as sure as scenes allow, one line for what cannot be scored."""
import csv
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from datasets.label_sets import load_label_set
from datasets.ply import Scene, read_scene, write_columns, write_scene
from lib.evaluate import compare, main
from lib.inference.bootstrap import interval, resamples, scores_in
from lib.inference.comparison import Comparison
from lib.metrics import main as metrics_main
from lib.view.iou_plot import COLORS
from main import main as run

SCANNET200 = load_label_set()


@pytest.fixture
def files(tmp_path):
    """Seven scenes of ground truth, and two runs: B is right where A is, and in some more places."""
    rng = np.random.default_rng(0)
    root, a, b = tmp_path / "data", tmp_path / "A", tmp_path / "B"
    for folder in (a, b):
        folder.mkdir()
    names = [f"scene{k:04d}_00" for k in range(7)]
    for k, name in enumerate(names):
        count = 400 + 10 * k
        points = rng.random((count, 3)).astype(np.float32)
        truth = rng.choice([0, 1, 2, 3, 5, 1163, 1191], count, p=[.1, .3, .2, .2, .1, .05, .05]).astype(np.int32)
        write_scene(root / "val" / f"{name}.ply", Scene(name, points, np.zeros((count, 3), np.uint8), truth))
        other = rng.choice([0, 1, 2, 3, 4, 5, 1191], count).astype(np.int32)
        wrong = rng.random(count) < 0.2 + 0.1 * rng.random()
        (a / f"{name}.txt").write_text("\n".join(map(str, np.where(wrong, other, truth))) + "\n")
        wrong &= rng.random(count) < 0.8
        columns = {"label": np.where(wrong, other, truth)} | dict(zip("xyz", points.T))
        write_columns(b / f"{name}.ply", columns)
    (root / "val.txt").write_text("".join(f"val/{name}.ply\n" for name in names))
    return root, a, b


def numbers(path):
    return [int(line) for line in path.read_text().split()]


def test_iou_of_every_class_is_the_literal_count(files):
    root, a, _ = files
    result = compare([a], root)
    hit, true, predicted = ({int(i): 0 for i in SCANNET200.ids} for _ in range(3))
    right = total = 0
    for path in sorted(a.glob("*.txt")):
        truth = read_scene(root / "val" / f"{path.stem}.ply").labels.tolist()
        for found, real in zip(numbers(path), truth, strict=True):
            if real not in hit:  # 0, or of no class: not scored
                continue
            total += 1
            true[real] += 1
            right += found == real
            hit[real] += found == real
            if found in predicted:
                predicted[found] += 1
    iou = {i: hit[i] / (true[i] + predicted[i] - hit[i]) for i in true if true[i]}
    for row in result.classes():
        assert row["points"] == true[row["id"]]
        assert math.isnan(row["iou"]) if not true[row["id"]] else abs(row["iou"] - iou[row["id"]]) < 1e-12
    group = dict(zip(SCANNET200.ids.tolist(), SCANNET200.groups))
    expected = {"accuracy": right / total, "mAcc": sum(hit[i] / true[i] for i in iou) / len(iou),
                "mIoU/present": sum(iou.values()) / len(iou), "mIoU/200": sum(iou.values()) / 200}
    for name, size in (("head", 66), ("common", 68), ("tail", 66)):
        members = [value for i, value in iou.items() if group[i] == name]
        expected |= {f"mIoU/200/{name}": sum(members) / size}
        if members:
            expected |= {f"mIoU/present/{name}": sum(members) / len(members)}
    for key, value in expected.items():
        assert abs(result.of_score(key)[0] - value) < 1e-12, key


def test_a_txt_and_a_ply_and_a_folder_of_ground_truth_say_the_same(files, tmp_path):
    root, a, _ = files
    plain, written = tmp_path / "plain", tmp_path / "written"
    for folder in (plain, written):
        folder.mkdir()
    for path in (root / "val").glob("*.ply"):
        labels = read_scene(path).labels
        (plain / f"{path.stem}.txt").write_text("\n".join(map(str, labels)))
        write_columns(written / path.name, {"label": np.array(numbers(a / f"{path.stem}.txt"), np.int32),
                                            "ground_truth": labels})
    values = [compare([pred], truth, bootstrap=0).values[0]
              for pred, truth in ((a, root), (a, plain), (written, plain), (written, written))]
    for other in values[1:]:
        assert all(np.array_equal(values[0][key], other[key], equal_nan=True) for key in other)


def test_intervals_are_seeded_and_hold_the_value_and_no_class_drops_out(files):
    root, a, _ = files
    first, again, other = (compare([a], root, seed=seed) for seed in (0, 0, 1))
    for key in first.keys:
        value, low, high = first.of_score(key)
        assert first.of_score(key) == again.of_score(key) or math.isnan(value)
        assert math.isnan(value) or low <= value <= high
    assert first.of_score("accuracy") != other.of_score("accuracy")
    weights = resamples(7, 500, 0)
    assert (weights > 0).all() and np.allclose(weights.sum(1), 7)
    drawn = scores_in(first.totals[0], weights, SCANNET200.groups)
    by_hand = [(w * first.totals[0][0].sum(1)).sum() / (w * first.totals[0][1].sum(1)).sum() for w in weights]
    assert np.allclose(drawn["accuracy"], by_hand, rtol=1e-12, atol=0)
    assert (np.isnan(drawn["iou"]).all(0) == np.isnan(first.values[0]["iou"])).all()


def test_an_interval_holds_its_figure_where_classes_are_rare():
    rng, scenes, classes = np.random.default_rng(0), 16, 60
    true = np.where(rng.random((scenes, classes)) < 0.12, rng.integers(50, 500, (scenes, classes)), 0)
    true[rng.integers(0, scenes, classes), np.arange(classes)] += 100  # every class somewhere
    hit = rng.binomial(true, rng.uniform(0.1, 0.9, (scenes, classes)))
    wrong = rng.poisson(30, (scenes, classes)) * (rng.random((scenes, classes)) < 0.3)
    totals = np.stack([hit, true, hit + wrong])
    groups = ["tail"] * classes
    label_set = SimpleNamespace(groups=groups)
    result = Comparison(["a"], [str(i) for i in range(scenes)], label_set, [], [totals])
    value, low, high = result.of_score("mIoU/present")
    drawn = scores_in(totals, resamples(scenes, 1000, 0), groups)["mIoU/present"]
    assert interval(drawn)[1] < value + 0.01  # left where it lies, it would be too low
    assert value - low == pytest.approx(high - value, rel=0.5) and low < value < high
    assert high - low == pytest.approx(np.ptp(interval(drawn)), rel=1e-9)


def test_intervals_cover_about_as_often_as_they_say():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(200):  # scenes of 100 points, right by a chance of mean 0.6 that differs between scenes
        hit = rng.binomial(100, rng.uniform(0.4, 0.8, 30))
        totals = np.stack([hit, np.full(30, 100), np.full(30, 100)])[:, :, None]
        low, high = interval(scores_in(totals, resamples(30, 300, 0), ())["accuracy"])
        covered += bool(low <= 0.6 <= high)
    assert 178 <= covered <= 198


def test_two_runs_are_compared_over_the_same_draws(files):
    root, a, b = files
    both = compare([a, b], root)
    difference, low, high = both.of_score("accuracy", 2)
    assert difference > 0 and 0 < low < difference < high
    widths = [np.ptp(both.of_score("accuracy", run)[1:]) for run in range(3)]
    assert widths[2] < max(widths[:2])  # unpaired it would be wider than either
    same = compare([a, a], root)
    assert same.of_score("mIoU/present", 2) == (0, 0, 0)


def test_the_command_writes_what_it_prints(files, tmp_path, capsys):
    root, a, b = files
    assert main(["--pred", str(a), "--versus", str(b), "--gt", str(root), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    accuracy = content["points"]["accuracy"]
    assert f"{100 * accuracy:.1f} [" in printed and content["intervals"]["accuracy"][0] < accuracy
    assert content["difference"]["accuracy"][0] == content["versus"]["accuracy"][0] - accuracy
    with open(tmp_path / "out" / "classes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 200 and float(rows[0]["iou"]) == content["classes"][rows[0]["class"]]["iou"]
    text = (tmp_path / "out" / "evaluation.md").read_text()
    assert "| wall | head |" in text and "## What the worst are taken for" in text
    worst = content["confusions"][0]
    assert worst["iou"] == min(row["iou"] for row in content["classes"].values() if row["iou"] is not None)
    assert sum(share for _, share in worst["taken_for"]) <= 1
    picture = np.asarray(Image.open(tmp_path / "out" / "iou_by_frequency.png"))
    assert picture.shape == (1080, 1800, 3)
    assert all((picture == color).all(2).any() for color in COLORS[:2])  # a dot of each group that occurs
    assert metrics_main([f"A={tmp_path / 'out' / 'evaluation.json'}"]) == 0


def spoil_length(root, a):
    (a / "scene0002_00.txt").write_text("1\n2\n")


def spoil_id(root, a):
    lines = (a / "scene0002_00.txt").read_text().split()
    (a / "scene0002_00.txt").write_text("\n".join(["1", "12", *lines[2:]]))


def spoil_words(root, a):
    (a / "scene0002_00.txt").write_text("wall\n")


def spoil_truth(root, a):
    for path in (root / "val").glob("*.ply"):
        scene = read_scene(path)
        scene.labels[:] = 255
        write_scene(path, scene)


def spoil_set(root, a):
    load_label_set("scannet20").write(root / "label_set.csv")
    load_label_set().write(a / "label_set.csv")


@pytest.mark.parametrize("spoil,words", [
    (lambda root, a: (a / "scene0002_00.txt").unlink(), "scene0002_00.txt: missing; no prediction for 1 of 7 scenes"),
    (spoil_length, "scene0002_00.txt: 2 predictions for the 420 points of"),
    (spoil_id, "scene0002_00.txt: prediction 2 is 12, no id of label set scannet200"),
    (spoil_words, "scene0002_00.txt: needs one whole number a line"),
    (spoil_truth, "not one point of its 7 scenes is labelled"),
    (spoil_set, "label_set.csv: is of other classes"),
    (lambda root, a: (root / "val" / "scene0001_00.ply").unlink(), "scene0001_00.ply"),
    (lambda root, a: (root / "val.txt").unlink(), "data: holds no val.txt that lists scenes"),
])
def test_what_cannot_be_scored_is_one_line(files, tmp_path, capsys, spoil, words):
    root, a, _ = files
    spoil(root, a)
    assert main(["--pred", str(a), "--gt", str(root), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and words in error
    assert not (tmp_path / "out").exists()


def test_a_point_predicted_as_no_class_is_a_miss_and_bare_scenes_are_named(files, capsys):
    root, a, _ = files
    before = compare([a], root).of_score("accuracy")[0]
    scene = read_scene(root / "val" / "scene0000_00.ply")
    scene.labels[:] = 0
    write_scene(root / "val" / "scene0000_00.ply", scene)
    for path in a.glob("scene000[1-9]_00.txt"):
        path.write_text("0\n" * len(numbers(path)))
    result = compare([a], root)
    assert "1 scene(s) without one labelled point: scene0000_00" in capsys.readouterr().out
    assert before > 0.5 and result.of_score("accuracy")[0] == 0
    assert result.counts[0][:, -1].sum() == result.counts[0].sum() > 0


def test_what_inference_wrote_gets_the_scores_it_printed(run_flags, tmp_path):
    assert run(run_flags("--max_epoch", "2")) == 0
    weights, out = str(run_flags.run / "last.ckpt"), tmp_path / "pictures"
    assert run(run_flags("--is_train", "False", "--weights", weights, "--visualize", "True", "--visualize_path",
                         str(out), "--log_dir", str(tmp_path / "log"))) == 0
    scores = json.loads((tmp_path / "log" / "scores_val.json").read_text())
    result = compare([out / "fulleval"], run_flags.root)
    for key in result.keys:
        assert result.of_score(key)[0] == pytest.approx(scores["points"][key] if scores["points"][key] is not None
                                                        else math.nan, abs=1e-12, nan_ok=True), key

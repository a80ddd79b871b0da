"""Scores against hand-computed cases and a loop. Run: python -m pytest tests/lib/test_metrics.py"""
import csv
import json

import numpy as np
import pytest
import torch

from datasets.label_sets import BUILT_IN, load_label_set
from lib.metrics import ConfusionMatrix, main, table

SCANNET200 = load_label_set()
with open(BUILT_IN / "scannet200.csv", newline="") as _file:
    IN_VAL_SPLIT = np.array([row["in_val_split"] == "yes" for row in csv.DictReader(_file)])


def _matrix(prediction, target, classes):
    matrix = ConfusionMatrix(classes)
    matrix.update(np.array(prediction), np.array(target))
    return matrix


def test_scores_of_a_case_computed_by_hand():
    # class 0: 2 of 3 right; class 1: 1 of 1, and one false positive; class 2: absent, predicted never; class 3: 0 of 1
    matrix = _matrix([0, 0, 1, 1, 0, 3], [0, 0, 0, 1, 3, -1], 4)
    np.testing.assert_allclose(matrix.iou(), [2 / 4, 1 / 2, np.nan, 0])
    scores = matrix.scores(["head", "head", "common", "tail"])
    assert scores == pytest.approx(
        {
            "accuracy": 3 / 5,
            "mAcc": (2 / 3 + 1 + 0) / 3,
            "mIoU/present": 1 / 3,
            "mIoU/4": 1 / 4,
            "mIoU/present/head": 0.5,
            "mIoU/4/head": 0.5,
            "mIoU/present/common": float("nan"),
            "mIoU/4/common": 0.0,
            "mIoU/present/tail": 0.0,
            "mIoU/4/tail": 0.0,
        },
        nan_ok=True,
    )


def test_counts_equal_a_loop_for_numpy_and_torch():
    random = np.random.default_rng(0)
    prediction, target = random.integers(0, 9, 400), random.integers(-1, 9, 400)
    expected = np.zeros((9, 9), dtype=np.int64)
    for p, t in zip(prediction, target, strict=True):
        if t != -1:
            expected[t, p] += 1
    matrix = ConfusionMatrix(9)
    matrix.update(torch.from_numpy(prediction[:200]), torch.from_numpy(target[:200]).int())
    matrix.update(prediction[200:].astype(np.uint16), target[200:].astype(np.int16))
    assert matrix.counts.dtype == torch.int64
    np.testing.assert_array_equal(matrix.counts.numpy(), expected)


def test_merged_matrices_score_as_one():
    one, two = _matrix([0, 1], [0, 0], 3), _matrix([2, 2], [2, 1], 3)
    one.merge(two)
    assert torch.equal(one.counts, _matrix([0, 1, 2, 2], [0, 0, 2, 1], 3).counts)
    with pytest.raises(ValueError, match="4 classes"):
        one.merge(ConfusionMatrix(4))


def test_L14_absent_classes_move_miou_by_1_058_and_tail_by_1_138():
    """A perfect prediction over the 189 classes of the validation split: head 66 of 66, common 65 of 68, tail 58."""
    present = np.flatnonzero(IN_VAL_SPLIT)
    scores = _matrix(present, present, 200).scores(SCANNET200.groups)
    assert len(present) == 189
    assert [scores[f"mIoU/present{group}"] for group in ("", "/head", "/common", "/tail")] == [1, 1, 1, 1]
    assert scores["mIoU/present"] / scores["mIoU/200"] == pytest.approx(1.058, abs=5e-4)
    assert scores["mIoU/present/tail"] / scores["mIoU/200/tail"] == pytest.approx(1.138, abs=5e-4)
    assert scores["mIoU/present/common"] / scores["mIoU/200/common"] == pytest.approx(68 / 65)
    assert scores["mIoU/200/head"] == 1


def test_L14_predicting_an_absent_class_lowers_the_present_one_only():
    matrix = _matrix([0, 0, 1, 1], [0, 0, 0, 0], 2)
    np.testing.assert_allclose(matrix.iou(), [0.5, np.nan])
    scores = matrix.scores()
    assert scores["mIoU/present"] == 0.5 and scores["mIoU/2"] == 0.25


def test_nothing_labelled_scores_nan_not_zero():
    scores = _matrix([0, 1], [-1, -1], 2).scores(["head", "tail"])
    assert np.isnan(scores["accuracy"]) and np.isnan(scores["mAcc"]) and np.isnan(scores["mIoU/present"])


@pytest.mark.parametrize(
    ("prediction", "target", "words"),
    [
        ([0, 1], [0], "2 predictions for 1 labels"),
        ([0, 3], [0, 1], "a prediction lies outside 0..2"),
        ([0], [7], "a label lies outside 0..2"),
    ],
)
def test_wrong_labels_are_named(prediction, target, words):
    with pytest.raises(ValueError, match=words):
        _matrix(prediction, target, 3)


def test_the_table_prints_both_protocols_in_percent():
    present = np.flatnonzero(IN_VAL_SPLIT)
    full = _matrix(present, present, 200).scores(SCANNET200.groups)
    lines = table([("stage 1", _matrix([0], [0], 200).scores(SCANNET200.groups)), ("stage 2", full)]).splitlines()
    assert lines[0].split() == ["mIoU/present", "mIoU/200"]
    assert lines[1].split() == ["accuracy"] + ["head", "common", "tail", "all"] * 2
    assert lines[2].split()[2:] == ["100.0", "100.0", "-", "-", "100.0", "1.5", "0.0", "0.0", "0.5"]
    assert lines[3].split()[2:] == ["100.0"] * 6 + ["95.6", "87.9", "94.5"]
    assert len(lines[1]) == len(lines[2]) == len(lines[3])


def test_the_command_prints_a_table_over_runs_and_names_a_file_that_is_none(tmp_path, capsys):
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"points": {"accuracy": 0.5, "mIoU/present": 0.25, "mIoU/present/tail": None,
                                           "mIoU/200": None}}))
    assert main([f"stage 2={path}"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == [
        "stage", "2", "50.0", "-", "25.0", "-", "-"]
    path.write_text("{}")
    assert main([f"stage 2={path}"]) == 1
    assert "scores.json" in capsys.readouterr().err


def test_figures_by_class_of_a_case_computed_by_hand():
    # class 0: 2 of 3 right; class 1: 1 of 1, and one false positive; class 2: absent, predicted never; class 3: 0 of 1
    classes = _matrix([0, 0, 1, 1, 0, 3], [0, 0, 0, 1, 3, -1], 4).per_class("abcd", ["head", "head", "tail", "tail"])
    none = float("nan")
    expected = {"a": ("head", 2 / 4, 2 / 3, 2 / 3, 3), "b": ("head", 1 / 2, 1 / 2, 1, 1),
                "c": ("tail", none, none, none, 0), "d": ("tail", 0, none, 0, 1)}
    for name, (group, *figures, points) in expected.items():
        assert classes[name].pop("group") == group and classes[name].pop("points") == points
        assert list(classes[name].values()) == pytest.approx(figures, nan_ok=True)


def test_per_class_of_names_outside_the_table_counts_them_as_misses():
    matrix = ConfusionMatrix(2, others=1)
    matrix.update(np.array([0, 2, 1]), np.array([0, 0, 1]))
    classes = matrix.per_class(["a", "b"])
    assert classes["a"] == {"iou": 0.5, "precision": 1, "recall": 0.5, "points": 2}


def test_the_class_table_is_grouped_and_ordered_by_iou_with_absent_classes_last(tmp_path, capsys):
    def values(group, iou, points=7):
        return {"group": group, "iou": iou, "precision": 0.5, "recall": None, "points": points}

    runs = {"one": {"lamp": values("tail", 0.3), "wall": values("head", 0.2), "bin": values("tail", None, 0),
                    "floor": values("head", 0.9, 12345)},
            "two": {"wall": values("head", 0.4), "floor": values("head", 0.1), "lamp": values("tail", 0.8)}}
    for name, classes in runs.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"points": {}, "classes": classes}))
    assert main(["--classes", f"one={tmp_path}/one.json"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["head", "points", "IoU", "precision", "recall"], ["floor", "12,345", "90.0", "50.0", "-"],
                     ["wall", "7", "20.0", "50.0", "-"], [],
                     ["tail", "points", "IoU", "precision", "recall"], ["lamp", "7", "30.0", "50.0", "-"],
                     ["bin", "0", "-", "50.0", "-"]]
    assert main(["--classes", f"one={tmp_path}/one.json", f"two={tmp_path}/two.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["one", "two"]
    assert lines[2].split() == ["floor", "12,345", "90.0", "50.0", "-", "10.0", "50.0", "-"]
    assert lines[-1].split() == ["bin", "0", "-", "50.0", "-", "-", "-", "-"]
    (tmp_path / "old.json").write_text(json.dumps({"points": {}}))
    for content in ("old.json", "one.jso"):
        assert main(["--classes", str(tmp_path / content)]) == 1
        error = capsys.readouterr().err
        assert content in error and error.count("\n") == 1

"""What the benchmarks compute from what they measured: tables over seeds, ranks of queries."""
import json
import subprocess
from argparse import Namespace

import numpy as np
import pytest
import torch

from benchmarks import anchors, queries, training
from datasets.label_sets import load_label_set
from lib.language.queries import Seen

SCANNET200 = load_label_set()


def test_anchor_table_gives_mean_and_sample_deviation_over_the_seeds():
    scores = {0: 0.30, 1: 0.36, 2: 0.33}
    results = {anchors.Job("minilm", "minilm", seed, (5, 8)): {
        "stage 1": dict.fromkeys(anchors.COLUMNS.values(), 0.1),
        "stage 2": dict.fromkeys(anchors.COLUMNS.values(), value)} for seed, value in scores.items()}
    results[anchors.Job("scratch", None, 0, (0, 8))] = {"stage 2": dict.fromkeys(anchors.COLUMNS.values(), 0.25)}
    lines = anchors.rows(results)
    assert lines[2] == "| minilm | 5+8 | " + " | ".join(["33.0 ± 3.0"] * 5) + " |"
    assert lines[3] == "| scratch | 8 | " + " | ".join(["25.0"] * 5) + " |"
    assert lines[4].startswith("| (minilm: stage 1 itself, nearest anchor) | 5 | 10.0 ± 0.0")


def test_random_anchors_are_unit_and_differ_between_seeds(tmp_path):
    made = [np.load(anchors.random_anchors(tmp_path / f"{seed}.npz", seed).removeprefix("file:")) for seed in (0, 1)]
    assert made[0]["names"].tolist() == list(SCANNET200.names)
    np.testing.assert_allclose(np.linalg.norm(made[0]["embeddings"], axis=1), 1, rtol=1e-6)
    assert not np.allclose(made[0]["embeddings"], made[1]["embeddings"])


def test_a_complete_training_is_not_repeated_and_a_failed_one_is_named(tmp_path, monkeypatch):
    options = Namespace(scannet_path="data", model="M", voxel_size=0.06, flags="", jobs=1)
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "scores.json").write_text(json.dumps({"points": {"accuracy": 0.5}}))

    def fails(command, stdout, **_):
        stdout.write("error: data/train.txt: not found\n")
        return Namespace(returncode=1)

    monkeypatch.setattr(subprocess, "run", fails)
    assert anchors.train(options, tmp_path / "done", []) == {"accuracy": 0.5}
    with pytest.raises(ValueError, match="main.py ended with 1: error: data/train.txt: not found"):
        anchors.train(options, tmp_path / "new", [])


def test_every_query_names_known_classes_and_uses_other_words_than_the_first():
    assert len(queries.QUERIES) == 30
    for text, names in queries.QUERIES.items():
        assert set(names) <= set(SCANNET200.names), text
        assert names[0] not in text, text


class _OneHot:
    """A finder whose texts are the unit vectors of the class that they name."""
    negatives = ("wall",)
    stage = Namespace(label_set=SCANNET200)

    def embed(self, texts):
        return torch.eye(len(SCANNET200.names))[[SCANNET200.names.index(text) for text in texts]]


def test_rank_counts_the_classes_before_the_best_accepted_one():
    chair, table, couch, wall = (SCANNET200.names.index(name) for name in ("chair", "table", "couch", "wall"))
    classes = np.repeat([chair, table, couch, -1], queries.MIN_POINTS)
    features = torch.zeros(4, len(SCANNET200.names))
    features[:, chair] = torch.tensor([0.5, 0.9, 0.7, 1.0])  # the table's points answer "chair" best, unlabelled aside
    features[:, wall] = 0.1
    seen = Seen(None, features, np.zeros((4, 3)), np.repeat(np.arange(4), queries.MIN_POINTS))
    accepted = [("chair",), ("chair", "couch"), ("table", "couch"), ("wall",)]
    found = queries.ranks(_OneHot(), [(seen, classes)], ["chair"] * 4, accepted)
    unit = (features / features.norm(dim=1, keepdim=True))[:3, chair]
    order = unit.argsort(descending=True).tolist()  # table, couch, chair
    assert order == [1, 2, 0]
    assert found == [[3], [2], [1], []]  # no wall in the scene
    assert queries.candidates([(seen, classes)], accepted, SCANNET200) == [
        ({chair}, 3), ({chair, couch}, 3), ({table, couch}, 3)]


def test_the_training_benchmark_measures_stage_3_from_stage_2s_weights(run_flags, tmp_path):
    weights = tmp_path / "weights.json"
    weights.write_text("{}")
    options = Namespace(scannet_path=str(run_flags.root), model="Res16UNet14S", voxel_size=0.05, batch_size=2, steps=3,
                        warm_up=1, precision="bf16", device="cpu", folder=str(tmp_path / "runs"))
    flags = ["--num_workers", "0", "--category_weights", str(weights)]
    for stage in (2, 3):
        cells = dict(zip(training.HEADER, training.measure(stage, options, flags), strict=True))
        assert cells["stage"] == str(stage) and float(cells["peak GB"]) > 0
        assert 2 * 1e3 / float(cells["ms a step"]) == pytest.approx(float(cells["scenes/s"]), rel=0.05)

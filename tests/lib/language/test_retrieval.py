"""Retrieval figures against a loop over voxels."""
import json

import numpy as np
import pytest
import torch

from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.loader import build_loader
from lib.inference.evaluation import evaluate, write_scores
from lib.language.retrieval import Retrieval, retrieval_table
from lib.stages import build_stage

SCANNET200 = load_label_set()

GROUPS_OF_8 = ["head"] * 3 + ["common"] * 3 + ["tail"] * 2


def _brute_force(cosines, target, groups):
    """Ranks by sorting, collected for each class, then averaged over the classes present."""
    ranks = {}
    for row, label in zip(cosines.tolist(), target.tolist()):
        if label != -1:
            order = sorted(range(len(row)), key=lambda k: (-row[k], k))
            ranks.setdefault(label, []).append(1 + order.index(label))
    scores = {}
    for suffix, chosen in (("", GROUPS_OF_8), *((f"/{g}", [g]) for g in ("head", "common", "tail"))):
        lists = [values for label, values in ranks.items() if groups[label] in chosen]
        for name, figure in (("recall@1", lambda r: np.mean([x == 1 for x in r])),
                             ("recall@5", lambda r: np.mean([x <= 5 for x in r])), ("mean rank", np.mean)):
            scores[name + suffix] = float(np.mean([figure(values) for values in lists])) if lists else float("nan")
    return scores


@pytest.mark.parametrize("levels", [1000, 4])
def test_retrieval_over_batches_equals_a_brute_force_ranking(levels):
    cosines = torch.randint(levels, (300, 8)) / levels * 2 - 1  # 4 levels: many equal cosines
    target = torch.randint(-1, 6, (300,))  # no tail class occurs
    retrieval, other = Retrieval(8), Retrieval(8)
    for rows in torch.arange(300).split(70):
        (retrieval if rows[0] < 200 else other).update(cosines[rows], target[rows])
    retrieval.merge(other)
    assert retrieval.scores(GROUPS_OF_8) == pytest.approx(_brute_force(cosines, target, GROUPS_OF_8), nan_ok=True)
    assert np.isnan(retrieval.scores(GROUPS_OF_8)["recall@1/tail"])
    assert int(retrieval.sums[:, 0].sum()) == int((target != -1).sum())


def test_retrieval_is_averaged_over_classes_not_voxels():
    retrieval = Retrieval(8)
    cosines = torch.eye(8)[torch.tensor([0] * 99 + [0])]
    retrieval.update(cosines, torch.tensor([0] * 99 + [1]))  # 99 voxels right, one of another class wrong
    assert retrieval.scores()["recall@1"] == 0.5 and retrieval.scores()["mean rank"] == 1.5


def test_a_feature_that_is_not_a_number_ranks_last():
    retrieval = Retrieval(8)
    retrieval.update(torch.full((1, 8), float("nan")), torch.tensor([2]))
    assert retrieval.scores()["mean rank"] == 8 and retrieval.scores()["recall@5"] == 0


def test_nothing_labelled_gives_no_figures():
    retrieval = Retrieval(8)
    retrieval.update(torch.rand(5, 8), torch.full((5,), -1))
    retrieval.update(torch.rand(0, 8), torch.zeros(0, dtype=torch.int64))
    scores = retrieval.scores(GROUPS_OF_8)
    assert len(scores) == 12 and all(np.isnan(value) for value in scores.values())
    assert retrieval_table(scores).splitlines()[1].split() == ["recall@1", "-", "-", "-", "-"]


def test_the_retrieval_table_shows_recall_in_percent_and_ranks_as_they_are():
    lines = retrieval_table({"recall@1": 0.125, "recall@1/head": 1.0, "mean rank": 17.25}).splitlines()
    assert lines[0].split() == ["own", "text", "anchor", "head", "all"]
    assert lines[1].split() == ["recall@1", "100.0", "12.5"]
    assert lines[3].split() == ["mean", "rank", "-", "17.2"]


def test_evaluating_stage_1_prints_and_writes_retrieval_that_agrees_with_its_features(run_flags, anchors_file,
                                                                                      tmp_path):
    config = get_config(run_flags("--use_embedding_loss", "True", "--language_features_path", anchors_file))
    stage, device = build_stage(config, label_set=SCANNET200), torch.device("cpu")
    evaluation = evaluate(stage, build_loader(config, "val", training=False, label_set=SCANNET200), device)
    cosines, target = [], []
    with torch.no_grad():
        for batch in build_loader(config, "val", training=False, label_set=SCANNET200):
            features = stage(batch)
            cosines.append(features / features.norm(dim=1, keepdim=True) @ stage.criterion.anchors.T)
            target.append(batch.labels)
    expected = Retrieval(len(SCANNET200))
    expected.update(torch.cat(cosines), torch.cat(target))
    scores = evaluation.scores()
    assert scores["retrieval"] == pytest.approx(expected.scores(SCANNET200.groups), nan_ok=True, rel=0.02)
    assert scores["retrieval"]["recall@1"] == pytest.approx(scores["voxels"]["mAcc"])  # nearest anchor is rank 1
    assert "mIoU/present" in evaluation.report() and "mean rank" in evaluation.report().splitlines()[-1]
    write_scores(tmp_path / "scores.json", evaluation, step=1)
    stored = json.loads((tmp_path / "scores.json").read_text())["retrieval"]
    assert stored["mean rank"] == scores["retrieval"]["mean rank"] and stored["recall@1/tail"] is None


def test_other_stages_have_no_retrieval(run_flags):
    config = get_config(run_flags())
    stage = build_stage(config, SCANNET200)
    evaluation = evaluate(stage, build_loader(config, "val", False, SCANNET200), torch.device("cpu"))
    assert set(evaluation.scores()) == {"points", "voxels"} and "rank" not in evaluation.report()

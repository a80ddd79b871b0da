"""Segmentation scores from a confusion matrix, with both protocols for classes that the ground truth lacks.

`matrix = ConfusionMatrix(200); matrix.update(prediction, target); matrix.scores(groups)`; `table(rows)` to print, and
`python -m lib.metrics [--classes] "NAME=scores.json" ...` over runs.
Only 189 of ScanNet200's classes occur in its validation split (head 66, common 65 of 68, tail 58 of 66).
`mIoU/present` averages over classes in the ground truth; `mIoU/200` over all, absent ones as 0: up to 1.058x lower.
"""
import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from config.command import command
from datasets.label_sets import ordered_groups
from lib import distributed


def _flat(labels: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Labels as a flat int64 tensor where they lie. Through numpy first, as torch lacks some unsigned types."""
    if not isinstance(labels, torch.Tensor):
        labels = torch.from_numpy(np.asarray(labels).astype(np.int64))
    return labels.detach().reshape(-1).long()


def iou_of(hit: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Intersection over union, float64, of points (..., C) that are right, true and predicted; NaN where none is."""
    union = true + predicted - hit
    return np.where(true > 0, hit / np.where(true > 0, union, 1), np.nan)


def scores_of(hit: np.ndarray, true: np.ndarray, predicted: np.ndarray, groups: Sequence[str] = ()
              ) -> dict[str, np.ndarray]:
    """As `ConfusionMatrix.scores`, of totals (..., C) for each class: values (...)."""
    present, iou, classes = true > 0, iou_of(hit, true, predicted), true.shape[-1]
    points = true.sum(-1)
    result = {"accuracy": np.where(points > 0, hit.sum(-1) / np.where(points > 0, points, 1), np.nan),
              "mAcc": _mean(hit / np.where(present, true, 1), present)}
    selections = {"": np.ones(classes, dtype=bool)}
    selections |= {f"/{name}": np.asarray(groups) == name for name in ordered_groups(groups)}
    for suffix, chosen in selections.items():
        result[f"mIoU/present{suffix}"] = _mean(iou, chosen & present)
        result[f"mIoU/{classes}{suffix}"] = _mean(np.nan_to_num(iou), chosen & np.ones_like(present))
    return result


def _mean(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is chosen; NaN, without numpy's warning, of nothing."""
    chosen = np.broadcast_to(chosen, values.shape)
    count = chosen.sum(-1)
    return np.where(count > 0, np.where(chosen, values, 0).sum(-1) / np.maximum(count, 1), np.nan)


class ConfusionMatrix:
    """counts[t, p]: points of true class t predicted as p, (C, C) int64 on the CPU. Merges over scenes, processes.

    What lies on a GPU is counted there, and nothing waits for it before `counts` is asked for.

    others: further columns, for what may be predicted but is no class of the ground truth: always a miss.
    """

    def __init__(self, num_classes: int, ignore_label: int = -1, others: int = 0):
        self.num_classes = num_classes
        self.ignore_label = ignore_label
        self.shape = num_classes, num_classes + others
        # of counts, flat, and one more for all that is not counted, one for what lies outside the table
        self._cells = torch.zeros(num_classes * (num_classes + others) + 2, dtype=torch.int64)

    @property
    def counts(self) -> torch.Tensor:
        """(C, C) int64, and a column more for each of `others`. Raises ValueError for classes outside the table."""
        cells = self._cells.cpu()
        if cells[-1]:
            raise ValueError(f"{int(cells[-1])} predictions or labels lie outside 0..{self.shape[1] - 1}")
        return cells[:-2].reshape(self.shape)

    def update(self, prediction: np.ndarray | torch.Tensor, target: np.ndarray | torch.Tensor) -> None:
        """Count labelled points. prediction, target: (N,) class index; target may hold the ignore label.

        Both numpy or torch, on any device. Raises ValueError for other lengths and for classes outside the table: of
        a GPU's, `counts` does.
        """
        prediction, target = _flat(prediction), _flat(target)
        if len(prediction) != len(target):
            raise ValueError(f"{len(prediction)} predictions for {len(target)} labels: the lengths must be equal")
        prediction = prediction.to(target.device)
        labelled = target != self.ignore_label
        rows, columns = self.shape
        outside = torch.zeros_like(labelled)
        for what, values, count in (("prediction", prediction, columns), ("label", target, rows)):
            wrong = labelled & ((values < 0) | (values >= count))
            if not wrong.is_cuda and wrong.any():
                values = values[labelled]
                raise ValueError(
                    f"a {what} lies outside 0..{count - 1}: found {int(values.min())}..{int(values.max())}"
                )
            outside |= wrong
        cells = torch.where(labelled, target * columns + prediction, rows * columns)
        cells.masked_fill_(outside, rows * columns + 1)
        self._cells = self._cells.to(cells.device).index_add_(0, cells, torch.ones_like(cells))

    def merge(self, other: "ConfusionMatrix") -> None:
        """Add the counts of another matrix over the same classes."""
        if other.shape != self.shape:
            raise ValueError(f"cannot merge a matrix of {other.num_classes} classes into one of {self.num_classes}")
        self._cells = self._cells + other._cells.to(self._cells.device)

    def add_processes(self) -> None:
        """Add the counts of the other processes' matrices over the same classes."""
        self._cells = distributed.add_up(self._cells.cpu())  # one that had no scene never saw its GPU

    def iou(self) -> np.ndarray:
        """Intersection over union of every class, (C,) float64; NaN where the ground truth lacks the class.

        What is predicted as an absent class still counts, as a miss of the class that was there.
        """
        return iou_of(*self.totals())

    def totals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every class, (C,) int64 each: points that are right, of the ground truth, and predicted."""
        counts = self.counts.numpy()
        return np.diag(counts), counts.sum(1), counts.sum(0)[: self.num_classes]

    def per_class(self, names: Sequence[str], groups: Sequence[str] = ()) -> dict[str, dict[str, float | int | str]]:
        """name -> iou, precision, recall (0..1), points of the ground truth, and the group where `groups` are given.

        NaN: iou and recall of a class that the ground truth lacks, precision of one that was never predicted.
        """
        counts = self.counts.numpy()
        hit, true, predicted = np.diag(counts), counts.sum(1), counts.sum(0)[: self.num_classes]
        shares = (np.where(of > 0, hit / np.maximum(of, 1), np.nan) for of in (predicted, true))
        result = {}
        for row, (name, iou, precision, recall) in enumerate(zip(names, self.iou(), *shares, strict=True)):
            result[name] = {"group": groups[row]} if len(groups) else {}
            result[name] |= {"iou": float(iou), "precision": float(precision), "recall": float(recall),
                             "points": int(true[row])}
        return result

    def scores(self, groups: Sequence[str] = ()) -> dict[str, float]:
        """Scores in 0..1; NaN where there is nothing to average, so everything but mIoU/C where nothing is labelled.

        groups: the group of each class ("head", "common", "tail"), (C,), or none. Keys, with C classes (200):
        accuracy, mAcc (mean recall over present classes), mIoU/present, mIoU/C, and with groups mIoU/present/head,
        mIoU/C/head, and so on.
        """
        if len(groups) not in (0, self.num_classes):
            raise ValueError(f"{len(groups)} groups for {self.num_classes} classes: give one for each class")
        return {key: float(value) for key, value in scores_of(*self.totals(), groups).items()}


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}"


def groups_of(scores: Sequence[dict[str, float]], *figures: str) -> tuple[str, ...]:
    """The groups of classes that scores have of figures, such as head, common and tail of "mIoU/present"."""
    found = [key.removeprefix(f"{figure}/") for each in scores for key in each for figure in figures
             if key.startswith(f"{figure}/")]
    return ordered_groups([*found, ""])[:-1]


def table(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """Plain text table of `ConfusionMatrix.scores`: accuracy, then each group and all by both protocols.

    rows: (name, scores), one line each; a score that is missing or NaN is printed as "-".
    """
    protocols = []  # mIoU/present, mIoU/200
    for _, scores in rows:
        protocols += [key for key in scores if key.startswith("mIoU/") and key.count("/") == 1 and key not in protocols]
    groups = groups_of([scores for _, scores in rows], "mIoU/present")
    columns = (*groups, "all")
    width = max([len(name) for name, _ in rows], default=0)
    block = 8 * len(columns)
    lines = [
        " " * (width + 10) + "".join("  " + protocol.rjust(block) for protocol in protocols),
        " " * width + "accuracy".rjust(10)
        + ("  " + "".join(column[:7].rjust(8) for column in columns)) * len(protocols),
    ]
    for name, scores in rows:
        line = name.ljust(width) + _percent(scores.get("accuracy", np.nan)).rjust(10)
        for protocol in protocols:
            keys = [f"{protocol}/{group}" for group in groups] + [protocol]
            line += "  " + "".join(_percent(scores.get(key, np.nan)).rjust(8) for key in keys)
        lines.append(line)
    return "\n".join(line.rstrip() for line in lines)


def class_table(runs: Sequence[tuple[str, dict[str, dict]]]) -> str:
    """Plain text table of `ConfusionMatrix.per_class` in percent: by group, in each by the first run's IoU.

    runs: (name, classes) each; of a class that a run lacks, or that has no such figure, "-". Classes without a point in
    any run come last.
    """
    classes = {name: values for _, run in reversed(runs) for name, values in run.items()}  # of two, the first run's
    width = max(map(len, classes), default=0) + 2
    figures = ("iou", "precision", "recall")

    def figure(run: dict, name: str, key: str) -> float:
        value = run.get(name, {}).get(key)
        return np.nan if value is None else value

    def order(name: str) -> tuple:
        iou = figure(runs[0][1], name, "iou")
        return np.isnan(iou), -np.nan_to_num(iou), name

    lines = [" " * (width + 12) + "".join("  " + name[:30].rjust(30) for name, _ in runs)] if len(runs) > 1 else []
    head = "points".rjust(12) + ("  " + "".join(word.rjust(10) for word in ("IoU", *figures[1:]))) * len(runs)
    found = [values.get("group") or "" for values in classes.values()]
    groups = ordered_groups(found) or tuple(set(found))
    for group in groups:
        lines.append((group or "class").ljust(width) + head)
        for name in sorted((name for name, values in classes.items()
                            if (values.get("group") or "") == group), key=order):
            points = max(int(run.get(name, {}).get("points", 0)) for _, run in runs)
            lines.append(name.ljust(width) + f"{points:12,}" + "".join(
                "  " + "".join(_percent(figure(run, name, key)).rjust(10) for key in figures) for _, run in runs))
        lines.append("")
    return "\n".join(line.rstrip() for line in lines).rstrip()


def read_scores(argument: str, key: str) -> tuple[str, dict]:
    """(name, what is under `key`) of NAME=scores.json. Raises ValueError for another kind of file."""
    name, _, path = argument.rpartition("=")
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if key == "classes" and "points" in content and key not in content:
            raise ValueError("it has no figures by class: an older run's; evaluate its checkpoint again")
        values = dict(content[key])
        if key == "classes" and not all(isinstance(figures, dict) for figures in values.values()):
            raise ValueError("`classes` needs figures by name")
        return name or path, values
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the scores.json of a run ({error})") from None


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """One table over runs; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lib.metrics", description="Scores of runs in percent.")
    parser.add_argument("runs", nargs="+", metavar="[NAME=]scores.json", help="of a run's folder")
    parser.add_argument("--classes", action="store_true", help="every class: points, IoU, precision, recall")
    options = parser.parse_args(arguments)
    if options.classes:
        print(class_table([read_scores(argument, "classes") for argument in options.runs]))
        return
    rows = []
    for name, scores in (read_scores(argument, "points") for argument in options.runs):
        rows.append((name, {key: np.nan if value is None else value for key, value in scores.items()}))
    print(table(rows))


if __name__ == "__main__":
    sys.exit(main())

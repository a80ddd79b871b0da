"""Scores of one run or two over the same scenes, with intervals; as JSON, CSV and Markdown.

    result = Comparison(names, label_set, counts, totals); result.write(Path("evaluation"))
"""
import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from datasets.files import replacing
from datasets.label_sets import LabelSet
from lib.inference.bootstrap import around, interval, resamples, scores_in
from lib.metrics import iou_of, scores_of

CONFUSED = 15  # classes, the worst, whose points are told where they went


@dataclass
class Comparison:
    """names: of the one run or the two, "A" and "B" by position. scenes: their names, S.

    counts: of each run (C, C + 1) int64, points of true by predicted class, the last column for what is in no class.
    totals: of each run (3, S, C) int64, as `scores_in`. bootstrap: resamples (0: none), seed.
    """
    names: list[str]
    scenes: list[str]
    label_set: LabelSet
    counts: list[np.ndarray]
    totals: list[np.ndarray]
    bootstrap: int = 1000
    seed: int = 0

    @cached_property
    def values(self) -> list[dict[str, np.ndarray]]:
        """Each run's scores and, under "iou", (C,)."""
        sums = [totals.sum(1) for totals in self.totals]
        return [scores_of(*each, self.label_set.groups) | {"iou": iou_of(*each)} for each in sums]

    @cached_property
    def ranges(self) -> list[dict[str, tuple]]:
        """For each run, and for two the difference B - A last: (low, high) of each score; empty without a bootstrap."""
        if not self.bootstrap or len(self.scenes) < 2:
            return [{} for _ in range(2 * len(self.names) - 1)]
        weights = resamples(len(self.scenes), self.bootstrap, self.seed)
        drawn = [scores_in(totals, weights, self.label_set.groups) for totals in self.totals]
        drawn = [{key: np.clip(around(each[key], values[key]), 0, 1) for key in values}
                 for each, values in zip(drawn, self.values)]
        if len(drawn) == 2:
            drawn.append({key: drawn[1][key] - drawn[0][key] for key in drawn[0]})
        return [{key: interval(values) for key, values in each.items()} for each in drawn]

    def of_score(self, key: str, run: int = 0) -> tuple[float, float, float]:
        """(value, low, high) of a score; run 2: the difference of the two."""
        value = self.values[1][key] - self.values[0][key] if run == 2 else self.values[run][key]
        low, high = self.ranges[run].get(key, (np.nan, np.nan))
        return float(value), float(low), float(high)

    @property
    def keys(self) -> list[str]:
        return [key for key in self.values[0] if key != "iou"]

    def classes(self) -> list[dict]:
        """A row for each class, the most points first: points, scenes with it, and figures by run."""
        true = self.totals[0][1]  # (S, C)
        rows = []
        for c in np.argsort(-true.sum(0), kind="stable").tolist():
            row = {"class": self.label_set.names[c], "id": int(self.label_set.ids[c]),
                   "group": self.label_set.groups[c], "points": int(true[:, c].sum()),
                   "scenes": int((true[:, c] > 0).sum())}
            for run in range(2 * len(self.names) - 1):
                prefix = ("", "versus_", "difference_")[run]
                value = self.values[1]["iou"] - self.values[0]["iou"] if run == 2 else self.values[run]["iou"]
                low, high = self.ranges[run].get("iou", (np.full(len(value), np.nan),) * 2)
                row |= {f"{prefix}iou": float(value[c]), f"{prefix}iou_low": float(low[c]),
                        f"{prefix}iou_high": float(high[c])}
                if run < 2:
                    hit, points, predicted = self.totals[run].sum(1)[:, c].tolist()
                    row |= {f"{prefix}precision": hit / predicted if predicted else np.nan,
                            f"{prefix}recall": hit / points if points else np.nan}
            rows.append(row)
        return rows

    def confusions(self, run: int = 0, most: int = 3) -> list[dict]:
        """Of the classes of lowest IoU: what their points were taken for, (name, share), the most first."""
        counts, names = self.counts[run], [*self.label_set.names, "no class"]
        iou = self.values[run]["iou"]
        worst = [c for c in np.argsort(np.nan_to_num(iou, nan=2), kind="stable") if not np.isnan(iou[c])][:CONFUSED]
        rows = []
        for c in worst:
            row = counts[c].copy()
            row[c] = 0
            order = [k for k in np.argsort(-row, kind="stable")[:most] if row[k]]
            rows.append({"class": names[c], "points": int(counts[c].sum()), "iou": float(iou[c]),
                         "taken_for": [[names[k], float(row[k] / counts[c].sum())] for k in order]})
        return rows

    def write(self, folder: Path) -> None:
        """evaluation.json, classes.csv and evaluation.md. "points" and "classes" are as in a run's scores.json."""
        rows = self.classes()
        content = {"runs": self.names, "label_set": self.label_set.name, "scenes": self.scenes,
                   "bootstrap": {"resamples": self.bootstrap, "seed": self.seed, "level": 0.95},
                   "points": {key: _plain(self.of_score(key)[0]) for key in self.keys},
                   "intervals": {key: [_plain(v) for v in self.of_score(key)[1:]] for key in self.keys},
                   "classes": {row["class"]: {key: _plain(value) for key, value in row.items() if key != "class"}
                               for row in rows},
                   "confusions": self.confusions()}
        if len(self.names) == 2:
            content["versus"] = {key: [_plain(v) for v in self.of_score(key, 1)] for key in self.keys}
            content["difference"] = {key: [_plain(v) for v in self.of_score(key, 2)] for key in self.keys}
        with replacing(folder / "evaluation.json") as file:
            json.dump(content, file, indent=1)
        with replacing(folder / "classes.csv") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            for row in rows:
                writer.writerow({key: "" if _plain(value) is None else value for key, value in row.items()})
        with replacing(folder / "evaluation.md") as file:
            file.write(self.markdown())

    def score_table(self) -> list[str]:
        """Lines of a Markdown table, in percent with 95 % intervals."""
        heads = [*self.names, *(["difference"] if len(self.names) == 2 else [])]
        lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        for key in self.keys:
            lines.append(f"| {key} | " + " | ".join(percent(*self.of_score(key, run), signed=run == 2)
                                                   for run in range(len(heads))) + " |")
        return lines

    def markdown(self) -> str:
        """The report to read."""
        two = len(self.names) == 2
        lines = [f"# {' and '.join(self.names)}", "",
                 f"{len(self.scenes)} scenes, {int(self.counts[0].sum()):,} labelled points, label set "
                 f"{self.label_set.name}. In percent; in brackets 95 % of {self.bootstrap} resamples of scenes (seed "
                 f"{self.seed})" + (", of the difference over the same draws." if two else "."), "",
                 *self.score_table(), "", "![IoU by points of the class](iou_by_frequency.png)", "", "## Classes", "",
                 "| class | group | points | scenes | IoU |" + (" versus | difference |" if two else
                                                                " precision | recall |"), "|---" * 7 + "|"]
        for row in self.classes():
            if not row["points"]:
                continue
            figures = [percent(row["iou"], row["iou_low"], row["iou_high"])]
            figures += ([percent(*(row[f"{part}_iou{end}"] for end in ("", "_low", "_high")), part == "difference")
                         for part in ("versus", "difference")] if two
                        else [percent(row["precision"]), percent(row["recall"])])
            lines.append(f"| {row['class']} | {row['group']} | {row['points']:,} | {row['scenes']} | "
                         f"{' | '.join(figures)} |")
        absent = sum(not row["points"] for row in self.classes())
        lines += ["", f"{absent} classes are in none of these scenes.", "", "## What the worst are taken for", "",
                  "| class | points | IoU | taken for |", "|---|---|---|---|"]
        for row in self.confusions():
            taken = ", ".join(f"{name} {100 * share:.0f} %" for name, share in row["taken_for"])
            lines.append(f"| {row['class']} | {row['points']:,} | {percent(row['iou'])} | {taken} |")
        return "\n".join(lines) + "\n"


def percent(value: float, low: float = np.nan, high: float = np.nan, signed: bool = False) -> str:
    """ "57.7 [55.1, 60.2]", or "-" where there is no value."""
    form = "+.1f" if signed else ".1f"
    if np.isnan(value):
        return "-"
    return f"{100 * value:{form}}" + ("" if np.isnan(low) else f" [{100 * low:{form}}, {100 * high:{form}}]")


def _plain(value):
    return None if isinstance(value, float) and np.isnan(value) else value

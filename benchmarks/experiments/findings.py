"""What is claimed, what was expected, and the rule by which a claim is confirmed, contradicted or undecided.

    effect = measure(finding, runs); effect.verdict       # runs: {(cell, seed): totals (3, S, C)}

All of this stood before the first training of the matrix. Scores are `mIoU/present` at every original point.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.anchors import COLUMNS
from lib.inference.bootstrap import interval, resamples, scores_in

MARGIN = 0.005  # of mIoU, half a point: less than this is "no help"
DRAWS = 2000
FEWEST = 3  # seeds below which nothing is decided

RULE = f"""\
A finding compares two cells seed by seed: the same seed gives the same initial weights, order, augmentation. The
interval of the mean difference is the middle 95 % of {DRAWS} draws of a Bayesian bootstrap over the validation scenes
(the same weights for both cells and all seeds) and over the seeds. The seeds' part is widened by
sqrt((n + 1) / (n - 1)), without which so few seeds would give too narrow an interval. Where a finding has several pairs
of cells, a seed's difference is the mean over the pairs.

- "helps" is **confirmed** where the interval lies above 0 in every column that the claim names, **contradicted** where
  it lies below 0 in one of them, else **undecided**.
- "does not help" is **confirmed** where the interval ends below {100 * MARGIN:g} point in the column that the claim
  names (a gain as large is excluded), **contradicted** where it lies above 0, else **undecided**.
- With fewer than {FEWEST} seeds everything is undecided. No correction is made for asking several questions."""


@dataclass(frozen=True)
class Finding:
    """pairs: (base, other) cells. columns: those that the claim names. helps: whether it says that other gains."""
    key: str
    title: str
    claim: str
    pairs: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    helps: bool
    expected: str


FINDINGS = (
    Finding("focal", "Focal loss", "Category-balanced focal loss lifts common and tail classes over cross entropy.",
            (("ce", "focal"), ("pretrained-ce", "pretrained-focal")), ("common", "tail"), True,
            "The tail gains and the head pays, for the weights move the loss from frequent to rare classes; common "
            "classes hardly move. So undecided rather than confirmed, as two groups have to gain."),
    Finding("pretraining", "Language-grounded pretraining", "Stage 1 helps stage 2, beyond what the same extra time of "
            "stage 2 would give.", (("longer-ce", "pretrained-ce"),), ("all",), True,
            "Against the same stage 2 from scratch it gains; against stage 2 that is longer by stage 1's epochs about "
            "nothing, perhaps a loss: in so short a training every epoch of the final loss counts."),
    Finding("tail-sampling", "Tail sampling in stage 3", "Tail instances inserted while the classifier is tuned do not "
            "help the tail.", (("pretrained-focal-tuned", "pretrained-focal-tuned-tail"),), ("tail",), False,
            "Confirmed: a classifier alone, on frozen features that never saw the inserted objects, can only shift "
            "its priors."),
    Finding("tail-sampling-2", "Tail sampling in stage 2", "Tail instances inserted while the whole network is trained "
            "do not help the tail.", (("ce", "ce-tail"),), ("tail",), False,
            "Contradicted: with labels that are kept, the network sees many times more tail voxels."),
    Finding("mixing", "Mixing", "Mixing scenes in stage 2 brings nothing.", (("ce", "ce-mixed"),), ("all",), False,
            "Confirmed, with a loss: mixing is a regularisation, and a short training does not overfit."),
)
OTHERS = (  # differences without a claim
    ("focal against cross entropy, from scratch", "ce", "focal"),
    ("focal against cross entropy, pretrained", "pretrained-ce", "pretrained-focal"),
    ("pretraining, cross entropy, same stage 2", "ce", "pretrained-ce"),
    ("pretraining, focal, same stage 2", "focal", "pretrained-focal"),
    ("longer stage 2 from scratch", "ce", "longer-ce"),
    ("repeat-factor sampling in stage 2", "ce", "ce-repeated"),
    ("pretraining by `contrast` instead of `contrast_ce`", "pretrained-ce", "contrast-ce"),
    *((f"stage 3 of {of}", of, f"{of}-tuned") for of in ("ce", "focal", "pretrained-ce", "pretrained-focal")),
    *((f"tail sampling in stage 3 of {of}", f"{of}-tuned", f"{of}-tuned-tail")
      for of in ("ce", "focal", "pretrained-ce")),
)


@dataclass(frozen=True)
class Effect:
    """A mean difference over seeds. values: of each column and of "iou", (C,), and low and high, its interval."""
    seeds: tuple[int, ...]
    values: dict[str, np.ndarray]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]

    def verdict(self, finding: Finding) -> str:
        if len(self.seeds) < FEWEST:
            return "undecided"
        low, high = ([float(of[column]) for column in finding.columns] for of in (self.low, self.high))
        if finding.helps:
            return "confirmed" if min(low) > 0 else "contradicted" if min(high) < 0 else "undecided"
        return "confirmed" if max(high) < MARGIN else "contradicted" if max(low) > 0 else "undecided"


def measure(pairs: Sequence[tuple[str, str]], runs: Mapping[tuple[str, int], np.ndarray], groups: Sequence[str]
            ) -> Effect | None:
    """The effect of other over base, over the seeds that all cells of the pairs have; None where there is none.

    runs: (cell, seed) -> (3, S, C) points right, true and predicted, the same scenes in each. groups: (C,).
    """
    cells = [cell for pair in pairs for cell in pair]
    seeds = tuple(sorted({seed for cell, seed in runs if cell == cells[0]}.intersection(
        *({seed for other, seed in runs if other == cell} for cell in cells[1:]))))
    if not seeds:
        return None
    scenes = next(iter(runs.values())).shape[1]
    weights = np.concatenate([np.ones((1, scenes)), resamples(scenes, DRAWS, 0)])  # the first: as measured
    drawn = {}
    for seed in seeds:
        for base, other in pairs:
            ours, theirs = (scores_in(runs[cell, seed], weights, groups) for cell in (other, base))
            for name, key in {**COLUMNS, "iou": "iou"}.items():
                if key in ours:  # without groups there is no head
                    drawn.setdefault(name, {}).setdefault(seed, []).append(ours[key] - theirs[key])
    chances = resamples(len(seeds), DRAWS, 1) / len(seeds)  # (B, K)
    values, low, high = {}, {}, {}
    for name, of_seeds in drawn.items():
        differences = np.stack([np.mean(of_seeds[seed], axis=0) for seed in seeds], axis=1)  # (1 + B, K[, C])
        values[name] = differences[0].mean(0)
        low[name], high[name] = interval(over_seeds(differences[1:], chances))
    return Effect(seeds, values, low, high)


def over_seeds(values: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Draws of the mean over seeds. values: (B, K, ...) of draws of scenes; chances: (B, K), each row 1 in sum.

    The weighted mean of a Bayesian bootstrap has the variance s² (n - 1) / (n (n + 1)), s² the sample variance, that of
    a mean is s² / n: the distance from the plain mean is stretched by the root of their ratio.
    """
    n = values.shape[1]
    chances = chances.reshape(chances.shape + (1,) * (values.ndim - 2))
    plain = values.mean(1)
    if n < 2:
        return plain
    return plain + np.sqrt((n + 1) / (n - 1)) * ((values * chances).sum(1) - plain)

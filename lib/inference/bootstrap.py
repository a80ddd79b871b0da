"""How sure scores are: bootstrap intervals over scenes, of one run and of the difference of two.

    drawn = scores_in(totals, resamples(scenes=312, count=1000, seed=0), groups)["mAcc"]
    low, high = interval(around(drawn, mean_accuracy))

Scenes are drawn, not points: those of a room are right or wrong together. It is the Bayesian bootstrap (Rubin, Annals
of Statistics 1981): scenes get weights instead of being drawn or not, for a class of few scenes would be absent from
many draws, and a mean over other classes is another figure. Two runs are compared over the same weights.
"""
from collections.abc import Sequence

import numpy as np

from lib.metrics import iou_of, scores_of


def resamples(scenes: int, count: int, seed: int) -> np.ndarray:
    """(count, scenes) float64 above 0: the weight of each scene in each of `count` resamples, 1 on average."""
    return scenes * np.random.default_rng(seed).dirichlet(np.ones(scenes), size=count)


def scores_in(totals: np.ndarray, weights: np.ndarray, groups: Sequence[str]) -> dict[str, np.ndarray]:
    """Scores as `ConfusionMatrix.scores` in every resample, (B,) each, and under "iou" every class's, (B, C).

    totals: (3, S, C), points right, true and predicted of each scene's classes. weights: (B, S).
    """
    hit, true, predicted = (weights @ each for each in totals)  # (B, C)
    return scores_of(hit, true, predicted, groups) | {"iou": iou_of(hit, true, predicted)}


def around(values: np.ndarray, observed: np.ndarray | float) -> np.ndarray:
    """Resamples (B, ...) moved so that their mean is the figure observed (...).

    A resample's mean over classes is lower on average than that of all scenes, for its effective number of scenes is
    smaller, and rare classes lose by that: left there, an interval can miss its own figure (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, chapter 10: the bootstrap's estimate of bias).
    """
    return values + (observed - values.mean(0))


def interval(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest, (...), of the middle `level` of resamples (B, ...); NaN for a class without points."""
    bare = np.isnan(values).all(0)
    low, high = np.nanquantile(np.where(bare, 0, values), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.where(bare, np.nan, low), np.where(bare, np.nan, high)

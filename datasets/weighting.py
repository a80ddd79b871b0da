"""Weights of classes for a balanced loss, from how many training points each class has: `class_weights(points, name)`.

With p_c the share of class c among the labelled training points and n_c their number, before they are scaled:

    log           1 / ln(1.02 + p_c)         Paszke et al., ENet, arXiv 1606.02147, section 5.2; the original's
    log1          1 / ln(1.001 + p_c)        the same with room for a long tail
    effective     (1 - β) / (1 - β^n_c)      Cui et al., CVPR 2019, eq. 4; β = 1 - 1/N, N the median class's points
    inverse_sqrt  1 / sqrt(p_c)
    none          1

1 / ln(c + p) stops telling classes apart where p falls below c - 1: at 2 % of all points, or at 0.1 %; `effective` does
so above the median, and falls as 1 / n below. N follows the data set, so that denser scans weigh the same.
"""
from collections.abc import Callable

import numpy as np


def _log(points: np.ndarray) -> np.ndarray:
    return 1.0 / np.log(1.02 + points / points.sum())


def _log1(points: np.ndarray) -> np.ndarray:
    return 1.0 / np.log(1.001 + points / points.sum())


def _effective(points: np.ndarray) -> np.ndarray:
    volume = max(float(np.median(points)), 2.0)  # N > 1, so that β > 0
    # (1 - β) is the same for all and cancels in the scale; expm1 and log1p keep 1 - β^n exact for β near 1.
    return -1.0 / np.expm1(points * np.log1p(-1.0 / volume))


def _inverse_sqrt(points: np.ndarray) -> np.ndarray:
    return np.sqrt(points.sum() / points)


WEIGHTINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "log": _log, "effective": _effective, "log1": _log1, "inverse_sqrt": _inverse_sqrt, "none": np.ones_like}


def class_weights(points: np.ndarray, weighting: str = "log") -> np.ndarray:
    """Weight of each class, (C,) float64, with mean 1 over the classes that have points, each counted once.

    points: (C,) labelled training points of each class. A class without any weighs as the heaviest that has some.
    Raises ValueError where no point is labelled.
    """
    points = np.asarray(points, dtype=float)
    present = points > 0
    if not present.any():
        raise ValueError("category weights: no labelled point in the training scenes")
    found = WEIGHTINGS[weighting](points[present])
    found = found / found.mean()
    weights = np.full(len(points), found.max())
    weights[present] = found
    return weights

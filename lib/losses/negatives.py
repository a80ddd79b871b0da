"""Which other classes a voxel of stage 1 is pushed away from: uniform, by training frequency, or the most alike ones.

`table = negative_table(hard_weights(anchors, 0.07))`, once; `draw_negatives(target, 200, 3, table)`, every batch.
"""
import csv
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lib.losses.category_weights import BUILD_COMMAND
from lib.losses.own_rows import draw

SAMPLINGS = ("uniform", "frequency", "hard")


def uniform_negatives(
    target: Tensor, num_classes: int, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """`count` classes other than `target` for each voxel, uniform, each drawn independently. target: (N,) in [0, C).

    Returns (N, count) int64.
    """
    drawn = draw(len(target), lambda rows: torch.randint(num_classes - 1, (rows, count), generator=generator,
                                                         device=target.device))
    return drawn + (drawn >= target[:, None])  # steps over the voxel's own class


def frequency_weights(points: Tensor) -> Tensor:
    """Every class as often as it occurs in training, whatever the voxel's own. points: (C,). Returns (C, C) float64."""
    return points.double().expand(len(points), len(points))


def hard_weights(anchors: Tensor, temperature: float) -> Tensor:
    """exp(cos(a_y, a_j) / temperature), up to a factor for each row y. anchors: (C, D) unit. Returns (C, C) float64."""
    cosines = (anchors.double() @ anchors.double().T).fill_diagonal_(-2)  # the own class sets no row's largest
    return ((cosines - cosines.max(dim=1, keepdim=True).values) / temperature).exp()


def negative_table(weights: Tensor) -> Tensor:
    """Weights as one table to draw from: entry y * C + j is y + P(a negative of class y is at most j).

    weights: (C, C), of class j as a negative of class y, >= 0; the diagonal is not used. A row without any other weight
    becomes uniform. Returns (C * C,) float64, on the CPU, where a weight of 0 adds exactly 0 to a cumulative sum.
    """
    weights = weights.detach().cpu().double().clone().fill_diagonal_(0)
    classes = len(weights)
    if weights.shape != (classes, classes) or classes < 2 or not torch.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"negative sampling: weights {tuple(weights.shape)}, give (C, C) finite numbers of 0 or more")
    weights[weights.sum(dim=1) == 0] = 1
    cumulative = weights.fill_diagonal_(0).cumsum(dim=1)  # (C, C)
    return (cumulative / cumulative[:, -1:] + torch.arange(classes)[:, None]).flatten()


def draw_negatives(
    target: Tensor, num_classes: int, count: int, table: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """`count` classes other than `target` for each voxel, independently, by `negative_table` or, without, uniform.

    target: (N,) in [0, C). Returns (N, count) int64. Takes N x count x 8 bytes, nothing of N x C.
    """
    if table is None:
        return uniform_negatives(target, num_classes, count, generator)
    drawn = draw(len(target), lambda rows: torch.rand(rows, count, generator=generator, device=target.device,
                                                      dtype=torch.float64))
    # Below 1 by more than float64 rounds at 200, so that y + drawn stays in row y.
    drawn = drawn.mul_(1 - 2.0**-32).add_(target[:, None])  # (N, count)
    return torch.searchsorted(table, drawn, right=True).sub_(target[:, None] * num_classes)


def load_class_points(path: str | Path, class_names: Sequence[str],
                      otherwise: str = "use --negative_sampling uniform") -> Tensor:
    """Training points of every class from `statistics.csv`, columns `class` and `train_points`. Returns (C,) float64.

    otherwise: what a user without that file can do instead, for the messages.
    Raises FileNotFoundError, and ValueError for another file, absent classes or counts that are not numbers >= 0.
    """
    path = Path(path)
    remedy = f"`{BUILD_COMMAND}` writes DIR/feature_data/statistics.csv, or {otherwise}"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no class frequencies there; {remedy}")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            points = {row["class"]: float(row["train_points"]) for row in csv.DictReader(file)}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ValueError(f"{path}: not a table with columns class and train_points ({error}); {remedy}") from None
    missing = [name for name in class_names if name not in points]
    if missing:
        raise ValueError(f"{path}: {len(missing)} classes are not in it, such as {missing[0]}; {remedy}")
    values = torch.tensor([points[name] for name in class_names], dtype=torch.float64)
    if not torch.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError(f"{path}: train_points must be numbers of 0 or more, and not all 0; {remedy}")
    return values

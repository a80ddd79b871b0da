"""How well features find their text anchor: the rank of the own class's anchor among all, by cosine.

`retrieval = Retrieval(200); retrieval.update(cosines, target)` for every batch; `retrieval.scores(groups)`.
Sums for each class are all that is kept, so scenes and processes merge. `retrieval_table(scores)` to print.
"""
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from datasets.label_sets import ordered_groups
from lib.metrics import groups_of

FIGURES = ("recall@1", "recall@5", "mean rank")


class Retrieval:
    """sums[c]: voxels of class c, those of rank 1, those of rank <= 5, and their ranks added; (C, 4) int64,
    where the batches are: on a GPU nothing waits for them."""

    def __init__(self, num_classes: int, ignore_label: int = -1):
        self.num_classes = num_classes
        self.ignore_label = ignore_label
        self.sums = torch.zeros(num_classes, 4, dtype=torch.int64)

    def update(self, cosines: Tensor, target: Tensor) -> None:
        """Rank the labelled voxels. cosines: (N, C); target: (N,) class or ignore label, both on one device.

        Of equal cosines the first class comes first, as in argmax. A voxel whose cosines are NaN has the last rank.
        """
        labelled = target != self.ignore_label
        classes = target.masked_fill(~labelled, 0)[:, None]  # (N, 1)
        own = cosines.gather(1, classes)  # (N, 1)
        before = ~(cosines <= own)  # (N, C), also where either is NaN
        before |= (cosines == own) & (torch.arange(self.num_classes, device=target.device) < classes)
        rank = (1 + before.sum(dim=1)).clamp(max=self.num_classes)  # (N,)
        rows = torch.stack([torch.ones_like(rank), (rank == 1).long(), (rank <= 5).long(), rank], dim=1)
        rows *= labelled[:, None]
        self.sums = self.sums.to(target.device).index_add_(0, classes.squeeze(1), rows)

    def merge(self, other: "Retrieval") -> None:
        """Add the sums of another part of the data."""
        self.sums = self.sums + other.sums.to(self.sums.device)

    def scores(self, groups: Sequence[str] = ()) -> dict[str, float]:
        """Means over the classes present of each class's recall@1, recall@5 (0..1) and mean rank (1..C).

        groups: the group of each class, (C,), or none. Keys: recall@1, recall@5, mean rank, and with groups
        recall@1/head and so on. NaN where there is no class to average.
        """
        sums = self.sums.cpu().numpy()
        present = sums[:, 0] > 0
        means = sums[:, 1:] / np.maximum(sums[:, :1], 1)  # (C, 3)
        selections = {"": present}
        selections |= {f"/{name}": present & (np.asarray(groups) == name) for name in ordered_groups(groups)}
        return {f"{figure}{suffix}": float(means[chosen, column].mean()) if chosen.any() else float("nan")
                for suffix, chosen in selections.items() for column, figure in enumerate(FIGURES)}


def retrieval_table(scores: dict[str, float]) -> str:
    """Plain text: a line for each figure, recalls in percent; each group, all. A NaN is printed as "-"."""
    groups = groups_of([scores], *FIGURES)
    lines = ["own text anchor".ljust(18) + "".join(name[:8].rjust(8) for name in (*groups, "all"))]
    for figure in FIGURES:
        values = [scores.get(key, np.nan) for key in (*(f"{figure}/{group}" for group in groups), figure)]
        scale = 100 if figure.startswith("recall") else 1
        lines.append(figure.ljust(18) + "".join(
            ("-" if np.isnan(value) else f"{scale * value:.1f}").rjust(8) for value in values))
    return "\n".join(lines)

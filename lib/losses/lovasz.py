"""Lovász-softmax: a surrogate of 1 - IoU, class by class (Berman et al., CVPR 2018, arXiv 1705.08790)."""
import torch
from torch import Tensor, nn

from lib.losses.common import full_precision, no_autocast


def lovasz_gradient(sorted_foreground: Tensor) -> Tensor:
    """Gradient of the Lovász extension of the Jaccard loss with respect to sorted errors (Algorithm 1 of the paper).

    sorted_foreground: (N,) bool, whether a voxel is of the class, by falling error. Returns (N,) float64: what the
    Jaccard loss grows by when the voxel joins those that are wrong.
    """
    inside = sorted_foreground.double()
    total = inside.sum()
    found = inside.cumsum(0)
    union = total + torch.arange(1, len(inside) + 1, device=inside.device) - found
    jaccard = 1 - (total - found) / union
    return torch.cat([jaccard[:1], jaccard.diff()])


def lovasz_softmax(logits: Tensor, target: Tensor, ignore_label: int = -1) -> Tensor:
    """Mean, over the classes that the labelled voxels have, of the Lovász extension of 1 - IoU at the errors
    |1[y = c] - p_c|; all voxels of the batch together. logits: (N, C); target: (N,) int64, class or `ignore_label`.
    """
    with no_autocast(logits):
        labelled = target != ignore_label
        probabilities, classes = full_precision(logits)[labelled].softmax(dim=1), target[labelled]  # (L, C), (L,)
        if not len(classes):
            return probabilities.sum()  # 0, connected to the graph
        losses = []
        for index in classes.unique().tolist():
            inside = classes == index
            errors, order = (inside.to(probabilities) - probabilities[:, index]).abs().sort(descending=True)
            losses.append(errors @ lovasz_gradient(inside[order]).to(errors))
        return torch.stack(losses).mean()


class LovaszSoftmaxLoss(nn.Module):
    """`lovasz_softmax` with its option kept. Call: (logits (N, C), target (N,)) -> scalar."""

    def __init__(self, ignore_label: int = -1):
        super().__init__()
        self.ignore_label = ignore_label

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return lovasz_softmax(logits, target, self.ignore_label)

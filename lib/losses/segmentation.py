"""Losses of stages 2 and 3 over class logits: cross entropy and category-balanced focal loss.

`FocalLoss(class_weights=load_category_weights(path, names))(logits, target)`. Every loss is the mean over
the labelled voxels, computed in float32 also inside autocast; nothing labelled gives 0 with a zero gradient.
"""
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from datasets.statistics import read_weights

BUILD_COMMAND = "python -m datasets.preprocess.statistics DIR"


def no_autocast(tensor: Tensor) -> AbstractContextManager:
    """Context in which autocast is off for the tensor's device: inside it, operations keep the dtype they are given."""
    return torch.autocast(device_type=tensor.device.type, enabled=False)


def full_precision(tensor: Tensor) -> Tensor:
    """The tensor in float32; float64 stays what it is, so that gradients can be checked numerically."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def labelled_mean(values: Tensor, labelled: Tensor) -> Tensor:
    """Mean of values (N,) where `labelled` (N,) bool; 0, still connected to the graph, where nothing is labelled."""
    return values.masked_fill(~labelled, 0).sum() / labelled.sum().clamp(min=1)


class _LogLikelihood(torch.autograd.Function):
    """log softmax(logits)[y] of every voxel. Its gradient, g (1[y] - p), in one pass over N x C, where gather and
    log_softmax would take three."""

    @staticmethod
    def forward(ctx, logits: Tensor, classes: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, dim=1)  # (N, C)
        ctx.save_for_backward(log_p, classes)
        return log_p.gather(1, classes[:, None]).squeeze(1)  # (N,)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        log_p, classes = ctx.saved_tensors
        grad_logits = log_p.exp().mul_(-grad[:, None])  # (N, C)
        return grad_logits.scatter_add_(1, classes[:, None], grad[:, None]), None


def cross_entropy(
    logits: Tensor, target: Tensor, ignore_label: int = -1, class_weights: Tensor | None = None
) -> Tensor:
    """Mean over the labelled voxels of -α_y log p_y. logits: (N, C); target: (N,) int64, class or `ignore_label`.

    class_weights: (C,) α; the sum is divided by the number of labelled voxels, not by the sum of their weights as
    `torch.nn.functional.cross_entropy` does, so that weights mean the same here and in `focal_loss`.
    """
    return focal_loss(logits, target, ignore_label, class_weights, gamma=0.0)


def focal_loss(
    logits: Tensor, target: Tensor, ignore_label: int = -1, class_weights: Tensor | None = None, gamma: float = 2.0
) -> Tensor:
    """Mean over the labelled voxels of -α_y (1 - p_y)^γ log p_y (Lin et al., arXiv 1708.02002, eq. 5).

    logits: (N, C) of any float type; target: (N,) int64, class or `ignore_label`; class_weights: (C,) α, 1 if None.
    """
    with no_autocast(logits):
        labelled = target != ignore_label
        classes = target.masked_fill(~labelled, 0)
        log_p = _LogLikelihood.apply(full_precision(logits), classes)  # (N,)
        loss = -log_p
        if gamma > 0:
            # expm1 keeps 1 - p exact near p = 1; the clamp keeps the gradient finite there for 0 < γ < 1.
            loss = (-torch.expm1(log_p)).clamp(min=1e-12).pow(gamma) * loss
        if class_weights is not None:
            loss = class_weights.to(loss)[classes] * loss
        return labelled_mean(loss, labelled)


class CrossEntropyLoss(nn.Module):
    """`cross_entropy` with its options kept. Call: (logits (N, C), target (N,)) -> scalar."""

    def __init__(self, ignore_label: int = -1, class_weights: Tensor | None = None):
        super().__init__()
        self.ignore_label = ignore_label
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(logits, target, self.ignore_label, self.class_weights)


class FocalLoss(nn.Module):
    """`focal_loss` with its options kept. Call: (logits (N, C), target (N,)) -> scalar. γ < 0 is a ValueError."""

    def __init__(self, ignore_label: int = -1, class_weights: Tensor | None = None, gamma: float = 2.0):
        super().__init__()
        if not gamma >= 0:
            raise ValueError(f"focal loss: gamma is {gamma}, give 0 or more")
        self.ignore_label = ignore_label
        self.gamma = gamma
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return focal_loss(logits, target, self.ignore_label, self.class_weights, self.gamma)


def load_category_weights(path: str | Path, class_names: Sequence[str]) -> Tensor:
    """α of every class from a JSON object {class name: weight}. Returns (C,) float32 in the order of `class_names`.

    A class that the file leaves out gets 1, the neutral weight: the file is made from the training scenes, so such a
    class has no training voxel and its weight only scales its share of a validation loss.
    Raises FileNotFoundError, and ValueError for anything but such an object, an unknown name or a bad weight.
    """
    path = Path(path)
    try:
        weights = read_weights(path, "category weights", f"; `{BUILD_COMMAND}` writes one")
    except (FileNotFoundError, IsADirectoryError):
        raise FileNotFoundError(
            f"{path}: no category weights there; `{BUILD_COMMAND}` writes DIR/feature_data/category_weights.json"
        ) from None
    unknown = sorted(set(weights) - set(class_names))
    if unknown:
        raise ValueError(f"{path}: {len(unknown)} names are not in the label table: {', '.join(unknown[:5])}")
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ValueError(f"{path}: weight of {name!r} is {weight!r}, give a number of 0 or more")
    return torch.tensor([float(weights.get(name, 1.0)) for name in class_names], dtype=torch.float32)

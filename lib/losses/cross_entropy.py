"""Cross entropy over class logits, with class weights and label smoothing. The mean over the labelled voxels, in
float32 also inside autocast; nothing labelled gives 0 with a zero gradient.
"""
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lib.losses.common import full_precision, labelled_mean, no_autocast


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


def log_likelihood(logits: Tensor, classes: Tensor) -> Tensor:
    """log p_y of every voxel, (N,). logits: (N, C); classes: (N,) int64 in [0, C)."""
    return _LogLikelihood.apply(logits, classes)


def cross_entropy(
    logits: Tensor, target: Tensor, ignore_label: int = -1, class_weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Mean over the labelled voxels of -α_y ((1 - ε) log p_y + ε/C sum_j log p_j), ε the smoothing of labels (Szegedy
    et al., CVPR 2016, arXiv 1512.00567, section 7). logits: (N, C); target: (N,) int64, class or `ignore_label`.

    class_weights: (C,) α; the sum is divided by the number of labelled voxels, not by the sum of their weights as
    `torch.nn.functional.cross_entropy` does, so that weights mean the same here and in `focal_loss`.
    """
    with no_autocast(logits):
        labelled = target != ignore_label
        classes = target.masked_fill(~labelled, 0)
        logits = full_precision(logits)
        loss = -log_likelihood(logits, classes)  # (N,)
        if smoothing > 0:  # sum_j log p_j / C is the mean logit less the log of the sum of exponentials
            loss = (1 - smoothing) * loss + smoothing * (logits.logsumexp(dim=1) - logits.mean(dim=1))
        if class_weights is not None:
            loss = class_weights.to(loss)[classes] * loss
        return labelled_mean(loss, labelled)


class CrossEntropyLoss(nn.Module):
    """`cross_entropy` with its options kept. Call: (logits (N, C), target (N,)) -> scalar.

    Labels are smoothed in training alone: in evaluation the loss is that of the labels as they are.
    """

    def __init__(self, ignore_label: int = -1, class_weights: Tensor | None = None, smoothing: float = 0.0):
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ValueError(f"cross entropy: label smoothing is {smoothing}, give a number from 0 to below 1")
        self.ignore_label, self.smoothing = ignore_label, smoothing
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(logits, target, self.ignore_label, self.class_weights,
                             self.smoothing if self.training else 0.0)

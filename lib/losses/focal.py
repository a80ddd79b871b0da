"""Category-balanced focal loss over class logits. The mean over the labelled voxels, computed in float32 also inside
autocast; nothing labelled gives 0 with a zero gradient.
"""
import torch
from torch import Tensor, nn

from lib.losses.common import full_precision, labelled_mean, no_autocast
from lib.losses.cross_entropy import log_likelihood


def focal_loss(
    logits: Tensor, target: Tensor, ignore_label: int = -1, class_weights: Tensor | None = None, gamma: float = 2.0
) -> Tensor:
    """Mean over the labelled voxels of -α_y (1 - p_y)^γ log p_y (Lin et al., arXiv 1708.02002, eq. 5).

    logits: (N, C) of any float type; target: (N,) int64, class or `ignore_label`; class_weights: (C,) α, 1 if None.
    """
    with no_autocast(logits):
        labelled = target != ignore_label
        classes = target.masked_fill(~labelled, 0)
        log_p = log_likelihood(full_precision(logits), classes)  # (N,)
        loss = -log_p
        if gamma > 0:
            # expm1 keeps 1 - p exact near p = 1; the clamp keeps the gradient finite there for 0 < γ < 1.
            loss = (-torch.expm1(log_p)).clamp(min=1e-12).pow(gamma) * loss
        if class_weights is not None:
            loss = class_weights.to(loss)[classes] * loss
        return labelled_mean(loss, labelled)


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

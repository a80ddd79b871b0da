"""Logit adjustment: a loss that sees every logit plus τ ln of its class's share of the training points (Menon et al.,
ICLR 2021, arXiv 2007.07314, eq. 10). Cross entropy with τ = 1 is the balanced softmax (Ren et al., NeurIPS 2020).
"""
from torch import Tensor, nn

from lib.losses.common import full_precision, no_autocast


def log_shares(points: Tensor) -> Tensor:
    """ln of every class's share of the labelled training points. points: (C,) of 0 or more, not all 0.

    A class without any counts as the commonest: the logit of what never occurs is then pushed down as without an
    adjustment, where ln 0 would leave it where it began.
    """
    points = points.double()
    return (points.where(points > 0, points.max()) / points.sum()).log()


class LogitAdjustedLoss(nn.Module):
    """In training `loss(logits + tau * log_shares(points), target)`, in evaluation `loss(logits, target)`.

    What is predicted goes by the logits as they are. Call: (logits (N, C), target (N,)) -> scalar.
    """

    def __init__(self, loss: nn.Module, points: Tensor, tau: float = 1.0):
        super().__init__()
        self.loss = loss
        self.register_buffer("shift", (tau * log_shares(points)).float(), persistent=False)  # (C,)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if not self.training:
            return self.loss(logits, target)
        with no_autocast(logits):
            return self.loss(full_precision(logits) + self.shift, target)

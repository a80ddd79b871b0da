"""Several losses as one, as `--loss_type focal+0.5*lovasz` says."""
from torch import Tensor, nn


class WeightedSum(nn.Module):
    """sum_k w_k loss_k(logits, target). losses: name -> (weight, loss).

    After a call, `terms` holds each loss by its name, before its weight, detached.
    """

    def __init__(self, losses: dict[str, tuple[float, nn.Module]]):
        super().__init__()
        self.weights = {name: weight for name, (weight, _) in losses.items()}
        self.losses = nn.ModuleDict({name: loss for name, (_, loss) in losses.items()})
        self.terms: dict[str, Tensor] = {}

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        values = {name: loss(logits, target) for name, loss in self.losses.items()}
        self.terms = {name: value.detach() for name, value in values.items()}
        return sum(self.weights[name] * value for name, value in values.items())

"""Batch norm by the rows of all processes: `synchronise(network)` once, then MinkowskiBatchNorm does so in training.

Needs torch.distributed's default process group, and that every process goes through the same layers.
"""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

_counted = True


class SyncBatchNorm(nn.BatchNorm1d):
    """What a MinkowskiBatchNorm on the CPU has in place of `nn.BatchNorm1d`, of the same parameters and buffers."""

    @classmethod
    def of(cls, norm: nn.BatchNorm1d) -> "SyncBatchNorm":
        """One that shares them."""
        made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        made._parameters, made._buffers, made.training = norm._parameters, norm._buffers, norm.training
        return made


def is_synchronised(norm: nn.Module) -> bool:
    """Whether its statistics are those of all processes."""
    return isinstance(norm, SyncBatchNorm | nn.SyncBatchNorm)


def synchronise(network: nn.Module) -> nn.Module:
    """The network with every plain batch norm made one over all processes: on the CPU ours, on a GPU torch's."""
    if next(network.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm1d:
                setattr(parent, name, SyncBatchNorm.of(child))
    return network


@contextmanager
def uncounted(off: bool) -> Iterator[None]:
    """Inside, if `off`, this process's rows are normalised like those of the others, but do not count."""
    global _counted
    _counted = not off
    try:
        yield
    finally:
        _counted = True


def are_counted() -> bool:
    """Whether this process's rows count."""
    return _counted


def joint_statistics(mean: Tensor, variance: Tensor, rows: int) -> tuple[Tensor, Tensor, int]:
    """Mean and biased variance, (C,) float64, over the rows of all processes, and how many these are.

    From each one's own (Chan et al., 1979): no square of what may lie far from 0 is subtracted from another.
    """
    channels = len(mean)
    table = mean.new_zeros(dist.get_world_size(), 2 * channels + 1)
    if _counted:
        table[dist.get_rank()] = torch.cat([mean.new_tensor([rows]), mean, variance])
    dist.all_reduce(table)  # of zeros and one process's own: gathers, on every backend and device
    counts, means, variances = table.split([1, channels, channels], dim=1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    variance = (counts * (variances + (means - mean).square())).sum(0) / total
    return mean, variance, int(total)


def through_statistics(grad_x: Tensor, x: Tensor, grad_weight: Tensor, grad_bias: Tensor, mean: Tensor,
                       inverse_std: Tensor, weight: Tensor, total: int) -> Tensor:
    """The gradient of x (N, C) with what goes through mean and variance, of which it is given without.

    grad_weight, grad_bias: (C,) of this process's rows; mean, inverse_std: (C,) float64, over `total` rows.
    """
    sums = torch.stack([grad_weight, grad_bias]).double()
    dist.all_reduce(sums)
    if not _counted:
        return grad_x
    scale = weight.double() * inverse_std / total
    slope = scale * inverse_std * sums[0]
    exact = x if x.dtype == torch.float64 else x.float()
    near = mean.to(exact.dtype)  # what it lacks of the mean goes into the constant
    constant = scale * sums[1] + slope * (near.double() - mean)
    through = (exact - near).mul_(slope.to(exact.dtype)).add_(constant.to(exact.dtype))
    return grad_x - through.to(grad_x.dtype)

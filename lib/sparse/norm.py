"""Batch norm fused with the residual sum and the ReLU that follow it, on a CPU.

`MinkowskiBatchNorm` returns a sparse tensor whose features are a `Deferred`: statistics taken, nothing computed yet.
`+`, `MinkowskiReLU` or whoever reads `.F` finishes it, so the three cost one pass over the rows instead of three; in
evaluation without gradients none, as the convolution before them does them to its sums.
"""
from dataclasses import dataclass, replace
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lib.sparse.chooser import path_of
from lib.sparse.convolution import Pending
from lib.sparse.paths import cpu, reference
from lib.sparse.sync_norm import SyncBatchNorm, are_counted, joint_statistics, through_statistics, uncounted


class _Normalize(torch.autograd.Function):
    """relu(weight * (x - mean) * inverse_std + bias + residual); residual and relu are optional.

    Keeps x, and the result where a ReLU needs to know its sign. training: mean and inverse_std are functions of x.
    joint: of how many rows on all processes they are, 0 where of x alone.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, mean: Tensor,
                inverse_std: Tensor, relu: bool, training: bool, joint: int, path: ModuleType) -> Tensor:
        out = path.normalize(x, residual, mean, inverse_std, weight, bias, relu)
        ctx.save_for_backward(x, out if relu else None, weight, mean, inverse_std)
        ctx.training, ctx.joint, ctx.path, ctx.counted = training, joint, path, are_counted()
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, out, weight, mean, inverse_std = ctx.saved_tensors
        grad_x, grad_residual, grad_weight, grad_bias = ctx.path.normalize_backward(
            x, out, grad, mean, inverse_std, weight, ctx.training and not ctx.joint,
            wants_residual=ctx.needs_input_grad[3])
        if ctx.joint:
            with uncounted(not ctx.counted):
                grad_x = through_statistics(grad_x, x, grad_weight, grad_bias, mean, inverse_std, weight, ctx.joint)
        return grad_x, grad_weight, grad_bias, grad_residual, None, None, None, None, None, None


@dataclass
class Deferred:
    """Features (N, C) that batch norm has yet to compute; has the shape, type and device they will have.

    mean, inverse_std: (C,) float64, so that no digit is lost in which values far from 0 differ. joint: of how many rows
    on all processes, 0 where of this one's alone.
    """
    x: Tensor | Pending
    weight: Tensor
    bias: Tensor
    mean: Tensor
    inverse_std: Tensor
    training: bool
    path: ModuleType
    joint: int = 0
    residual: Tensor | None = None

    shape = property(lambda self: self.x.shape)
    dtype = property(lambda self: self.x.dtype)
    device = property(lambda self: self.x.device)

    def can_add(self, other: Tensor) -> bool:
        """Whether `other` (N, C) can join the pass."""
        return self.residual is None and other.shape == self.shape and other.dtype == self.dtype

    def plus(self, other: Tensor) -> "Deferred":
        """The same with `other` added."""
        return replace(self, residual=other)

    def finish(self, relu: bool = False) -> Tensor:
        """The features, with negative ones set to 0 if `relu`."""
        if isinstance(self.x, Pending):
            return self.x.compute(cpu.Finish(self.mean, self.inverse_std, self.weight, self.bias, self.residual, relu))
        return _Normalize.apply(self.x, self.weight, self.bias, self.residual, self.mean, self.inverse_std, relu,
                                self.training, self.joint, self.path)


def can_defer(norm: nn.Module, features: Tensor | Pending) -> bool:
    """Whether a path has this batch norm: the plain one, with weights and running statistics, on a CPU.

    On a GPU torch's own takes off the mean before it scales; on a CPU torch's does not.
    """
    if type(norm) not in (nn.BatchNorm1d, SyncBatchNorm) or not norm.affine or not norm.track_running_stats:
        return False
    path = path_of(features)
    return path is cpu and norm.weight.dtype == torch.float32 or path is reference and features.device.type == "cpu"


def defer(norm: nn.BatchNorm1d, features: Tensor | Pending, training: bool) -> Deferred:
    """Batch norm of features (N, C); training: by their own statistics, which also move the running ones.

    Those of a convolution that waits, only by the running ones. Of a SyncBatchNorm by those of all processes, if these
    have more than one row.
    """
    if features.shape[1] != norm.num_features:
        raise ValueError(f"batch norm: {features.shape[1]} channels for a norm of {norm.num_features}")
    path, mean, variance, joint = path_of(features), norm.running_mean, norm.running_var, 0
    with torch.no_grad():
        if training:
            own, rows = path.statistics(features.detach()), len(features)
            if isinstance(norm, SyncBatchNorm):
                *own, rows = joint_statistics(*own, rows)
                training, joint = rows > 1, rows
        if training:
            mean, variance = own
            norm.num_batches_tracked += 1
            rate = 1 / int(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            unbiased = variance * (rows / (rows - 1))
            for running, now in ((norm.running_mean, mean), (norm.running_var, unbiased)):
                running.lerp_(now.to(running.dtype), rate)
        inverse_std = (variance.double() + norm.eps).rsqrt()
    return Deferred(features, norm.weight, norm.bias, mean.double(), inverse_std, training, path,
                    joint if training else 0)

"""Sparse convolution over a kernel map, with its gradients, by the path that `chooser` chooses."""
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lib.sparse.chooser import path_of
from lib.sparse.kernel_maps import KernelMap
from lib.sparse.paths import cpu


class _SparseConvolution(torch.autograd.Function):
    """Keeps the input features and the weight for backward, nothing of size N x K x C."""

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, bias: Tensor | None, kernel_map: KernelMap | None) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.kernel_map = kernel_map
        return path_of(features).convolve(features, weight, kernel_map, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out: Tensor):
        features, weight = ctx.saved_tensors
        kernel_map = ctx.kernel_map
        grad_features = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            back = kernel_map and kernel_map.transposed()
            grad_features = path_of(grad_out).convolve(grad_out, weight.transpose(1, 2), back)
        if ctx.needs_input_grad[1]:
            grad_weight = path_of(features).weight_gradient(features, grad_out, kernel_map).to(weight.dtype)
        if ctx.needs_input_grad[2]:
            grad_bias = grad_out.sum(0, keepdim=True)
        return grad_features, grad_weight, grad_bias, None


@dataclass
class Pending:
    """A convolution's result (N_out, C_out) that nobody has asked for yet, so that what follows it can be done on the
    way; has the shape, type and device it will have.
    """
    features: Tensor
    weight: Tensor
    bias: Tensor | None
    kernel_map: KernelMap | None

    dtype = property(lambda self: self.features.dtype)
    device = property(lambda self: self.features.device)

    @property
    def shape(self) -> torch.Size:
        rows = len(self.features) if self.kernel_map is None else self.kernel_map.num_outputs
        return torch.Size((rows, self.weight.shape[2]))

    @torch.no_grad()
    def compute(self, finish: cpu.Finish | None = None) -> Tensor:
        """The result, once it is `finish`ed."""
        return cpu.convolve(self.features, self.weight, self.kernel_map, self.bias, finish)


def sparse_convolution(features: Tensor, weight: Tensor, kernel_map: KernelMap | None,
                       bias: Tensor | None = None) -> Tensor:
    """Convolve features (N_in, C_in) with weight (K, C_in, C_out) over a kernel map and add bias (1, C_out).

    kernel_map None: every row alone, K = 1. Returns (N_out, C_out). Under `torch.autocast` all are cast to the autocast
    type. Raises ValueError when channels or types disagree.
    """
    return _SparseConvolution.apply(*_operands(features, weight, bias), kernel_map)


def pending_convolution(features: Tensor, weight: Tensor, kernel_map: KernelMap | None,
                        bias: Tensor | None = None) -> Tensor | Pending:
    """`sparse_convolution`, which on the compiled path and without gradients waits for what follows it."""
    if torch.is_grad_enabled():
        return sparse_convolution(features, weight, kernel_map, bias)
    operands = _operands(features, weight, bias)
    if path_of(operands[0]) is cpu:
        return Pending(*operands, kernel_map)
    return _SparseConvolution.apply(*operands, kernel_map)


def _operands(features: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    if features.shape[1] != weight.shape[1]:
        raise ValueError(f"convolution: {features.shape[1]} input channels for a kernel with {weight.shape[1]}")
    if torch.is_autocast_enabled(features.device.type) and features.dtype != torch.float64:
        dtype = torch.get_autocast_dtype(features.device.type)
        features, weight = features.to(dtype), weight.to(dtype)
    if features.dtype != weight.dtype:
        raise ValueError(f"convolution: features are {features.dtype}, the kernel is {weight.dtype}")
    return features, weight, None if bias is None else bias.to(features.dtype)

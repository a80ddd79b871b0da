"""Sparse convolution over a kernel map, with its gradients, by the path that `engine` chooses.

The reference path is here: gather - mm - scatter per offset, on any device and floating type.
Source: Choy et al., 4D Spatio-Temporal ConvNets, CVPR 2019, eq. 3.
"""
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lib.sparse import cpu, engine, gpu
from lib.sparse.kernel_maps import KernelMap


def _sum_type(dtype: torch.dtype) -> torch.dtype:
    """The type in which up to k^3 products are summed: float32 for the half types."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def gather_mm_scatter(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """`out[o] = sum over k, (i, o) in map[k] of features[i] @ weight[k]`.

    features: (N_in, C_in), weight: (K, C_in, C_out). Returns (N_out, C_out) in the features' type.
    """
    out = features.new_zeros(kernel_map.num_outputs, weight.shape[2], dtype=_sum_type(features.dtype))
    for k, (rows_in, rows_out) in enumerate(zip(kernel_map.inputs, kernel_map.outputs)):
        if len(rows_in):
            out.index_add_(0, rows_out, (features.index_select(0, rows_in) @ weight[k]).to(out.dtype))
    return out.to(features.dtype)


def weight_gradient(features: Tensor, grad_out: Tensor, kernel_map: KernelMap) -> Tensor:
    """`dW[k] = sum over (i, o) in map[k] of features[i]^T grad_out[o]`. Returns (K, C_in, C_out)."""
    grad = features.new_zeros(len(kernel_map.inputs), features.shape[1], grad_out.shape[1])
    for k, (rows_in, rows_out) in enumerate(zip(kernel_map.inputs, kernel_map.outputs)):
        if len(rows_in):
            torch.mm(features.index_select(0, rows_in).T, grad_out.index_select(0, rows_out), out=grad[k])
    return grad


class _SparseConvolution(torch.autograd.Function):
    """Keeps the input features and the weight for backward, nothing of size N x K x C."""

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, bias: Tensor | None, kernel_map: KernelMap | None) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.kernel_map = kernel_map
        return _convolve(features, weight, kernel_map, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out: Tensor):
        features, weight = ctx.saved_tensors
        kernel_map = ctx.kernel_map
        grad_features = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            back = kernel_map and kernel_map.transposed()
            grad_features = _convolve(grad_out, weight.transpose(1, 2), back)
        if ctx.needs_input_grad[1]:
            grad_weight = _weight_gradient(features, grad_out, kernel_map).to(weight.dtype)
        if ctx.needs_input_grad[2]:
            grad_bias = grad_out.sum(0, keepdim=True)
        return grad_features, grad_weight, grad_bias, None


def _convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap | None, bias: Tensor | None = None) -> Tensor:
    """By the path that the engine chooses; kernel_map None: every row alone."""
    if engine.on_cpu_path(features):
        return cpu.convolve(features, weight, *_table(kernel_map), bias)
    if engine.on_gpu_path(features):
        return gpu.convolve(features, weight, kernel_map, bias)
    out = features @ weight[0] if kernel_map is None else gather_mm_scatter(features, weight, kernel_map)
    return out if bias is None else out.add_(bias)


def _weight_gradient(features: Tensor, grad_out: Tensor, kernel_map: KernelMap | None) -> Tensor:
    """By the path that the engine chooses; in the features' type or float32."""
    if engine.on_cpu_path(features):
        return cpu.weight_gradient(features, grad_out, *_table(kernel_map))
    if engine.on_gpu_path(features):
        return gpu.weight_gradient(features, grad_out, kernel_map)
    return (features.T @ grad_out)[None] if kernel_map is None else weight_gradient(features, grad_out, kernel_map)


def _table(kernel_map: KernelMap | None) -> tuple[Tensor | None, bool]:
    return (None, False) if kernel_map is None else (kernel_map.table, kernel_map.flipped)


def sparse_convolution(features: Tensor, weight: Tensor, kernel_map: KernelMap | None,
                       bias: Tensor | None = None) -> Tensor:
    """Convolve features (N_in, C_in) with weight (K, C_in, C_out) over a kernel map and add bias (1, C_out).

    kernel_map None: every row alone, K = 1. Returns (N_out, C_out). Under `torch.autocast` all are cast to the autocast
    type. Raises ValueError when channels or types disagree.
    """
    if features.shape[1] != weight.shape[1]:
        raise ValueError(f"convolution: {features.shape[1]} input channels for a kernel with {weight.shape[1]}")
    if torch.is_autocast_enabled(features.device.type) and features.dtype != torch.float64:
        dtype = torch.get_autocast_dtype(features.device.type)
        features, weight = features.to(dtype), weight.to(dtype)
    if features.dtype != weight.dtype:
        raise ValueError(f"convolution: features are {features.dtype}, the kernel is {weight.dtype}")
    return _SparseConvolution.apply(features, weight, None if bias is None else bias.to(features.dtype), kernel_map)

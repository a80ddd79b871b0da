"""The reference path: gather - mm - scatter per offset in plain PyTorch, on any device and floating type.

Short and obviously right: the other paths are compared with it. Source: Choy et al., CVPR 2019, eq. 3.
"""
import torch
from torch import Tensor

from lib.sparse.kernel_maps import KernelMap


def neighbour_table(source_keys: Tensor, source_order: Tensor, target_keys: Tensor, target_order: Tensor,
                    shifts: list[int], symmetric: bool) -> Tensor:
    """(K, N_target) int32 rows of the source whose key is the target's + shifts[k], -1 where there is none.

    Keys are sorted, `order` gives the row of each. symmetric: shifts[K-1-k] is -shifts[k] and both sides are the same.
    """
    table = torch.full((len(shifts), len(target_keys)), -1, dtype=torch.int32, device=target_keys.device)
    for k, shift in enumerate(shifts[:len(shifts) // 2 + 1] if symmetric else shifts):
        wanted = target_keys + shift
        place = torch.searchsorted(source_keys, wanted).clamp_(max=len(source_keys) - 1)
        found = (source_keys[place] == wanted).nonzero().squeeze(1)
        inputs, outputs = source_order[place[found]], target_order[found]
        table[k, outputs] = inputs.int()
        if symmetric:
            table[-1 - k, inputs] = outputs.int()
    return table


def reverse_table(table: Tensor, num_inputs: int) -> Tensor:
    """The same map from its inputs: (K, N_in) int32 output rows, -1 where there is none."""
    reverse = table.new_full((len(table), num_inputs), -1)
    offset, output = table.ge(0).nonzero(as_tuple=True)
    reverse[offset, table[offset, output].long()] = output.int()
    return reverse


def convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap | None, bias: Tensor | None = None) -> Tensor:
    """`out[o] = bias + sum over k, (i, o) in map[k] of features[i] @ weight[k]`; without a map every row alone, K = 1.

    features: (N_in, C_in), weight: (K, C_in, C_out), bias: (1, C_out). Returns (N_out, C_out) in the features' type.
    """
    out = features @ weight[0] if kernel_map is None else _gather_mm_scatter(features, weight, kernel_map)
    return out if bias is None else out.add_(bias)


def _sum_type(dtype: torch.dtype) -> torch.dtype:
    """The type in which up to k^3 products are summed: float32 for the half types."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def _gather_mm_scatter(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    out = features.new_zeros(kernel_map.num_outputs, weight.shape[2], dtype=_sum_type(features.dtype))
    for k, (rows_in, rows_out) in enumerate(zip(kernel_map.inputs, kernel_map.outputs)):
        if len(rows_in):
            out.index_add_(0, rows_out, (features.index_select(0, rows_in) @ weight[k]).to(out.dtype))
    return out.to(features.dtype)


def weight_gradient(features: Tensor, grad_out: Tensor, kernel_map: KernelMap | None) -> Tensor:
    """`dW[k] = sum over (i, o) in map[k] of features[i]^T grad_out[o]`. Returns (K, C_in, C_out)."""
    if kernel_map is None:
        return (features.T @ grad_out)[None]
    grad = features.new_zeros(len(kernel_map.inputs), features.shape[1], grad_out.shape[1])
    for k, (rows_in, rows_out) in enumerate(zip(kernel_map.inputs, kernel_map.outputs)):
        if len(rows_in):
            torch.mm(features.index_select(0, rows_in).T, grad_out.index_select(0, rows_out), out=grad[k])
    return grad


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance, (C,) float64 each, of the columns of x (N, C)."""
    variance, mean = torch.var_mean(x.double(), dim=0, correction=0)
    return mean, variance


def normalize(x: Tensor, residual: Tensor | None, mean: Tensor, inverse_std: Tensor, weight: Tensor, bias: Tensor,
              relu: bool) -> Tensor:
    """`(x - mean) * inverse_std * weight + bias (+ residual)`, at least 0 if `relu`, in float64.

    x, residual: (N, C); mean, inverse_std: (C,) float64; weight, bias: (C,). Returns (N, C) in the type of x.
    """
    out = (x.double() - mean).mul_(weight * inverse_std).add_(bias)
    if residual is not None:
        out += residual
    return (out.relu_() if relu else out).to(x.dtype)


def normalize_backward(x: Tensor, out: Tensor | None, grad: Tensor, mean: Tensor, inverse_std: Tensor, weight: Tensor,
                       training: bool, wants_residual: bool) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Gradients of x, residual (None unless wanted), weight and bias; `out` is `normalize`'s result, None without ReLU.

    training: mean and inverse_std are those of x itself.
    """
    if out is not None:
        grad = grad * (out > 0)
    centred, exact, scale = x.double() - mean, grad.double(), weight * inverse_std
    grad_bias, products = exact.sum(0), (exact * centred).sum(0)
    grad_x = exact * scale
    if training:
        grad_x -= (centred.mul_(products * inverse_std.square()).add_(grad_bias)).mul_(scale / len(x))
    return (grad_x.to(x.dtype), grad if wants_residual else None, (products * inverse_std).to(weight.dtype),
            grad_bias.to(weight.dtype))

"""The CPU path: csrc/*.cpp, compiled at first use into a library of plain C functions (`build`).

Beside the four functions of every path it has batch norm with what follows it, which `lib.sparse.norm` uses.
"""
import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor

from lib.sparse.kernel_maps import KernelMap
from lib.sparse.paths.cpu.build import BuildError, library

__all__ = ["TYPES", "BuildError", "Finish", "convolve", "library", "neighbour_table", "normalize", "normalize_backward",
           "reverse_table", "statistics", "weight_gradient"]

TYPES = (torch.float32, torch.bfloat16)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _operands(*tensors: Tensor) -> tuple[bool, tuple[Tensor, ...]]:
    """Contiguous tensors, in bfloat16 only where the library multiplies it: it takes two channels at a time."""
    bf16 = tensors[0].dtype == torch.bfloat16
    if bf16 and (tensors[0].shape[1] % 2 or not library().sparse_has_bf16()):
        return False, tuple(t.float() for t in tensors)
    return bf16, tensors


@dataclass
class Lists:
    """The pairs of a table (K, N_out) by tile of output rows and offset: what AVX2 builds go through (csrc/lists.h).

    starts: (tiles, K + 1) int64; inputs: int32 and places: int16, room for K pairs a row, of which few are used.
    """
    starts: Tensor
    inputs: Tensor
    places: Tensor

    @classmethod
    def of(cls, table: Tensor) -> "Lists":
        """Of a neighbour table (K, N) int32."""
        (volume, rows), tile = table.shape, library().sparse_tile()
        tiles = -(-rows // tile)
        starts = torch.empty(tiles, volume + 1, dtype=torch.int64)
        # untouched pages of this cost nothing; the kernels look at a few row numbers beyond a tile's last pair
        inputs, places = (torch.empty(tiles * tile * volume + 16, dtype=dtype) for dtype in (torch.int32, torch.int16))
        library().sparse_lists(_address(table), rows, volume, _address(starts), _address(inputs), _address(places),
                               torch.get_num_threads())
        return cls(starts, inputs, places)


def _lists(kernel_map: KernelMap) -> Lists:
    """The lists of a map's table, made once."""
    kept, key = kernel_map.neighbours.kept, ("lists", kernel_map.is_transposed and not kernel_map.flipped)
    if key not in kept:
        kept[key] = Lists.of(kernel_map.table)
    return kept[key]


def _table(kernel_map: KernelMap | None) -> tuple[Tensor | None, bool]:
    return (None, False) if kernel_map is None else (kernel_map.table, kernel_map.flipped)


@dataclass
class Finish:
    """What follows a convolution and is done to its sums before they are written: batch norm by known statistics,
    `(x - mean) * inverse_std * weight + bias`, then `+ residual`, then at least 0 if `relu`.

    mean, inverse_std: (C,) float64; weight, bias: (C,) float32; residual: (N, C) in the result's type, or None.
    """
    mean: Tensor
    inverse_std: Tensor
    weight: Tensor
    bias: Tensor
    residual: Tensor | None = None
    relu: bool = False

    def affine(self) -> tuple[Tensor, Tensor, Tensor]:
        """mean, scale, shift, (C,) float32 each: the norm is (x - mean) * scale + shift."""
        scale, mean = self.weight.detach().double() * self.inverse_std, self.mean.float()
        shift = self.bias.detach().double() - (self.mean - mean.double()) * scale
        return mean, scale.float(), shift.float()


def convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap | None, bias: Tensor | None = None,
             finish: Finish | None = None) -> Tensor:
    """`out[o] = bias + sum over k of features[table[k, o]] @ weight[k]`, offsets without a row left out.

    features: (N_in, C_in) and weight: (K, C_in, C_out), float32 or bfloat16; kernel_map None: row o alone (K = 1);
    bias: (1, C_out); finish: what is done to `out` on the way. Returns (N_out, C_out) in the features' type.
    """
    table, flipped = _table(kernel_map)
    dtype = features.dtype
    bf16, (features, weight) = _operands(features, weight)
    if kernel_map is None and not bf16 and library().sparse_tile():  # of AVX2 nobody makes more than torch's library
        return _multiply(features, weight[0], bias, finish).to(dtype)
    features = features.contiguous()
    volume, inputs, outputs = weight.shape
    rows = len(features) if table is None else table.shape[1]
    out = features.new_empty(rows, outputs)
    bias = None if bias is None else bias.detach().float().contiguous()
    affine, residual = (None,) * 3, None
    if finish is not None:
        affine, residual = finish.affine(), finish.residual
        residual = None if residual is None else residual.to(features.dtype).contiguous()
    after = (*map(_address, (bias, *affine, residual)), finish is not None and finish.relu, rows, volume, inputs,
             outputs, *weight.stride(), flipped, torch.get_num_threads())
    if kernel_map is not None and not bf16 and library().sparse_tile():
        lists = _lists(kernel_map)
        library().sparse_convolve_listed(
            _address(features), _address(weight), _address(lists.starts), _address(lists.inputs),
            _address(lists.places), _address(out), *after)
        return out.to(dtype)
    library().sparse_convolve(bf16, _address(features), _address(weight), _address(table), _address(out), *after)
    return out.to(dtype)


def _multiply(features: Tensor, weight: Tensor, bias: Tensor | None, finish: Finish | None) -> Tensor:
    """features (N, C_in) @ weight (C_in, C_out) + bias (1, C_out) and what follows, by torch's library."""
    out = features @ weight if bias is None else torch.addmm(bias.detach().float(), features, weight)
    if finish is None:
        return out
    return normalize(out, finish.residual, finish.mean, finish.inverse_std, finish.weight, finish.bias, finish.relu)


def weight_gradient(features: Tensor, grad_out: Tensor, kernel_map: KernelMap | None) -> Tensor:
    """`dW[k] = sum over o of features[table[k, o]]^T grad_out[o]`. Returns (K, C_in, C_out), summed in float32."""
    table, flipped = _table(kernel_map)
    bf16, (features, grad_out) = _operands(features, grad_out)
    features, grad_out = features.contiguous(), grad_out.contiguous()
    if kernel_map is None and not bf16 and library().sparse_tile():
        return (features.T @ grad_out)[None]
    volume = 1 if table is None else len(table)
    grad = torch.empty(volume, features.shape[1], grad_out.shape[1], dtype=torch.float32)
    if kernel_map is not None and not bf16 and library().sparse_tile():
        lists = _lists(kernel_map)
        library().sparse_weight_gradient_listed(
            _address(features), _address(grad_out), _address(lists.starts), _address(lists.inputs),
            _address(lists.places), _address(grad), len(grad_out), *grad.shape, flipped, torch.get_num_threads())
        return grad
    library().sparse_weight_gradient(bf16, _address(features), _address(grad_out), _address(table), _address(grad),
                                      len(grad_out), *grad.shape, flipped, torch.get_num_threads())
    return grad


def neighbour_table(source_keys: Tensor, source_order: Tensor, target_keys: Tensor, target_order: Tensor,
                    shifts: list[int], symmetric: bool) -> Tensor:
    """(K, N_target) int32 rows of the source under each shift of the key, -1 where there is none. Keys are sorted."""
    table = torch.empty(len(shifts), len(target_keys), dtype=torch.int32)
    library().sparse_neighbour_table(
        _address(source_keys), _address(source_order), len(source_keys), _address(target_keys), _address(target_order),
        len(target_keys), (ctypes.c_int64 * len(shifts))(*shifts), len(shifts), symmetric, _address(table),
        torch.get_num_threads())
    return table


def reverse_table(table: Tensor, num_inputs: int) -> Tensor:
    """The same map from its inputs: (K, N_in) int32 output rows, -1 where there is none."""
    reverse = torch.empty(len(table), num_inputs, dtype=torch.int32)
    library().sparse_reverse_table(_address(table), table.shape[1], num_inputs, len(table), _address(reverse),
                                    torch.get_num_threads())
    return reverse


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance, (C,) float64 each, of the columns of x (N, C)."""
    x = x.contiguous()
    mean, variance = (torch.empty(x.shape[1], dtype=torch.float64) for _ in range(2))
    library().sparse_statistics(x.dtype == torch.bfloat16, _address(x), *x.shape, _address(mean), _address(variance),
                                torch.get_num_threads())
    return mean, variance


def normalize(x: Tensor, residual: Tensor | None, mean: Tensor, inverse_std: Tensor, weight: Tensor, bias: Tensor,
              relu: bool) -> Tensor:
    """`(x - mean) * inverse_std * weight + bias (+ residual)`, at least 0 if `relu`.

    x, residual: (N, C); mean, inverse_std: (C,) float64; weight, bias: (C,) float32.
    """
    x, residual = x.contiguous(), residual if residual is None else residual.contiguous()
    out = torch.empty_like(x)
    library().sparse_normalize(x.dtype == torch.bfloat16, _address(x), _address(residual), _address(mean),
                               _address(inverse_std), _address(weight), _address(bias), _address(out), relu, *x.shape,
                               torch.get_num_threads())
    return out


def normalize_backward(x: Tensor, out: Tensor | None, grad: Tensor, mean: Tensor, inverse_std: Tensor, weight: Tensor,
                       training: bool, wants_residual: bool) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Gradients of x, residual (None unless wanted), weight and bias; `out` is `normalize`'s result, None without ReLU.

    training: mean and inverse_std are those of x itself.
    """
    x = x.contiguous()
    if grad.stride(1) != 1:  # rows may lie apart, as in one half of a concatenation
        grad = grad.contiguous()
    grad_x, grad_weight, grad_bias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
    grad_residual = None
    if wants_residual:
        grad_residual = grad if out is None else torch.empty_like(x)
    library().sparse_normalize_backward(
        x.dtype == torch.bfloat16, _address(x), _address(out), _address(grad), grad.stride(0), _address(mean),
        _address(inverse_std), _address(weight), training, _address(grad_x),
        None if out is None else _address(grad_residual), _address(grad_weight), _address(grad_bias), *x.shape,
        torch.get_num_threads())
    return grad_x, grad_residual, grad_weight, grad_bias

"""The GPU path: Triton kernels, and kernel maps made on the device. Triton comes with torch for CUDA."""
import functools
import importlib
from types import ModuleType

import torch
from torch import Tensor

from lib.sparse.kernel_maps import KernelMap
from lib.sparse.paths.gpu.maps import neighbour_table, reverse_table

__all__ = ["TYPES", "convolve", "interpreted", "load_kernels", "neighbour_table", "reverse_table", "weight_gradient"]

TYPES = (torch.float32, torch.bfloat16, torch.float16)


def load_kernels() -> ModuleType:
    """lib.sparse.paths.gpu.kernels, which imports Triton. Raises ImportError where there is none."""
    return importlib.import_module("lib.sparse.paths.gpu.kernels")


@functools.cache
def interpreted() -> bool:
    """Whether the kernels run in Triton's interpreter (TRITON_INTERPRET=1), which takes tensors on the CPU."""
    try:
        return load_kernels().INTERPRETED
    except ImportError:
        return False


def convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap | None, bias: Tensor | None = None) -> Tensor:
    """Features (N_in, C_in) over a kernel map (None: every row alone), weight (K, C_in, C_out), plus bias (1, C_out).

    Returns (N_out, C_out) in the features' type; sums are float32.
    """
    if kernel_map is None:  # a plain matrix product: nobody's is faster than torch's
        return features @ weight[0] if bias is None else torch.addmm(bias, features, weight[0])
    return load_kernels().convolve(features, weight, kernel_map.schedule, kernel_map.flipped, bias)


def weight_gradient(features: Tensor, grad_out: Tensor, kernel_map: KernelMap | None) -> Tensor:
    """`dW[k] = sum over pairs (i, o) under offset k of features[i]^T grad_out[o]`. Returns (K, C_in, C_out).

    The same in every run with the same tiles (see `tuning`): no atomics.
    """
    if kernel_map is None:
        return (features.T @ grad_out)[None]
    return load_kernels().weight_gradient(features, grad_out, kernel_map.neighbours.compacted, kernel_map.is_transposed)

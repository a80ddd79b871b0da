"""The GPU path: Triton kernels and kernel maps on the device, checked against the reference at first use.

`available(device, dtype)` compiles and checks; `convolve` and `weight_gradient` are then the two operations of
`convolution.py`, `neighbour_table` and `reverse_table` those of `coordinates.py`. Triton comes with torch for CUDA.
"""
import functools
import importlib
import logging
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lib.sparse.gpu.maps import Pairs, Schedule, neighbour_table, reverse_table
from lib.sparse.selfcheck import CheckError, check_against_reference

if TYPE_CHECKING:
    from lib.sparse.coordinates import KernelMap

__all__ = ["TYPES", "Pairs", "Schedule", "available", "convolve", "interpreted", "neighbour_table", "problem",
           "reverse_table", "weight_gradient"]

TYPES = (torch.float32, torch.bfloat16, torch.float16)
# relative, Frobenius norm, of the check against the reference; the key is what the factors are rounded to
TOLERANCE = {"float32": 1e-5, "tf32": 2e-3, "bfloat16": 1e-2, "float16": 2e-3}

log = logging.getLogger(__name__)


def _kernels() -> ModuleType:
    """lib.sparse.gpu.kernels. Raises ImportError where there is no Triton."""
    return importlib.import_module("lib.sparse.gpu.kernels")


@functools.cache
def interpreted() -> bool:
    """Whether the kernels run in Triton's interpreter (TRITON_INTERPRET=1), which takes tensors on the CPU."""
    try:
        return _kernels().INTERPRETED
    except ImportError:
        return False


def problem(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this path cannot serve tensors of a type on a device, in one line, or None: checks at the first call."""
    rounding = str(dtype).removeprefix("torch.")
    if dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest":
        rounding = "tf32"
    return _problem(device, dtype, rounding)


@functools.cache
def _problem(device: torch.device, dtype: torch.dtype, rounding: str) -> str | None:
    try:
        _kernels()
    except ImportError as error:
        return f"Triton, which comes with torch for CUDA on Linux, cannot be imported ({error})"
    if device.type != "cuda" and not interpreted():
        return "torch sees no CUDA device"
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):  # whatever the first caller has switched on
            check_against_reference("Triton", device, 300, 40, {dtype: TOLERANCE[rounding]}, neighbour_table,
                                    reverse_table, convolve, weight_gradient)
    except CheckError as error:
        return str(error)
    except Exception as error:  # compilers and drivers fail in many ways; whichever, the reference path can serve
        return f"the Triton kernels fail on {device}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return None


def available(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this path can serve; if not, says once why the reference path does."""
    reason = problem(device, dtype)
    if reason:
        _say(f"sparse convolution on {device} uses the slower reference path: {reason}")
    return reason is None


@functools.cache
def _say(warning: str) -> None:
    log.warning(warning)


def convolve(features: Tensor, weight: Tensor, kernel_map: "KernelMap | None", bias: Tensor | None = None) -> Tensor:
    """Features (N_in, C_in) over a kernel map (None: every row alone), weight (K, C_in, C_out), plus bias (1, C_out).

    Returns (N_out, C_out) in the features' type; sums are float32.
    """
    if kernel_map is None:  # a plain matrix product: nobody's is faster than torch's
        return features @ weight[0] if bias is None else torch.addmm(bias, features, weight[0])
    return _kernels().convolve(features, weight, kernel_map.schedule, kernel_map.flipped, bias)


def weight_gradient(features: Tensor, grad_out: Tensor, kernel_map: "KernelMap | None") -> Tensor:
    """`dW[k] = sum over pairs (i, o) under offset k of features[i]^T grad_out[o]`. Returns (K, C_in, C_out).

    The same in every run with the same tiles (see `tuning`): no atomics.
    """
    if kernel_map is None:
        return (features.T @ grad_out)[None]
    return _kernels().weight_gradient(features, grad_out, kernel_map.neighbours.compacted, kernel_map.is_transposed)

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

if TYPE_CHECKING:
    from lib.sparse.coordinates import KernelMap

__all__ = ["TYPES", "Pairs", "Schedule", "available", "convolve", "interpreted", "neighbour_table", "problem",
           "reverse_table", "weight_gradient"]

TYPES = (torch.float32, torch.bfloat16, torch.float16)
# relative, Frobenius norm, of the check against the reference in float32; the key is what the factors are rounded to
TOLERANCE = {"float32": 1e-5, "tf32": 2e-3, "bfloat16": 1e-2, "float16": 2e-3}

log = logging.getLogger(__name__)


class CheckError(Exception):
    """The kernels do not agree with the reference; the message says where in one line."""


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
            _check_against_reference(device, dtype, TOLERANCE[rounding])
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


def _check_against_reference(device: torch.device, dtype: torch.dtype, tolerance: float) -> None:
    """Small maps and convolutions in both directions, against the reference. Raises CheckError where they disagree."""
    from lib.sparse import convolution, coordinates  # they use this module in turn
    generator = torch.Generator().manual_seed(0)
    voxels = torch.cartesian_prod(torch.arange(2), *[torch.arange(-4, 5)] * 3).int()
    voxels = voxels[torch.randperm(len(voxels), generator=generator)[:300]].contiguous().to(device)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float32).to(device, dtype)

    manager = coordinates.CoordinateManager(voxels)
    for out_stride, size in ((1, 3), (manager.stride(1, 2), 2)):
        arguments = manager.neighbour_arguments(1, out_stride, size)
        table = neighbour_table(*arguments)
        if not torch.equal(table, coordinates.neighbour_table(*arguments)):
            raise CheckError("kernel maps made on the GPU disagree with the reference; please report this machine")
        reverse = reverse_table(table, len(voxels))
        if not torch.equal(reverse, coordinates.reverse_table(table, len(voxels))):
            raise CheckError("reverse maps made on the GPU disagree with the reference; please report this machine")
        kernel_map = coordinates.KernelMap(coordinates.Neighbours(table, len(voxels), out_stride == 1))
        features, weight, grad = random(len(voxels), 18), random(size**3, 18, 40), random(table.shape[1], 40)
        back, backwards, schedule = kernel_map.transposed(), weight.transpose(1, 2), Schedule.of(table)
        back_schedule = schedule if back.flipped else Schedule.of(reverse)
        for ours, reference in (
                (_kernels().convolve(features, weight, schedule),
                 convolution.gather_mm_scatter(features.double(), weight.double(), kernel_map)),
                (_kernels().convolve(grad, backwards, back_schedule, back.flipped),
                 convolution.gather_mm_scatter(grad.double(), backwards.double(), back)),
                (_kernels().weight_gradient(features, grad, Pairs.of(table)),
                 convolution.weight_gradient(features.double(), grad.double(), kernel_map))):
            error = ((ours.double() - reference).norm() / reference.norm()).item()
            if not error <= tolerance:
                raise CheckError(f"the Triton {str(dtype).removeprefix('torch.')} convolution is {error:.1e} off the "
                                 "reference; please report this machine")

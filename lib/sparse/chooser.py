"""Which path computes: `set_engine("auto")`, the value of `--sparse_engine`, and `path_of(tensor)`.

A path serves only once it agrees with the reference: `cpu_problem` and `gpu_problem` build, compile and check it at the
first call.
"""
import functools
import logging
from types import ModuleType

import torch
from torch import Tensor

from lib.sparse.paths import cpu, gpu, reference
from lib.sparse.paths.cpu import BuildError
from lib.sparse.selfcheck import CheckError, compare

ENGINES = ("auto", "reference", "cpu", "triton")
# relative, Frobenius norm, of the checks against the reference; TF32 is what float32 factors may be rounded to
CPU_TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
GPU_TOLERANCE = {"float32": 1e-5, "tf32": 2e-3, "bfloat16": 1e-2, "float16": 2e-3}
_engine = "auto"
log = logging.getLogger(__name__)


def set_engine(name: str) -> None:
    """Choose the path for all convolutions from now on.

    auto: the fastest that serves the device and type; reference: plain PyTorch anywhere; cpu: compiled C++, for
    float32 and bfloat16 on the CPU; triton: kernels for GPUs, in float32, bfloat16 and float16. Other types and devices
    keep the reference path. Raises ValueError for another name, and for `cpu` and `triton` where they cannot serve.
    """
    global _engine
    if name not in ENGINES:
        raise ValueError(f"--sparse_engine {name}: no such engine; there are {', '.join(ENGINES)}")
    if name == "cpu" and cpu_problem():
        raise ValueError(f"--sparse_engine cpu: {cpu_problem()}, or use --sparse_engine auto")
    if name == "triton":
        device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
        reason = gpu_problem(device, torch.float32)
        if reason:
            raise ValueError(f"--sparse_engine triton: {reason}; use --sparse_engine auto")
    _engine = name


def get_engine() -> str:
    """The name given to `set_engine`, "auto" at the start."""
    return _engine


def path_of(tensor: Tensor) -> ModuleType:
    """The path that serves a tensor: features by device and type, keys (int64) by device."""
    return cpu if _on_cpu_path(tensor) else gpu if _on_gpu_path(tensor) else reference


def _on_cpu_path(tensor: Tensor) -> bool:
    if _engine not in ("auto", "cpu") or tensor.device.type != "cpu":
        return False
    if tensor.dtype == torch.float16:
        _say("sparse convolution in float16 on a CPU uses the slower reference path: bfloat16 and float32 are compiled")
    if tensor.dtype not in (*cpu.TYPES, torch.int64):
        return False
    if cpu_problem():
        _say(f"sparse convolution uses the slower reference path: {cpu_problem()}")
    return not cpu_problem()


def _on_gpu_path(tensor: Tensor) -> bool:
    """Under Triton's interpreter `triton`, but not `auto`, takes tensors on the CPU."""
    if _engine not in ("auto", "triton") or tensor.dtype not in (*gpu.TYPES, torch.int64):
        return False
    if not tensor.is_cuda and not (_engine == "triton" and gpu.interpreted()):
        return False
    reason = gpu_problem(tensor.device, torch.float32 if tensor.dtype == torch.int64 else tensor.dtype)
    if reason:
        _say(f"sparse convolution on {tensor.device} uses the slower reference path: {reason}")
    return reason is None


@functools.cache
def _say(warning: str) -> None:
    log.warning(warning)


@functools.cache
def cpu_problem() -> str | None:
    """Why the compiled path cannot serve, in one line, or None: builds, loads and checks it at the first call."""
    try:
        cpu.library()
        with torch.no_grad(), torch.autocast("cpu", enabled=False):  # whatever the first caller has switched on
            compare("compiled", cpu, reference, torch.device("cpu"), 500, 100, CPU_TOLERANCE)
    except (BuildError, CheckError) as error:
        return str(error)
    return None


def gpu_problem(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why the Triton path cannot serve tensors of a type on a device, in one line, or None: checks at the first call.
    """
    rounding = str(dtype).removeprefix("torch.")
    if dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest":
        rounding = "tf32"
    return _gpu_problem(device, dtype, rounding)


@functools.cache
def _gpu_problem(device: torch.device, dtype: torch.dtype, rounding: str) -> str | None:
    try:
        gpu.load_kernels()
    except ImportError as error:
        return f"Triton, which comes with torch for CUDA on Linux, cannot be imported ({error})"
    if device.type != "cuda" and not gpu.interpreted():
        return "torch sees no CUDA device"
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            compare("Triton", gpu, reference, device, 300, 40, {dtype: GPU_TOLERANCE[rounding]})
    except CheckError as error:
        return str(error)
    except Exception as error:  # compilers and drivers fail in many ways; whichever, the reference path can serve
        return f"the Triton kernels fail on {device}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return None

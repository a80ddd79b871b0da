"""Which path computes sparse convolutions: `set_engine("auto")`, the value of `--sparse_engine`."""
import functools
import logging

import torch
from torch import Tensor

from lib.sparse import cpu, gpu

ENGINES = ("auto", "reference", "cpu", "triton")
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
    if name == "cpu" and cpu.problem():
        raise ValueError(f"--sparse_engine cpu: {cpu.problem()}, or use --sparse_engine auto")
    if name == "triton":
        device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
        reason = gpu.problem(device, torch.float32)
        if reason:
            raise ValueError(f"--sparse_engine triton: {reason}; use --sparse_engine auto")
    _engine = name


def get_engine() -> str:
    """The name given to `set_engine`, "auto" at the start."""
    return _engine


def on_cpu_path(tensor: Tensor) -> bool:
    """Whether the compiled path serves this tensor: features by device and type, keys (int64) by device."""
    if _engine not in ("auto", "cpu") or tensor.device.type != "cpu":
        return False
    if tensor.dtype == torch.float16:
        _say("sparse convolution in float16 on a CPU uses the slower reference path: bfloat16 and float32 are compiled")
    return tensor.dtype in (*cpu.TYPES, torch.int64) and cpu.available()


@functools.cache
def _say(warning: str) -> None:
    log.warning(warning)


def on_gpu_path(tensor: Tensor) -> bool:
    """Whether the Triton path serves this tensor: features by device and type, keys (int64) by device.

    Under Triton's interpreter `triton`, but not `auto`, takes tensors on the CPU.
    """
    if _engine not in ("auto", "triton") or tensor.dtype not in (*gpu.TYPES, torch.int64):
        return False
    if not tensor.is_cuda and not (_engine == "triton" and gpu.interpreted()):
        return False
    return gpu.available(tensor.device, torch.float32 if tensor.dtype == torch.int64 else tensor.dtype)

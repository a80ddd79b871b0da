"""Which path computes sparse convolutions: `set_engine("auto")`, the value of `--sparse_engine`."""
import torch
from torch import Tensor

from lib.sparse import cpu

ENGINES = ("auto", "reference", "cpu")
_engine = "auto"


def set_engine(name: str) -> None:
    """Choose the path for all convolutions from now on.

    auto: the fastest that serves the device and type; reference: plain PyTorch anywhere; cpu: compiled C++, for
    float32 and bfloat16 on the CPU (other types and devices keep the reference path).
    Raises ValueError for another name, and for `cpu` where it cannot be built.
    """
    global _engine
    if name not in ENGINES:
        raise ValueError(f"--sparse_engine {name}: no such engine; there are {', '.join(ENGINES)}")
    if name == "cpu" and cpu.problem():
        raise ValueError(f"--sparse_engine cpu: {cpu.problem()}, or use --sparse_engine auto")
    _engine = name


def get_engine() -> str:
    """The name given to `set_engine`, "auto" at the start."""
    return _engine


def on_cpu_path(tensor: Tensor) -> bool:
    """Whether the compiled path serves this tensor: features by device and type, keys (int64) by device."""
    return (_engine != "reference" and tensor.device.type == "cpu" and tensor.dtype in (*cpu.TYPES, torch.int64)
            and cpu.available())

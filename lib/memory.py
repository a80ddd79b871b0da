"""How much memory there is, and freed memory kept for the next tensor: `keep_freed_memory()` once, before the work
begins.

glibc gives every large block back to the system when it is freed and gets it zeroed, page by page, for the next tensor;
a layer of a large network frees and takes hundreds of MB.
"""
import contextlib
import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
_ALLOCATOR_SAYS = ("not enough memory", "out of memory", "can't allocate memory", "bad allocation", "bad_alloc",
                   "alloc_failed")


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be taken on a device, None where that cannot be found out.

    On Linux what the system has available, or less where the control group or `ulimit -v` allow less.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if not sys.platform.startswith("linux"):
        return None
    import resource  # not on Windows
    available = int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) * 2**10
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        taken = int(Path("/proc/self/status").read_text().split("VmSize:")[1].split()[0]) * 2**10
        available = min(available, limit - taken)
    try:
        limit, taken = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        available = min(available, int(limit) - int(taken))
    except (OSError, ValueError):  # no control group, or one without a limit
        pass
    return max(available, 0)


def peak_memory(device: torch.device) -> int:
    """Bytes at most so far: resident ones of this process, or what tensors took of a GPU since its count was reset."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":  # getrusage would give the parent's peak where that is higher
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 2**10
    import resource  # not on Windows
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 2**10)


def resident_memory(device: torch.device) -> int:
    """Bytes that this process holds now, or that its tensors hold of a GPU; 0 where that cannot be found out."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 2**10


def reset_peak_memory(device: torch.device) -> None:
    """Let `peak_memory` count from now on, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        with contextlib.suppress(OSError):  # a kernel that may not: the peak is then that since the start
            Path("/proc/self/clear_refs").write_text("5")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator refused: Python's, NumPy's, PyTorch's on a CPU (a plain RuntimeError) or on a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _ALLOCATOR_SAYS)


def tensors_of(value: object) -> Iterator[Tensor]:
    """Every tensor in an object's attributes, lists, tuples and dictionaries, at any depth."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_of(item)
    elif isinstance(value, dict):
        yield from tensors_of(list(value.values()))
    elif hasattr(value, "__dict__"):
        yield from tensors_of(vars(value))


def bytes_of(value: object) -> int:
    """Of all `tensors_of` a value, each once."""
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors_of(value)}.values())


def keep_freed_memory() -> bool:
    """Serve large blocks from the heap and give none of it back before the end; returns whether this libc can."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, -1))

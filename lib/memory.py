"""Freed memory kept for the next tensor: `keep_freed_memory()` once, before the work begins.

glibc gives every large block back to the system when it is freed and gets it zeroed, page by page, for the next tensor;
a layer of a large network frees and takes hundreds of MB.
"""
import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h


def keep_freed_memory() -> bool:
    """Serve large blocks from the heap and give none of it back before the end; returns whether this libc can."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, -1))

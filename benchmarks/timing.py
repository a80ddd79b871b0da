"""Time on the CPU and on a GPU, and the most that the machine can do: its best matrix product and its best copy.

`seconds(work, device)`, `mean_seconds(calls, device)`, `gemm_rate(torch.bfloat16, device)`, `copy_rate(device)`.
"""
import math
from collections.abc import Callable
from statistics import median

import torch

from lib.training.throughput import between, stamp

ROUND = 0.02  # seconds that a round of repeated calls should last
QUEUED = 100  # calls of a round at most: their kernels must fit into the queue of the device
BUSY = 50_000_000  # clock cycles, some 30 ms: about what the host takes to queue them


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Time of a call that finds the device idle: by the wall, on a GPU between device events."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = stamp(device)
    work()
    return between(start, stamp(device))


def mean_seconds(calls: list[Callable[[], object]], device: torch.device, rounds: int = 3) -> float:
    """Time of one of `calls`, made in turn, so that no call finds its own data in a cache: median of `rounds`.

    A GPU is kept busy until a round is queued: what it takes alone, without waiting for the host.
    """
    for call in calls:  # warms up: compiles, tunes
        call()
    once = sum(seconds(call, device) for call in calls)
    turns = max(1, min(math.ceil(ROUND / once), QUEUED // len(calls)))
    times = []
    for _ in range(rounds):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda._sleep(BUSY)
        start = stamp(device)
        for _ in range(turns):
            for call in calls:
                call()
        times.append(between(start, stamp(device)) / turns / len(calls))
    return median(times)


def gemm_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Best GFLOP/s of a large matrix product: torch.mm or, on a CPU where torch has it, oneDNN's.

    float32 as exactly as torch is told (`torch.set_float32_matmul_precision`).
    """
    rows, width = (4096, 512) if device.type == "cpu" else (8192, 8192)
    a, b = (torch.randn(n, width, device=device).to(dtype) for n in (rows, width))
    products = [lambda: a @ b]
    if device.type == "cpu" and dtype != torch.float16 and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        products.append(lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], None))
    best = min(min(seconds(product, device) for _ in range(10)) for product in products)
    return 2e-9 * rows * width * width / best


def copy_rate(device: torch.device) -> float:
    """Best GB/s of a copy too large for any cache, bytes read and bytes written counted."""
    source = torch.arange(2**25 if device.type == "cpu" else 2**27, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    best = min(seconds(lambda: target.copy_(source), device) for _ in range(10))
    return 2e-9 * source.numel() * source.element_size() / best

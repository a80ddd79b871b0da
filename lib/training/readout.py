"""Numbers of a training step for the host, which does not wait for the step to have them.

    for about, values in readout.push("step 7", figures): ...   # on a CPU of step 7, on a GPU of step 6
    for about, values in readout.flush(): ...                   # what is left after the last
"""
from typing import Any

import torch
from torch import Tensor


class Readout:
    """On a CPU values come back at once; on a GPU one `push` later, copied to pinned memory meanwhile.

    By then the device has the next step queued, so it is never idle for this; and the host is never more than a step
    ahead of it, which bounds the memory of batches made beforehand.
    """

    def __init__(self, device: torch.device, late: bool | None = None):
        """late: whether values come one push later; by default on a GPU."""
        self._late = device.type == "cuda" if late is None else late
        self._waiting: tuple[Any, Tensor, torch.cuda.Event | None] | None = None

    def push(self, about: Any, values: Tensor) -> list[tuple[Any, list[float]]]:
        """Hand over the values (n,) of a step; returns what is known now, each with its `about`: one or nothing."""
        if not self._late:
            return [(about, values.tolist())]
        arrived = None
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=values.is_cuda)
        host.copy_(values, non_blocking=True)
        if values.is_cuda:
            arrived = torch.cuda.Event(blocking=True)  # the host sleeps: the loader's workers need the cores
            arrived.record(torch.cuda.current_stream(values.device))
        waiting, self._waiting = self._waiting, (about, host, arrived)
        return self._read(waiting)

    def flush(self) -> list[tuple[Any, list[float]]]:
        """Wait for what has not been returned yet."""
        waiting, self._waiting = self._waiting, None
        return self._read(waiting)

    @staticmethod
    def _read(waiting: tuple[Any, Tensor, torch.cuda.Event | None] | None) -> list[tuple[Any, list[float]]]:
        if waiting is None:
            return []
        about, host, arrived = waiting
        if arrived is not None:
            arrived.synchronize()
        return [(about, host.tolist())]

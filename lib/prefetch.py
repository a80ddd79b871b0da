"""Batches on their device, made there while the step before them still runs: `for batch in Prefetcher(loader, device)`.

On a GPU a stream of its own copies the batch from pinned memory and builds the coordinate and kernel maps that the
first batch's step turned out to need. On a CPU it is the loader.
"""
import dataclasses
import functools
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from types import ModuleType

import torch

import lib.sparse
from datasets.loader import Batch
from lib.memory import is_out_of_memory, tensors_of
from lib.sparse.coordinates import CoordinateManager, MapPlan


@functools.cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of all prefetchers: what tensors leave free is kept for the stream they were made on, so every
    validation with one of its own would keep the memory of another batch.

    Above the priority of the step: its thread blocks would leave no room for the little that is done here.
    """
    return torch.cuda.Stream(device, priority=-1)


class Prefetcher:
    """The batches of a loader, in its order. Whatever the loader raises comes through.

    Work on a GPU is queued, so asking for a batch when a step has just been queued lets both run at once; only the
    numbers of rows are waited for, on the side stream, and that is ahead of the step's queue.
    """

    def __init__(self, loader: Iterable[Batch], device: torch.device, engine: ModuleType = lib.sparse,
                 maps: bool | None = None):
        """engine: whose sparse tensors are made of the batches; only lib.sparse takes maps made beforehand.

        maps: whether to make them; by default on a GPU.
        """
        self.loader, self.device = loader, device
        self._with_maps = engine is lib.sparse and (device.type == "cuda" if maps is None else maps)
        self._stream = _side_stream(device) if device.type == "cuda" else None
        self._plan: MapPlan | None = None

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        first = None  # maps of the batch whose step shows what the network needs
        for batch in self.loader:
            if first is not None:
                self._plan, first = first.plan(), None
            batch = self._prepare(batch)
            if self._plan is None:
                first = batch.maps
            yield batch

    def _prepare(self, batch: Batch) -> Batch:
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            batch = batch.to(self.device)
            if self._with_maps:
                batch = dataclasses.replace(batch, maps=self._maps_of(batch))
        if self._stream:
            step = torch.cuda.current_stream(self.device)
            step.wait_stream(self._stream)
            for tensor in tensors_of(batch):  # their memory must not be used anew before the step is done with it
                tensor.record_stream(step)
        return batch

    def _maps_of(self, batch: Batch) -> CoordinateManager | None:
        """None where memory is too small for them: the step, which then makes its own, can still crop the batch."""
        try:
            return CoordinateManager(batch.coordinates, plan=self._plan)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None

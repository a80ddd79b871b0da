"""How fast a training goes: scenes and voxels a second, the share of the time that is waited for data, peak memory.

    batches = Watched(Prefetcher(loader, device), device)
    for batch in batches: ...
    batches.figures()
"""
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch

from datasets.loader import Batch
from lib import distributed
from lib.memory import peak_memory

Moment = float | torch.cuda.Event


@dataclass(frozen=True)
class Mark:
    """A batch: the moments at which it was asked for and given, the scenes' names, and how many voxels they have."""
    asked: Moment
    given: Moment
    scenes: list[str]
    voxels: int


@dataclass(frozen=True)
class Speed:
    """Totals over some batches. seconds: with the work on them; waited: seconds of these without data."""
    seconds: float
    waited: float
    batches: int
    scenes: int
    voxels: int

    def figures(self) -> dict[str, float]:
        """By name, as they are logged."""
        return {"scenes_per_s": self.scenes / self.seconds, "voxels_per_s": self.voxels / self.seconds,
                "wait_share": self.waited / self.seconds}


class Watched:
    """Batches, with a `Mark` of each that was given, up to `figures`.

    On a GPU moments are events in its stream of work: what is waited for is what the device waits.
    """

    def __init__(self, batches: Iterable[Batch], device: torch.device, warm_up: int = 0):
        """warm_up: batches at the beginning that are left out, of peak memory, too."""
        self.batches, self.device, self.warm_up = batches, device, warm_up
        self.marks: list[Mark] = []
        self._given = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self.batches)
        while True:
            if self._given == self.warm_up and self.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(self.device)  # timing kernels takes memory that training does not
            asked = stamp(self.device)
            batch = next(batches, None)
            if batch is None:
                return
            self._given += 1
            if self._given > self.warm_up:
                self.marks.append(Mark(asked, stamp(self.device), [] if batch.lent else batch.scenes,
                                       0 if batch.lent else len(batch.features)))
            yield batch

    def speed(self) -> Speed | None:
        """Of the marks, from the first one's asking to now; None where there is none."""
        if not self.marks:
            return None
        total = between(self.marks[0].asked, stamp(self.device))
        return Speed(max(total, 1e-9), sum(between(mark.asked, mark.given) for mark in self.marks), len(self.marks),
                     sum(len(mark.scenes) for mark in self.marks), sum(mark.voxels for mark in self.marks))

    def figures(self) -> dict[str, float]:
        """`Speed.figures` of the marks, which are then let go, and peak memory in GB, of this process or of its GPU.
        Scenes and voxels are those of all processes, which call this together."""
        speed, self.marks = self.speed(), []
        if speed:
            scenes, voxels = distributed.add_up(torch.tensor([speed.scenes, speed.voxels])).tolist()
            speed = replace(speed, scenes=scenes, voxels=voxels)
        return (speed.figures() if speed else {}) | {"peak_GB": peak_memory(self.device) / 2**30}


def stamp(device: torch.device) -> Moment:
    """A moment: of the wall clock, on a GPU of its stream of work. `between` tells how far apart two are."""
    if device.type == "cpu":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def between(start: Moment, end: Moment) -> float:
    """Seconds from one moment to a later one; waits until the device has come to it."""
    if isinstance(start, float):
        return end - start
    end.synchronize()
    return start.elapsed_time(end) / 1e3

"""A few steps of a training, taken and forgotten: what its largest scene takes of memory, how long an epoch will take.

    largest, memory = measure_largest(run); pace = measure_pace(run)    # of a `Training`, which is of no use afterwards
"""
import contextlib
import io
import itertools
import os
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.digest import size_of
from datasets.loader import Batch, SceneLoader, collate
from lib import distributed
from lib.inference.evaluation import evaluate
from lib.memory import bytes_of, free_memory, is_out_of_memory, peak_memory, reset_peak_memory, resident_memory
from lib.training.run_log import RunLog
from lib.training.throughput import Watched
from lib.training.trainer import Training, train_one_epoch

CANDIDATES = 5  # scans of most bytes, of which that with most voxels is found
WARM_UP, FEWEST, MOST, SECONDS = 2, 4, 40, 20.0  # steps that are not timed; that are, and about how long
VALIDATED = 4  # batches
GB = 2**30


@dataclass(frozen=True)
class Largest:
    """The largest training sample found: its name, its voxels, and the bytes of the scans it is made of."""
    name: str
    voxels: int
    size: int


@dataclass(frozen=True)
class Pace:
    """Of measured steps: seconds of one, scenes and voxels a second, share waited for data, how many; seconds of an
    epoch and of a validation by them, the latter None where no batch fitted into memory; peak memory in bytes, and
    voxels of the largest batch."""
    step: float
    scenes: float
    voxels: float
    waited: float
    steps: int
    epoch: float
    validation: float | None
    peak: int
    largest: int


@dataclass(frozen=True)
class Memory:
    """Bytes at the peak of forward and backward of the largest sample, before them, and free before them (or None);
    whether it fits."""
    peak: int
    before: int
    free: int | None
    fits: bool


def find_largest(run: Training) -> tuple[Largest, Batch]:
    """The training sample of most voxels, as the epoch in hand augments it, among the scans of most bytes."""
    dataset = run.train_loader.dataset.inner
    dataset.set_epoch(run.progress.epoch)
    sizes = np.array([size_of(path) for path in dataset.paths])
    found = [(dataset[int(index)], int(sizes[index])) for index in np.argsort(-sizes, kind="stable")[:CANDIDATES]]
    sample, size = max(found, key=lambda each: len(each[0].coordinates))
    return Largest(sample.name, len(sample.coordinates), size), collate([sample], ignore_label=dataset.ignore_label)


def measure_largest(run: Training) -> tuple[Largest, Memory]:
    """Forward and backward of the largest sample alone. Where memory is too small for it, a training of one process
    learns from a part of it; of several it would end, and ValueError is raised."""
    largest, batch = find_largest(run)
    run.stage.train()
    free, held = free_memory(run.device), resident_memory(run.device)
    reset_peak_memory(run.device)
    fits = True
    try:
        with run.replicas.part_of(batch, True) as part:
            batch = batch.to(run.device)
            loss = run.stage.criterion(run.replicas(batch), batch.labels)
            (loss * part.of_gradient).backward()
            loss.item()  # waits for a GPU
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if distributed.world() > 1:
            raise ValueError(f"{largest.name}: memory is too small for its {largest.voxels:,} voxels "
                             f"({gigabytes(free)} free); give --max_scene_voxels, or see `Little memory` in "
                             "docs/training.md") from None
        fits = False
    memory = Memory(peak_memory(run.device), held, free, fits)
    run.optimizer.zero_grad(set_to_none=True)
    return largest, memory


class _FewBatches:
    """The batches of an epoch until enough were timed; then `run.stopping`, so that the step with the last ends it."""

    def __init__(self, run: Training, batches: Iterable[Batch]):
        self.run, self.batches, self.given, self.start, self.largest = run, batches, 0, 0.0, 1

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            if self.given == WARM_UP:
                self.start = time.perf_counter()
            self.given += 1
            self.largest = max(self.largest, len(batch.features))
            timed = self.given - WARM_UP
            self.run.stopping = timed >= MOST or timed >= FEWEST and time.perf_counter() - self.start > SECONDS
            yield batch


class _FirstScenes:
    """The first batches of a validation loader, for `evaluate`."""

    def __init__(self, loader: SceneLoader, batches: int):
        self.loader, self.batches, self.dataset = loader, min(batches, len(loader)), loader.dataset

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        return itertools.islice(iter(self.loader), self.batches)


def measure_pace(run: Training) -> Pace:
    """Time a few steps of the training and a few validation scenes; the run is of no use afterwards."""
    reset_peak_memory(run.device)
    few = _FewBatches(run, run.train_batches.batches)
    run.train_batches = watched = Watched(few, run.device, WARM_UP)
    run.skipped.path = Path(os.devnull)  # steps that are left out are named on the terminal alone
    config, run.config = run.config, Namespace(**{**vars(run.config), "max_iter": 10**9, "max_epoch": 10**9})
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars of what is no progress
        while not run.stopping:  # a short training is timed for longer than it takes
            train_one_epoch(run, RunLog(run.folder, writes=False))
            run.stopping = distributed.any_of(run.stopping)
    run.config, marks, speed = config, watched.marks, watched.speed()
    figures = watched.figures()
    dataset = run.train_loader.dataset
    sizes = dict(zip(dataset.names, (size_of(path) for path in dataset.paths)))
    repeats = np.ones(len(sizes)) if dataset.repeats is None else dataset.repeats
    mean = float(np.average(list(sizes.values()), weights=repeats))
    timed = sum(scene_bytes(name, sizes, mean) for mark in marks for name in mark.scenes)
    whole = len(sizes) / distributed.world() * mean * (1 + dataset.mix_scenes)  # of a process's share of an epoch
    start, seen = time.perf_counter(), []
    with contextlib.redirect_stderr(io.StringIO()):
        evaluate(run.stage, _FirstScenes(run.val_loader, VALIDATED), run.device, on_scene=lambda index, _:
                 seen.append(size_of(run.val_loader.dataset.paths[index])))
    validated = time.perf_counter() - start
    share = sum(map(size_of, run.val_loader.dataset.paths)) / distributed.world()
    return Pace(speed.seconds / speed.batches * run.config.iter_size, figures["scenes_per_s"], figures["voxels_per_s"],
                figures["wait_share"], speed.batches, speed.seconds * whole / max(timed, 1),
                validated * share / sum(seen) if seen else None, peak_memory(run.device), few.largest)


def scene_bytes(name: str, sizes: dict[str, int], mean: float) -> float:
    """Bytes of the scan that a sample is made of, or of the two that are mixed in it, by which its time is reckoned."""
    return sizes[name] if name in sizes else sum(sizes.get(part, mean) for part in name.split("+"))


def checkpoint_bytes(run: Training) -> int:
    """Of one checkpoint: weights, their average and the state of the optimiser."""
    return bytes_of([run.average.states(run.stage), run.optimizer.state_dict()])


def gigabytes(size: int | None) -> str:
    """ "1.25 GB"."""
    return "an unknown amount" if size is None else f"{size / GB:.2f} GB"

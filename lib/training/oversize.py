"""A batch that memory is too small for, learned from in part: `learn_what_fits(step, batch, undo, seed, ignore_label)`.

Its largest scenes are cropped around a labelled voxel to half of the batch, to a quarter, and so on.
"""
import dataclasses
import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from tqdm import tqdm

from datasets.cropping import around_a_label, shares
from datasets.loader import Batch
from lib import distributed
from lib.memory import is_out_of_memory

Result = TypeVar("Result")
LEAST = 1000  # voxels; where memory is too small for so few, cropping does not help


def learn_what_fits(step: Callable[[Batch], Result], batch: Batch, undo: Callable[[], None], seed: Sequence[int],
                    ignore_label: int) -> Result:
    """`step(batch)`, forward and backward, or what it gives for the largest crop of the batch that memory allows.

    undo: takes back what a step that broke off has left, in gradients and statistics. seed: of the crops. Scenes that
    are cropped are named. Raises ValueError where even a small crop is too large, and with several processes, where the
    others cannot begin the step anew.
    """
    rng, size = np.random.default_rng(list(seed)), len(batch.coordinates)
    part = batch
    while True:
        try:
            return step(part)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Here, where the error and with it the frames that hold the step's tensors are gone.
        undo()
        batch.maps = part = None
        gc.collect()
        if batch.coordinates.is_cuda:
            torch.cuda.empty_cache()
        size //= 2
        if size < LEAST or distributed.world() > 1:
            raise ValueError(f"out of memory at {2 * size:,} voxels (scenes {', '.join(batch.scenes)}): close other "
                             "programs, give --max_scene_voxels, or see `Little memory` in docs/training.md")
        part, cut = cropped(batch, size, rng, ignore_label)
        tqdm.write(f"warning: memory is too small for {len(batch.coordinates):,} voxels: the step goes on with "
                   f"{size:,}, of {', '.join(cut)} only a part; --max_scene_voxels, --train_limit_numpoints or "
                   "--batch_size below prevent it")


def cropped(batch: Batch, total: int, rng: np.random.Generator, ignore_label: int) -> tuple[Batch, list[str]]:
    """A batch of at most `total` voxels, all scenes in it, and the names of those that were cut."""
    coordinates, labels = batch.coordinates.cpu().numpy(), batch.labels.cpu().numpy()
    ends = np.searchsorted(coordinates[:, 0], np.arange(len(batch.scenes) + 1))  # rows of scene after scene
    sizes = np.diff(ends).tolist()
    kept = shares(sizes, total)
    rows = [start + around_a_label(coordinates[start:end, 1:], labels[start:end], most, rng, ignore_label)
            for start, end, most in zip(ends, ends[1:], kept)]
    rows = torch.from_numpy(np.concatenate(rows)).to(batch.labels.device)
    part = dataclasses.replace(batch, coordinates=batch.coordinates[rows], features=batch.features[rows],
                               labels=batch.labels[rows], maps=None)
    part.labelled_voxels = int((part.labels != ignore_label).sum())
    part.labelled = part.labelled_voxels > 0
    return part, [name for name, size, most in zip(batch.scenes, sizes, kept) if most < size]

"""Which training scenes an epoch draws: each once, or those with rare classes more often (`--scene_sampling`).

`EpochSampler(length, seed, repeats)`, with `repeats = repeat_factors(class_sets, threshold)` or None; cut into batches,
and these into the shares of several processes, by `SharedBatches` in training and `BatchesInTurn` otherwise.
"""
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import Sampler

from datasets.label_sets import IGNORE_LABEL

SCENE_CLASSES = "feature_data/scene_classes.json"  # scene name -> its classes' names


def repeat_factors(classes: Sequence[set[str]], threshold: float) -> np.ndarray:
    """How often each scene should come: the most that one of its classes asks for (Gupta et al., LVIS, CVPR 2019).

    A class in a share f of the scenes asks for max(1, sqrt(threshold / f)). classes: of each scene. Returns (N,).
    """
    names, counts = np.unique([name for scene in classes for name in scene], return_counts=True)
    wanted = dict(zip(names.tolist(), np.sqrt(np.maximum(threshold * len(classes) / counts, 1)).tolist()))
    return np.array([max((wanted[name] for name in scene), default=1.0) for scene in classes])


def scene_classes(dataset) -> list[set[str]]:
    """Classes of each scene of a SceneDataset: from the root's file, or, where that lacks a scene, from the scans."""
    label_set = dataset.label_set
    try:
        known = json.loads((Path(dataset.root) / SCENE_CLASSES).read_text(encoding="utf-8"))
        return [set(known[name]) & set(label_set.names) for name in dataset.names]
    except (OSError, ValueError, KeyError, TypeError):
        found = (label_set.to_classes(dataset.scene(i).labels) for i in range(len(dataset)))
        return [{label_set.names[k] for k in np.unique(classes[classes != IGNORE_LABEL])} for classes in found]


class EpochSampler(Sampler[int | tuple[int, int]]):
    """An order that depends on seed and epoch alone, from position `start` on (lesson L19); `length` scenes an epoch.

    repeats: (length,) how often scenes come in relation to each other; None: every scene once. A scene comes its share
    of the epoch rounded down or up, by chance (systematic resampling), so that epochs stay equally long. Items are the
    scenes' indices, or, with repeats, (index, how often it came before in this epoch), so that no two are the same.
    """

    def __init__(self, length: int, seed: int, repeats: np.ndarray | None = None):
        self.length, self.seed, self.repeats, self.epoch, self.start = length, seed, repeats, 0, 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose the epoch, and how many of its scenes are already done. Raises ValueError if it has not as many."""
        if not 0 <= start <= self.length:
            raise ValueError(f"position {start} in an epoch of {self.length} scenes")
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        return self.length - self.start

    def __iter__(self) -> Iterator[int | tuple[int, int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        scenes = np.arange(self.length)
        if self.repeats is not None:
            ends = np.cumsum(self.repeats) / self.repeats.sum() * self.length
            scenes = np.searchsorted(ends, scenes + rng.random(), side="right").clip(max=self.length - 1)
        order = scenes[rng.permutation(self.length)]
        if self.repeats is None:
            return iter(order[self.start:].tolist())
        counts, draws = Counter(), []
        for scene in order.tolist():
            draws.append((scene, counts[scene]))
            counts[scene] += 1
        return iter(draws[self.start:])


@dataclass(frozen=True)
class Share:
    """A process's part of a batch that all share. first: place of its first scene in the batch; lent: there was none
    left for it, and it has the batch's first scene instead, which counts for nothing."""
    first: int = 0
    lent: bool = False


class SharedBatches(Sampler[list]):
    """Batches of `batch_size * world` items, each cut into a piece for every process: together they have what one would
    with so large a batch, in the same order. A smaller last batch is cut as evenly as it can be."""

    def __init__(self, sampler: Sampler, batch_size: int, rank: int = 0, world: int = 1):
        self.sampler, self.size, self.rank, self.world = sampler, batch_size * world, rank, world

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.size)

    def __iter__(self) -> Iterator[list]:
        items = list(self.sampler)
        for start in range(0, len(items), self.size):
            batch = items[start:start + self.size]
            first, end = self._piece(len(batch))
            yield batch[first:end] or batch[:1]

    def shares(self) -> Iterator[Share]:
        """What this process's part of each batch is."""
        for start in range(0, len(self.sampler), self.size):
            first, end = self._piece(min(self.size, len(self.sampler) - start))
            yield Share(first if first < end else 0, lent=first == end)

    def _piece(self, items: int) -> tuple[int, int]:
        """Of a batch of so many items, this process's begin and end; those of lower rank have one more where some must.
        """
        each, more = divmod(items, self.world)
        first = self.rank * each + min(self.rank, more)
        return first, first + each + (self.rank < more)


class BatchesInTurn(Sampler[list]):
    """Batches of `batch_size` items, which the processes take in turn: each has its own, together they have all."""

    def __init__(self, sampler: Sampler, batch_size: int, rank: int = 0, world: int = 1):
        self.sampler, self.size, self.rank, self.world = sampler, batch_size, rank, world

    def __len__(self) -> int:
        return len(range(self.rank * self.size, len(self.sampler), self.world * self.size))

    def __iter__(self) -> Iterator[list]:
        items = list(self.sampler)
        for start in range(self.rank * self.size, len(items), self.world * self.size):
            yield items[start:start + self.size]

    def shares(self) -> Iterator[Share]:
        """Every batch is this process's alone."""
        return (Share() for _ in range(len(self)))

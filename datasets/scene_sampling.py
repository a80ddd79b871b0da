"""Which training scenes an epoch draws: each once, or those with rare classes more often (`--scene_sampling`).

`EpochSampler(length, seed, repeats)`, with `repeats = repeat_factors(class_sets, threshold)` or None.
"""
import json
from collections import Counter
from collections.abc import Iterator, Sequence
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

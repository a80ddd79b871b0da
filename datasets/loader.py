"""Samples to batches, in worker processes, in an order that a resumed run continues exactly.

    loader = build_loader(config, split="train", training=True, label_set=load_label_set("scannet200"))
    loader.set_epoch(epoch, start=scenes_already_drawn)
    for batch in loader: ...
"""
import dataclasses
import functools
import logging
import random
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from datasets.label_sets import LabelSet
from datasets.scannet200 import DATASETS, Sample
from datasets.scene_sampling import BatchesInTurn, EpochSampler, SharedBatches, repeat_factors, scene_classes
from datasets.workers import InHand, ignore_signals_of_the_parent
from lib import distributed
from lib.sparse.coordinates import CoordinateManager

logger = logging.getLogger(__name__)


@dataclass
class Batch:
    """Several voxelised scenes.

    coordinates: (N, 4) int32, batch x y z, voxels; the batch column is the place in `scenes`.
    features: (N, 3) float32. labels: (N,) int64 class index or ignore label.
    inverse: (P,) int64, row of `coordinates` of each original point, scene after scene; None in training.
    point_labels: (P,) int64; None in training and where no scene has labels (a scene without, beside one with labels,
    is all ignore label). point_counts: points of each scene. dropped: scenes cut off at --train_limit_numpoints.
    placed, skipped: classes of the tail instances inserted, and of those that found no place. unlabelled: scenes of
    whose voxels none has a class. labelled: whether any voxel has one. maps: the coordinates' coordinate and kernel
    maps, where they have been made. labelled_voxels: how many have a class. lent: of several processes this one had no
    scene left; this is another's, without its labels, and is to count for nothing.
    """
    coordinates: torch.Tensor
    features: torch.Tensor
    labels: torch.Tensor
    inverse: torch.Tensor | None
    point_labels: torch.Tensor | None
    point_counts: list[int]
    scenes: list[str]
    dropped: list[str] = field(default_factory=list)
    placed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    labelled: bool = True
    maps: CoordinateManager | None = None
    labelled_voxels: int = 0
    lent: bool = False

    def _map(self, function) -> "Batch":
        tensors = {f.name: function(value) for f in dataclasses.fields(self)
                   if isinstance(value := getattr(self, f.name), torch.Tensor)}
        return dataclasses.replace(self, **tensors)

    def pin_memory(self) -> "Batch":
        """Copy in page-locked memory, from where `to` need not wait; the DataLoader calls it."""
        return self._map(torch.Tensor.pin_memory)

    def to(self, device: torch.device | str) -> "Batch":
        """Copy on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))


def collate(samples: list[Sample], limit_numpoints: int = 0, ignore_label: int = -1) -> Batch:
    """Join samples to a batch, up to the first that would bring it over `limit_numpoints` voxels (0: no limit).

    The first scene is kept whatever its size, so that no batch is empty; the rest is named in `dropped`.
    """
    kept, total = 1, len(samples[0].coordinates)
    while kept < len(samples):
        total += len(samples[kept].coordinates)
        if limit_numpoints and total > limit_numpoints:
            break
        kept += 1
    samples, dropped = samples[:kept], samples[kept:]
    coordinates = [np.insert(s.coordinates, 0, i, axis=1) for i, s in enumerate(samples)]  # (M, 4)
    inverse = point_labels = None
    if all(s.inverse is not None for s in samples):
        offsets = np.cumsum([0] + [len(s.coordinates) for s in samples[:-1]])
        inverse = torch.from_numpy(np.concatenate([s.inverse + offset for s, offset in zip(samples, offsets)]))
    if any(s.point_labels is not None for s in samples):
        point_labels = torch.from_numpy(np.concatenate(
            [np.full(s.point_count, ignore_label) if s.point_labels is None else s.point_labels for s in samples]))
    counts = [int((s.labels != ignore_label).sum()) for s in samples]
    unlabelled = [s.name for s, count in zip(samples, counts) if not count]
    return Batch(torch.from_numpy(np.concatenate(coordinates)),
                 torch.from_numpy(np.concatenate([s.features for s in samples])),
                 torch.from_numpy(np.concatenate([s.labels for s in samples])), inverse, point_labels,
                 [s.point_count for s in samples], [s.name for s in samples], [s.name for s in dropped],
                 [name for s in samples for name in s.placed], [name for s in samples for name in s.skipped],
                 unlabelled, len(unlabelled) < len(samples), labelled_voxels=sum(counts))


class SceneLoader(DataLoader):
    """A DataLoader of `Batch`es that keeps errors of worker processes as they are: one line, not a traceback of two."""

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Order and augmentation of the epoch that the next `iter` runs, from its scene number `start` on.

        Call it between iterations: a running one has drawn ahead. `len` counts the batches left.
        """
        self.dataset.set_epoch(epoch)
        if isinstance(self.batch_sampler.sampler, EpochSampler):
            self.batch_sampler.sampler.set_epoch(epoch, start)

    def __iter__(self) -> Iterator[Batch]:
        shares = self.batch_sampler.shares()
        for batch in super().__iter__():
            if isinstance(batch, Exception):
                raise batch
            share = next(shares)
            batch.coordinates[:, 0] += share.first  # numbered within the batch of all processes
            if share.lent:
                batch = dataclasses.replace(batch, labels=torch.full_like(batch.labels, self.dataset.ignore_label),
                                            labelled=False, labelled_voxels=0, lent=True, placed=[], skipped=[],
                                            unlabelled=[], dropped=[])
            if batch.dropped:
                logger.warning("batch cut at --train_limit_numpoints: %d scene(s) dropped (%s)",
                               len(batch.dropped), ", ".join(batch.dropped))
            yield batch


def build_loader(config: Namespace, split: str, training: bool, label_set: LabelSet) -> SceneLoader:
    """Loader of a split of `config.dataset`: shuffled and augmented in training, else in the list's order.

    Every scene of the split comes in every epoch, a smaller last batch included; only --train_limit_numpoints drops
    scenes, and only in training. Of several processes each has its share: in training of every batch, else of the
    batches. Raises as `SceneDataset`, and ValueError for a dataset or batch size there is none of.
    """
    if config.dataset not in DATASETS:
        raise ValueError(f"--dataset {config.dataset}: choose from {', '.join(DATASETS)}")
    dataset = DATASETS[config.dataset](config, split, training, label_set)
    batch_size = config.batch_size if training else config.val_batch_size
    workers = config.num_workers if training else config.num_val_workers
    if batch_size < 1 or workers < 0:
        raise ValueError(f"batch size {batch_size}, {workers} workers: needs at least 1 and 0")
    if training and config.scene_sampling == "repeat_factor":
        dataset.repeats = repeat_factors(scene_classes(dataset), config.repeat_threshold)
    join = functools.partial(collate, limit_numpoints=config.train_limit_numpoints if training else 0,
                             ignore_label=config.ignore_label)
    order = EpochSampler(len(dataset), config.seed, dataset.repeats) if training else SequentialSampler(dataset)
    batches = (SharedBatches if training else BatchesInTurn)(order, batch_size, distributed.rank(), distributed.world())
    return SceneLoader(
        _ErrorsAsSamples(dataset, InHand(workers)), batch_sampler=batches, num_workers=workers,
        collate_fn=functools.partial(_first_error_or, join), worker_init_fn=_start_worker,
        generator=torch.Generator().manual_seed(config.seed),  # its own: looping draws nothing from the global one
        persistent_workers=workers > 0 and (training or config.cache_data),  # else their caches die with the epoch
        pin_memory=torch.cuda.is_available())


class _ErrorsAsSamples(Dataset):
    """A dataset whose user errors are returned, not raised: DataLoader wraps what a worker raises in its traceback."""

    def __init__(self, dataset: Dataset, in_hand: InHand):
        self.inner, self.in_hand = dataset, in_hand

    def __len__(self) -> int:
        return len(self.inner)

    def __getattr__(self, name: str):
        if name == "inner":  # asked for before __init__, when a worker unpickles this object
            raise AttributeError(name)
        return getattr(self.inner, name)

    def __getitem__(self, index: int):
        scene = index[0] if isinstance(index, tuple) else index
        try:
            with self.in_hand.at(scene):
                return self.inner[index]
        except (ValueError, OSError) as error:
            return error
        except MemoryError:
            return ValueError(f"{self.inner.paths[scene]}: out of memory while it was read; take fewer --num_workers, "
                              "or cut it in parts")


def _first_error_or(join, samples: list) -> Batch | Exception:
    return next((sample for sample in samples if isinstance(sample, Exception)), None) or join(samples)


def _start_worker(_: int) -> None:
    ignore_signals_of_the_parent()
    torch.set_num_threads(1)  # workers are the parallelism; more threads in each would fight over the cores
    seed = torch.initial_seed() % 2**32  # differs between workers; augmentation does not depend on it
    random.seed(seed)
    np.random.seed(seed)

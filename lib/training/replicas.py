"""The copies of a stage on the processes of a run: each sees its part of a batch, all take the same steps.

    with replicas.part_of(batch, completes_step) as part:
        loss = criterion(replicas(batch), batch.labels)
        (loss * part.of_gradient).backward()
A step's gradient is that of the joint batch where the loss is a mean over labelled voxels: DistributedDataParallel
takes the mean over processes, so each one's loss counts by its share of the labelled voxels.
"""
import math
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import lib.sparse
from datasets.loader import Batch
from lib import distributed
from lib.losses.own_rows import part_of_batch
from lib.sparse.sync_norm import is_synchronised, synchronise, uncounted


@dataclass(frozen=True)
class Part:
    """What a process has of a batch. of_loss: its share of the labelled voxels, by which its loss counts in the joint
    one; of_gradient: what to multiply the loss with before backward; labelled: whether any process has a label."""
    of_loss: float
    of_gradient: float
    labelled: bool


class Replicas:
    """A stage, called as the stage itself; of several processes, the copies of it."""

    def __init__(self, stage: nn.Module, sync_batch_norm: bool = False):
        """Raises ValueError for MinkowskiEngine with sync_batch_norm on a CPU, where torch has none of its own."""
        self.stage, self._synchronised = stage, sync_batch_norm and distributed.world() > 1
        self._saw_scenes = False
        if self._synchronised:
            if stage.execution.engine is not lib.sparse and not next(stage.parameters()).is_cuda:
                raise ValueError("--sync_batch_norm True: MinkowskiEngine has none on a CPU; use --sparse_engine auto")
            synchronise(stage)
        self._copies = stage
        if distributed.world() > 1:  # buffers: on running statistics `agree_on_statistics` does better than rank 0's
            self._copies = DistributedDataParallel(stage, forward_sync_buffers=False)

    def __call__(self, batch: Batch) -> Tensor:
        return self._copies(batch)

    @contextmanager
    def part_of(self, batch: Batch, completes_step: bool) -> Iterator[Part]:
        """Around forward and backward of a batch. completes_step: the last before a step, when gradients are summed."""
        if distributed.world() == 1:
            yield Part(1.0, 1.0, batch.labelled)
            return
        self._saw_scenes |= not batch.lent
        counts = distributed.gather_numbers(0 if batch.lent else len(batch.coordinates), batch.labelled_voxels)
        rows, labelled = counts.T.tolist()
        before = 0 if batch.lent else sum(rows[:distributed.rank()])
        share = labelled[distributed.rank()] / max(sum(labelled), 1)
        with (part_of_batch(before, sum(rows)), uncounted(batch.lent),
              nullcontext() if completes_step else self._copies.no_sync()):
            yield Part(share, share * distributed.world(), sum(labelled) > 0)

    @torch.no_grad()
    def agree_on_statistics(self) -> None:
        """After a step: batch norm's running statistics become the mean of those of the processes that had scenes."""
        if distributed.world() == 1 or self._synchronised:
            return
        moved = [value for module in self.stage.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
                 and module.training and module.track_running_stats and not is_synchronised(module)
                 for value in (module.running_mean, module.running_var)]
        if not moved:
            return
        weight = moved[0].new_tensor([float(self._saw_scenes)])
        sums = distributed.add_up(torch.cat([*(value * weight for value in moved), weight]))
        means = (sums[:-1] / sums[-1]).split([len(value) for value in moved])
        for value, mean in zip(moved, means):
            value.copy_(mean)
        self._saw_scenes = False


def steps_scenes(config: Namespace) -> int:
    """Scenes whose gradients make a step, the effective batch."""
    return config.batch_size * config.iter_size * distributed.world()


def learning_rate(config: Namespace) -> float:
    """--lr by the rule --scale_lr (linear: Goyal et al., arXiv 1706.02677; sqrt: Krizhevsky, arXiv 1404.5997)."""
    more = config.iter_size * distributed.world()
    return config.lr * {"none": 1, "linear": more, "sqrt": math.sqrt(more)}[config.scale_lr]


def at_learning_rate(config: Namespace) -> Namespace:
    """The flags with the rate by that rule as `lr`, as optimiser and schedule take them."""
    return Namespace(**{**vars(config), "lr": learning_rate(config)})


def about(config: Namespace, device: torch.device) -> str:
    """A line on processes, effective batch and learning rate; "" where there is nothing to be said."""
    processes, scenes = distributed.world(), steps_scenes(config)
    if processes == 1 and config.scale_lr == "none":
        return ""
    line = f"effective batch: {scenes} scenes ({processes} process{'es' if processes > 1 else ''} x --batch_size " \
           f"{config.batch_size}{f' x --iter_size {config.iter_size}' if config.iter_size > 1 else ''}); " \
           f"learning rate {learning_rate(config):g}" + (" as given" if config.scale_lr == "none" else
                                           f", --lr {config.lr:g} by --scale_lr {config.scale_lr}")
    if processes > 1:
        how = f"on the CPU, {torch.get_num_threads()} thread(s) each" if device.type == "cpu" else "on GPUs"
        line += f"; over {distributed.backend()} {how}"
    return line


def resumed_elsewhere(content: dict, config: Namespace) -> tuple[int, str]:
    """Batches done of the epoch in hand; and a line on what differs where other many processes wrote the checkpoint.

    There batches are of another size; the epoch goes on at the last one that both have an end of, or a little before.
    """
    then, now, batch = content.get("processes", 1), distributed.world(), content["batch"]
    if then == now:
        return batch, ""
    scenes, step = batch * config.batch_size * then, config.batch_size * now
    batch = scenes // (step * config.iter_size) * config.iter_size
    line = f"changed: processes: {then} -> {now}: {config.batch_size * then} -> {step} scenes in a batch, so losses, " \
           "batch norm's statistics and the number of steps are others from here on"
    again = scenes - batch * step
    return batch, line + (f"; {again} scene(s) of this epoch come again" if again else "")

"""What a training would do, `--dry_run True`: is everything there that it needs, does its largest scene fit into
memory, how long will it take? `plan(config)` prints it, trains nothing and writes nothing into the run's folder.

A stage, its loaders and its optimiser are made as for the training itself, a few of its steps are taken and forgotten.
"""
import os
import shutil
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from datasets.digest import size_of
from lib import distributed
from lib.losses.by_flags import STATISTICS
from lib.losses.negatives import load_class_points
from lib.training.rehearsal import (
    GB,
    Largest,
    Memory,
    Pace,
    checkpoint_bytes,
    gigabytes,
    measure_largest,
    measure_pace,
)
from lib.training.replicas import at_learning_rate, learning_rate
from lib.training.run_log import METRICS_FILE
from lib.training.run_record import RECORD_FILE, describe_engine, describe_machine
from lib.training.solvers import build_scheduler, training_length
from lib.training.trainer import Progress, Training

MB = 1e6


def plan(config: Namespace) -> None:
    """Print the plan of a training. Raises ValueError or OSError, one line, for what the training would end with."""
    run = Training(config)
    before = replace(run.progress)
    checkpoint_folder = _folder_for(run.folder)
    lines = [("training", _what(run)), ("network", _network(run)), ("data", _data(run)), ("classes", _classes(run)),
             ("steps", _steps(run)), ("learning rate", _rates(run)), ("folder", _written(run))]
    if not run.finished:
        largest, memory = measure_largest(run)
        pace = measure_pace(run)
        size = checkpoint_bytes(run)
        lines += [("memory", memory_line(run, largest, memory, pace, size)),
                  ("disk", _disk(run, size, checkpoint_folder)), *_times(run, before, pace)]
    width = max(len(name) for name, _ in lines) + 2
    print("\nplan (--dry_run True): nothing is trained and nothing written to the run's folder\n")
    for name, text in lines:
        first, *more = text.split("\n")
        print(f"{name:{width}}{first}")
        for line in more:
            print(" " * width + line)


def _folder_for(folder: Path) -> Path:
    """The folder that is there of a path to write to. Raises OSError where nothing can be written in it."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise NotADirectoryError(f"{there}: is no folder; choose another --log_dir")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"{there}: cannot be written to; choose another --log_dir")
    return there


def _what(run: Training) -> str:
    config = run.config
    loss = config.embedding_loss_type if config.use_embedding_loss else config.loss_type
    start = f"resumed from {config.resume}" if config.resume else \
        f"from the weights of {config.weights}" if config.weights else "from scratch"
    return f"{run.stage.name}; loss {loss}; {start}"


def _network(run: Training) -> str:
    trained, count = (sum(p.numel() for p in run.stage.parameters() if p.requires_grad or every) for every in (0, 1))
    machine = describe_machine(run.device)
    where = machine["gpu"] or f"{machine['cpu']}, {machine['threads']} thread(s)"
    processes = f", {distributed.world()} processes" if distributed.world() > 1 else ""
    engine = describe_engine(run.stage.execution, run.device)
    return f"{run.config.model}, {trained:,} of {count:,} parameters trained\n{engine}, on {where}{processes}"


def _data(run: Training) -> str:
    config, training, validation = run.config, run.train_loader.dataset, run.val_loader.dataset
    extras = [text for text, on in (
        ("augmented", config.train_augmentation), (f"{config.mix_scenes:.0%} mixed in pairs", config.mix_scenes),
        ("tail instances inserted", training.sampler),
        ("rare classes' scenes more often", training.repeats is not None)) if on]
    return (f"{config.scannet_path}: {len(training)} scenes to train on ({config.train_phase}), {len(validation)} to "
            f"validate on ({config.val_phase})\nvoxels of {100 * training.voxel_size:g} cm"
            + "".join(f"; {text}" for text in extras))


def _classes(run: Training) -> str:
    label_set, dataset = run.label_set, run.train_loader.dataset
    line = f"{len(label_set)} of label set {label_set.name}"
    try:
        points = load_class_points(Path(dataset.root) / STATISTICS, label_set.names)
    except (OSError, ValueError):
        return f"{line}; how many occur is not known without {STATISTICS} in the dataset"
    points[dataset.held_out] = 0
    parts = [f"{int((points[label_set.members(group)] > 0).sum())} of {len(label_set.members(group))} {group}"
             for group in label_set.group_names]
    held_out = f", {len(dataset.held_out)} held out" if len(dataset.held_out) else ""
    return f"{line}{held_out}; {int((points > 0).sum())} occur in the training scenes" \
        + (f": {', '.join(parts)}" if parts else "")


def _steps(run: Training) -> str:
    config, progress = run.config, run.progress
    of_epoch = run.steps_per_epoch
    total = training_length(config, of_epoch)
    line = (f"{of_epoch} an epoch ({len(run.train_loader.dataset)} scenes in batches of {run.batch_scenes}"
            + (f", {config.iter_size} batches a step" if config.iter_size > 1 else "") + f"); {total:,} in all, "
            f"{total / of_epoch:.3g} epochs")
    if progress.step:
        line += f"; {progress.step:,} are done" + ("" if not run.finished else ": nothing is left to train")
    return line


def _rates(run: Training) -> str:
    """The schedule, by its rates over the training."""
    config = run.config
    of_epoch = run.steps_per_epoch
    total = training_length(config, of_epoch)
    first = f"{config.optimizer}, {config.scheduler}" + (f", {config.warmup_iters} steps of warm-up"
                                                          if config.warmup_iters else "")
    if config.scheduler == "ReduceLROnPlateau":
        return f"{first}: {learning_rate(config):g}, times {config.step_gamma:g} whenever {config.scheadule_monitor} " \
               f"has not improved for {config.reduce_patience} validations"
    rates = rates_at(config, of_epoch, [round(share * (total - 1)) for share in (0, 0.25, 0.5, 0.75, 1)])
    line = f"{first}\n" + ", ".join(f"{rate:.3g} {where}" for rate, where in zip(
        rates, ("in the first step", "after a quarter", "half", "three quarters", "in the last")))
    late = [m for m in config.multi_step_milestones if m * of_epoch >= total]
    if config.scheduler == "MultiStepLR" and late:
        line += f"\nwarning: --multi_step_milestones {','.join(map(str, late))} are never reached"
    return line


def rates_at(config: Namespace, steps_per_epoch: int, steps: list[int]) -> list[float]:
    """Learning rate of each of these steps, counted from 0."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=learning_rate(config))
    scheduler = build_scheduler(at_learning_rate(config), optimizer, steps_per_epoch)
    optimizer.step()  # torch warns of a schedule without
    rates, wanted = {}, set(steps)
    for step in range(max(steps) + 1):
        if step in wanted:
            rates[step] = optimizer.param_groups[0]["lr"]
        scheduler.step_iteration()
        if (step + 1) % steps_per_epoch == 0:
            scheduler.step_epoch()
    return [rates[step] for step in steps]


def _written(run: Training) -> str:
    folder, config = run.folder, run.config
    line = (f"{folder}\nlast.ckpt after every epoch, best.ckpt and scores.json after the best validation (one every "
            f"{config.val_epoch_freq} epoch(s))\nconfig.yaml, {RECORD_FILE}, {METRICS_FILE}, TensorBoard's events, "
            f"{len(run.pictures.indices)} scene(s) as pictures among them")
    if config.resume:
        return f"{line}\nthe run goes on in it"
    names = [*run.older, "config.yaml", METRICS_FILE]
    there = [name for name in names if (folder / name).is_file()]
    if not there:
        return f"{line}\nnothing is overwritten"
    newest = max((folder / name).stat().st_mtime for name in there)
    return f"{line}\nOVERWRITTEN: {', '.join(there)} of {time.strftime('%Y-%m-%d %H:%M', time.localtime(newest))}"


def memory_line(run: Training, largest: Largest, memory: Memory, pace: Pace, checkpoint: int) -> str:
    """What the largest scene took, and what by it the largest batch that can come would take."""
    config = run.config
    took = f"forward and backward take {gigabytes(memory.peak)} in all, {gigabytes(memory.before)} of it before"
    if not memory.fits:
        took = f"do not fit into the {gigabytes(memory.free)} that are free"
    line = (f"largest scene {largest.name}, {largest.voxels:,} voxels: {took}\n"
            f"measured steps, up to {pace.largest:,} voxels: {gigabytes(pace.peak)}")
    if not memory.fits:
        return f"{line}\nwarning: the training would learn from a part of it alone; see `Little memory` in " \
               "docs/training.md, or --max_scene_voxels"
    sizes = np.sort([size_of(path) for path in run.train_loader.dataset.paths])[::-1][:config.batch_size]
    voxels = largest.voxels * float(sizes.sum()) / largest.size
    if config.train_limit_numpoints:
        voxels = max(min(voxels, config.train_limit_numpoints), largest.voxels)
    expected = max(memory.before + checkpoint + (memory.peak - memory.before) * voxels / largest.voxels,
                   memory.before + (pace.peak - memory.before) * max(voxels / pace.largest, 1))
    line += f"\nlargest batch that can come, about {voxels:,.0f} voxels: some {gigabytes(round(expected))}"
    if memory.free is None:
        return line
    available = (memory.free + memory.before) // (distributed.on_this_machine() if run.device.type == "cpu" else 1)
    line += f"; {gigabytes(available)} are there" + (" for each process" if distributed.on_this_machine() > 1 else "")
    if expected > available:
        line += (f"\nwarning: it may not fit; --train_limit_numpoints {int(voxels * available / expected * 0.9):.2g}, "
                 "--activation_checkpointing True, or a smaller --batch_size with --iter_size")
    return line


def _disk(run: Training, size: int, folder: Path) -> str:
    """Raises ValueError where checkpoints do not find room: two are kept, one more lies there while it is written."""
    free, needed = shutil.disk_usage(folder).free, 3 * size
    needed += run.config.keep_checkpoints * size
    if free < needed:
        raise ValueError(f"{folder}: {free / MB:,.0f} MB are free, checkpoints of this run take up to "
                         f"{needed / MB:,.0f} MB; make room or choose another --log_dir")
    return f"a checkpoint takes {size / MB:,.0f} MB, all up to {needed / MB:,.0f} MB; {free / GB:,.1f} GB are free"


def _times(run: Training, before: Progress, pace: Pace) -> list[tuple[str, str]]:
    config = run.config
    of_epoch = run.steps_per_epoch
    total = training_length(config, of_epoch)
    epochs = (total - before.step) / of_epoch
    last = -(-total // of_epoch)
    validations = len({epoch for epoch in range(before.epoch + 1, last + 1) if epoch % config.val_epoch_freq == 0}
                      | {last})
    whole = epochs * pace.epoch + validations * (pace.validation or 0)
    a_validation = "an unknown time, since memory is too small for each scene tried" if pace.validation is None \
        else duration(pace.validation)
    ends = time.strftime("%A %H:%M", time.localtime(time.time() + whole))
    return [("speed", f"{pace.step:.3g} s a step, {pace.scenes:.3g} scenes/s, {pace.voxels:,.0f} voxels/s, "
                      f"{pace.waited:.0%} of the time waiting for data (by {pace.steps} batches)"),
            ("time", f"an epoch {duration(pace.epoch)}, a validation {a_validation}\n"
                     f"{epochs:.3g} epochs and {validations} validation(s): {duration(whole)}, until {ends} if begun "
                     "now")]


def duration(seconds: float) -> str:
    """ "45 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    if seconds < 300:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"

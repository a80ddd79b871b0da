"""What a training says of its steps: the progress bar, TensorBoard, and the end of one whose numbers are no numbers."""
import math
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass

from tqdm import tqdm

from lib.training.run_log import RunLog


@dataclass(frozen=True)
class Step:
    """What is reported of an optimiser step beside its figures, which a GPU gives a step later.

    number: steps done with it. names: of the figures; the first is the loss.
    """
    number: int
    epoch: int
    lr: float
    unlabelled_batches: int
    scenes: list[str]
    names: list[str]


def report_steps(config: Namespace, writer: RunLog, bar: tqdm, known: list[tuple[Step, list[float]]]) -> None:
    """Log steps whose figures have come. Raises ValueError for a loss or a loss scale that cannot be gone on with."""
    for step, values in known:
        figures = dict(zip(step.names, values))
        where = f"at step {step.number - 1} (scenes {', '.join(step.scenes)})"
        if not math.isfinite(figures["loss"]):
            raise ValueError(f"the loss is {figures['loss']} {where}; lower --lr {config.lr}")
        if figures.get("loss_scale", 1) < 1:  # it is halved whenever a gradient is infinite
            raise ValueError(f"gradients overflow float16 even with loss scale {figures['loss_scale']:.2g} {where}; "
                             f"use --precision bf16 or lower --lr {config.lr}")
        if step.number % config.stat_freq == 0 or step.number == 1:
            _log(writer, step, figures)
        bar.set_postfix(loss=f"{figures['loss']:.3f}", lr=f"{step.lr:.2g}")


def _log(writer: RunLog, step: Step, figures: dict[str, float]) -> None:
    about = {"lr": step.lr, "epoch": step.epoch, "unlabelled_batches": step.unlabelled_batches}
    writer.scalars({**figures, **about}, step.number, "train")


def instance_report(placed: Counter, skipped: Counter) -> str:
    """One line: tail instances inserted and, with a minus, without a place, for each class."""
    classes = [f"{name} {placed[name]}" + (f" -{skipped[name]}" if skipped[name] else "")
               for name in sorted(placed | skipped)]
    return f"tail instances: {placed.total()} placed, {skipped.total()} found no place ({', '.join(classes)})"

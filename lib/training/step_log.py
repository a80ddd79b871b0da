"""What a training says of its steps: progress bar, TensorBoard, and the end of one whose gradients overflow."""
from argparse import Namespace
from collections import Counter

from tqdm import tqdm

from lib.training.guards import SkippedSteps, Step
from lib.training.run_log import RunLog


def report_steps(config: Namespace, writer: RunLog, bar: tqdm, skipped: SkippedSteps,
                 known: list[tuple[Step, list[float]]]) -> None:
    """Log steps whose figures have come; those that were left out are only counted. Raises ValueError for too many of
    these, and for a loss scale that cannot be gone on with."""
    for step, values in known:
        figures = dict(zip(step.names, values))
        if skipped.note(step, figures):
            writer.scalars({"skipped_steps": skipped.progress.skipped_steps}, step.number)
            continue
        where = f"at step {step.number - 1} (scenes {', '.join(step.scenes)})"
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

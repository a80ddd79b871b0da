"""A step whose loss or gradients are no finite numbers is left out: nothing of it stays in the run, and it is counted.

    guard = StepGuard(stage); bad = guard.judge(loss, optimizer, scaler); take_step(optimizer, scaler, bad)
    guard.settle(bad); ...; skipped.note(step, loss)     # when the figures have come, see readout.py

`judge` is the one place where it is decided, on the device; nothing is waited for.
"""
import contextlib
import json
import math
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from tqdm import tqdm

from lib import distributed
from lib.training.run_log import cut_lines

SKIPPED = "skipped_steps.jsonl"  # in a run's folder, a line a step


@dataclass(frozen=True)
class Step:
    """What is reported of an optimiser step beside its figures, which a GPU gives a step later.

    number: steps done with it. scenes: of all its batches. names: of the figures; the first is the loss.
    """
    number: int
    epoch: int
    lr: float
    unlabelled_batches: int
    scenes: list[str]
    names: list[str]


def is_bad(loss: Tensor, gradients: list[Tensor]) -> Tensor:
    """() float32: 1 where the loss or a gradient is infinite or NaN, else 0; on their device.

    One pass over the gradients, their norms: an infinite or NaN element makes its tensor's norm so.
    """
    norms = torch._foreach_norm(gradients) if gradients else []
    return 1 - torch.stack([loss.detach().float(), *norms]).isfinite().all().float()


class StepGuard:
    """What an optimiser step changes before it is known to be good: the running statistics of batch norm, which every
    forward pass moves. They are kept from before the step's first batch, and put back where the step is bad.

    Weights, momentum and the moving average need no copy: the optimiser itself leaves out a bad step, by `found_inf`
    as a GradScaler sets it, and the average then takes in weights and statistics that have not moved.
    """

    def __init__(self, stage: nn.Module):
        statistics = [buffer for module in stage.modules() if isinstance(module, _NormBase)
                      for buffer in (module.running_mean, module.running_var, module.num_batches_tracked)
                      if buffer is not None]
        self._statistics = {dtype: [buffer for buffer in statistics if buffer.dtype == dtype]
                            for dtype in dict.fromkeys(buffer.dtype for buffer in statistics)}
        self._kept = self._flat()

    def _flat(self) -> dict[torch.dtype, Tensor]:
        """All statistics of a type in one vector: few launches on a GPU."""
        return {dtype: torch.cat([buffer.flatten() for buffer in members])
                for dtype, members in self._statistics.items()}

    def judge(self, loss: Tensor, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> Tensor:
        """`is_bad` of a step, when the gradients of all its batches are added up, before they are clipped.

        With a loss scale gradients may overflow, which the scaler itself sees and mends: then the loss alone counts,
        and where that is no number the gradients are made none, so that the scaler leaves the step out. Of several
        processes all leave out a step that is bad on one.
        """
        gradients = [parameter.grad for group in optimizer.param_groups for parameter in group["params"]
                     if parameter.grad is not None]
        bad = distributed.add_up(is_bad(loss, [] if scaler.is_enabled() else gradients)).clamp(max=1)
        if scaler.is_enabled():
            gradients[0].masked_fill_(bad > 0, math.nan)
        return bad

    @torch.no_grad()
    def settle(self, bad: Tensor) -> None:
        """After a step: keep its statistics or, where bad (), put back those from before it."""
        now = self._flat()
        self._kept = {dtype: torch.where(bad > 0, kept, now[dtype]) for dtype, kept in self._kept.items()}
        self.restore()

    @torch.no_grad()
    def restore(self) -> None:
        """Put back the statistics from before the step in hand."""
        for dtype, members in self._statistics.items():
            parts = self._kept[dtype].split([buffer.numel() for buffer in members])
            torch._foreach_copy_(members, [part.view_as(buffer) for part, buffer in zip(parts, members)])


class SkippedSteps:
    """Counts steps that were left out, and names their scenes: on the terminal and in `skipped_steps.jsonl`."""

    def __init__(self, config: Namespace, folder: Path, progress):
        """progress: has `step`, and the counts `skipped_steps`, of the run, and `skipped_in_a_row`."""
        self.config, self.path, self.progress = config, folder / SKIPPED, progress

    def start(self) -> None:
        """Before the first step: an older run's file goes, of a resumed run's the lines of steps that are done anew."""
        if not distributed.is_main():
            return
        if not self.config.resume:
            self.path.unlink(missing_ok=True)
        elif self.path.is_file():
            cut_lines(self.path, self.progress.step)

    def note(self, step: Step, figures: dict[str, float]) -> bool:
        """Take in a step whose figures have come, and take `skipped` of them; returns whether it was left out.

        Raises ValueError when more than --max_skipped_steps were in a row.
        """
        if not figures.pop("skipped", 0):
            self.progress.skipped_in_a_row = 0
            return False
        self.progress.skipped_steps += 1
        self.progress.skipped_in_a_row += 1
        loss, limit, config = figures["loss"], self.config.max_skipped_steps, self.config
        what = "a gradient is not finite" if math.isfinite(loss) else f"the loss is {loss}"
        scenes = sum(distributed.gather(step.scenes), [])
        what += f" at step {step.number - 1} (scenes {', '.join(scenes)})"
        line = {"step": step.number, "epoch": step.epoch, "loss": loss if math.isfinite(loss) else str(loss),
                "scenes": scenes}
        if distributed.is_main():
            with contextlib.suppress(OSError), open(self.path, "a", encoding="utf-8") as file:  # on a full disk
                file.write(json.dumps(line) + "\n")
        if self.progress.skipped_in_a_row > limit:
            row = f", and so were the {limit} step(s) before (--max_skipped_steps)" if limit else ""
            remedy = "use --precision bf16 or lower" if config.precision == "fp16" else "lower"
            raise ValueError(f"{what}{row}; {remedy} --lr {config.lr}, or look at these scenes")
        tqdm.write(f"warning: {what}: the step is left out, {self.progress.skipped_steps} in this run so far")
        return True

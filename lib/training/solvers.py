"""Optimisers, learning-rate schedules and the loss scale by the flags `--optimizer`, `--scheduler`, `--precision`.

`optimizer = build_optimizer(config, model.parameters())`, `scheduler = build_scheduler(config, optimizer, steps)`;
on resuming `resume_solvers(optimizer, scheduler, checkpoint)`;
`scaler = build_scaler(config, device)`; then `take_step(optimizer, scaler)` and `scheduler.step_iteration()` after each
group of batches and `scheduler.step_epoch(score)` after each epoch.
"""
import argparse
import math
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from lib.training.muon import Muon

OPTIMIZERS = ("SGD", "Adam", "AdamW", "Muon")
PER_ITERATION = ("StepLR", "PolyLR", "SquaredLR", "ExpLR", "CosineAnnealingLR", "OneCycleLR")
ONE_CYCLE = 25, 25e4  # the peak rate over the first, and over the last
PER_EPOCH = ("MultiStepLR", "ReduceLROnPlateau")


def build_optimizer(config: argparse.Namespace, parameters: Iterable[torch.nn.Parameter],
                    heads: Iterable[torch.nn.Parameter] = ()) -> torch.optim.Optimizer:
    """SGD, Adam, AdamW or Muon over the parameters that require a gradient. heads: those of them that Muon leaves to
    AdamW though they are matrices.

    Reads optimizer, lr, weight_decay; sgd_momentum, sgd_dampening; adam_beta1, adam_beta2.
    Raises ValueError for another name, and where every parameter is frozen.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if not trained:
        raise ValueError("no parameter is to be trained: every one of the model is frozen")
    common = {"lr": config.lr, "weight_decay": config.weight_decay}
    if config.optimizer == "SGD":
        return torch.optim.SGD(trained, momentum=config.sgd_momentum, dampening=config.sgd_dampening, fused=True,
                               **common)
    if config.optimizer in ("Adam", "AdamW"):
        kind = torch.optim.Adam if config.optimizer == "Adam" else torch.optim.AdamW
        return kind(trained, betas=(config.adam_beta1, config.adam_beta2), fused=True, **common)
    if config.optimizer == "Muon":
        return Muon(trained, betas=(config.adam_beta1, config.adam_beta2), heads=heads, **common)
    raise ValueError(f"--optimizer {config.optimizer} is unknown, give one of {', '.join(OPTIMIZERS)}")


def build_scaler(config: argparse.Namespace, device: torch.device) -> torch.amp.GradScaler:
    """The loss scale of --precision fp16, whose small gradients would be 0 without; for others it does nothing."""
    enabled = config.precision == "fp16"
    # The schedule counts steps, and that the first of them may be skipped is no mistake.
    warnings.filterwarnings("ignore", "Detected call of .lr_scheduler.step", UserWarning)
    return torch.amp.GradScaler(device.type, enabled=enabled)


def clip_gradients(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, max_norm: float) -> torch.Tensor:
    """Scale all gradients so that their joint norm is at most max_norm (Pascanu et al., ICML 2013, arXiv 1211.5063).

    Call once a step, when the gradients of all its batches are added up, before `take_step`. A loss scale is taken off
    first, and one that overflows is still seen and skipped. Returns the norm before (), on the device.
    """
    scaler.unscale_(optimizer)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return torch.nn.utils.clip_grad_norm_(parameters, max_norm)


def take_step(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, bad: torch.Tensor | None = None) -> None:
    """One optimiser step, which changes nothing where `bad` () is not 0. A loss scale skips it where a gradient is
    infinite or NaN, and then halves itself; it has to find one where the step is bad.

    The device decides that, and the host need not know; only until a first step is taken is it told, and waits.
    """
    # PyTorch's fused SGD makes room for the momentum in its first step and fills it unless that is skipped; the second
    # would go on from whatever lay there.
    ready = bool(optimizer.state) or not any(group.get("momentum") for group in optimizer.param_groups)
    if scaler.is_enabled():
        optimizer._step_supports_amp_scaling = ready  # with False the scaler itself looks, and does not call it
        scaler.step(optimizer)
        scaler.update()
    elif bad is None or not ready:
        if bad is None or not bad.item():
            optimizer.step()
    else:
        optimizer.found_inf = bad
        optimizer.step()
        del optimizer.found_inf


def training_length(config: argparse.Namespace, steps_per_epoch: int) -> int:
    """Optimiser steps of the whole training: max_iter or max_epoch epochs, what ends first."""
    return max(1, int(min(config.max_iter, config.max_epoch * steps_per_epoch)))


def _one_cycle(step: int, length: int, rise: float) -> float:
    """Share of the peak rate: from 1/25 along half a cosine to 1 and then to 1/250,000 in the last step."""
    first, last = (1 / divisor for divisor in ONE_CYCLE)
    top = max(rise * length - 1, 0.0)  # the step of the peak, as torch's OneCycleLR counts
    if step < top:
        low, done = first, step / top
    else:
        low, done = last, 1 - (step - top) / max(length - 1 - top, 1e-9)
    return low + (1 - low) * (1 - math.cos(math.pi * done)) / 2


def _factor(config: argparse.Namespace, steps_per_epoch: int) -> Callable[[int], float]:
    """What the initial learning rate is multiplied with after a number of iterations, or of epochs for MultiStepLR."""
    length = training_length(config, steps_per_epoch)
    milestones = sorted(config.multi_step_milestones)
    factors: dict[str, Callable[[int], float]] = {
        "StepLR": lambda step: config.step_gamma ** (step // int(config.step_size)),
        "MultiStepLR": lambda epoch: config.step_gamma ** bisect_right(milestones, epoch),
        "PolyLR": lambda step: (1 - min(step, length) / (length + 1)) ** config.poly_power,
        "SquaredLR": lambda step: (1 - min(step, length) / (length + 1)) ** 2,
        "ExpLR": lambda step: config.exp_gamma ** (step / config.exp_step_size),
        "OneCycleLR": lambda step: _one_cycle(min(step, length - 1), length, config.onecycle_rise),
        "CosineAnnealingLR": lambda step: (1 + math.cos(math.pi * min(step, length) / length)) / 2,
    }
    return factors[config.scheduler]


class Scheduler:
    """A learning-rate schedule that knows whether it counts iterations, epochs, or epochs without a better score.

    Step s of the first `warmup` takes (s + 1) / warmup of the schedule's rate, from which only the optimiser's differs.
    """

    def __init__(self, name: str, inner: LambdaLR | ReduceLROnPlateau, lr: float, warmup: int = 0):
        """lr: the initial rate."""
        self.name, self.inner, self.lr, self.warmup = name, inner, lr, warmup
        self.iteration = 0
        self._rates = [group["lr"] for group in inner.optimizer.param_groups]  # without warm-up
        self._set(self._ramp())

    def _ramp(self) -> float:
        return min(1.0, (self.iteration + 1) / self.warmup) if self.warmup else 1.0

    def _set(self, ramp: float) -> None:
        for group, rate in zip(self.inner.optimizer.param_groups, self._rates):
            group["lr"] = rate * ramp

    def _advance(self, *score: float) -> None:
        self._set(1.0)  # ReduceLROnPlateau goes on from what it finds there
        self.inner.step(*score)
        self._rates = [group["lr"] for group in self.inner.optimizer.param_groups]
        self._set(self._ramp())

    def step_iteration(self) -> None:
        """Call after every optimiser step (not after every batch, where gradients are accumulated)."""
        self.iteration += 1
        if self.name in PER_ITERATION:
            self._advance()
        else:
            self._set(self._ramp())

    def step_epoch(self, score: float | None = None) -> None:
        """Call after every epoch, with the monitored score or None where none was measured.

        An epoch without a score does not count towards the patience of ReduceLROnPlateau.
        """
        if self.name == "MultiStepLR":
            self._advance()
        elif self.name == "ReduceLROnPlateau" and score is not None:
            self._advance(float(score))

    def state_dict(self) -> dict[str, Any]:
        """Name, position, and the rates without warm-up; plain numbers only."""
        return {"name": self.name, "inner": self.inner.state_dict(), "iteration": self.iteration, "lr": self.lr,
                "rates": self._rates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the position of `state_dict()`, with the numbers of this schedule's own flags.

        Raises ValueError if the state is another schedule's. One of before there was a warm-up is past it.
        """
        if state["name"] != self.name:
            name = state["name"]
            raise ValueError(f"the checkpoint's schedule is {name}, not {self.name}: resume with --scheduler {name}")
        groups = self.inner.optimizer.param_groups
        self.iteration = state.get("iteration", self.warmup)
        own = dict(self.inner.state_dict())
        if self.name == "ReduceLROnPlateau":
            kept = {name: own[name] for name in ("factor", "patience", "min_lrs")}
            if state["inner"]["mode"] != own["mode"]:  # another figure is watched: the best of it is not known
                kept = own
            self.inner.load_state_dict({**state["inner"], **kept})
            rates = state.get("rates") or [group["lr"] for group in groups]
            self._rates = [rate * (self.lr / state.get("lr", self.lr)) for rate in rates]
        else:
            self.inner.load_state_dict({**state["inner"], "base_lrs": own["base_lrs"]})
            self._rates = [base * factor(self.inner.last_epoch)
                           for base, factor in zip(self.inner.base_lrs, self.inner.lr_lambdas)]
        self._set(self._ramp())


def resume_solvers(optimizer: torch.optim.Optimizer, scheduler: Scheduler, content: dict) -> None:
    """Go on from a checkpoint's optimiser and schedule, with the learning rate, decay, momentum and so on of today's
    flags: the state is the checkpoint's, the numbers are those of the flags.

    Raises ValueError where the state is another optimiser's, of other parameters, or another schedule's.
    """
    flags = content["config"] if isinstance(content.get("config"), dict) else {}
    name = flags.get("optimizer", type(optimizer).__name__)
    if name != type(optimizer).__name__:
        raise ValueError(f"the checkpoint's optimiser is {name}: resume with --optimizer {name}")
    numbers = [{key: value for key, value in group.items() if key not in ("params", "lr")}
               for group in optimizer.param_groups]
    optimizer.load_state_dict(content["optimizer"])
    for group, own in zip(optimizer.param_groups, numbers):
        group.update(own)
    scheduler.load_state_dict({"lr": flags.get("lr", scheduler.lr), **content["scheduler"]})


def build_scheduler(config: argparse.Namespace, optimizer: torch.optim.Optimizer, steps_per_epoch: int) -> Scheduler:
    """The schedule `config.scheduler`; with lr the initial rate, s iterations, e epochs, S = `training_length`:

    StepLR             lr · step_gamma^floor(s / step_size)                      per iteration
    PolyLR             lr · (1 - s / (S + 1))^poly_power                         per iteration
    SquaredLR          lr · (1 - s / (S + 1))²                                   per iteration
    ExpLR              lr · exp_gamma^(s / exp_step_size)                        per iteration
    OneCycleLR         from lr/25 along half a cosine to lr at step onecycle_rise · S - 1, along another to lr/250,000
                       at the last (Smith and Topin, arXiv 1708.07120; momentum stays)   per iteration
    CosineAnnealingLR  lr · (1 + cos(π s / S)) / 2                               per iteration
    MultiStepLR        lr · step_gamma^(multi_step_milestones that are <= e)     per epoch
    ReduceLROnPlateau  lr · step_gamma after more than reduce_patience epochs without a better score, not below
                       scheduler_min_lr. Better is larger, or smaller where scheadule_monitor ends in "loss".
    Raises ValueError for another name.
    """
    if config.scheduler == "ReduceLROnPlateau":
        inner = ReduceLROnPlateau(
            optimizer,
            mode="min" if config.scheadule_monitor.endswith("loss") else "max",
            factor=config.step_gamma,
            patience=int(config.reduce_patience),
            min_lr=config.scheduler_min_lr,
        )
    elif config.scheduler in PER_ITERATION + PER_EPOCH:
        inner = LambdaLR(optimizer, _factor(config, steps_per_epoch))
    else:
        names = ", ".join(PER_ITERATION + PER_EPOCH)
        raise ValueError(f"--scheduler {config.scheduler} is unknown, give one of {names}")
    return Scheduler(config.scheduler, inner, config.lr, config.warmup_iters)

"""Moving average of weights, `--ema_decay`: validated and saved in their place, while the optimiser moves the weights.

Polyak and Juditsky, SIAM J. Control Optim. 1992; as an exponential average Tarvainen and Valpola, NeurIPS 2017, arXiv
1703.01780, section 2.
"""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

MOVED = "moved_state_dict"  # of a checkpoint with averaged weights: those that the optimiser moves


class Average:
    """After step t (from 0) every float of the state dict, parameters and batch norm's statistics alike, becomes
    d · average + (1 - d) · value with d = min(decay, (1 + t) / (10 + t)), so that a short run forgets where it began.

    decay 0: there is no average, and every method leaves all as it is. What is frozen stays what it is, to the bit.
    """

    def __init__(self, stage: nn.Module, decay: float):
        self.decay = decay
        self._mean: dict[str, Tensor] = {}
        self._start(stage)

    def _start(self, stage: nn.Module) -> None:
        if self.decay:
            self._mean = {name: value.clone() for name, value in _floats(stage).items()}

    @torch.no_grad()
    def update(self, stage: nn.Module, step: int) -> None:
        """Take in the weights after an optimiser step. step: steps done before it."""
        if self._mean:
            rate = 1 - min(self.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(self._mean.values()), list(_floats(stage).values()), rate)

    @contextmanager
    def in_place(self, stage: nn.Module) -> Iterator[None]:
        """Inside, the stage has the averaged weights; after it its own again, to the bit."""
        self._swap(stage)
        try:
            yield
        finally:
            self._swap(stage)

    @torch.no_grad()
    def _swap(self, stage: nn.Module) -> None:
        for name, own in _floats(stage).items() if self._mean else ():
            kept = own.clone()
            own.copy_(self._mean[name])
            self._mean[name].copy_(kept)

    def states(self, stage: nn.Module) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint holds: the weights to use, and under MOVED, if others, those to go on from."""
        own = stage.state_dict()
        return {"state_dict": own | self._mean, MOVED: own} if self._mean else {"state_dict": own}

    def load_states(self, stage: nn.Module, content: dict) -> None:
        """Go on from a checkpoint's `states`. One without an average starts it at its weights; one with an average that
        is no longer wanted goes on from the weights that the optimiser moved."""
        stage.load_state_dict(content.get(MOVED, content["state_dict"]))
        self._start(stage)
        for name, mean in self._mean.items():
            mean.copy_(content["state_dict"][name])


def _floats(stage: nn.Module) -> dict[str, Tensor]:
    """The stage's own tensors that can be averaged, by name."""
    return {name: value for name, value in stage.state_dict().items() if value.is_floating_point()}

"""Activation checkpointing (Chen et al., 2016): blocks whose inner features are computed again for their gradients."""
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


@contextmanager
def _keep_statistics(module: nn.Module) -> Iterator[None]:
    """Leave batch norm's running statistics as they are: the first forward has moved them already."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)


class CheckpointedSequential(nn.Sequential):
    """`nn.Sequential` that, while training, keeps only the input of each of its modules for backward."""

    def forward(self, x):
        for module in self:
            if self.training and torch.is_grad_enabled():
                draws = bool(getattr(module, "drop_path", 0))  # the same again
                x = checkpoint(module, x, use_reentrant=False, preserve_rng_state=draws,
                               context_fn=lambda module=module: (nullcontext(), _keep_statistics(module)))
            else:
                x = module(x)
        return x

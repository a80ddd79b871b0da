"""What the losses share: float32 inside autocast, and the mean over the labelled voxels."""
from contextlib import AbstractContextManager

import torch
from torch import Tensor


def no_autocast(tensor: Tensor) -> AbstractContextManager:
    """Context in which autocast is off for the tensor's device: inside it, operations keep the dtype they are given."""
    return torch.autocast(device_type=tensor.device.type, enabled=False)


def full_precision(tensor: Tensor) -> Tensor:
    """The tensor in float32; float64 stays what it is, so that gradients can be checked numerically."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def labelled_mean(values: Tensor, labelled: Tensor) -> Tensor:
    """Mean of values (N,) where `labelled` (N,) bool; 0, still connected to the graph, where nothing is labelled."""
    return values.masked_fill(~labelled, 0).sum() / labelled.sum().clamp(min=1)

"""Stochastic depth (Huang et al., ECCV 2016, arXiv 1603.09382) for sparse tensors, scene by scene."""
from types import ModuleType

import torch

SCENES = 1024  # draws of a call: how many scenes a batch has is on the device, and would have to be waited for


def drop_path(engine: ModuleType, x, rate: float):
    """Features of each scene of the batch 0 with probability `rate`, else divided by 1 - rate: equal in expectation.

    x: sparse tensor, the first column of whose coordinates is the scene; 0 <= rate < 1. Draws from torch's global
    generator of its device.
    """
    features = x.F  # (N, C)
    kept = (torch.rand(SCENES, device=features.device) >= rate).to(features.dtype) / (1 - rate)
    scale = kept[x.C[:, 0].long() % SCENES]  # (N,)
    return engine.SparseTensor(features=features * scale[:, None], coordinate_map_key=x.coordinate_map_key,
                               coordinate_manager=x.coordinate_manager)

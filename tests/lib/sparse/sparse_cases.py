"""Coordinates that are hard on a kernel map, and one pass over a layer: what the tests of all engines share."""
import torch
from torch.nn import functional

import lib.sparse as ME


def random_voxels(scenes=2, extent=12, fill=0.3, low=-7):
    voxels = (torch.rand(scenes, *[extent] * 3) < fill).nonzero().int()
    voxels[:, 1:] += low
    return voxels[torch.randperm(len(voxels))].contiguous()


def with_scene(voxels):
    return functional.pad(voxels.int(), (1, 0)).contiguous()


def two_far_clusters():
    near = random_voxels(scenes=1, extent=5)
    return torch.cat([near, near + torch.tensor([0, 2**31 - 100, -(2**30), 2**29], dtype=torch.int32)])


COORDINATES = {
    "one voxel": lambda: torch.tensor([[0, -5, 3, 7]], dtype=torch.int32),
    "a line": lambda: with_scene(torch.arange(-40, 41)[:, None] * torch.tensor([[0, 0, 1]])),
    "a full cube": lambda: with_scene(torch.cartesian_prod(*[torch.arange(-4, 5)] * 3)),
    "two far clusters": two_far_clusters,
    "32 scenes": lambda: random_voxels(scenes=32, extent=5),
    "odd negative extents": lambda: random_voxels(scenes=1, extent=13, low=-27),
    "more than a tile": lambda: random_voxels(scenes=1, extent=21, fill=0.4),
}


def difference(ours, reference):
    """Relative, Frobenius norm."""
    return ((ours.float() - reference.float()).norm() / reference.float().norm().clamp(min=1e-30)).item()


def run(engine, layer, coordinates, features, grad=None):
    """Output, input gradient and weight gradient of a layer; a transposed one gets coarse features."""
    ME.set_engine(engine)
    features = features.clone().requires_grad_()
    layer.zero_grad()
    if isinstance(layer, ME.MinkowskiConvolutionTranspose):
        manager = ME.CoordinateManager(coordinates)
        stride = manager.stride(1, layer.stride)
        rows = len(manager.coordinates(stride))
        x = ME.SparseTensor(features[:rows], coordinate_map_key=stride, coordinate_manager=manager)
    else:
        x = ME.SparseTensor(features, coordinates)
    out = layer(x).F
    out.backward(torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out))
    return out.detach(), features.grad, *[p.grad.clone() for p in layer.parameters()]

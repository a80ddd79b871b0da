"""What a path must pass before it is used: small kernel maps and convolutions, compared with those of another path.

`compare("compiled", cpu, reference, ...)` raises CheckError where they disagree.
"""
from types import ModuleType

import torch
from torch import Tensor

from lib.sparse.kernel_maps import KernelMap, Neighbours
from lib.sparse.keys import USUAL_STEPS, Sorted, cells_of, kernel_shifts


class CheckError(Exception):
    """A path does not agree with another; the message says where in one line."""


def compare(name: str, path: ModuleType, oracle: ModuleType, device: torch.device, rows: int, channels: int,
            tolerance: dict[torch.dtype, float]) -> None:
    """A 3^3 and a strided 2^3 convolution of 18 channels to `channels` on random voxels, forward and both gradients.

    path, oracle: two of `lib.sparse.paths`. The maps must be the same; sums may be off those of the same factors that
    the oracle takes in float64 by `tolerance` (relative, Frobenius norm) for each type. Raises CheckError.
    """
    generator = torch.Generator().manual_seed(0)
    voxels = torch.cartesian_prod(torch.arange(2), *[torch.arange(-4, 5)] * 3).int()
    voxels = voxels[torch.randperm(len(voxels), generator=generator)[:rows]].contiguous().to(device)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float32)

    fine = Sorted.of(cells_of(voxels), USUAL_STEPS)
    keys = Sorted.of(cells_of(voxels), USUAL_STEPS, stride=2).distinct()[0]
    coarse = keys, torch.arange(len(keys), device=device)
    for target, size in (((fine.keys, fine.order), 3), (coarse, 2)):
        symmetric = size == 3
        arguments = fine.keys, fine.order, *target, kernel_shifts(USUAL_STEPS, 1, size), symmetric
        table = path.neighbour_table(*arguments)
        if not torch.equal(table, oracle.neighbour_table(*arguments)):
            raise CheckError(f"the {name} kernel map disagrees with the reference; please report this machine")
        neighbours = Neighbours(table, len(voxels), path.reverse_table, symmetric)
        if not torch.equal(neighbours.reverse, oracle.reverse_table(table, len(voxels))):
            raise CheckError(f"the {name} reverse map disagrees with the reference; please report this machine")
        there, back = (KernelMap(neighbours, is_transposed) for is_transposed in (False, True))
        for dtype, allowed in tolerance.items():
            features, weight, grad = (values.to(device, dtype) for values in (
                random(len(voxels), 18), random(size**3, 18, channels), random(table.shape[1], channels)))
            backwards = weight.transpose(1, 2)
            for ours, exact in (
                    (path.convolve(features, weight, there),
                     oracle.convolve(features.double(), weight.double(), there)),
                    (path.convolve(grad, backwards, back), oracle.convolve(grad.double(), backwards.double(), back)),
                    (path.weight_gradient(features, grad, there),
                     oracle.weight_gradient(features.double(), grad.double(), there))):
                error = ((ours.double() - exact).norm() / exact.norm()).item()
                if not error <= allowed:  # NaN never passes
                    raise CheckError(f"the {name} {str(dtype).removeprefix('torch.')} convolution is {error:.1e} off "
                                     "the reference; please report this machine")

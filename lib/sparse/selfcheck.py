"""What a path must pass before it is used: small kernel maps and convolutions, compared with the reference.

`check_against_reference("compiled", ...)` takes the path's four functions and raises CheckError where they disagree.
"""
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lib.sparse.coordinates import KernelMap


class CheckError(Exception):
    """A path does not agree with the reference; the message says where in one line."""


def check_against_reference(path: str, device: torch.device, rows: int, channels: int,
                            tolerance: dict[torch.dtype, float], neighbour_table: Callable[..., Tensor],
                            reverse_table: Callable[[Tensor, int], Tensor],
                            convolve: "Callable[[Tensor, Tensor, KernelMap], Tensor]",
                            weight_gradient: "Callable[[Tensor, Tensor, KernelMap], Tensor]") -> None:
    """A 3^3 and a strided 2^3 convolution of 18 channels to `channels` on random voxels, forward and both gradients.

    The maps must be those of the reference; sums may be off those of the same factors in float64 by `tolerance`
    (relative, Frobenius norm) for each type. Raises CheckError.
    """
    from lib.sparse import convolution, coordinates  # they use the paths, and those this module
    generator = torch.Generator().manual_seed(0)
    voxels = torch.cartesian_prod(torch.arange(2), *[torch.arange(-4, 5)] * 3).int()
    voxels = voxels[torch.randperm(len(voxels), generator=generator)[:rows]].contiguous().to(device)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float32)

    manager = coordinates.CoordinateManager(voxels)
    for out_stride, size in ((1, 3), (manager.stride(1, 2), 2)):
        arguments = manager.neighbour_arguments(1, out_stride, size)
        table = neighbour_table(*arguments)
        if not torch.equal(table, coordinates.neighbour_table(*arguments)):
            raise CheckError(f"the {path} kernel map disagrees with the reference; please report this machine")
        reverse = reverse_table(table, len(voxels))
        if not torch.equal(reverse, coordinates.reverse_table(table, len(voxels))):
            raise CheckError(f"the {path} reverse map disagrees with the reference; please report this machine")
        neighbours = coordinates.Neighbours(table, len(voxels), symmetric=out_stride == 1)
        neighbours.reverse = reverse  # or it would ask for the path that is being checked
        there, back = (coordinates.KernelMap(neighbours, is_transposed) for is_transposed in (False, True))
        for dtype, allowed in tolerance.items():
            features, weight, grad = (values.to(device, dtype) for values in (
                random(len(voxels), 18), random(size**3, 18, channels), random(table.shape[1], channels)))
            backwards = weight.transpose(1, 2)
            for ours, reference in (
                    (convolve(features, weight, there),
                     convolution.gather_mm_scatter(features.double(), weight.double(), there)),
                    (convolve(grad, backwards, back),
                     convolution.gather_mm_scatter(grad.double(), backwards.double(), back)),
                    (weight_gradient(features, grad, there),
                     convolution.weight_gradient(features.double(), grad.double(), there))):
                error = ((ours.double() - reference).norm() / reference.norm()).item()
                if not error <= allowed:  # NaN never passes
                    raise CheckError(f"the {path} {str(dtype).removeprefix('torch.')} convolution is {error:.1e} off "
                                     "the reference; please report this machine")

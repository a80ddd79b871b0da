"""One number for each voxel of a batch, so that neighbours are found by adding to it: `Sorted.of(cells, steps)`.

A voxel's key is the sum of its cell's columns (batch x y z, all positive), each times its step.
"""
import math
from dataclasses import dataclass

import torch
from torch import Tensor

MARGIN = 1024  # voxels; kernels reach less far than this, and every tensor stride divides it
KEY_LIMIT = 2**62
# what a key counts for each scene, x, y and z: room for 16,384 scenes of 60,000 voxels a side, whatever is in them
USUAL_STEPS = (2**48, 2**32, 2**16, 1)
USUAL_EXTENTS = (2**14, *[2**16 - MARGIN] * 3)  # cells below these


def cells_of(coordinates: Tensor) -> Tensor:
    """(N, 4) int64 cells of coordinates (N, 4) int32, which may be negative: shifted by multiples of MARGIN."""
    cells = coordinates.long()
    cells[:, 1:] -= cells[:, 1:].amin(0).div(MARGIN, rounding_mode="floor") * MARGIN - MARGIN
    cells[:, 0] -= cells[:, 0].amin()
    return cells


def near_order(cells: Tensor) -> Tensor:
    """(N,) int64 rows of cells (N, 4) in an order in which near voxels follow each other: by Morton code, by scene.

    A kernel's neighbours are then mostly in the cache. Beyond 2^16 cells only the lowest bits count.
    """
    def spread(x: Tensor) -> Tensor:  # 16 bits, two empty ones after each
        x = x & 0xffff
        for shift, mask in ((16, 0x0000ff0000ff), (8, 0x00f00f00f00f), (4, 0x0c30c30c30c3), (2, 0x249249249249)):
            x = (x | x << shift) & mask
        return x

    batch, x, y, z = cells.unbind(1)
    return (batch << 48 | spread(x) << 2 | spread(y) << 1 | spread(z)).argsort(stable=True)


def _shorten_gaps(values: Tensor) -> Tensor:
    """Coordinates along one axis with empty stretches cut by multiples of MARGIN to at most 3 MARGIN. values: (N,)."""
    present, inverse = torch.unique(values, return_inverse=True)
    gaps = present.diff()
    cut = ((gaps - 2 * MARGIN).clamp(min=0) // MARGIN) * MARGIN
    return values - torch.cat([cut.new_zeros(1), cut.cumsum(0)])[inverse]


def own_steps(coordinates: Tensor, cells: Tensor) -> tuple[int, ...]:
    """What a key counts for each column of cells (N, 4) that USUAL_STEPS are too small for; shortens gaps in place.

    Raises ValueError where 62 bits cannot number the voxels.
    """
    def sizes() -> tuple[int, int, int, int]:
        return tuple(extent + (2 * MARGIN if axis else 1) for axis, extent in enumerate(cells.amax(0).tolist()))

    if math.prod(sizes()) >= KEY_LIMIT:
        for axis in (1, 2, 3):
            cells[:, axis] = _shorten_gaps(cells[:, axis])
    if math.prod(sizes()) >= KEY_LIMIT:
        low, high = coordinates.amin(0).tolist(), coordinates.amax(0).tolist()
        raise ValueError(f"coordinates from {low} to {high} (batch x y z) span too many voxels to be numbered")
    _, nx, ny, nz = sizes()
    return nx * ny * nz, ny * nz, nz, 1


def round_down(rows: Tensor, stride: int) -> Tensor:
    """A copy with x y z of rows (N, 4) at multiples of the stride, which is a power of two: it divides MARGIN."""
    rows = rows.clone()
    rows[:, 1:] &= -stride  # of negative numbers, too, the next multiple below
    return rows


@dataclass
class Sorted:
    """The keys of all rows at a tensor stride, ascending, the row of each, and whether it is the first of its key."""
    keys: Tensor
    order: Tensor
    first: Tensor

    @classmethod
    def of(cls, cells: Tensor, steps: tuple[int, ...], stride: int = 1) -> "Sorted":
        """cells: (N, 4) int64; their keys once they are rounded down to multiples of the stride."""
        if stride > 1:
            cells = round_down(cells, stride)
        keys, order = sum(cells[:, axis] * step for axis, step in enumerate(steps)).sort()
        first = torch.ones_like(keys, dtype=torch.bool)
        first[1:] = keys[1:] != keys[:-1]
        return cls(keys, order, first)

    def distinct(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        """Each key once and a row of each. count: how many there are; without it a GPU must be waited for."""
        if count is None:
            places = self.first.nonzero().squeeze(1)
        else:
            target = torch.where(self.first, self.first.cumsum(0) - 1, count)  # the last place takes all others
            rows = torch.arange(len(target), device=target.device)
            places = rows.new_empty(count + 1).scatter_(0, target, rows)[:count]
        return self.keys[places], self.order[places]


def kernel_shifts(steps: tuple[int, ...], reach: int, kernel_size: int) -> list[int]:
    """What each offset of a cubic kernel adds to a key; reach: voxels from one offset to the next."""
    steps = [step * reach for step in steps[1:]]
    return [sum(d * step for d, step in zip(offset, steps)) for offset in kernel_offsets(kernel_size)]


def kernel_offsets(kernel_size: int) -> list[tuple[int, int, int]]:
    """Offsets (x, y, z) of a cubic kernel in MinkowskiEngine's order, x fastest.

    Odd sizes are centred (-k//2 .. k//2), even ones start at 0 (0 .. k-1).
    """
    first = -(kernel_size // 2) if kernel_size % 2 else 0
    steps = range(first, first + kernel_size)
    return [(x, y, z) for z in steps for y in steps for x in steps]

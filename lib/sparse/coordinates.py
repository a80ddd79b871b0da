"""Coordinate maps of one batch, built once and kept: which rows exist at each tensor stride. With the kernel maps over
them (`kernel_maps`) they are a `CoordinateManager`.

Used by `SparseTensor`, the convolutions and `lib.prefetch`; nobody else needs to call it.
"""
import math
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from lib.sparse import cpu, gpu
from lib.sparse.kernel_maps import KernelMap, Neighbours, kernel_offsets, neighbour_table, path_for, reverse_table

__all__ = ["CoordinateManager", "CoordinateMap", "KernelMap", "MapPlan", "Neighbours", "kernel_offsets",
           "neighbour_table", "reverse_table"]

MARGIN = 1024  # voxels; kernels reach less far than this, and every tensor stride divides it
KEY_LIMIT = 2**62
# what a key counts for each scene, x, y and z: room for 16,384 scenes of 60,000 voxels a side, whatever is in them
USUAL_STEPS = (2**48, 2**32, 2**16, 1)
USUAL_EXTENTS = (2**14, *[2**16 - MARGIN] * 3)  # cells below these


@dataclass
class CoordinateMap:
    """The rows of one tensor stride.

    coordinates: (N, 4) int32, batch x y z, in voxels of stride 1.
    cells: (N, 4) int64, the same shifted to be positive, empty stretches shortened: what the keys are made of.
    sorted_keys: (N,) int64, one number a row, ascending; order: (N,) int64, the row of each.
    """
    coordinates: Tensor
    cells: Tensor
    sorted_keys: Tensor
    order: Tensor


@dataclass(frozen=True)
class MapPlan:
    """What a network needs of a batch's manager: `CoordinateManager.plan()` of one batch, to make in the next at once.

    strides: tensor strides beside the first. kernel_maps: arguments of `kernel_map`, and for each of them what was made
    of its neighbours (names of `Neighbours`).
    """
    strides: tuple[int, ...] = ()
    kernel_maps: dict[tuple[int, int, int, int], tuple[str, ...]] = field(default_factory=dict)


def _shorten_gaps(values: Tensor) -> Tensor:
    """Coordinates along one axis with empty stretches cut by multiples of MARGIN to at most 3 MARGIN. values: (N,)."""
    present, inverse = torch.unique(values, return_inverse=True)
    gaps = present.diff()
    cut = ((gaps - 2 * MARGIN).clamp(min=0) // MARGIN) * MARGIN
    return values - torch.cat([cut.new_zeros(1), cut.cumsum(0)])[inverse]


def _own_steps(coordinates: Tensor, cells: Tensor) -> tuple[int, ...]:
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


def _round_down(rows: Tensor, stride: int) -> Tensor:
    """A copy with x y z of rows (N, 4) at multiples of the stride, which is a power of two: it divides MARGIN."""
    rows = rows.clone()
    rows[:, 1:] &= -stride  # of negative numbers, too, the next multiple below
    return rows


@dataclass
class _Sorted:
    """The keys of all rows at a tensor stride, ascending, the row of each, and whether it is the first of its key."""
    keys: Tensor
    order: Tensor
    first: Tensor

    @classmethod
    def of(cls, cells: Tensor, steps: tuple[int, ...], stride: int = 1) -> "_Sorted":
        """cells: (N, 4) int64; their keys once they are rounded down to multiples of the stride."""
        if stride > 1:
            cells = _round_down(cells, stride)
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


class CoordinateManager:
    """All coordinate maps and kernel maps of one batch, by tensor stride."""

    def __init__(self, coordinates: Tensor, tensor_stride: int = 1, plan: MapPlan | None = None):
        """coordinates: (N, 4) int32, batch x y z, unique rows, multiples of `tensor_stride`. plan: maps to make now.

        A GPU is waited for once, for all that the host must know. Raises ValueError for rows that occur twice or
        coordinates that are no multiples of the stride.
        """
        plan = plan or MapPlan()
        cells = coordinates.long()
        cells[:, 1:] -= cells[:, 1:].amin(0).div(MARGIN, rounding_mode="floor") * MARGIN - MARGIN
        cells[:, 0] -= cells[:, 0].amin()
        unaligned = (cells[:, 1:] % tensor_stride).amax() if tensor_stride > 1 else cells.new_zeros(())

        def survey() -> tuple[list[_Sorted], list[int]]:
            """The keys at each stride, and the largest cell (4), unaligned, distinct keys of each stride."""
            levels = [_Sorted.of(cells, self._steps, stride) for stride in (1, *plan.strides)]
            counts = torch.stack([unaligned, *(level.first.sum() for level in levels)])
            return levels, torch.cat([cells.amax(0), counts]).tolist()

        self._steps = USUAL_STEPS
        levels, known = survey()
        if known[4]:
            raise ValueError(f"coordinates are not multiples of their tensor stride {tensor_stride}")
        if any(largest >= extent for largest, extent in zip(known, USUAL_EXTENTS)):
            self._steps = _own_steps(coordinates, cells)
            levels, known = survey()
        if known[5] < len(coordinates):
            repeated = levels[0].order[levels[0].first.logical_not()]
            raise ValueError(f"coordinates occur twice, {len(repeated)} of {len(coordinates)}, e.g. "
                             f"{coordinates[repeated[0]].tolist()} (batch x y z): quantise the points first "
                             "(lib.sparse.quantize.sparse_quantize)")
        self._maps = {tensor_stride: CoordinateMap(coordinates, cells, levels[0].keys, levels[0].order)}
        for stride, level, count in zip(plan.strides, levels[1:], known[6:]):
            self._add(stride, self._maps[tensor_stride], level, count)
        self._kernel_maps: dict[tuple[int, int, int, int], KernelMap] = {}
        for key, names in plan.kernel_maps.items():
            kernel_map = self.kernel_map(*key)
            for name in names:
                getattr(kernel_map.neighbours, name)

    def plan(self) -> MapPlan:
        """All that has been made so far, for another batch of the same network."""
        given = {item.name for item in fields(Neighbours)}
        return MapPlan(tuple(self._maps)[1:],
                       {key: tuple(name for name in vars(made.neighbours) if name not in given)
                        for key, made in self._kernel_maps.items()})

    def has(self, tensor_stride: int) -> bool:
        """Whether rows of this tensor stride are known already."""
        return tensor_stride in self._maps

    def coordinates(self, tensor_stride: int) -> Tensor:
        """(N, 4) int32 coordinates of the rows at a tensor stride."""
        return self._maps[tensor_stride].coordinates

    def stride(self, tensor_stride: int, factor: int) -> int:
        """Make the rows `floor(c / s) * s` for s = tensor_stride * factor, once each; returns s."""
        coarse = tensor_stride * factor
        if coarse in self._maps:
            return coarse
        if MARGIN % coarse:
            raise ValueError(f"tensor stride {coarse} is not supported: it must divide {MARGIN}")
        fine = self._maps[tensor_stride]
        self._add(coarse, fine, _Sorted.of(fine.cells, self._steps, coarse))
        return coarse

    def _add(self, stride: int, fine: CoordinateMap, level: _Sorted, count: int | None = None) -> None:
        """Make the rows of a stride from a finer map and its keys there, in the order of the keys."""
        keys, rows = level.distinct(count)  # any row of a coarse cell stands for it
        coordinates, cells = (_round_down(part[rows], stride) for part in (fine.coordinates, fine.cells))
        self._maps[stride] = CoordinateMap(coordinates, cells, keys, torch.arange(len(keys), device=keys.device))

    def kernel_map(self, in_stride: int, out_stride: int, kernel_size: int, dilation: int = 1) -> KernelMap:
        """Pairs (input row, output row) with input = output + offset * in_stride * dilation, per kernel offset."""
        key = (in_stride, out_stride, kernel_size, dilation)
        if key not in self._kernel_maps:
            self._kernel_maps[key] = self._build_kernel_map(*key)
        return self._kernel_maps[key]

    def neighbour_arguments(self, in_stride: int, out_stride: int, kernel_size: int, dilation: int = 1) -> tuple:
        """The arguments of `neighbour_table` for these coordinate maps and this kernel."""
        source, target = self._maps[in_stride], self._maps[out_stride]
        step = in_stride * dilation
        if kernel_size * step >= MARGIN:
            raise ValueError(f"kernel size {kernel_size} with dilation {dilation} at tensor stride {in_stride} reaches "
                             f"beyond {MARGIN} voxels")
        steps = [s * step for s in self._steps[1:]]
        shifts = [sum(d * s for d, s in zip(offset, steps)) for offset in kernel_offsets(kernel_size)]
        symmetric = source is target and kernel_size % 2 == 1
        return source.sorted_keys, source.order, target.sorted_keys, target.order, shifts, symmetric

    def _build_kernel_map(self, in_stride: int, out_stride: int, kernel_size: int, dilation: int) -> KernelMap:
        arguments = self.neighbour_arguments(in_stride, out_stride, kernel_size, dilation)
        make = path_for(arguments[0], cpu.neighbour_table, gpu.neighbour_table, neighbour_table)
        return KernelMap(Neighbours(make(*arguments), len(arguments[0]), arguments[-1]))

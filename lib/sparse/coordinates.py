"""Coordinate maps and kernel maps of one batch, built once and kept: which rows exist at each tensor stride, and which
input row meets which output row under each kernel offset.

Used by `SparseTensor` and the convolutions; nobody else needs to call it.
"""
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lib.sparse import cpu, engine, gpu

MARGIN = 1024  # voxels; kernels reach less far than this, and every tensor stride divides it
KEY_LIMIT = 2**62


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


@dataclass
class Neighbours:
    """The rows that meet under each kernel offset, whichever side is the input.

    table: (K, N_out) int32, the row of the input under offset k of each output row, -1 where there is none. Under one
    offset no row occurs twice on either side.
    symmetric: input and output rows are the same and offset K-1-k is the opposite of k.
    """
    table: Tensor
    num_inputs: int
    symmetric: bool = False

    @cached_property
    def reverse(self) -> Tensor:
        """(K, N_in) int32, the row of the output under offset k of each input row."""
        make = _path(self.table.new_empty(0, dtype=torch.int64), cpu.reverse_table, gpu.reverse_table, reverse_table)
        return make(self.table, self.num_inputs)

    @cached_property
    def pairs(self) -> tuple[list[Tensor], list[Tensor]]:
        """Input rows and output rows (M_k,) int64 of each offset: what the reference path works on."""
        outputs = [line.ge(0).nonzero().squeeze(1) for line in self.table]
        return [line[rows].long() for line, rows in zip(self.table, outputs)], outputs

    @cached_property
    def schedule(self) -> gpu.Schedule:
        """The table as the GPU path goes through it."""
        return gpu.Schedule.of(self.table)

    @cached_property
    def reverse_schedule(self) -> gpu.Schedule:
        """The reverse table as the GPU path goes through it."""
        return gpu.Schedule.of(self.reverse)

    @cached_property
    def compacted(self) -> gpu.Pairs:
        """What the GPU path's weight gradient goes through."""
        return gpu.Pairs.of(self.table)


@dataclass
class KernelMap:
    """What a convolution needs to know about rows: `neighbours`, and which side of them is the input."""
    neighbours: Neighbours
    is_transposed: bool = False

    @property
    def table(self) -> Tensor:
        """(K, N_out) int32 input rows, -1 where there is none; line k belongs to offset K-1-k where `flipped`."""
        return self.neighbours.reverse if self.is_transposed and not self.flipped else self.neighbours.table

    @property
    def schedule(self) -> gpu.Schedule:
        """`table` as the GPU path goes through it."""
        back = self.is_transposed and not self.flipped
        return self.neighbours.reverse_schedule if back else self.neighbours.schedule

    @property
    def flipped(self) -> bool:
        """A symmetric map seen from its inputs is the map itself with opposite offsets."""
        return self.is_transposed and self.neighbours.symmetric

    inputs = property(lambda self: self.neighbours.pairs[self.is_transposed])
    outputs = property(lambda self: self.neighbours.pairs[not self.is_transposed])

    @property
    def num_outputs(self) -> int:
        """Rows of the convolution's output."""
        return self.neighbours.num_inputs if self.is_transposed else self.neighbours.table.shape[1]

    def transposed(self) -> "KernelMap":
        """The map of the transposed convolution: input and output swapped, offsets in the same order."""
        return KernelMap(self.neighbours, not self.is_transposed)


def _path(keys: Tensor, compiled: Callable, on_gpu: Callable, reference: Callable) -> Callable:
    """The one of three functions that serves keys (int64) under the engine chosen."""
    return compiled if engine.on_cpu_path(keys) else on_gpu if engine.on_gpu_path(keys) else reference


def neighbour_table(source_keys: Tensor, source_order: Tensor, target_keys: Tensor, target_order: Tensor,
                    shifts: list[int], symmetric: bool) -> Tensor:
    """(K, N_target) int32 rows of the source whose key is the target's + shifts[k], -1 where there is none.

    Keys are sorted, `order` gives the row of each. symmetric: shifts[K-1-k] is -shifts[k] and both sides are the same.
    """
    table = torch.full((len(shifts), len(target_keys)), -1, dtype=torch.int32, device=target_keys.device)
    for k, shift in enumerate(shifts[:len(shifts) // 2 + 1] if symmetric else shifts):
        wanted = target_keys + shift
        place = torch.searchsorted(source_keys, wanted).clamp_(max=len(source_keys) - 1)
        found = (source_keys[place] == wanted).nonzero().squeeze(1)
        inputs, outputs = source_order[place[found]], target_order[found]
        table[k, outputs] = inputs.int()
        if symmetric:
            table[-1 - k, inputs] = outputs.int()
    return table


def reverse_table(table: Tensor, num_inputs: int) -> Tensor:
    """The same map from its inputs: (K, N_in) int32 output rows, -1 where there is none."""
    reverse = table.new_full((len(table), num_inputs), -1)
    offset, output = table.ge(0).nonzero(as_tuple=True)
    reverse[offset, table[offset, output].long()] = output.int()
    return reverse


def kernel_offsets(kernel_size: int) -> list[tuple[int, int, int]]:
    """Offsets (x, y, z) of a cubic kernel in MinkowskiEngine's order, x fastest.

    Odd sizes are centred (-k//2 .. k//2), even ones start at 0 (0 .. k-1).
    """
    first = -(kernel_size // 2) if kernel_size % 2 else 0
    steps = range(first, first + kernel_size)
    return [(x, y, z) for z in steps for y in steps for x in steps]


def _shorten_gaps(values: Tensor) -> Tensor:
    """Coordinates along one axis with empty stretches cut by multiples of MARGIN to at most 3 MARGIN. values: (N,)."""
    present, inverse = torch.unique(values, return_inverse=True)
    gaps = present.diff()
    cut = ((gaps - 2 * MARGIN).clamp(min=0) // MARGIN) * MARGIN
    return values - torch.cat([cut.new_zeros(1), cut.cumsum(0)])[inverse]


class CoordinateManager:
    """All coordinate maps and kernel maps of one batch, by tensor stride."""

    def __init__(self, coordinates: Tensor, tensor_stride: int = 1):
        """coordinates: (N, 4) int32, batch x y z, unique rows, multiples of `tensor_stride`.

        Raises ValueError for rows that occur twice or coordinates that are no multiples of the stride.
        """
        cells = coordinates.long()
        if tensor_stride > 1 and (cells[:, 1:] % tensor_stride).any():
            raise ValueError(f"coordinates are not multiples of their tensor stride {tensor_stride}")
        cells[:, 1:] -= cells[:, 1:].amin(0).div(MARGIN, rounding_mode="floor") * MARGIN - MARGIN
        cells[:, 0] -= cells[:, 0].amin()
        if self._volume(cells) >= KEY_LIMIT:
            for axis in (1, 2, 3):
                cells[:, axis] = _shorten_gaps(cells[:, axis])
        if self._volume(cells) >= KEY_LIMIT:
            low, high = coordinates.amin(0).tolist(), coordinates.amax(0).tolist()
            raise ValueError(f"coordinates from {low} to {high} (batch x y z) span too many voxels to be numbered")
        _, ny, nz = (cells[:, 1:].amax(0) + 2 * MARGIN).tolist()
        nx = int(cells[:, 1].amax()) + 2 * MARGIN
        self._steps = [nx * ny * nz, ny * nz, nz, 1]
        self._maps: dict[int, CoordinateMap] = {}
        self._kernel_maps: dict[tuple[int, int, int, int], KernelMap] = {}
        self._maps[tensor_stride] = base = self._coordinate_map(coordinates, cells)
        repeated = base.sorted_keys[1:] == base.sorted_keys[:-1]
        if repeated.any():
            row = coordinates[base.order[1:][repeated][0]].tolist()
            raise ValueError(f"coordinates occur twice, {int(repeated.sum())} of {len(coordinates)}, e.g. {row} "
                             "(batch x y z): quantise the points first (lib.sparse.quantize.sparse_quantize)")

    @staticmethod
    def _volume(cells: Tensor) -> int:
        volume = 1
        for axis, extent in enumerate(cells.amax(0).tolist()):
            volume *= extent + (2 * MARGIN if axis else 1)
        return volume

    def _coordinate_map(self, coordinates: Tensor, cells: Tensor) -> CoordinateMap:
        return CoordinateMap(coordinates, cells, *self._keys(cells).sort())

    def _keys(self, cells: Tensor) -> Tensor:
        return sum(cells[:, axis] * step for axis, step in enumerate(self._steps))

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
        cells = fine.cells.clone()
        cells[:, 1:] -= cells[:, 1:] % coarse
        sorted_keys, order = self._keys(cells).sort()
        first = torch.ones_like(sorted_keys, dtype=torch.bool)
        first[1:] = sorted_keys[1:] != sorted_keys[:-1]
        rows, keys = order[first], sorted_keys[first]  # any row of a coarse cell stands for it
        coordinates = fine.coordinates[rows]
        coordinates[:, 1:] = coordinates[:, 1:].div(coarse, rounding_mode="floor") * coarse
        self._maps[coarse] = CoordinateMap(coordinates, cells[rows], keys, torch.arange(len(keys), device=keys.device))
        return coarse

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
        make = _path(arguments[0], cpu.neighbour_table, gpu.neighbour_table, neighbour_table)
        return KernelMap(Neighbours(make(*arguments), len(arguments[0]), arguments[-1]))

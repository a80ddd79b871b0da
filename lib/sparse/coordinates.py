"""Coordinate maps of one batch, built once and kept: which rows exist at each tensor stride. With the kernel maps over
them (`kernel_maps`) they are a `CoordinateManager`.

Used by `SparseTensor`, the convolutions and `lib.prefetch`; nobody else needs to call it.
"""
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from lib.sparse.chooser import path_of
from lib.sparse.kernel_maps import KernelMap, Neighbours
from lib.sparse.keys import (
    MARGIN,
    USUAL_EXTENTS,
    USUAL_STEPS,
    Sorted,
    cells_of,
    kernel_shifts,
    near_order,
    own_steps,
    round_down,
)


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


class _Permute(torch.autograd.Function):
    """Rows of x (N, C) in another order, and the gradient's rows back."""

    @staticmethod
    def forward(ctx, x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        ctx.order, ctx.inverse = order, inverse
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx, grad: Tensor):
        return _Permute.apply(grad, ctx.inverse, ctx.order), None, None


class CoordinateManager:
    """All coordinate maps and kernel maps of one batch, by tensor stride.

    On a CPU the rows inside, of the maps here and of all features between layers, are in an order in which near voxels
    follow each other, whatever order they were given in: `rows_inside` and `rows_as_given` lead there and back.
    """

    def __init__(self, coordinates: Tensor, tensor_stride: int = 1, plan: MapPlan | None = None):
        """coordinates: (N, 4) int32, batch x y z, unique rows, multiples of `tensor_stride`. plan: maps to make now.

        A GPU is waited for once, for all that the host must know. Raises ValueError for rows that occur twice or
        coordinates that are no multiples of the stride.
        """
        plan = plan or MapPlan()
        self._stride_given, self._coordinates_given, self._order = tensor_stride, coordinates, None
        cells = cells_of(coordinates)
        if coordinates.device.type == "cpu":
            order = near_order(cells)
            if not torch.equal(order, torch.arange(len(order))):
                self._order, self._inverse = order, torch.empty_like(order)
                self._inverse[order] = torch.arange(len(order))
                coordinates, cells = coordinates[order], cells[order]
        unaligned = (cells[:, 1:] % tensor_stride).amax() if tensor_stride > 1 else cells.new_zeros(())

        def survey() -> tuple[list[Sorted], list[int]]:
            """The keys at each stride, and the largest cell (4), unaligned, distinct keys of each stride."""
            levels = [Sorted.of(cells, self._steps, stride) for stride in (1, *plan.strides)]
            counts = torch.stack([unaligned, *(level.first.sum() for level in levels)])
            return levels, torch.cat([cells.amax(0), counts]).tolist()

        self._steps = USUAL_STEPS
        levels, known = survey()
        if known[4]:
            raise ValueError(f"coordinates are not multiples of their tensor stride {tensor_stride}")
        if any(largest >= extent for largest, extent in zip(known, USUAL_EXTENTS)):
            self._steps = own_steps(coordinates, cells)
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
        """(N, 4) int32 coordinates of the rows at a tensor stride, as they were given."""
        if tensor_stride == self._stride_given:
            return self._coordinates_given
        return self._maps[tensor_stride].coordinates

    def rows_inside(self, features: Tensor, tensor_stride: int) -> Tensor:
        """Features (N, C) whose rows are those of `coordinates`, in the order of the maps."""
        if tensor_stride != self._stride_given or self._order is None:
            return features
        return _Permute.apply(features, self._order, self._inverse)

    def rows_as_given(self, features: Tensor, tensor_stride: int) -> Tensor:
        """The way back: features (N, C) in the order of the maps, row for row with `coordinates`."""
        if tensor_stride != self._stride_given or self._order is None:
            return features
        return _Permute.apply(features, self._inverse, self._order)

    def stride(self, tensor_stride: int, factor: int) -> int:
        """Make the rows `floor(c / s) * s` for s = tensor_stride * factor, once each; returns s."""
        coarse = tensor_stride * factor
        if coarse in self._maps:
            return coarse
        if MARGIN % coarse:
            raise ValueError(f"tensor stride {coarse} is not supported: it must divide {MARGIN}")
        fine = self._maps[tensor_stride]
        self._add(coarse, fine, Sorted.of(fine.cells, self._steps, coarse))
        return coarse

    def _add(self, stride: int, fine: CoordinateMap, level: Sorted, count: int | None = None) -> None:
        """Make the rows of a stride from a finer map and its keys there, in the order of the keys or of near rows."""
        keys, rows = level.distinct(count)  # any row of a coarse cell stands for it
        order = torch.arange(len(keys), device=keys.device)
        if keys.device.type == "cpu":  # near fine rows follow each other, so coarse ones do
            rows, place = rows.sort()
            order = torch.empty_like(place).scatter_(0, place, order)
        coordinates, cells = (round_down(part[rows], stride) for part in (fine.coordinates, fine.cells))
        self._maps[stride] = CoordinateMap(coordinates, cells, keys, order)

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
        shifts = kernel_shifts(self._steps, step, kernel_size)
        symmetric = source is target and kernel_size % 2 == 1
        return source.sorted_keys, source.order, target.sorted_keys, target.order, shifts, symmetric

    def _build_kernel_map(self, in_stride: int, out_stride: int, kernel_size: int, dilation: int) -> KernelMap:
        arguments = self.neighbour_arguments(in_stride, out_stride, kernel_size, dilation)
        path = path_of(arguments[0])
        table = path.neighbour_table(*arguments)
        return KernelMap(Neighbours(table, len(arguments[0]), path.reverse_table, symmetric=arguments[-1]))

"""Coordinate maps and kernel maps of one batch, built once and kept: which rows exist at each tensor stride, and which
input row meets which output row under each kernel offset.

Used by `SparseTensor` and the convolutions; nobody else needs to call it.
"""
from dataclasses import dataclass

import torch
from torch import Tensor

MARGIN = 1024  # voxels; kernels reach less far than this, and every tensor stride divides it
KEY_LIMIT = 2**62


@dataclass
class CoordinateMap:
    """The rows of one tensor stride.

    coordinates: (N, 4) int32, batch x y z, in voxels of stride 1.
    cells: (N, 4) int64, the same shifted to be positive, empty stretches shortened: what the keys are made of.
    keys: (N,) int64, one number a row; sorted_keys and order: `keys[order] == sorted_keys`.
    """
    coordinates: Tensor
    cells: Tensor
    keys: Tensor
    sorted_keys: Tensor
    order: Tensor


@dataclass
class KernelMap:
    """For each kernel offset k, the rows that meet under it: `inputs[k]` (M_k,) and `outputs[k]` (M_k,), int64.

    Under one offset no row occurs twice on either side.
    """
    inputs: list[Tensor]
    outputs: list[Tensor]
    num_inputs: int
    num_outputs: int

    def transposed(self) -> "KernelMap":
        """The map of the transposed convolution: input and output swapped, offsets in the same order."""
        return KernelMap(self.outputs, self.inputs, self.num_outputs, self.num_inputs)


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
        self._steps = torch.tensor([nx * ny * nz, ny * nz, nz, 1], device=cells.device)
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
        keys = self._keys(cells)
        sorted_keys, order = keys.sort()
        return CoordinateMap(coordinates, cells, keys, sorted_keys, order)

    def _keys(self, cells: Tensor) -> Tensor:
        return (cells * self._steps).sum(1)

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
        _, inverse = torch.unique(self._keys(cells), return_inverse=True)
        rows = torch.empty(int(inverse.max()) + 1, dtype=torch.long, device=cells.device)
        rows[inverse] = torch.arange(len(inverse), device=cells.device)  # any row of a coarse cell stands for it
        coordinates = fine.coordinates[rows]
        coordinates[:, 1:] = coordinates[:, 1:].div(coarse, rounding_mode="floor") * coarse
        self._maps[coarse] = self._coordinate_map(coordinates, cells[rows])
        return coarse

    def kernel_map(self, in_stride: int, out_stride: int, kernel_size: int, dilation: int = 1) -> KernelMap:
        """Pairs (input row, output row) with input = output + offset * in_stride * dilation, per kernel offset."""
        key = (in_stride, out_stride, kernel_size, dilation)
        if key not in self._kernel_maps:
            self._kernel_maps[key] = self._build_kernel_map(*key)
        return self._kernel_maps[key]

    def _build_kernel_map(self, in_stride: int, out_stride: int, kernel_size: int, dilation: int) -> KernelMap:
        source, target = self._maps[in_stride], self._maps[out_stride]
        step = in_stride * dilation
        if kernel_size * step >= MARGIN:
            raise ValueError(f"kernel size {kernel_size} with dilation {dilation} at tensor stride {in_stride} reaches "
                             f"beyond {MARGIN} voxels")
        steps = [s * step for s in self._steps[1:].tolist()]
        offsets = kernel_offsets(kernel_size)
        volume = len(offsets)
        inputs: list = [None] * volume
        outputs: list = [None] * volume
        # A centred kernel that keeps the rows is its own mirror: pairs of offset -d are those of d, swapped.
        mirrored = source is target and kernel_size % 2 == 1
        for k in range(volume // 2 + 1 if mirrored else volume):
            wanted = target.sorted_keys + sum(d * s for d, s in zip(offsets[k], steps))
            place = torch.searchsorted(source.sorted_keys, wanted).clamp_(max=len(source.keys) - 1)
            found = (source.sorted_keys[place] == wanted).nonzero().squeeze(1)
            inputs[k] = source.order[place[found]]
            outputs[k] = target.order[found]
            if mirrored:
                inputs[volume - 1 - k], outputs[volume - 1 - k] = outputs[k], inputs[k]
        return KernelMap(inputs, outputs, len(source.keys), len(target.keys))

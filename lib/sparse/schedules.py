"""What the GPU path's kernels go through, made of a neighbour table: `Schedule` for sums, `Pairs` for weight gradients.

In torch operations that never wait for the device: no size here depends on its values.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 2**23  # elements of a temporary: offsets are taken together until they reach it
GROUP = 128  # output rows that share a list of offsets; the rows of a tile divide it
WORD = 62  # offsets whose bits share one int64 of a mask


def lines_at_once(count: int, length: int) -> Iterator[slice]:
    """Slices of `count` lines, as many at once as CHUNK allows, at least one."""
    step = max(1, CHUNK // max(1, length))
    return (slice(first, min(first + step, count)) for first in range(0, count, step))


@dataclass
class Schedule:
    """The output rows in an order that puts rows with the same offsets side by side, in T groups of GROUP.

    order: (N,) int32, the row at each place. counts: (T,) int32, how many offsets any row of a group has; offsets:
    (T, K) int32, these first. inputs: (T, K, GROUP) int32, under each of them the input row of each place, or -1.
    """
    order: Tensor
    counts: Tensor
    offsets: Tensor
    inputs: Tensor

    @classmethod
    def of(cls, table: Tensor) -> "Schedule":
        """Of a neighbour table (K, N) int32: its columns sorted by the bits of the offsets that they have."""
        volume, length = table.shape
        order = None
        for first in range(0, volume, WORD):  # the last word sorted by decides first
            bits = table.new_zeros(length, dtype=torch.int64)
            for bit, line in enumerate(table[first:first + WORD]):
                bits |= line.ge(0).long() << bit
            order = bits.argsort(stable=True) if order is None else order[bits[order].argsort(stable=True)]
        groups = -(-length // GROUP)
        columns = table.new_full((volume, groups * GROUP), -1)
        for lines in lines_at_once(volume, length):
            columns[lines, :length] = table[lines].index_select(1, order)
        columns = columns.view(volume, groups, GROUP).transpose(0, 1)  # (T, K, GROUP)
        present = columns.amax(2) >= 0
        # a stable sort moves the offsets that are present to the front and keeps their order
        offsets = present.logical_not().to(torch.uint8).argsort(dim=1, stable=True).contiguous()  # (T, K)
        inputs = columns.gather(1, offsets[:, :, None].expand(-1, -1, GROUP)).contiguous()
        return cls(order.int(), present.sum(1, dtype=torch.int32), offsets.int(), inputs)


@dataclass
class Pairs:
    """The rows that meet under each offset, without gaps.

    inputs, outputs: (K, N) int32, of which the first counts[k] of line k belong together, outputs ascending, the rest
    is of no use; counts: (K,) int32.
    """
    inputs: Tensor
    outputs: Tensor
    counts: Tensor

    @classmethod
    def of(cls, table: Tensor) -> "Pairs":
        """Of a neighbour table (K, N) int32."""
        volume, length = table.shape
        inputs, outputs = (table.new_zeros(volume, length + 1) for _ in range(2))  # the last column takes the gaps
        counts = table.new_empty(volume)
        rows = torch.arange(length, dtype=torch.int32, device=table.device)
        for lines in lines_at_once(volume, length):
            present = table[lines] >= 0
            ends = present.cumsum(1)
            counts[lines] = ends[:, -1]
            place = torch.where(present, ends - 1, length)
            inputs[lines].scatter_(1, place, table[lines])
            outputs[lines].scatter_(1, place, rows.expand_as(present))
        return cls(inputs, outputs, counts)

"""Kernel maps for the GPU path in torch operations that never wait for the device: no size here depends on its values.

`neighbour_table` and `reverse_table` are those of `coordinates.py`; `Schedule` and `Pairs` are what the kernels read.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 2**23  # elements of a temporary: offsets are taken together until they reach it
GROUP = 128  # output rows that share a list of offsets; the rows of a tile divide it
WORD = 62  # offsets whose bits share one int64 of a mask


def _lines(count: int, length: int) -> Iterator[slice]:
    """Slices of `count` lines, as many at once as CHUNK allows, at least one."""
    step = max(1, CHUNK // max(1, length))
    return (slice(first, min(first + step, count)) for first in range(0, count, step))


def neighbour_table(source_keys: Tensor, source_order: Tensor, target_keys: Tensor, target_order: Tensor,
                    shifts: list[int], symmetric: bool) -> Tensor:
    """(K, N_target) int32 rows of the source whose key is the target's + shifts[k], -1 where there is none.

    Keys are sorted, `order` gives the row of each. symmetric: shifts[K-1-k] is -shifts[k] and both sides are the same.
    One search serves all offsets; of a symmetric map it looks for half of them.
    """
    volume, inputs, outputs = len(shifts), len(source_keys), len(target_keys)
    half = volume // 2 + 1 if symmetric else volume
    # one column more than rows: what belongs nowhere is written there
    table = torch.full((volume, outputs + 1), -1, dtype=torch.int32, device=target_keys.device)
    steps = torch.tensor(shifts[:half]).to(target_keys.device, non_blocking=True)
    source_rows, columns = source_order.int(), target_order.expand(half, outputs)
    for lines in _lines(half, outputs):
        wanted = target_keys + steps[lines, None]
        place = torch.searchsorted(source_keys, wanted).clamp_(max=inputs - 1)
        rows = torch.where(source_keys[place] == wanted, source_rows[place], -1)
        table[lines].scatter_(1, columns[lines], rows)
        if symmetric:
            mirror = table[volume - lines.stop:volume - lines.start].flip(0)
            mirror.scatter_(1, torch.where(rows < 0, outputs, rows).long(), columns[lines].int())
            table[volume - lines.stop:volume - lines.start] = mirror.flip(0)
    return table[:, :outputs].contiguous()


def reverse_table(table: Tensor, num_inputs: int) -> Tensor:
    """The same map from its inputs: (K, N_in) int32 output rows, -1 where there is none."""
    volume, outputs = table.shape
    reverse = table.new_full((volume, num_inputs + 1), -1)
    rows = torch.arange(outputs, dtype=torch.int32, device=table.device)
    for lines in _lines(volume, outputs):
        column = torch.where(table[lines] < 0, num_inputs, table[lines]).long()
        reverse[lines].scatter_(1, column, rows.expand_as(table[lines]))
    return reverse[:, :num_inputs].contiguous()


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
        for lines in _lines(volume, length):
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
        for lines in _lines(volume, length):
            present = table[lines] >= 0
            ends = present.cumsum(1)
            counts[lines] = ends[:, -1]
            place = torch.where(present, ends - 1, length)
            inputs[lines].scatter_(1, place, table[lines])
            outputs[lines].scatter_(1, place, rows.expand_as(present))
        return cls(inputs, outputs, counts)

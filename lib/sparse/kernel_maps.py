"""Kernel maps: which input row meets which output row under each kernel offset, and what the paths make of them.

`CoordinateManager.kernel_map` builds them; the convolutions and `SparseTensor` are all that use them.
"""
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lib.sparse import cpu, engine, gpu


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
        make = path_for(self.table.new_empty(0, dtype=torch.int64), cpu.reverse_table, gpu.reverse_table, reverse_table)
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


def path_for(keys: Tensor, compiled: Callable, on_gpu: Callable, reference: Callable) -> Callable:
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

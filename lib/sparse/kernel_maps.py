"""Kernel maps: which input row meets which output row under each kernel offset, and what the paths work on of it.

Data: `CoordinateManager.kernel_map` makes them by the path that is chosen, the paths compute over them.
"""
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from lib.sparse.schedules import Pairs, Schedule


@dataclass
class Neighbours:
    """The rows that meet under each kernel offset, whichever side is the input.

    table: (K, N_out) int32, the row of the input under offset k of each output row, -1 where there is none. Under one
    offset no row occurs twice on either side.
    reverse_table: that of the path which made the table.
    symmetric: input and output rows are the same and offset K-1-k is the opposite of k.
    kept: what a path has made of the table for itself.
    """
    table: Tensor
    num_inputs: int
    reverse_table: Callable[[Tensor, int], Tensor]
    symmetric: bool = False
    kept: dict[object, object] = field(default_factory=dict, repr=False)

    @cached_property
    def reverse(self) -> Tensor:
        """(K, N_in) int32, the row of the output under offset k of each input row."""
        return self.reverse_table(self.table, self.num_inputs)

    @cached_property
    def pairs(self) -> tuple[list[Tensor], list[Tensor]]:
        """Input rows and output rows (M_k,) int64 of each offset: what the reference path works on."""
        outputs = [line.ge(0).nonzero().squeeze(1) for line in self.table]
        return [line[rows].long() for line, rows in zip(self.table, outputs)], outputs

    @cached_property
    def schedule(self) -> Schedule:
        """The table as the GPU path goes through it."""
        return Schedule.of(self.table)

    @cached_property
    def reverse_schedule(self) -> Schedule:
        """The reverse table as the GPU path goes through it."""
        return Schedule.of(self.reverse)

    @cached_property
    def compacted(self) -> Pairs:
        """What the GPU path's weight gradient goes through."""
        return Pairs.of(self.table)


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
    def schedule(self) -> Schedule:
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

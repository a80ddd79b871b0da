"""Random draws for the voxels of a batch that several processes share: all draw the same for all, and take their own.

So what is drawn for a voxel does not depend on how many processes there are, and their generators stay alike.
"""
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor

_place: tuple[int, int] | None = None


@contextmanager
def part_of_batch(before: int, total: int) -> Iterator[None]:
    """Inside, this process's voxels are those from number `before` on, of `total` that all have together."""
    global _place
    _place = before, total
    try:
        yield
    finally:
        _place = None


def draw(rows: int, of_rows: Callable[[int], Tensor]) -> Tensor:
    """of_rows(n), which draws a tensor of n rows, for this process's own rows."""
    if _place is None:
        return of_rows(rows)
    before, total = _place
    return of_rows(total)[before:before + rows]

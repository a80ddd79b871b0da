"""Large scans in tiles: `for tile in cut(voxels, 500_000): ...`, `Blend` joins what a network says of each.

Columns in x and y that overlap. In a tile the network also sees a margin around what it answers for, and from one tile
to the next its answer fades out while the other's fades in, so that there is no seam. Voxels keep their coordinates, so
that the network's coarse levels lie as in the whole.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

FADE = 16  # voxels on either side of a cut over which answers pass from one tile to the other
MARGIN = 48  # voxels around them that the network sees besides
NARROWEST = 2 * FADE  # voxels between cuts: narrower tiles are all margin


@dataclass
class Tile:
    """rows: (n,) int64 voxels that the network sees, ascending. answered: (m,) int64 places in `rows` of those whose
    answer counts, and weights: (m,) float32 how much, above 0; over all tiles a voxel's are 1 together."""
    rows: np.ndarray
    answered: np.ndarray
    weights: np.ndarray


def cut(coordinates: np.ndarray, largest: int) -> Iterator[Tile]:
    """Tiles of at most `largest` voxels, as far as cuts `NARROWEST` apart allow; one where all fit.

    coordinates: (M, 3) integers, voxels.
    """
    everything = np.arange(len(coordinates))
    yield from _halves(coordinates[:, :2], everything, np.ones(len(coordinates), np.float32), largest,
                       np.full(2, -np.inf), np.full(2, np.inf))


def _halves(columns: np.ndarray, rows: np.ndarray, weights: np.ndarray, largest: int, low: np.ndarray,
            high: np.ndarray) -> Iterator[Tile]:
    """The tiles between the cuts `low` and `high` (x, y). rows, weights: of the voxels there and in the margin."""
    place = None
    if len(rows) > largest:
        place = _place_of_cut(columns[rows[weights > 0]], low, high)
    if place is None:
        answered = np.flatnonzero(weights > 0)
        yield Tile(rows, answered, weights[answered])
        return
    axis, at = place
    along = columns[rows, axis] + 0.5  # centres: a voxel on either side of the cut counts as half a voxel from it
    share = np.clip((along - at + FADE) / (2 * FADE), 0, 1).astype(np.float32)  # of the upper half
    reach = FADE + MARGIN
    for upper in (False, True):
        near = along >= at - reach if upper else along < at + reach
        part = weights[near] * (share[near] if upper else 1 - share[near])
        ends = low.copy(), high.copy()
        ends[0 if upper else 1][axis] = at
        yield from _halves(columns, rows[near], part, largest, *ends)


def _place_of_cut(columns: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[int, float] | None:
    """(axis, place): in the middle of the voxels along the longer side; None where the tile is too narrow to cut."""
    first, last = np.maximum(low, columns.min(0)), np.minimum(high, columns.max(0) + 1)
    axis = int(np.argmax(last - first))
    if last[axis] - first[axis] < 2 * NARROWEST:
        return None
    at = float(np.clip(np.median(columns[:, axis]), first[axis] + NARROWEST, last[axis] - NARROWEST))
    return axis, round(at)


class Blend:
    """Sums of what tiles say of rows, given back when all tiles have spoken, so that only the overlaps are kept."""

    def __init__(self):
        self._rows, self._weights, self._sums = np.empty(0, np.int64), np.empty(0), None

    def add(self, rows: np.ndarray, weights: np.ndarray, scores: Tensor) -> Iterator[tuple[np.ndarray, Tensor]]:
        """rows: (m,) int64 ascending; weights: (m,), scores: (m, C) of a tile. Yields (rows, scores) that are done."""
        whole = weights >= 1
        if whole.all():
            yield rows, scores
            return
        if whole.any():
            yield rows[whole], scores[torch.from_numpy(whole)]
        part = torch.from_numpy(np.flatnonzero(~whole)).to(scores.device)
        more = torch.from_numpy(weights[~whole]).to(scores)
        yield from self._join(rows[~whole], weights[~whole], scores[part] * more[:, None])

    def _join(self, rows: np.ndarray, weights: np.ndarray, scores: Tensor) -> Iterator[tuple[np.ndarray, Tensor]]:
        if self._sums is None:
            self._sums = scores.new_empty(0, scores.shape[1], dtype=torch.float16)
        together = np.union1d(self._rows, rows)
        sums = scores.new_zeros(len(together), scores.shape[1], dtype=torch.float16)
        total = np.zeros(len(together))
        for some, of_each, values in ((self._rows, self._weights, self._sums), (rows, weights, scores)):
            places = np.searchsorted(together, some)
            total[places] += of_each
            sums[torch.from_numpy(places).to(sums.device)] += values.half()
        done = total > 1 - 1e-4  # shares are float32
        if done.any():
            yield together[done], sums[torch.from_numpy(done).to(sums.device)].float()
        kept = torch.from_numpy(np.flatnonzero(~done)).to(sums.device)
        self._rows, self._weights, self._sums = together[~done], total[~done], sums[kept]

"""Test-time augmentation: `views(8)`, ways to look at a scan whose answers are averaged, always the same ones.

Where the voxels' grid lies is chance, and the network's coarse levels depend on it over 16 voxels: the views spread it
evenly over them (Halton's sequence). They are also turned, by the golden angle each, every other one is mirrored, and
two of three are a little larger or smaller: training shows scenes at all angles, so none is the better one.
"""
from dataclasses import dataclass

import numpy as np

COARSEST = 16  # voxels a side of the network's coarsest level
BASES = (2, 3, 5)  # of Halton's sequence, for x, y and z
GOLDEN = 0.3819660113  # of a turn: any number of such steps spreads the angles evenly
SCALES = (1.0, 0.97, 1.03)


@dataclass(frozen=True)
class View:
    """matrix: (3, 3), turns about z, mirrors and scales; None: leaves points as they are. shift: (3,) voxels, after it.
    """
    matrix: np.ndarray | None = None
    shift: tuple[float, ...] = (0.0, 0.0, 0.0)

    def __call__(self, points: np.ndarray, voxel_size: float) -> np.ndarray:
        """points: (N, 3) metres; the first view gives them back as they are."""
        if self.matrix is None:
            return points
        return points.astype(np.float64) @ self.matrix.T + np.multiply(self.shift, voxel_size)


def views(count: int) -> list[View]:
    """The first `count` views; the first is the scan as it is, so one view changes nothing."""
    return [View()] + [_view(k) for k in range(1, count)]


def _view(k: int) -> View:
    angle = 2 * np.pi * GOLDEN * k
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    mirror = np.diag([-1.0 if k % 2 else 1.0, 1.0, 1.0])
    return View(matrix @ mirror * SCALES[k % len(SCALES)], tuple(COARSEST * halton(k, base) for base in BASES))


def halton(k: int, base: int) -> float:
    """Element k of Halton's sequence (1960): k's digits mirrored at the point, in 0..1, evenly spread for any count."""
    value, share = 0.0, 1.0
    while k:
        share /= base
        value += share * (k % base)
        k //= base
    return value

"""Parts of a training scan that its scanner might have missed: `rows = kept_rows(points, rng, dropout=0.5, cutouts=4)`.

By `--point_dropout`, a share of all points: a scan may be sparse. By `--cutouts`, balls: a scan has holes.
"""
import numpy as np
from scipy.spatial import cKDTree

RADII = (0.1, 0.6)  # m, of a hole


def kept_rows(points: np.ndarray, rng: np.random.Generator, dropout: float = 0.0, cutouts: int = 0) -> np.ndarray:
    """Rows (K,) int64, ascending, of the points (N, 3), metres, that are left; at least one of them where there is one.

    dropout: each point goes with one probability for all, uniform in 0..dropout. cutouts: 0..cutouts holes, each
    number as probable, around points that are drawn; what lies within a radius uniform in `RADII` goes.
    """
    keep = np.ones(len(points), bool)
    if dropout and len(points):
        keep = rng.random(len(points)) >= rng.uniform(0, dropout)
    if cutouts and len(points):
        holes = int(rng.integers(cutouts + 1))
        centres, radii = rng.integers(len(points), size=holes), rng.uniform(*RADII, holes)
        if holes:
            for rows in cKDTree(points).query_ball_point(points[centres], radii):
                keep[rows] = False
    if len(points) and not keep.any():
        keep[rng.integers(len(points))] = True
    return np.flatnonzero(keep)

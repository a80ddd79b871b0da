"""Points on the faces of a mesh whose vertices are too far apart to be a scan; each surface as densely as any other."""
from collections.abc import Callable

import numpy as np

COARSE = 4  # voxels: half of a scan's surface is in smaller triangles
PER_VOXEL = 4  # points for the area of a voxel's side, so that hardly a voxel stays empty
MOST = 5_000_000  # points: 500 m2 at voxels of 2 cm; a larger surface is sampled more thinly
FAR_MORE = 50  # times as many: a surface that is no building's


def is_coarse(points: np.ndarray, faces: np.ndarray, voxel: float) -> bool:
    """Whether more than half of the surface is in triangles wider than `COARSE` voxels. voxel: in units of points."""
    areas = triangle_areas(points, faces)
    if not areas.sum() > 0:
        return False
    return bool(areas[2 * areas > (COARSE * voxel) ** 2].sum() > areas.sum() / 2)


def triangle_areas(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) areas, 0 where a corner is not finite."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    with np.errstate(invalid="ignore", over="ignore"):
        areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return np.where(np.isfinite(areas), areas, 0)


def sample_faces(points: np.ndarray, faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`count` places, evenly over the surface: points (S, 3), rows of faces (S,), weights of the corners (S, 3).

    No chance is in it: faces by equal steps along the summed area, places within by the R2 sequence (Roberts 2018).
    """
    ends = np.cumsum(triangle_areas(points, faces))
    rows = np.searchsorted(ends, (np.arange(count) + 0.5) * (ends[-1] / count))
    rows = np.minimum(rows, len(faces) - 1)
    steps = np.arange(1, count + 1)
    u, v = (0.5 + steps * 0.7548776662466927) % 1, (0.5 + steps * 0.5698402909980532) % 1
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    weights = np.stack([1 - u - v, u, v], 1)
    return np.einsum("sc,scd->sd", weights, points[faces[rows]]), rows, weights


def vertex_colors(count: int, faces: np.ndarray, paint: Callable) -> np.ndarray:
    """(N, 3) uint8 of each vertex, as a face that it is a corner of is painted there; grey where it is of none."""
    colors = np.full((count, 3), 128, np.uint8)
    for corner in (2, 1, 0):
        weights = np.zeros((len(faces), 3))
        weights[:, corner] = 1
        colors[faces[:, corner]] = paint(np.arange(len(faces)), weights)
    return colors


def blend(colors: np.ndarray, faces: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(S, 3) uint8 of places on faces, of the colours of the vertices (N, 3)."""
    return np.rint(np.einsum("sc,scd->sd", weights, colors[faces[rows]].astype(np.float64))).astype(np.uint8)

"""What the layout must know of a furniture model: boxes that it fills, and surfaces on which things can stand."""
import numpy as np

from datasets.synthetic.objects.shapes import Support

RASTER = 0.03  # m, cells in which a surface is looked for
SMALLEST = 0.12  # m, shorter side of a surface that carries anything
SAMPLES = 20_000


def sample_surface(triangles: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray, float]:
    """SAMPLES points (S, 3) spread over triangles (F, 3, 3), the size of their normals' z (S,), and m2 a point."""
    rng = np.random.default_rng(seed)
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    double = np.linalg.norm(normal, axis=1)
    face = rng.choice(len(triangles), SAMPLES, p=double / double.sum())
    u, v = rng.random((2, SAMPLES, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    a, b, c = np.moveaxis(triangles[face], 1, 0)
    return a + u * (b - a) + v * (c - a), np.abs(normal[face, 2]) / double[face], double.sum() / 2 / SAMPLES


def filled_boxes(points: np.ndarray) -> np.ndarray:
    """Boxes (P, 6) `x0 y0 z0 x1 y1 z1` around points (S, 3): one for each run of filled cells of a column.

    A seat goes under a table's top because the columns between its legs are empty there.
    """
    low, high = points.min(0), points.max(0)
    cells = np.clip(np.ceil((high - low) / 0.15), 1, 6).astype(int)
    index = np.minimum(((points - low) / np.maximum(high - low, 1e-6) * cells).astype(int), cells - 1)
    boxes = []
    for column in np.unique(index[:, :2], axis=0):
        rows = (index[:, :2] == column).all(1)
        levels = np.unique(index[rows, 2])
        for run in np.split(levels, np.flatnonzero(np.diff(levels) > 1) + 1):
            inside = points[rows & (index[:, 2] >= run[0]) & (index[:, 2] <= run[-1])]
            boxes.append(np.concatenate([inside.min(0), inside.max(0)]))
    return np.array(boxes)


def supports(points: np.ndarray, level_normal: np.ndarray, area: float, top: float | None) -> list[Support]:
    """Level surfaces among sampled points, large enough to carry things, with the free height above each.

    level_normal: (S,) size of the normals' z; area: m2 a point; top: height that the catalogue gives for what stands
    on the model, or None.
    """
    low, high = points.min(0), points.max(0)
    footprint = float(np.prod(high[:2] - low[:2]))
    levels = np.round(points[level_normal > 0.9, 2] / 0.01).astype(int)
    found = []
    for level in np.flatnonzero(np.bincount(np.maximum(levels, 0), minlength=1) * area > 0.12 * footprint) * 0.01:
        flat = (np.abs(points[:, 2] - level) < 0.012) & (level_normal > 0.9)
        above = (points[:, 2] > level + 0.025) & (points[:, 2] < level + 0.2)
        free = _raster(points[flat], low, high) & ~_raster(points[above], low, high)
        x0, y0, x1, y1 = largest_rectangle(free)
        box = np.array([x0, y0, x1, y1]) * RASTER + np.tile(low[:2], 2)
        if min(box[2] - box[0], box[3] - box[1]) < SMALLEST or level < 0.04:
            continue
        inside = (points[:, :2] > box[:2]).all(1) & (points[:, :2] < box[2:]).all(1)
        over = points[inside & (points[:, 2] > level + 0.025), 2]
        found.append(Support(*box, float(level), float(over.min() - level - 0.01) if len(over) else 1.5))
    if top is not None and not any(abs(s.z - top) < 0.06 for s in found):  # cushions are not level
        middle, half = (low + high)[:2] / 2, (high - low)[:2] * 0.35
        if 2 * half.min() > SMALLEST:
            found.append(Support(*(middle - half), *(middle + half), top, 1.5))
    return found


def _raster(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(X, Y) bool: which cells of the footprint hold a point."""
    shape = np.maximum(np.ceil((high - low)[:2] / RASTER).astype(int), 1)
    cells = np.zeros(shape, bool)
    index = np.minimum(((points[:, :2] - low[:2]) / RASTER).astype(int), shape - 1)
    cells[tuple(index.T)] = True
    return cells


def largest_rectangle(free: np.ndarray) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 (ends exclusive) of the largest rectangle of true cells of (X, Y); zeros where there is none."""
    best, found = 0, (0, 0, 0, 0)
    for x0 in range(len(free)):
        row = free[x0].copy()
        for x1 in range(x0 + 1, len(free) + 1):
            row &= free[x1 - 1]
            if not row.any():
                break
            edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
            starts, ends = edges[::2], edges[1::2]
            k = int((ends - starts).argmax())
            if (size := (x1 - x0) * int(ends[k] - starts[k])) > best:
                best, found = size, (x0, int(starts[k]), x1, int(ends[k]))
    return found

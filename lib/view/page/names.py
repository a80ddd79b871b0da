"""Where the page writes names into the picture: at parts of one class that hang together."""
import numpy as np

from datasets.geometry import connected

CELL = 0.08  # m
LEAST_CELLS = 6  # of a part: smaller ones get no name
MOST = 120  # names of a scan, those of the largest parts


def find_parts(points: np.ndarray, classes: np.ndarray) -> list[list[float]]:
    """[class index, x, y, z] of the parts, the largest first: the middle of a part, at nine tenths of its height.

    points: (N, 3) m; classes: (N,), -1 for none. A cell belongs to the class that most of its points have.
    """
    grid = np.floor(points / CELL).astype(np.int64)
    low = grid.min(0)
    grid -= low
    size = tuple((grid.max(0) + 1).tolist())
    keys, inverse = np.unique(np.ravel_multi_index(tuple(grid.T), size), return_inverse=True)
    cells = np.stack(np.unravel_index(keys, size), 1)  # (M, 3)
    base = int(classes.max()) + 2
    pairs, counts = np.unique(inverse.ravel() * base + classes + 1, return_counts=True)
    pairs = pairs[np.lexsort((-counts, pairs // base))]  # by cell, the most frequent class first
    kinds = pairs[np.unique(pairs // base, return_index=True)[1]] % base - 1  # (M,)
    part = connected(cells, kinds)
    order = np.argsort(part, kind="stable")
    groups = [group for group in np.split(order, np.flatnonzero(np.diff(part[order])) + 1)
              if len(group) >= LEAST_CELLS and kinds[group[0]] >= 0]
    groups.sort(key=lambda group: -len(group))
    found = []
    for group in groups[:MOST]:
        places = (cells[group] + low + 0.5) * CELL
        # on the part, not in a hollow beside it
        middle = places[np.argmin(np.linalg.norm(places[:, :2] - places[:, :2].mean(0), axis=1))]
        found.append([int(kinds[group[0]]), *np.round([*middle[:2], np.quantile(places[:, 2], 0.9)], 3).tolist()])
    return found

"""A scene of too many voxels, cut to those around a labelled one: `rows = around_a_label(coordinates, labels, 500_000,
rng)`, by `--max_scene_voxels` in a sample, and in a batch that memory was too small for.
"""
import numpy as np

from datasets.label_sets import IGNORE_LABEL


def around_a_label(coordinates: np.ndarray, labels: np.ndarray, most: int, rng: np.random.Generator,
                   ignore_label: int = IGNORE_LABEL) -> np.ndarray:
    """Rows (most,) int64, ascending, of the voxels nearest to a labelled one that is drawn, or to any where none has a
    label; all rows where there are no more. Of voxels as far as the last, those of the lowest rows.

    coordinates: (N, 3) voxels. labels: (N,) class index or ignore label.
    """
    if len(coordinates) <= most:
        return np.arange(len(coordinates))
    labelled = np.flatnonzero(labels != ignore_label)
    centre = rng.choice(labelled) if len(labelled) else rng.integers(len(coordinates))
    squares = np.square(coordinates - coordinates[centre], dtype=np.int64).sum(1)
    last = np.partition(squares, most - 1)[most - 1]
    within = squares < last
    within[np.flatnonzero(squares == last)[:most - int(within.sum())]] = True
    return np.flatnonzero(within)


def shares(sizes: list[int], total: int) -> list[int]:
    """What is left of scenes of these sizes where they may have `total` voxels together: the largest are cut, to one
    size, the others stay whole; each keeps at least one."""
    left, kept = total, dict.fromkeys(range(len(sizes)), 0)
    for place, k in enumerate(sorted(kept, key=lambda k: sizes[k])):
        kept[k] = max(1, min(sizes[k], left // (len(sizes) - place)))
        left -= kept[k]
    return list(kept.values())

"""Points to voxels, in numpy (data loader workers call it; tensors are for the engine, not for this file).

    voxels = sparse_quantize(np.floor(points / 0.02).astype(np.int32), labels=labels, num_classes=200)
    coordinates[voxels.index] are the voxels, voxel_values[voxels.inverse] brings them back to every point.
"""
from dataclasses import dataclass

import numpy as np


@dataclass
class Quantized:
    """index: (M,) int64, first point of each voxel. inverse: (N,) int64, voxel of each point.

    labels: (M,) int64 voxel labels, or None where no point labels were given.
    Voxels are in ascending order of their coordinates, first column first; the order of the points has no influence.
    """
    index: np.ndarray
    inverse: np.ndarray
    labels: np.ndarray | None = None


def sparse_quantize(coordinates: np.ndarray, labels: np.ndarray | None = None, num_classes: int | None = None,
                    ignore_label: int = -1) -> Quantized:
    """The distinct rows of integer coordinates, and the way back.

    coordinates: (N, D) integers, in voxels, may be negative; D is 3, or 4 with the batch index first.
    labels: (N,) class indices 0..num_classes-1, or `ignore_label`. A voxel gets the class most of its labelled points
    have, the smallest class where several have as many, and `ignore_label` only if none of its points is labelled.
    Raises ValueError for another shape or type, labels out of range, and extents whose product needs over 63 bits.
    """
    coordinates = np.asarray(coordinates)
    if coordinates.ndim != 2 or coordinates.dtype.kind != "i":
        raise ValueError(f"coordinates are (N, D) signed integers, got {coordinates.shape} {coordinates.dtype}")
    key, order = _sort(_pack(coordinates))
    starts = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=starts[1:])
    inverse = np.empty(len(key), dtype=np.int64)
    inverse[order] = np.cumsum(starts) - 1
    index = order[starts]
    voxel_labels = None
    if labels is not None:
        if num_classes is None:
            raise ValueError("labels need num_classes")
        voxel_labels = vote(labels, inverse, len(index), num_classes, ignore_label)
    return Quantized(index, inverse, voxel_labels)


def vote(labels: np.ndarray, inverse: np.ndarray, count: int, num_classes: int, ignore_label: int = -1) -> np.ndarray:
    """Majority label of each voxel among its labelled points, ties to the smallest class; `ignore_label` if none is.

    labels: (N,) integers. inverse: (N,) voxel of each point, 0..count-1. Returns (count,) int64.
    """
    labels = np.asarray(labels).astype(np.int64)
    if labels.shape != inverse.shape:
        raise ValueError(f"{labels.shape} labels for {inverse.shape} points")
    labelled = labels != ignore_label
    if not labelled.all():
        labels, inverse = labels[labelled], inverse[labelled]
    if len(labels) and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(f"labels {labels.min()}..{labels.max()} are outside 0..{num_classes - 1} "
                         f"and not the ignore label {ignore_label}")
    result = np.full(count, ignore_label, dtype=np.int64)
    result[inverse] = labels  # right wherever all points agree, which is nearly everywhere
    mixed = np.zeros(count, dtype=bool)
    mixed[inverse[result[inverse] != labels]] = True
    unsure = mixed[inverse]
    pairs, votes = np.unique(inverse[unsure] * num_classes + labels[unsure], return_counts=True)
    voxel, label = np.divmod(pairs, num_classes)
    best = np.lexsort((-label, votes))  # later wins below: most votes, then smallest class
    result[voxel[best]] = label[best]
    return result


def voxel_mean(values: np.ndarray, inverse: np.ndarray, count: int) -> np.ndarray:
    """Mean of the points' values in each voxel. values: (N, C). inverse: (N,). Returns (count, C) float32.

    Sums in float64, so the order of the points changes no digit that float32 keeps.
    """
    points = np.bincount(inverse, minlength=count)
    sums = [np.bincount(inverse, weights=column, minlength=count) for column in np.asarray(values).T]
    return (np.stack(sums, axis=1) / np.maximum(points, 1)[:, None]).astype(np.float32)  # (count, C)


def _sort(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted key and the stable order that sorts it: among equal keys the point that comes first stays first."""
    bits = len(key).bit_length()
    if len(key) and int(key.max()) < 1 << (63 - bits):  # sorting numbers is five times faster than sorting indices
        key = np.sort(key << bits | np.arange(len(key)))
        return key >> bits, key & ((1 << bits) - 1)
    order = np.argsort(key, kind="stable")
    return key[order], order


def _pack(coordinates: np.ndarray) -> np.ndarray:
    """One int64 per row whose order is the rows' lexicographic order. coordinates: (N, D). Returns (N,)."""
    key = np.zeros(len(coordinates), dtype=np.int64)
    if len(coordinates) == 0:
        return key
    columns = np.ascontiguousarray(coordinates.T)  # (D, N): each column in one run of memory, many times faster below
    lowest, highest = columns.min(axis=1), columns.max(axis=1)
    extents = [int(high) - int(low) + 1 for low, high in zip(lowest, highest)]  # Python integers cannot overflow
    size = 1
    for extent in extents:
        size *= extent
    if size >= 1 << 63:
        raise ValueError(f"coordinates span {' x '.join(map(str, extents))} voxels, more than 63 bits can number")
    for column, extent, low in zip(columns, extents, lowest):
        key *= extent
        key += column
        key -= int(low)
    return key

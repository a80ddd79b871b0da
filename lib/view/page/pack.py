"""A scan's points as bytes: `pack(scene, codes)`; 12 a point for place, colour, prediction, truth and confidence.

Columns of bytes, one after the other, each as differences (modulo 256) from one point to the next where neighbours
are alike, then zlib's deflate. web/data.js reads it. In this order, n points:

position    x, y, z as uint16 of the scan's extent, as differences: low bytes of x, high bytes of x, then y and z
colour      red, green, blue, as differences
prediction, truth   a code each, where known: 0 none, else 1 + place in `codes`
confidence  0..255 of 0..1, where known
rows        the file's vertex of each point, uint32 differences in four columns, where they are not 0, 1, 2, ...
best        K codes, then K probabilities of 0..255
heats       0..255 of the way from usual to highest relevancy, a column each text
"""
import zlib

import numpy as np

from lib.view.page.scene import Heat, PageScene

STEPS = 65535  # of a coordinate, along the scan's longest side
CODES = 254  # classes with a code of their own; 255 stands for any other
REST = 255


def used_classes(scene: PageScene) -> np.ndarray:
    """Class indices that occur in a scene's points, those with most points first."""
    counts = np.zeros(len(scene.panels.label_set), np.int64)
    columns = [scene.panels.prediction, scene.panels.truth, None if scene.best is None else scene.best[0].ravel()]
    for weight, column in zip((1000, 1000, 1), columns):
        if column is not None:
            counts += weight * np.bincount(column[column >= 0], minlength=len(counts))
    order = np.argsort(-counts, kind="stable")
    return order[counts[order] > 0]


def to_codes(classes: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """uint8 code of every class index, in the shape of `classes`. codes: class index of code 1, 2, ...; count: C."""
    table = np.full(count + 1, REST, np.uint8)
    table[-1] = 0  # class -1
    table[codes[:CODES]] = np.arange(1, min(len(codes), CODES) + 1)
    return table[classes]


def to_bytes(shares: np.ndarray) -> np.ndarray:
    """0..1 as 0..255, nearest; what is no number as 0."""
    return np.rint(255 * np.clip(np.nan_to_num(shares), 0, 1)).astype(np.uint8)


def frame(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Lowest corner (3,) and step, m, of the whole numbers that points (N, 3) are stored as."""
    low = points.min(0).astype(np.float64)
    return low, max(float((points.max(0) - low).max()), 1e-6) / STEPS


def heat_bytes(heat: Heat) -> np.ndarray:
    """(n,) uint8: 0 as usual, or less, 255 the highest."""
    return to_bytes((heat.values - heat.low) / max(heat.high - heat.low, 1e-9))


def pack(scene: PageScene, codes: np.ndarray) -> bytes:
    """Deflated columns, as above. codes: class index of code 1, 2, ..."""
    panels, count = scene.panels, len(scene.panels.label_set)
    low, step = frame(panels.points)
    places = np.rint((panels.points - low) / step).astype(np.uint16)  # (n, 3)
    columns = [column for axis in places.T for column in _bytes_of(_differences(axis))]
    columns += [_differences(channel) for channel in panels.input.T]
    columns += [to_codes(classes, codes, count) for classes in (panels.prediction, panels.truth) if classes is not None]
    if panels.confidence is not None:
        columns.append(to_bytes(panels.confidence))
    if has_rows(scene):
        columns += _bytes_of(_differences(panels.rows.astype(np.uint32)))
    if scene.best is not None:
        classes, probabilities = scene.best
        columns += [*to_codes(classes, codes, count).T, *to_bytes(probabilities).T]
    columns += [heat_bytes(heat) for heat in scene.heats]
    return zlib.compress(b"".join(column.tobytes() for column in columns), 6)


def has_rows(scene: PageScene) -> bool:
    """Whether points are others than the file's first vertices in their order."""
    return not np.array_equal(scene.panels.rows, np.arange(len(scene.panels.points)))


def _differences(values: np.ndarray) -> np.ndarray:
    """From each value to the next, modulo the type's range, so that their running sum gives the values back."""
    return np.diff(values, prepend=values.dtype.type(0))


def _bytes_of(values: np.ndarray) -> list[np.ndarray]:
    """The bytes of whole numbers (n,), a column each, the lowest first."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return list(little.view(np.uint8).reshape(len(values), -1).T)

"""Colours that the colour-blind tell apart, too: `safe_palette(40)`, the first ones the most different.

The first, for what covers most of a room, are pale. Each next colour is, of a grid of candidates, the farthest in
CIELAB from those before it, as seen by everyone, with deuteranopia and with protanopia (Vienot, Brettel, Mollon,
"Digital video colourmaps for checking the legibility of displays by dichromats", 1999).
"""
import functools

import numpy as np

from datasets.label_sets import UNLABELLED_COLOR
from lib.view.panels import ERROR_COLORS

DIFFERENT = 64  # colours that are sought; more classes than that repeat them
DICHROMATS = np.array([[[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],  # deuteranopia
                       [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]]])  # protanopia
PALE = ((176, 196, 222), (240, 226, 178), (200, 160, 150))  # for walls, floor and ceiling, mostly
MOST_CHROMA = 78  # of CIELAB; beyond it colours glare
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def _to_lab(linear: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB in 0..1, (..., 3)."""
    xyz = linear.clip(0, 1) @ XYZ.T / XYZ.sum(1)
    curve = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(curve, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def seen_by_all(colors: np.ndarray) -> np.ndarray:
    """(N, 3, 3) CIELAB of colours (N, 3) in 0..255: by everyone, with deuteranopia, with protanopia."""
    share = np.asarray(colors, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.stack([_to_lab(linear), *(_to_lab(linear @ matrix.T) for matrix in DICHROMATS)], 1)


def least_difference(colors: np.ndarray) -> float:
    """The smallest distance in CIELAB of two of the colours (N, 3), by whoever sees it smallest."""
    lab = seen_by_all(colors)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1).min(-1)  # (N, N)
    return float(apart[~np.eye(len(colors), dtype=bool)].min())


@functools.lru_cache(maxsize=4)
def _chosen() -> np.ndarray:
    levels = np.linspace(0, 255, 12).round()
    candidates = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    lab = seen_by_all(candidates)
    usable = (lab[:, 0, 0] > 32) & (lab[:, 0, 0] < 90) & (np.hypot(lab[:, 0, 1], lab[:, 0, 2]) < MOST_CHROMA)
    candidates, lab = candidates[usable], lab[usable]  # neither lost on a dark background nor on a bright one
    taken = seen_by_all(np.array([UNLABELLED_COLOR, ERROR_COLORS["right"], *PALE]))
    nearest = np.linalg.norm(lab[:, None] - taken[None], axis=-1).min((1, 2))
    chosen = []
    for _ in range(DIFFERENT - len(PALE)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(lab - lab[chosen[-1]], axis=-1).min(1))
    return np.concatenate([PALE, candidates[chosen]]).astype(np.uint8)


def safe_palette(count: int) -> np.ndarray:
    """(count, 3) uint8."""
    return _chosen()[np.arange(count) % DIFFERENT]

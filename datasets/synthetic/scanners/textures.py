"""Patterns on surfaces, as functions of the place in the room: wood, fabric, stone, tiles, wallpaper.

`Textures(rng, pieces)` draws one for each colour of each piece; `factor(face, points)` multiplies its colour.
"""
import numpy as np
from scipy import ndimage

from datasets.synthetic.collision import Placed

SIDE = 64  # cells of the noise volume, periodic
SOFT = {"couch", "armchair", "sofa chair", "bed", "pillow", "cushion", "curtain", "blanket", "mattress", "ottoman",
        "chair", "office chair", "clothes", "towel", "jacket", "bag", "backpack", "shower curtain", "bench", "seat"}
BOARDS = {"table", "desk", "dining table", "coffee table", "end table", "nightstand", "dresser", "cabinet", "bookshelf",
          "shelf", "wardrobe", "door", "tv stand", "kitchen cabinet", "bathroom vanity", "closet door", "doorframe",
          "file cabinet", "kitchen counter", "counter", "windowsill", "piano", "closet", "chair", "stool", "bed"}
STYLES = ("plain", "wood", "fabric", "stone", "tiles", "stripes", "blotches")


class Textures:
    """One row of `table` (T,) per material: style, and the numbers that vary it."""

    def __init__(self, rng: np.random.Generator, pieces: list[Placed]):
        self.volume = periodic_noise(rng)
        rows, index = [], []
        for piece in pieces:
            color = piece.shape.colors
            _, first, part = np.unique(color // 24, axis=0, return_index=True, return_inverse=True)
            if len(first) > 12:  # a picture, or a model with photographs on it, has its pattern already
                part = np.zeros(len(color), int)
            base = len(rows)
            rows += [self._draw(rng, piece.name) for _ in range(int(part.max()) + 1)]
            index.append(part.reshape(-1) + base)
        self.index = np.concatenate(index)  # (F,) material of each face
        self.table = np.array(rows)

    @staticmethod
    def _draw(rng: np.random.Generator, name: str) -> tuple:
        """style, contrast, wavelength m, axis, phase."""
        style = "plain"
        if name in SOFT and rng.random() < 0.65:
            style = str(rng.choice(["fabric", "stripes", "blotches", "fabric"]))
        elif name in BOARDS and rng.random() < 0.7:
            style = "wood" if rng.random() < 0.85 else "stone"
        elif name == "floor":
            style = str(rng.choice(["wood", "blotches", "stone", "tiles", "plain"]))
        elif name in ("wall", "pillar", "column"):
            style = str(rng.choice(STYLES, p=[0.42, 0.03, 0.05, 0.1, 0.1, 0.1, 0.2]))
        elif name == "ceiling":
            style = str(rng.choice(["plain", "tiles", "blotches", "wood"], p=[0.55, 0.2, 0.2, 0.05]))
        elif rng.random() < 0.3:
            style = "blotches"
        low, high = {"wood": (0.05, 0.2), "fabric": (0.03, 0.12), "stone": (0.1, 0.5), "tiles": (0.1, 0.6),
                     "stripes": (0.04, 0.3), "blotches": (0.1, 0.8), "plain": (1, 2)}[style]
        contrast = rng.uniform(0.04, 0.3) if style != "plain" else rng.uniform(0, 0.04)
        if name in ("wall", "ceiling") and style != "tiles":
            contrast *= 0.5
        return (STYLES.index(style), contrast, np.exp(rng.uniform(np.log(low), np.log(high))), rng.integers(3),
                rng.random())

    def factor(self, face: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(N, 1) by which the colours at points (N, 3) of faces (N,) are multiplied."""
        table = self.table[self.index[face]]
        value = np.zeros(len(face))
        for number in np.unique(table[:, 0]).astype(int):
            if STYLES[number] != "plain":
                rows = np.flatnonzero(table[:, 0] == number)
                _, contrast, length, axis, phase = table[rows].T
                q = points[rows] / length[:, None] + phase[:, None] * 17
                value[rows] = contrast * self._pattern(STYLES[number], q, axis.astype(int))
        return np.clip(1 + value, 0.2, 1.8)[:, None]

    def _pattern(self, style: str, q: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """(N,) of about unit deviation at places (N, 3) in wavelengths; axis: (N,) along which grain and stripes go."""
        if style == "blotches":
            return self._at(q)
        if style == "wood":
            return 0.8 * self._at(q * np.where(np.arange(3) == axis[:, None], 0.35, 6.0)) + 0.6 * self._at(q)
        if style in ("fabric", "stone"):
            fine, coarse = (0.7, 0.5) if style == "fabric" else (0.6, 0.8)
            return fine * self._at(q * 4) + coarse * self._at(q)
        if style == "stripes":
            return np.where(np.take_along_axis(q, axis[:, None], 1)[:, 0] % 1 > 0.5, 1.0, -1.0)
        cell = np.abs(q % 1 - 0.5).max(1)  # tiles: dark joints, each tile a little lighter or darker
        return np.where((cell > 0.46) & (cell < 0.499), -2.0, 0.3 * self._at(np.floor(q) * 1.7))

    def _at(self, q: np.ndarray) -> np.ndarray:
        """(N,) noise at places (N, 3) in cells of a quarter wavelength."""
        i = np.floor(q * 4).astype(np.int64) & (SIDE - 1)
        return self.volume[i[:, 0], i[:, 1], i[:, 2]]


def periodic_noise(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, SIDE) float32 of unit deviation, smooth over four cells, its opposite sides meeting."""
    noise = ndimage.gaussian_filter(rng.normal(size=(SIDE,) * 3), 1.3, mode="wrap")
    return (noise / noise.std()).astype(np.float32)

"""Colours on the faces of a textured mesh: `Paint(...)(faces, weights)`, and pictures read for it."""
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.scans.vertices import Vertices

LARGEST = 20000 * 20000  # pixels of a picture


class Paint:
    """What is drawn at a place of a face: its picture's pixel there times nothing, else its material's colour.

    uvs: (F, 3, 2) float, of each face's corners, from the lower left, NaN where a face has none. materials: (F,) index
    of `images` (PIL or None) and `colors` (r, g, b as fractions); -1 is the last.
    """

    def __init__(self, uvs: np.ndarray, materials: np.ndarray, images: list, colors: list):
        self.uvs, self.materials = uvs, np.where(materials < 0, len(colors) - 1, materials)
        self.pixels = [None if image is None else np.asarray(image.convert("RGB")) for image in images]
        self.colors = np.rint(np.clip(np.array(colors, float), 0, 1) * 255).astype(np.uint8)

    def __call__(self, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(S, 3) uint8. faces: (S,) rows; weights: (S, 3) of their corners."""
        painted = self.colors[self.materials[faces]]
        for number, pixels in enumerate(self.pixels):
            rows = np.flatnonzero(self.materials[faces] == number)
            if pixels is None or not len(rows):
                continue
            place = np.einsum("sc,scd->sd", weights[rows], self.uvs[faces[rows]])  # (S', 2)
            known = np.isfinite(place).all(1)
            rows, place = rows[known], place[known]
            height, width = pixels.shape[:2]
            column = np.minimum((_wrap(place[:, 0]) * width).astype(np.int64), width - 1)
            row = np.minimum(((1 - _wrap(place[:, 1])) * height).astype(np.int64), height - 1)
            painted[rows] = pixels[row, column]
        return painted


def _wrap(values: np.ndarray) -> np.ndarray:
    """Into 0..1, pictures repeating themselves; 1 itself stays."""
    return np.where((values < 0) | (values > 1), values - np.floor(values), values)


def open_image(folder: Path, words: str, vertices: Vertices) -> Image.Image | None:
    """The picture that a material names, perhaps behind options; None, with a warning, where it cannot be read."""
    name = words.strip().strip("\"").replace("\\", "/")
    file = folder / name
    if not file.is_file():
        file = folder / name.split()[-1]  # -bm 1 -s 1 1 1 name.png
    try:
        with Image.open(file) as image:
            if image.width * image.height > LARGEST:
                raise ValueError(f"{image.width} x {image.height} pixels")
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        vertices.warnings.append(f"its texture {name[:80]} cannot be read: without its colours "
                                 f"({' '.join(str(error).split())[:80]})")
        return None

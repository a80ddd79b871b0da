"""Small pictures, texts and weaves as pixels, float (R, C, 3) in 0..255, row 0 at the top: what printed things carry.

Use: `Small().front(x0, z0, x1, z1, y, landscape(rng, *cells(width, height)))`.
"""
import numpy as np

from datasets.synthetic.objects.shapes import pick, vary
from datasets.synthetic.objects.small_parts import hue


def cells(width: float, height: float, size: float = 0.025, most: int = 30) -> tuple[int, int]:
    """Rows and columns for a print of width x height metres with pixels of about `size` metres."""
    return int(np.clip(round(height / size), 4, most)), int(np.clip(round(width / size), 4, most))


def plain(rows: int, columns: int, color) -> np.ndarray:
    """One colour."""
    return np.tile(np.asarray(color, float), (rows, columns, 1))


def _coordinates(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of each pixel in 0..1, (R, C) each, rows counted from the bottom."""
    return np.meshgrid((np.arange(columns) + 0.5) / columns, 1 - (np.arange(rows) + 0.5) / rows)


def landscape(rng, rows: int, columns: int) -> np.ndarray:
    """Sky, sun and ridges."""
    x, y = _coordinates(rows, columns)
    sky = hue(rng, (0.2, 0.6), (0.75, 1.0))
    out = plain(rows, columns, sky) * (1.1 - 0.35 * y[..., None])
    out[(x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.65, 0.85)) ** 2 < 0.008] = (250, 225, 150)
    ground = hue(rng, (0.3, 0.7), (0.4, 0.7))
    layers = rng.integers(2, 5)
    for k in range(layers):
        ridge = 0.6 - 0.55 * k / layers + 0.1 * np.sin(rng.uniform(3, 9) * x + rng.uniform(0, 6))
        out[y < ridge] = vary(rng, ground * (1.15 - 0.3 * k), 16)
    return out


def abstract(rng, rows: int, columns: int) -> np.ndarray:
    """Blocks, stripes or discs of a few colours."""
    x, y = _coordinates(rows, columns)
    out = plain(rows, columns, vary(rng, (225, 215, 195), 20))
    style = rng.integers(3)
    for _ in range(rng.integers(5, 10)):
        u, v, size = rng.random(), rng.random(), rng.uniform(0.08, 0.3)
        mask = ((abs(x - u) < size) & (abs(y - v) < size * rng.uniform(0.4, 1)), abs(x - u) < size / 3,
                (x - u) ** 2 + (y - v) ** 2 < (size * 0.8) ** 2)[style]
        out[mask] = hue(rng)
    return out


def portrait(rng, rows: int, columns: int) -> np.ndarray:
    """Head and shoulders before a plain ground."""
    x, y = _coordinates(rows, columns)
    out = plain(rows, columns, hue(rng, (0.1, 0.5), (0.2, 0.8)))
    skin = np.array(pick(rng, (224, 180, 150), (190, 140, 105), (120, 80, 56)))
    out[((x - 0.5) / 0.42) ** 2 + ((y - 0.02) / 0.38) ** 2 < 1] = hue(rng)
    out[((x - 0.5) / 0.23) ** 2 + ((y - 0.63) / 0.25) ** 2 < 1] = skin * rng.uniform(0.2, 0.6)
    out[((x - 0.5) / 0.17) ** 2 + ((y - 0.56) / 0.2) ** 2 < 1] = skin
    return out


def bouquet(rng, rows: int, columns: int) -> np.ndarray:
    """Flowers in a vase, or leaves."""
    x, y = _coordinates(rows, columns)
    out = plain(rows, columns, hue(rng, (0.1, 0.4), (0.5, 0.95)))
    out[y < 0.18] = (120, 90, 65)
    out[(abs(x - 0.5) < 0.13) & (y > 0.12) & (y < 0.42)] = hue(rng)
    for _ in range(9):
        u, v = rng.uniform(0.2, 0.8), rng.uniform(0.45, 0.85)
        out[(x - u) ** 2 + (y - v) ** 2 < rng.uniform(0.004, 0.014)] = hue(rng, (0.6, 1), (0.5, 1))
    return out


def lettering(rng, rows: int, columns: int, paper=(240, 240, 236), ink=(70, 70, 80)) -> np.ndarray:
    """Lines of text on paper."""
    out = plain(rows, columns, paper)
    for row in range(1, rows - 1, 2):
        end = columns - 1 if rng.random() < 0.7 else rng.integers(2, columns)
        out[row, 1:end] = np.asarray(paper) * 0.4 + np.asarray(ink) * 0.6 + rng.normal(0, 14, (end - 1, 1))
    return out


def bill(rng, rows: int, columns: int) -> np.ndarray:
    """A poster: a bold ground or a picture with a title and small print."""
    ground = hue(rng, (0.5, 1.0), (0.3, 0.95))
    out = plain(rows, columns, ground)
    middle = pick(rng, abstract, landscape, portrait)(rng, rows, columns)
    a, b = int(rows * 0.22), int(rows * 0.8)
    out[a:b, 1:-1] = middle[a:b, 1:-1]
    ink = 255 - ground if rng.random() < 0.5 else np.array((248, 246, 240))
    out[1:max(a - 1, 2), 2:-2] = ink
    out[1:max(a - 1, 2), 4:-2:4] = ground
    out[b + 1::2, 2:rng.integers(columns // 2, columns - 1)] = ink
    return out


def any_picture(rng, rows: int, columns: int) -> np.ndarray:
    """Something to frame."""
    return pick(rng, landscape, landscape, abstract, portrait, bouquet)(rng, rows, columns)


def weave(rng, rows: int, columns: int, base=None) -> np.ndarray:
    """Cloth: plain, striped either way, checked, bordered or speckled."""
    base = hue(rng, (0.1, 0.7), (0.35, 0.95)) if base is None else np.asarray(base, float)
    other = vary(rng, base * rng.uniform(0.45, 0.8) if base.mean() > 110 else base + 90, 18)
    out = plain(rows, columns, base) + rng.normal(0, 5, (rows, columns, 1))
    style, step = rng.integers(7), rng.integers(2, 5)
    row, column = np.mgrid[:rows, :columns]
    if style == 1:
        out[row // step % 2 == 0] = other
    elif style == 2:
        out[column // step % 2 == 0] = other
    elif style == 3:
        out[(row // step + column // step) % 2 == 0] = other
    elif style == 4:
        out[np.minimum.reduce([row, column, rows - 1 - row, columns - 1 - column]) == 1] = other
    elif style == 5:
        out[rng.random((rows, columns)) < 0.2] = other
    return out.clip(0, 255)


def screen(rng, rows: int, columns: int, off: float = 0.4) -> np.ndarray:
    """What a screen shows: nothing, a desktop with windows, or text."""
    if rng.random() < off:
        x, y = _coordinates(rows, columns)
        return plain(rows, columns, (24, 25, 29)) + 22 * (abs(x + y - 1.2) < 0.12)[..., None]
    out = plain(rows, columns, hue(rng, (0.4, 0.9), (0.3, 0.7)))
    if rng.random() < 0.6:
        out = landscape(rng, rows, columns)
    out[-1] = (40, 44, 56)
    if rng.random() < 0.7:
        a, b = rng.integers(1, rows // 2), rng.integers(1, columns // 2)
        h, w = min(rows - a - 1, int(rows * 0.6)), min(columns - b - 1, int(columns * 0.6))
        out[a:a + h, b:b + w] = lettering(rng, h, w)
        out[a, b:b + w] = (80, 120, 190)
    return out

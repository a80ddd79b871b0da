"""A picture of all cosines of text anchors: `draw_similarity(anchors, names, groups, "minilm").save("s.png")`.

Used by `python -m lib.language.anchors --out anchors.npz --png similarity.png`.
"""
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL = 10  # pixels
SCALE = np.array([[252, 253, 250], [199, 225, 216], [104, 176, 186], [40, 108, 150], [24, 48, 98], [8, 10, 40]])


def draw_similarity(anchors: np.ndarray, names: Sequence[str], groups: Sequence[str], title: str) -> Image.Image:
    """The matrix of cosines, classes ordered by group (head, common, tail), with names, boundaries and a colour bar.

    anchors: (C, D) unit; names, groups: C each. Colours run from the smallest cosine to the largest of two classes.
    """
    present = [group for group in dict.fromkeys(("head", "common", "tail", *groups)) if group in groups]
    order = np.concatenate([[i for i, each in enumerate(groups) if each == group] for group in present]).astype(int)
    vectors = anchors[order].astype(np.float64)
    cosines = vectors @ vectors.T  # (C, C)
    others = cosines[~np.eye(len(order), dtype=bool)] if len(order) > 1 else np.array([0.0, 1.0])
    low, high = float(others.min()), max(float(others.max()), float(others.min()) + 1e-6)
    pixels = np.kron(_colors((cosines - low) / (high - low)), np.ones((CELL, CELL, 1), np.uint8))

    small, middle, large = (ImageFont.load_default(size) for size in (10, 24, 40))
    left, top, side = 220, 130, len(order) * CELL
    bar = left + side + 40
    picture = Image.new("RGB", (bar + 150, top + side + 20), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((left, 20), f"{title}: mean cosine {others.mean():.3f}", fill="black", font=large)
    picture.paste(Image.fromarray(pixels), (left, top))
    for row, name in enumerate(names[i] for i in order):
        draw.text((left - 8, top + row * CELL + CELL // 2), name, fill="black", font=small, anchor="rm")
    start = 0
    for group in present:
        stop = start + sum(each == group for each in groups)
        middle_of = (start + stop) * CELL // 2
        draw.text((left + middle_of, top - 8), f"{group} ({stop - start})", fill="black", font=middle, anchor="ms")
        draw.text((16, top + middle_of), group, fill="black", font=middle, anchor="lm")
        if stop < len(order):
            at = stop * CELL
            draw.line([(left - 8, top + at), (left + side, top + at)], fill=(220, 60, 40), width=2)
            draw.line([(left + at, top - 8), (left + at, top + side)], fill=(220, 60, 40), width=2)
        start = stop

    height = min(side, 800)
    column = _colors(np.linspace(1, 0, height)[:, None])  # (height, 1, 3)
    picture.paste(Image.fromarray(np.repeat(column, 30, axis=1)), (bar, top))
    draw.rectangle([bar, top, bar + 29, top + height - 1], outline="black")
    for share in np.linspace(0, 1, 6):
        y = top + round((1 - share) * (height - 1))
        draw.text((bar + 40, y), f"{low + share * (high - low):.2f}", fill="black", font=middle, anchor="lm")
    draw.text((bar, top - 28), "cosine", fill="black", font=middle, anchor="ls")
    return picture


def _colors(shares: np.ndarray) -> np.ndarray:
    """Colours of (H, W) shares of the scale, (H, W, 3) uint8; those outside 0..1 get the scale's ends."""
    stops = np.linspace(0, 1, len(SCALE))
    return np.stack([np.interp(shares, stops, SCALE[:, channel]) for channel in range(3)], axis=-1).astype(np.uint8)

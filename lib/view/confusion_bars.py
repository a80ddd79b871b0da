"""What the worst classes are taken for, as bars: `draw_confusions(counts, iou, names, groups)`."""
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lib.view.iou_plot import FAINT, INK, group_colors

ROW, MARGIN, BAR, AXIS = 30, 16, 760, 82  # pixels
RIGHT, REST = (88, 160, 110), (236, 236, 236)
WRONG = (226, 168, 150), (236, 196, 178), (243, 217, 204), (247, 230, 222)


def worst_classes(true: np.ndarray, iou: np.ndarray, number: int) -> np.ndarray:
    """The classes of lowest IoU (C,) among those in the ground truth, of which true: (C,) points are; of equal ones
    those with more points. Returns at most `number` indices, the worst first."""
    there = np.flatnonzero(true > 0)
    return there[np.lexsort((-true[there], iou[there]))][:number]


def draw_confusions(counts: np.ndarray, iou: np.ndarray, names: Sequence[str], groups: Sequence[str],
                    number: int = 20, title: str = "") -> Image.Image:
    """A row for each of the worst classes: which share of its points is right, and which classes the others are taken
    for, the most frequent first.

    counts: (C, C) true by predicted class, further columns for what is none of them. iou: (C,) in 0..1.
    """
    rows, colors = worst_classes(counts.sum(1), iou, number), group_colors(groups)
    font, small, large = (ImageFont.load_default(size) for size in (13, 12, 20))
    words = {c: f"IoU {100 * iou[c]:.0f} %, {int(counts[c].sum()):,} points" for c in rows}
    label = max((round(font.getlength(names[c])) for c in rows), default=100) + 26
    counted = max((round(small.getlength(text)) for text in words.values()), default=60) + 16
    left = MARGIN + label + counted
    sheet = Image.new("RGB", (left + BAR + MARGIN, AXIS + max(1, len(rows)) * ROW + 16), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 12), title or f"The {len(rows)} classes of lowest IoU: what their points are taken for", INK,
              large)
    x = MARGIN
    for color, text in ((RIGHT, "right"), (WRONG[0], "taken for this class"), (REST, "others, each less")):
        draw.rectangle((x, 49, x + 13, 62), fill=color)
        draw.text((x + 20, 55), text, fill=INK, font=small, anchor="lm")
        x += 20 + round(small.getlength(text)) + 26
    for kind, color in colors.items() if len(colors) > 1 else ():
        draw.ellipse((x, 50, x + 11, 61), fill=color)
        draw.text((x + 18, 55), kind, fill=INK, font=small, anchor="lm")
        x += 18 + round(small.getlength(kind)) + 22
    for row, c in enumerate(rows):
        y, total = AXIS + row * ROW, counts[c].sum()
        if len(colors) > 1:
            draw.ellipse((MARGIN, y + 8, MARGIN + 11, y + 19), fill=colors[groups[c]])
        draw.text((MARGIN + label - 8, y + ROW / 2), names[c], fill=INK, font=font, anchor="rm")
        draw.text((left - 8, y + ROW / 2), words[c], fill=FAINT, font=small, anchor="rm")
        others = counts[c].copy()
        others[c] = 0
        taken = [k for k in np.argsort(-others, kind="stable")[:len(WRONG)] if others[k]]
        parts = [(counts[c, c], RIGHT, "right")]
        parts += [(others[k], color, names[k] if k < len(names) else "none of them") for k, color in zip(taken, WRONG)]
        parts += [(others.sum() - others[taken].sum(), REST, "others")]
        start = float(left)
        for count, color, text in parts:
            end = start + BAR * count / total
            if end - start >= 1:
                draw.rectangle((round(start), y + 3, round(end) - 1, y + ROW - 4), fill=color)
                _fit(draw, (start, end), y + ROW / 2, text, f"{100 * count / total:.0f} %", small)
            start = end
    return sheet


def _fit(draw: ImageDraw.ImageDraw, ends: tuple[float, float], y: float, name: str, share: str,
         font: ImageFont.FreeTypeFont) -> None:
    """Write a name and a share into a part of a bar, or as much as there is room for."""
    room = ends[1] - ends[0] - 8
    for text in (f"{name} {share}", name, share):
        if font.getlength(text) <= room:
            draw.text((sum(ends) / 2, y), text, fill=INK, font=font, anchor="mm")
            return

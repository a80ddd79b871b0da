"""A plot of every class's IoU by how many points it has: `draw_iou_by_points(points, iou, names, groups)`."""
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.label_sets import ordered_groups

COLORS = ((0, 114, 178), (230, 159, 0), (204, 60, 90), (0, 158, 115), (120, 94, 160))  # told apart by the colour-blind
INK, FAINT, GRID = (40, 40, 40), (120, 120, 120), (226, 226, 226)
LABELS = 60  # names at most: those that find a place
FINE = 2  # drawn twice as large and made smaller, which smooths lines


def group_colors(groups: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """A colour of each group of classes, in their order; of "" where they have none."""
    kinds = ordered_groups(groups) or ("",)
    return dict(zip(kinds, COLORS * (1 + len(kinds) // len(COLORS))))


def draw_iou_by_points(points: np.ndarray, iou: np.ndarray, names: Sequence[str], groups: Sequence[str],
                       ranges: tuple[np.ndarray, np.ndarray] | None = None, versus: np.ndarray | None = None,
                       title: str = "", width: int = 1800) -> Image.Image:
    """points: (C,) of the ground truth; iou: (C,) in 0..1; both of classes, those without points are left out.

    ranges: lowest and highest IoU (C,) each, drawn as bars. versus: (C,) of another run, drawn as an arrow's end. A
    dashed line is a group's mean.
    """
    size = (width * FINE, round(width * 0.6) * FINE)
    sheet = Image.new("RGB", size, "white")
    draw, unit = ImageDraw.Draw(sheet), size[0] / 1800
    text, small = (ImageFont.load_default(round(number * unit)) for number in (26, 17))
    left, top, right, bottom = 100 * unit, 90 * unit, size[0] - 40 * unit, size[1] - 100 * unit
    there = np.flatnonzero(points > 0)
    low, high = np.log10(points[there].min()) - 0.1, np.log10(points[there].max()) + 0.25

    def x(count: float) -> float:
        return left + (np.log10(count) - low) / (high - low) * (right - left)

    def y(value: float) -> float:
        return bottom - value * (bottom - top)

    for tick in range(0, 101, 20):
        draw.line((left, y(tick / 100), right, y(tick / 100)), fill=GRID, width=round(unit))
        draw.text((left - 12 * unit, y(tick / 100)), f"{tick} %", fill=FAINT, font=small, anchor="rm")
    for power in range(int(np.ceil(low)), int(high) + 1):
        draw.line((x(10.0**power), top, x(10.0**power), bottom), fill=GRID, width=round(unit))
        draw.text((x(10.0**power), bottom + 12 * unit), f"{10**power:,}", fill=FAINT, font=small, anchor="ma")
    draw.text(((left + right) / 2, bottom + 50 * unit), "labelled points", fill=INK, font=small, anchor="ma")
    draw.text((left, 24 * unit), title or "IoU by points of the class", fill=INK, font=text)

    colors, shown = group_colors(groups), iou if versus is None else versus
    boxes = _Boxes()
    for group, color in colors.items():
        members = [c for c in there if len(colors) == 1 or groups[c] == group]
        if not members:
            continue
        mean = float(np.mean(shown[members]))
        _dashes(draw, x(min(points[members])), x(max(points[members])), y(mean), color, unit)
        for c in members:
            if ranges is not None and np.isfinite(ranges[0][c]):
                pale = tuple((2 * 255 + part) // 3 for part in color)
                column = x(points[c])
                draw.line((column, y(ranges[0][c]), column, y(ranges[1][c])), fill=pale, width=round(2 * unit))
        for c in members:
            where = x(points[c]), y(iou[c])
            if versus is not None:
                draw.line((*where, where[0], y(versus[c])), fill=color, width=round(2 * unit))
                _dot(draw, (where[0], y(versus[c])), 6 * unit, color)
                _dot(draw, where, 4 * unit, "white", color)
            else:
                _dot(draw, where, 6 * unit, color)
            boxes.take(where[0] - 7 * unit, y(shown[c]) - 7 * unit, where[0] + 7 * unit, y(shown[c]) + 7 * unit)
    corner = right
    for group, color in reversed(colors.items()):
        members = [c for c in there if len(colors) == 1 or groups[c] == group]
        words = f"{group or 'all'}: mean {100 * float(np.mean(shown[members])):.1f} %" if members else f"{group}: none"
        corner -= small.getlength(words)
        draw.text((corner, 34 * unit), words, fill=INK, font=small)
        _dot(draw, (corner - 14 * unit, 44 * unit), 7 * unit, color)
        corner -= 46 * unit
    if versus is not None:
        draw.text((right, 62 * unit), "ring: the first run, dot: the second", fill=FAINT, font=small, anchor="ra")
    order = sorted(there, key=lambda c: -points[c])
    for c in order[:LABELS]:
        wide, tall = small.getlength(names[c]), small.size
        px, py = x(points[c]), y(shown[c])
        for dx, dy in ((10, -tall / unit / 2), (-10 - wide / unit, -tall / unit / 2), (-wide / unit / 2, -28),
                       (-wide / unit / 2, 10)):
            box = px + dx * unit, py + dy * unit, px + dx * unit + wide, py + dy * unit + tall
            if box[0] > left and box[2] < size[0] and top - 20 * unit < box[1] and box[3] < bottom and boxes.free(*box):
                boxes.take(*box)
                draw.text(box[:2], names[c], fill=INK, font=small)
                break
    return sheet.resize((width, round(width * 0.6)), Image.LANCZOS)


class _Boxes:
    """Places that are taken."""

    def __init__(self):
        self.taken: list[tuple[float, float, float, float]] = []

    def take(self, *box: float) -> None:
        self.taken.append(box)

    def free(self, left: float, top: float, right: float, bottom: float) -> bool:
        return all(right <= a or c <= left or bottom <= b or d <= top for a, b, c, d in self.taken)


def _dot(draw: ImageDraw.ImageDraw, middle: tuple[float, float], radius: float, fill, outline=None) -> None:
    draw.ellipse((middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), fill=fill,
                 outline=outline, width=max(1, round(radius / 3)))


def _dashes(draw: ImageDraw.ImageDraw, start: float, end: float, y: float, color, unit: float) -> None:
    while start < end:
        draw.line((start, y, min(start + 12 * unit, end), y), fill=color, width=round(2 * unit))
        start += 22 * unit

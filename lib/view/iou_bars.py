"""Every class's IoU as a bar, the best first, in its group's colour: `draw_iou_bars(iou, points, names, groups)`."""
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lib.view.iou_plot import FAINT, GRID, INK, group_colors

ROWS = 50  # of a column, where all fit into COLUMNS
COLUMNS = 4
ROW, GAP, MARGIN = 17, 18, 16  # pixels


def draw_iou_bars(iou: np.ndarray, points: np.ndarray, names: Sequence[str], groups: Sequence[str], title: str = ""
                  ) -> Image.Image:
    """iou: (C,) in 0..1; points: (C,) of the ground truth; classes without points are left out and counted below.

    Bars run down the columns from the highest IoU to the lowest; of equal ones that with more points comes first.
    """
    there = np.flatnonzero(points > 0)
    order = there[np.lexsort((-points[there], -np.nan_to_num(iou[there])))]
    colors = group_colors(groups)
    columns = min(COLUMNS, max(1, -(-len(order) // 25)))  # few classes: one long list, no row of short ones
    rows = max(1, -(-len(order) // columns))
    font, small, large = (ImageFont.load_default(size) for size in (12, 11, 20))
    label = max((round(font.getlength(names[c])) for c in order), default=0) + 8
    bar, number = 140, 36
    width = max(2 * MARGIN + columns * (label + bar + number) + (columns - 1) * GAP, 720)
    top = 82
    sheet = Image.new("RGB", (width, top + rows * ROW + 40), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 12), title or "IoU of every class", fill=INK, font=large)
    x = MARGIN
    for kind, color in colors.items():
        members = [c for c in order if len(colors) == 1 or groups[c] == kind]
        mean = f"mean {100 * float(np.mean(np.nan_to_num(iou[members]))):.1f} %" if members else "none"
        words = f"{kind or 'all'}: {mean} of {len(members)} classes" if members else f"{kind}: none here"
        draw.rectangle((x, 48, x + 13, 61), fill=color)
        draw.text((x + 20, 54), words, fill=INK, font=font, anchor="lm")
        x += 20 + round(font.getlength(words)) + 26
    for column in range(columns):
        left = MARGIN + column * (label + bar + number + GAP) + label
        for share in (0, 0.25, 0.5, 0.75, 1):
            draw.line((left + share * bar, top - 3, left + share * bar, top + rows * ROW), fill=GRID)
        for tick in (0, 50, 100):
            draw.text((left + tick / 100 * bar, top - 5), f"{tick}", fill=FAINT, font=small, anchor="ms")
        for row, c in enumerate(order[column * rows:(column + 1) * rows]):
            y, value = top + row * ROW, float(np.nan_to_num(iou[c]))
            draw.text((left - 6, y + ROW / 2), names[c], fill=INK, font=font, anchor="rm")
            draw.rectangle((left, y + 2, left + max(1, round(value * bar)), y + ROW - 3),
                           fill=colors[groups[c] if len(colors) > 1 else ""])
            draw.text((left + value * bar + 5, y + ROW / 2), f"{100 * value:.0f}", fill=INK, font=small, anchor="lm")
    absent = len(iou) - len(order)
    words = f"IoU in percent; {absent} of {len(iou)} classes are not in these scenes" if absent else "IoU in percent"
    draw.text((MARGIN, sheet.height - 14), words, fill=FAINT, font=font, anchor="ls")
    return sheet

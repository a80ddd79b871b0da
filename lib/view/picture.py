"""A picture of a file's panels, without a display: `save_png(draw_panels("scene.ply"), "scene.png")`."""
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.files import replacing
from datasets.prediction_files import GroundTruth
from datasets.scans.read import ScanOptions
from lib.view.panels import legend_entries, open_room, point_accuracy, read_panels
from lib.view.render import View, heat_colors, render_points

LEGEND_ROWS = 8


def draw_panels(path: str | Path, view: View = View(), width: int = 2400, keep_ceiling: bool = False,
                max_points: int = 1_000_000, title: str = "", label_set: str | Path | None = None,
                options: ScanOptions | None = None, ground_truth: GroundTruth | None = None) -> Image.Image:
    """Panels side by side, a title above, a legend below, as a picture `width` pixels wide. Raises as `read_panels`.

    title: instead of the file's name. label_set, options, ground_truth: as `read_panels`.
    """
    whole = read_panels(path, label_set, options, ground_truth)
    panels = whole if keep_ceiling else whole.select(open_room(whole, view))
    entries = legend_entries(panels) if panels.heat is None else []
    if len(panels.points) > max_points:
        panels = panels.select(np.random.default_rng(0).choice(len(panels.points), max_points, replace=False))
    titles, colors = zip(*panels.pictures())
    rendered = render_points(panels.points, list(colors), view, panel_size(panels.points, view, width, len(titles)))
    about = f"   {len(whole.points):,} points"
    if whole.prediction is not None and whole.truth is not None:
        accuracy = point_accuracy(whole.prediction, whole.truth)
        about += "   unlabelled" if np.isnan(accuracy) else f"   point accuracy {100 * accuracy:.1f} %"
    return compose(title or whole.name, about, list(zip(titles, rendered)), width, entries,
                   None if panels.heat is None else panels.heat_range)


def panel_size(points: np.ndarray, view: View, width: int, panels: int) -> tuple[int, int]:
    """Width and height in pixels of each of several panels side by side in a sheet. points: (N, 3) m, shown in all."""
    gap = round(width * 0.01)
    panel_width = (width - gap * (panels + 1)) // panels
    extent = np.ptp(points @ view.axes[:2].T, axis=0) + 1e-6
    return panel_width, round(panel_width * float(np.clip(extent[1] / extent[0], 0.4, 1.2 if panels > 1 else 0.7)))


def compose(title: str, about: str, panels: list[tuple[str, np.ndarray]], width: int,
            entries: list[tuple[str, tuple[int, int, int] | None]], heat_range: tuple[float, float] | None = None,
            larger: float = 1.0) -> Image.Image:
    """Panels side by side, a title above, a legend below, or the scale of a heat map under the last.

    about: behind the title, which is cut where there is no room for both. panels: heading and (H, W, 3) uint8, all as
    large as `panel_size` says. entries: names and colours of the legend, the most important first. larger: how many
    times as large all words are, for a picture that is looked at from afar.
    """
    text, small = (ImageFont.load_default(max(10, round(width * part * larger))) for part in (0.0125, 0.0092))
    gap = round(width * 0.01)
    panel_height, panel_width = panels[0][1].shape[:2]
    if text.getlength(title + about) > width - 2 * gap:
        while title and text.getlength(f"{title}...{about}") > width - 2 * gap:
            title = title[:-1]
        title += "..."
    line, swatch = round(small.size * 1.6), round(small.size * 1.1)
    longest = max((small.getlength(name) for name, _ in entries), default=0)
    per_row = max(1, int((width - 2 * gap) // (longest + swatch * 2.2)))
    if len(entries) > LEGEND_ROWS * per_row:
        room = LEGEND_ROWS * per_row - 1
        entries = entries[:room] + [(f"+{len(entries) - room} more", None)]
    rows = -(-len(entries) // per_row) if heat_range is None else 2

    top = round(text.size * 2) + round(small.size * 1.8)
    sheet = Image.new("RGB", (width, top + panel_height + gap + rows * line + gap), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((gap, round(text.size * 0.5)), title + about, fill=(20, 20, 20), font=text)
    for i, (name, picture) in enumerate(panels):
        left = gap + i * (panel_width + gap)
        draw.text((left, top - round(small.size * 1.5)), name, fill=(90, 90, 90), font=small)
        sheet.paste(Image.fromarray(picture), (left, top))
    if heat_range is not None:
        corner = (width - gap - panel_width, top + panel_height + gap // 2)
        _draw_scale(draw, heat_range, corner, panel_width, small)
    column_width = (width - 2 * gap) // per_row
    for i, (name, color) in enumerate(entries):
        # Down the columns, as one reads a list.
        left, y = gap + i // rows * column_width, top + panel_height + gap + i % rows * line
        if color is not None:
            draw.rectangle((left, y, left + swatch, y + swatch), fill=color, outline=(60, 60, 60))
        draw.text((left + round(1.5 * swatch), y + swatch / 2), name, fill=(20, 20, 20), font=small, anchor="lm")
    return sheet


def _draw_scale(draw: ImageDraw.ImageDraw, ends: tuple[float, float], corner: tuple[int, int], width: int,
                font: ImageFont.FreeTypeFont) -> None:
    """The colour bar of a heat map, with numbers under it. ends: relevancy at its left and right; corner: left, top."""
    left, top = corner
    height = round(font.size * 0.9)
    for x, color in enumerate(heat_colors(np.linspace(*ends, width), *ends).tolist()):
        draw.line((left + x, top, left + x, top + height), fill=tuple(color))
    low, high = ends
    for share, words, anchor in ((0, f"{low:.2f} or less: as usual here", "la"), (0.5, f"{(low + high) / 2:.2f}", "ma"),
                                 (1, f"most: {high:.2f} or more", "ra")):
        draw.text((left + share * width, top + 1.3 * height), words, fill=(20, 20, 20), font=font, anchor=anchor)


def save_png(picture: Image.Image, path: str | Path) -> None:
    """Write to a temporary name in the same folder, then rename: never half a file."""
    with replacing(path, "wb") as file:
        picture.save(file, format="PNG")

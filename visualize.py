"""Look at a scene: `python visualize.py FILE` opens a window, `--png OUT` draws a picture and needs no display.

FILE is what inference wrote (visualize/fulleval/<scene>.ply), a scene of a dataset, or a heat map of query.py. Side by
side: input colours, prediction and ground truth, or heat, those that the file holds, with a legend.
"""
import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from datasets.files import replacing
from datasets.labels import CLASS_NAMES, COLORS, IGNORE_LABEL, UNLABELLED_COLOR, raw_to_class
from datasets.ply import read_columns
from lib.render import View, heat_colors, render_points, usual_and_highest

# What stands between the camera and the room: cut where it is on the near side.
WALL_LIKE = ("wall", "door", "window", "curtain", "blinds", "picture", "poster", "whiteboard", "blackboard", "board",
             "bulletin board", "mirror", "closet door", "closet wall", "doorframe", "windowsill", "light switch",
             "power outlet", "calendar", "clock", "sign", "projector screen", "shower wall", "ledge", "vent",
             "fire alarm", "structure")
LEGEND_ROWS = 8


@dataclass
class Panels:
    """What a file holds.

    points (N, 3) float32 m; input (N, 3) uint8; prediction and truth (N,) class index or -1, None where not known.
    heat: (N, 3) uint8 colours of a query's heat map; heat_range: relevancy at the lowest and highest colour.
    """
    name: str
    points: np.ndarray
    input: np.ndarray
    prediction: np.ndarray | None
    truth: np.ndarray | None
    heat: np.ndarray | None = None
    heat_range: tuple[float, float] = (0.0, 1.0)

    def pictures(self) -> list[tuple[str, np.ndarray]]:
        """Title and (N, 3) uint8 colours of each panel."""
        panels = [("input", self.input)]
        if self.heat is not None:
            return panels + [("relevancy", self.heat)]
        for title, classes in (("prediction", self.prediction), ("ground truth", self.truth)):
            if classes is not None:
                panels.append((title, class_colors(classes)))
        return panels

    def select(self, which: np.ndarray) -> "Panels":
        """The same panels with some of the points. which: (N,) bool, or indices."""
        part = (None if column is None else column[which] for column in (self.prediction, self.truth, self.heat))
        return Panels(self.name, self.points[which], self.input[which], *part, self.heat_range)


def class_colors(classes: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 colours of the benchmark, grey where unlabelled (-1). classes: (N,)."""
    return np.where((classes == IGNORE_LABEL)[:, None], UNLABELLED_COLOR, COLORS[classes]).astype(np.uint8)


def read_panels(path: str | Path) -> Panels:
    """Columns of a scene or of an inference output. Raises FileNotFoundError, ValueError (one line)."""
    path = Path(path)
    if path.is_file() and path.suffix == ".txt":
        raise ValueError(f"{path}: holds labels without points; give the .ply beside it")
    columns = read_columns(path)
    output, heat = "input_red" in columns, "relevancy" in columns
    colors = [f"input_{c}" if output else c for c in ("red", "green", "blue")]
    missing = [c for c in ("x", "y", "z", *colors, *(["label"] if output and not heat else [])) if c not in columns]
    if missing:
        raise ValueError(f"{path}: no vertex column {', '.join(missing)}; a scene has x y z red green blue")
    points = np.stack([columns[c] for c in "xyz"], 1).astype(np.float32)
    if len(points) == 0:
        raise ValueError(f"{path}: has no points")
    finite = np.isfinite(points).all(1)
    if not finite.all():
        raise ValueError(f"{path}: vertex {int(np.argmin(finite))} has a coordinate that is not finite")
    input_colors = np.clip(np.stack([columns[c] for c in colors], 1), 0, 255).astype(np.uint8)
    prediction = raw_to_class(columns["label"]) if output and not heat else None
    truth = columns.get("ground_truth" if output else "label")
    panels = Panels(path.stem, points, input_colors, prediction, None if truth is None else raw_to_class(truth))
    if heat:
        panels.heat_range = usual_and_highest(columns["relevancy"])
        panels.heat = heat_colors(columns["relevancy"], *panels.heat_range)
    return panels


def open_room(panels: Panels, view: View, near_walls: bool = True) -> np.ndarray:
    """Which points stay when the ceiling, and the walls between camera and room, are taken away. Returns (N,) bool.

    By ground truth where there is any, else by prediction and, since that may err, also by geometry.
    """
    trusted = panels.truth is not None and bool((panels.truth != IGNORE_LABEL).any())
    classes = panels.truth if trusted else panels.prediction
    if classes is None:
        classes = np.full(len(panels.points), IGNORE_LABEL)
    height = panels.points[:, 2] - np.quantile(panels.points[:, 2], 0.001)
    top = np.quantile(height, 0.999)
    keep = classes != CLASS_NAMES.index("ceiling")
    if top > 1.8:  # a room, not a single object
        keep &= (height < top - 0.10) | (trusted & (classes != IGNORE_LABEL))
    if not near_walls or view.elevation > 80 or top <= 1.8:
        return keep if keep.any() else ~keep

    cell = 0.05
    grid = np.floor((panels.points[:, :2] - panels.points[:, :2].min(0)) / cell).astype(np.int64) + 20  # 1 m of margin
    inside = np.zeros(grid.max(0) + 21, bool)
    inside[tuple(grid.T)] = True
    inside = ndimage.binary_fill_holes(ndimage.binary_closing(inside, iterations=4))

    def near_side(step: float) -> np.ndarray:
        """Whether a step (m) towards the camera leads out of the room: holds for any floor plan."""
        toward = -view.axes[2, :2] / np.linalg.norm(view.axes[2, :2])
        return ~inside[tuple(np.round(grid + step / cell * toward).astype(np.int64).T)]

    wall_like = np.isin(classes, [CLASS_NAMES.index(name) for name in WALL_LIKE])
    unsure = (height > 0.10) & ((classes == IGNORE_LABEL) | (not trusted))
    keep &= ~(wall_like & near_side(0.40)) & ~(unsure & near_side(0.15))
    return keep if keep.any() else ~keep


def point_accuracy(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Share of labelled points whose class is right, nan where none is labelled. Both (N,) class index or -1."""
    labelled = truth != IGNORE_LABEL
    return float((prediction == truth)[labelled].mean()) if labelled.any() else float("nan")


def legend_entries(panels: Panels) -> list[tuple[str, tuple[int, int, int]]]:
    """Name and colour of every class in any panel, the one with most points first, unlabelled last."""
    columns = [c for c in (panels.prediction, panels.truth) if c is not None]
    counts = np.zeros(len(CLASS_NAMES) + 1, np.int64)
    for column in columns:
        counts += np.bincount(column + 1, minlength=len(counts))
    order = [i for i in np.argsort(-counts[1:], kind="stable") if counts[i + 1]]
    entries = [(CLASS_NAMES[i], tuple(COLORS[i].tolist())) for i in order]
    return entries + ([("unlabelled", UNLABELLED_COLOR)] if counts[0] else [])


def draw_panels(path: str | Path, view: View = View(), width: int = 2400, keep_ceiling: bool = False,
                max_points: int = 1_000_000, title: str = "") -> Image.Image:
    """Panels side by side, a title above, a legend below, as a picture `width` pixels wide. Raises as `read_panels`.

    title: instead of the file's name.
    """
    whole = read_panels(path)
    panels = whole if keep_ceiling else whole.select(open_room(whole, view))
    entries = legend_entries(panels) if panels.heat is None else []
    if len(panels.points) > max_points:
        panels = panels.select(np.random.default_rng(0).choice(len(panels.points), max_points, replace=False))
    titles, colors = zip(*panels.pictures())
    text, small = (ImageFont.load_default(max(10, round(width * part))) for part in (0.0125, 0.0092))
    gap = round(width * 0.01)
    panel_width = (width - gap * (len(titles) + 1)) // len(titles)
    extent = np.ptp(panels.points @ view.axes[:2].T, axis=0) + 1e-6
    panel_height = round(panel_width * float(np.clip(extent[1] / extent[0], 0.4, 1.2 if len(titles) > 1 else 0.7)))
    rendered = render_points(panels.points, list(colors), view, (panel_width, panel_height))

    title, counted = title or whole.name, f"   {len(whole.points):,} points"
    if text.getlength(title + counted) > width - 2 * gap:
        while title and text.getlength(f"{title}...{counted}") > width - 2 * gap:
            title = title[:-1]
        title += "..."
    title += counted
    if whole.prediction is not None and whole.truth is not None:
        accuracy = point_accuracy(whole.prediction, whole.truth)
        title += "   unlabelled" if np.isnan(accuracy) else f"   point accuracy {100 * accuracy:.1f} %"
    line, swatch = round(small.size * 1.6), round(small.size * 1.1)
    longest = max((small.getlength(name) for name, _ in entries), default=0)
    per_row = max(1, int((width - 2 * gap) // (longest + swatch * 2.2)))
    if len(entries) > LEGEND_ROWS * per_row:
        room = LEGEND_ROWS * per_row - 1
        entries = entries[:room] + [(f"+{len(entries) - room} more", None)]
    rows = -(-len(entries) // per_row) if panels.heat is None else 2

    top = round(text.size * 2) + round(small.size * 1.8)
    sheet = Image.new("RGB", (width, top + panel_height + gap + rows * line + gap), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((gap, round(text.size * 0.5)), title, fill=(20, 20, 20), font=text)
    for i, (name, picture) in enumerate(zip(titles, rendered)):
        left = gap + i * (panel_width + gap)
        draw.text((left, top - round(small.size * 1.5)), name, fill=(90, 90, 90), font=small)
        sheet.paste(Image.fromarray(picture), (left, top))
    if panels.heat is not None:
        corner = (width - gap - panel_width, top + panel_height + gap // 2)
        _draw_scale(draw, panels.heat_range, corner, panel_width, small)
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


def show_window(path: str | Path, keep_ceiling: bool, max_points: int, view: View = View()) -> None:
    """The panels in an Open3D window, one beside the other. Raises ValueError (one line) where none can be opened."""
    panels = read_panels(path)
    try:
        import open3d  # here, since only the window needs it
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"no window without open3d ({reason}); install open3d-cpu and Debian's libusb-1.0-0, "
                         "or use --png OUT, which works without") from None
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ValueError("no window without a display (DISPLAY is not set); use --png OUT, which works without")
    if not keep_ceiling:
        panels = panels.select(open_room(panels, view, near_walls=False))
    if len(panels.points) > max_points:
        panels = panels.select(np.random.default_rng(0).choice(len(panels.points), max_points, replace=False))
    window = open3d.visualization.Visualizer()
    if not window.create_window(window_name=f"{panels.name}: " + " | ".join(title for title, _ in panels.pictures())):
        raise ValueError("Open3D could not open a window on this display; use --png OUT, which works without")
    aside = view.axes[0] * np.ptp(panels.points @ view.axes[0]) * 1.1
    for i, (_, colors) in enumerate(panels.pictures()):
        cloud = open3d.geometry.PointCloud()
        cloud.points = open3d.utility.Vector3dVector(panels.points.astype(np.float64) + i * aside)
        cloud.colors = open3d.utility.Vector3dVector(colors / 255.0)
        window.add_geometry(cloud)
    control = window.get_view_control()
    control.set_front(-view.axes[2])
    control.set_up(view.axes[1])
    window.run()
    window.destroy_window()


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="PLY file: a scene, or visualize/fulleval/<scene>.ply")
    parser.add_argument("--png", metavar="OUT", help="draw a picture instead of opening a window")
    parser.add_argument("--width", type=int, default=2400, help="of the whole picture, pixels (default %(default)s)")
    parser.add_argument("--view", choices=("oblique", "top"), default="oblique")
    parser.add_argument("--azimuth", type=float, help="where the camera stands, degrees from +x towards +y")
    parser.add_argument("--elevation", type=float, help="degrees above the floor")
    parser.add_argument("--keep_ceiling", action="store_true", help="leave ceiling and near walls where they are")
    parser.add_argument("--max_points", type=int, default=1_000_000, help="draw a random part of a larger scene")
    args = parser.parse_args(arguments)
    azimuth, elevation = (-90.0, 90.0) if args.view == "top" else (View.azimuth, View.elevation)
    view = View(azimuth if args.azimuth is None else args.azimuth,
                elevation if args.elevation is None else args.elevation)
    try:
        if not 200 <= args.width <= 20000 or args.max_points < 1:
            raise ValueError(f"--width {args.width} is not in 200..20000, or --max_points {args.max_points} below 1")
        if args.png:
            save_png(draw_panels(args.file, view, args.width, args.keep_ceiling, args.max_points), args.png)
            print(args.png)
        else:
            show_window(args.file, args.keep_ceiling, args.max_points, view)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

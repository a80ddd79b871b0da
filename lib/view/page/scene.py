"""What a page shows of one scan: `read_page_scene(path, max_points)`, its points thinned, its counts of all of them."""
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from datasets.label_sets import IGNORE_LABEL
from datasets.prediction_files import GroundTruth, stale_predictions
from datasets.scans.read import ScanOptions, find_scans
from lib.view.panels import Panels, error_colors, footprint, open_room, read_panels
from lib.view.render import View, point_spacing, render_points, usual_and_highest

PREDICTIONS = Path("visualize") / "fulleval"  # of a run
FLOOR_PLAN_CELLS = 400  # along the longer side, at most
THUMBNAIL, THUMBNAIL_POINTS = (360, 250), 80_000


@dataclass
class Heat:
    """Where a text is: relevancy (n,) of the page's points, and the scan's usual (median) and highest."""
    text: str
    values: np.ndarray
    low: float
    high: float


@dataclass
class PageScene:
    """panels: the n points that the page has. total: points of the scan; kept: (n,) which of them the page has.

    confusion: (C + 1, C + 1) int64 points of the whole scan by truth and prediction, the last row and column: none.
    best: classes (n, K) or -1, and probabilities (n, K), of the likeliest of each point. floor_plan: (X, Y) bool,
    which cells of `cell` metres lie inside, the first at `corner`. thumbnails: layer -> (H, W, 3) uint8.
    """
    path: Path
    panels: Panels
    total: int
    kept: np.ndarray
    confusion: np.ndarray
    spacing: float
    floor_plan: np.ndarray
    cell: float
    corner: np.ndarray
    best: tuple[np.ndarray, np.ndarray] | None = None
    heats: list[Heat] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    thumbnails: dict[str, np.ndarray] = field(default_factory=dict)


def find_page_scans(path: str | Path) -> tuple[list[Path], list[str]]:
    """The scans of a file, of a folder, or of a run, whose predictions are taken; and remarks.

    What an earlier inference left in a folder of predictions is passed over, as far as its scenes.json says. Raises
    FileNotFoundError.
    """
    path = Path(path)
    folder = path / PREDICTIONS if (path / PREDICTIONS).is_dir() else path
    if (path / "config.yaml").is_file() and folder == path:
        raise FileNotFoundError(f"{path / PREDICTIONS}: this run has no predictions; make them with inference.sh")
    found = find_scans(folder)
    if folder.is_file():
        return found, []
    names = {scan.stem for scan in found if scan.suffix == ".ply"}
    found = [scan for scan in found if scan.suffix != ".npz" or scan.stem not in names]  # the likeliest classes
    stale = stale_predictions(folder, [scan.stem for scan in found])
    current = [scan for scan in found if scan.stem not in stale]
    if not current or not stale:
        return found, []
    return current, [f"{len(found) - len(current)} files of earlier inferences in {folder.name} are left out"]


def read_page_scene(path: Path, max_points: int, label_set: str | Path | None = None,
                    options: ScanOptions | None = None, thumbnails: bool = False,
                    ground_truth: GroundTruth | None = None) -> PageScene:
    """One scan, with at most max_points of its points, chosen at random. Raises as `read_panels`, and ValueError."""
    whole = read_panels(path, label_set, options, ground_truth)
    total, remarks, panels = len(whole.points), [], whole
    if whole.truth is not None and (whole.truth == IGNORE_LABEL).all():
        whole.truth = None
        remarks += ["not one point of its truth is labelled"] if ground_truth else []
    kept = np.arange(total)
    if total > max_points:
        kept = np.sort(np.random.default_rng(0).choice(total, max_points, replace=False))
        panels = whole.select(kept)
        remarks.append(f"{max_points:,} of {total:,} points are drawn, chosen at random; counts are of all points")
    cell = max(0.05, float(np.ptp(panels.points[:, :2], axis=0).max()) / FLOOR_PLAN_CELLS)
    plan, _ = footprint(panels.points, cell, margin=2)
    scene = PageScene(Path(path), panels, total, kept, count_pairs(whole), point_spacing(panels.points), plan, cell,
                      panels.points[:, :2].min(0) - 2 * cell, remarks=remarks)
    if panels.relevancy is not None:
        scene.heats.append(Heat("", panels.relevancy, *panels.heat_range))
    likeliest = Path(path).with_suffix(".npz")
    if panels.prediction is not None and likeliest.is_file():
        scene.best = _read_likeliest(likeliest, panels)
    if thumbnails:
        scene.thumbnails = draw_thumbnails(panels)
    return scene


def count_pairs(panels: Panels) -> np.ndarray:
    """(C + 1, C + 1) points by truth (row) and prediction (column); the last of each: none."""
    side = len(panels.label_set) + 1
    rows, columns = (np.full(len(panels.points), -1) if classes is None else classes
                     for classes in (panels.truth, panels.prediction))
    return np.bincount(rows % side * side + columns % side, minlength=side * side).reshape(side, side)


def _read_likeliest(path: Path, panels: Panels) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            ids, probabilities = stored["ids"][panels.rows], stored["probabilities"][panels.rows]
            if ids.ndim != 2 or ids.shape != probabilities.shape:
                raise ValueError("ids and probabilities differ in shape")
            return panels.to_classes(ids.ravel()).reshape(ids.shape), probabilities.astype(np.float32)
    except (ValueError, KeyError, IndexError, OSError, EOFError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: no likeliest classes of this scan ({' '.join(str(error).split())[:120]}); remove it "
                         "or run inference.sh again") from None


def draw_thumbnails(panels: Panels) -> dict[str, np.ndarray]:
    """Layer -> (H, W, 3) uint8, on white: input, and what else is known of prediction, truth and error."""
    room = panels.select(open_room(panels, View()))
    if len(room.points) > THUMBNAIL_POINTS:
        room = room.select(np.random.default_rng(0).choice(len(room.points), THUMBNAIL_POINTS, replace=False))
    layers = {"input": room.input}
    for layer, classes in (("prediction", room.prediction), ("truth", room.truth)):
        if classes is not None:
            layers[layer] = room.label_set.to_colors(classes)
    if room.prediction is not None and room.truth is not None:
        layers["error"] = error_colors(room.prediction, room.truth)
    return dict(zip(layers, render_points(room.points, list(layers.values()), View(), THUMBNAIL)))


def heat_of(text: str, relevancy: np.ndarray, places: np.ndarray) -> Heat:
    """relevancy: (P,) of all points that a network saw; places: (n,) which of them the page has."""
    return Heat(text, relevancy[places], *usual_and_highest(relevancy))

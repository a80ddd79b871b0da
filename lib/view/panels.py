"""What a file holds to look at: `read_panels(path)`; `open_room(panels, view)` takes ceiling and near walls away."""
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from datasets.label_sets import CLASSES_FILE, IGNORE_LABEL, UNLABELLED_COLOR, LabelSet, find_label_set, read_classes
from datasets.prediction_files import GroundTruth, check_ids, read_ids
from datasets.scans.read import ScanOptions, read_scan, say, scan_name
from datasets.scans.scan import Scan
from datasets.transforms import NEUTRAL_COLOR
from lib.view.render import View, heat_colors, usual_and_highest

# What stands between the camera and the room: cut where it is on the near side.
WALL_LIKE = ("wall", "door", "window", "curtain", "blinds", "picture", "poster", "whiteboard", "blackboard", "board",
             "bulletin board", "mirror", "closet door", "closet wall", "doorframe", "windowsill", "light switch",
             "power outlet", "calendar", "clock", "sign", "projector screen", "shower wall", "ledge", "vent",
             "fire alarm", "structure")
ERROR_COLORS = {"right": (206, 211, 217), "wrong": (213, 42, 36), "unknown": (156, 168, 190)}  # on white


@dataclass
class Panels:
    """What a file holds.

    points (N, 3) float32 m; input (N, 3) uint8; prediction and truth (N,) class index of the label set or -1, None
    where not known.
    heat: (N, 3) uint8 colours of a query's heat map; heat_range: relevancy at the lowest and highest colour.
    confidence, relevancy: (N,) float32 in 0..1, where the file has them. rows: (N,) the file's vertex of each point, -1
    for a sample of a mesh's faces. to_classes: from ids, as the file's `label` holds them, to class indices. path: the
    file that has the points.
    """
    name: str
    points: np.ndarray
    input: np.ndarray
    prediction: np.ndarray | None
    truth: np.ndarray | None
    label_set: LabelSet
    heat: np.ndarray | None = None
    heat_range: tuple[float, float] = (0.0, 1.0)
    confidence: np.ndarray | None = None
    relevancy: np.ndarray | None = None
    rows: np.ndarray | None = None
    to_classes: Callable[[np.ndarray], np.ndarray] | None = None
    path: Path | None = None

    def pictures(self) -> list[tuple[str, np.ndarray]]:
        """Title and (N, 3) uint8 colours of each panel."""
        panels = [("input", self.input)]
        if self.heat is not None:
            return panels + [("relevancy", self.heat)]
        for title, classes in (("prediction", self.prediction), ("ground truth", self.truth)):
            if classes is not None:
                panels.append((title, self.label_set.to_colors(classes)))
        return panels

    def select(self, which: np.ndarray) -> "Panels":
        """The same panels with some of the points. which: (N,) bool, or indices."""
        columns = ("points", "input", "prediction", "truth", "heat", "confidence", "relevancy", "rows")
        return replace(self, **{name: values[which] for name in columns if (values := getattr(self, name)) is not None})


def read_panels(path: str | Path, label_set: str | Path | None = None, options: ScanOptions | None = None,
                ground_truth: GroundTruth | None = None) -> Panels:
    """What a scan, in any format, or an inference output shows, in metres, z up, where the file has it.

    options: how scans are read, None: as `read_scan` does. label_set: name or file; None: the `label_set.csv` beside
    the file or a folder above it or above the truth, else ScanNet200, and for predictions the `classes.json` beside it.
    ground_truth: where it lies, if not in the file; labels are then a prediction, and `.txt` may be one, an id a line,
    whose points are the truth's. Raises FileNotFoundError, ValueError (one line).
    """
    path = Path(path)
    classes_of = find_label_set(label_set, path.parent, path.parent.parent, *ground_truth.named if ground_truth else ())
    scan, label = _read(path, options or ScanOptions(), ground_truth)
    ours, heat = "input_red" in scan.columns, "relevancy" in scan.columns
    predicted = ours or ground_truth is not None
    columns = scan.columns | ({} if label is None else {"label": label})
    if predicted and not heat and "label" not in columns:
        raise ValueError(f"{path}: has no column `label`; a prediction has")
    if ground_truth is not None:
        columns["ground_truth"] = ground_truth.of(path, classes_of, len(scan.points if label is None else label))
    seen, points = scan.seen, scan.placed()
    columns = {name: values[seen] for name, values in columns.items() if values is not None}
    if ours:
        input_colors = np.stack([columns[f"input_{c}"] for c in ("red", "green", "blue")], 1).astype(np.uint8)
    else:
        colors = scan.cloud().colors
        input_colors = np.full(points.shape, NEUTRAL_COLOR, np.uint8) if colors is None else colors
    if predicted:  # nothing is of samples of faces
        points, input_colors = points[:int(seen.sum())], input_colors[:int(seen.sum())]
    truth = columns.get("ground_truth" if predicted else "label")
    if truth is not None:
        truth = np.pad(classes_of.to_classes(truth), (0, len(points) - len(truth)), constant_values=IGNORE_LABEL)
    prediction, to_classes = None, classes_of.to_classes
    if predicted and not heat:
        answers = classes_of
        if (path.parent / CLASSES_FILE).is_file() and label_set is None:
            answers = own = read_classes(path.parent / CLASSES_FILE)
            classes_of = _together(classes_of, own)
            place = np.array([*map(classes_of.index, own.names), IGNORE_LABEL])

            def to_classes(ids: np.ndarray) -> np.ndarray:
                return place[own.to_classes(ids)]
        if ground_truth is not None:
            check_ids(label, path, answers)
        prediction = to_classes(columns["label"])
    rows = np.pad(np.flatnonzero(seen), (0, len(points) - int(seen.sum())), constant_values=-1)
    panels = Panels(scan_name(path), points, input_colors, prediction, truth, classes_of, rows=rows,
                    to_classes=to_classes, path=scan.path)
    if predicted and "confidence" in columns:
        panels.confidence = columns["confidence"].astype(np.float32)
    if heat:
        panels.relevancy = columns["relevancy"].astype(np.float32)
        panels.heat_range = usual_and_highest(columns["relevancy"])
        panels.heat = heat_colors(columns["relevancy"], *panels.heat_range)
    return panels


def _read(path: Path, options: ScanOptions, ground_truth: GroundTruth | None) -> tuple[Scan, np.ndarray | None]:
    """A file's scan and labels (N,); of a list of ids that is to be compared with a truth, the truth's scan."""
    if path.suffix == ".txt" and ground_truth is not None:
        source = ground_truth.file_of(path)
        if source is None:
            raise FileNotFoundError(f"{path}: holds no points, and {ground_truth.where} no scan of its name")
        settled = ground_truth.settled and options == ScanOptions()
        scan = read_scan(source, ScanOptions("m", "z") if settled else options)
        if not settled:
            say(scan)
        return scan, read_ids(path)
    if path.suffix == ".txt" and path.with_suffix(".ply").is_file():
        raise ValueError(f"{path}: holds labels without points; give the .ply beside it")
    scan = read_scan(path, options)
    if "relevancy" in scan.columns and options == ScanOptions():  # ours: nothing to guess
        scan = read_scan(path, ScanOptions("m", "z"))
    if "input_red" not in scan.columns:
        say(scan)
    return scan, scan.labels


def _together(label_set: LabelSet, own: LabelSet) -> LabelSet:
    """A set, and after its classes those of another that it does not name."""
    more = [k for k, name in enumerate(own.names) if name not in label_set.names]
    ids = np.arange(1, len(more) + 1, dtype=np.int32) + label_set.ids.max()
    return LabelSet(label_set.name, (*label_set.names, *(own.names[k] for k in more)),
                    np.concatenate([label_set.ids, ids]), (*label_set.groups, *("" for _ in more)),
                    np.concatenate([label_set.colors, own.colors[more]]))


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
    keep = ~np.isin(classes, panels.label_set.known(["ceiling"]))
    if top > 1.8:  # a room, not a single object
        keep &= (height < top - 0.10) | (trusted & (classes != IGNORE_LABEL))
    if not near_walls or view.elevation > 80 or top <= 1.8:
        return keep if keep.any() else ~keep

    cell = 0.05
    inside, grid = footprint(panels.points, cell, margin=20)

    def near_side(step: float) -> np.ndarray:
        """Whether a step (m) towards the camera leads out of the room: holds for any floor plan."""
        toward = -view.axes[2, :2] / np.linalg.norm(view.axes[2, :2])
        return ~inside[tuple(np.round(grid + step / cell * toward).astype(np.int64).T)]

    wall_like = np.isin(classes, panels.label_set.known(WALL_LIKE))
    unsure = (height > 0.10) & ((classes == IGNORE_LABEL) | (not trusted))
    keep &= ~(wall_like & near_side(0.40)) & ~(unsure & near_side(0.15))
    return keep if keep.any() else ~keep


def footprint(points: np.ndarray, cell: float, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """The floor plan of a scan. points: (N, 3) m; cell: m, of its grid; margin: cells around the points.

    Returns (X, Y) bool, which cells lie inside, and (N, 2) int64, the cell of every point.
    """
    grid = np.floor((points[:, :2] - points[:, :2].min(0)) / cell).astype(np.int64) + margin
    inside = np.zeros(grid.max(0) + margin + 1, bool)
    inside[tuple(grid.T)] = True
    return ndimage.binary_fill_holes(ndimage.binary_closing(inside, iterations=4)), grid


def error_colors(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N, 3) uint8: wrong in red, right in grey, unlabelled in a darker, bluish one; both (N,) class index or -1."""
    colors = np.where((prediction == truth)[:, None], ERROR_COLORS["right"], ERROR_COLORS["wrong"])
    return np.where((truth == IGNORE_LABEL)[:, None], ERROR_COLORS["unknown"], colors).astype(np.uint8)


def point_accuracy(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Share of labelled points whose class is right, nan where none is labelled. Both (N,) class index or -1."""
    labelled = truth != IGNORE_LABEL
    return float((prediction == truth)[labelled].mean()) if labelled.any() else float("nan")


def legend_entries(panels: Panels) -> list[tuple[str, tuple[int, int, int]]]:
    """Name and colour of every class in any panel, the one with most points first, unlabelled last."""
    columns = [c for c in (panels.prediction, panels.truth) if c is not None]
    names, colors = panels.label_set.names, panels.label_set.colors
    counts = np.zeros(len(names) + 1, np.int64)
    for column in columns:
        counts += np.bincount(column + 1, minlength=len(counts))
    order = [i for i in np.argsort(-counts[1:], kind="stable") if counts[i + 1]]
    entries = [(names[i], tuple(colors[i].tolist())) for i in order]
    return entries + ([("unlabelled", UNLABELLED_COLOR)] if counts[0] else [])

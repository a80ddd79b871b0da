"""What a file holds to look at: `read_panels(path)`; `open_room(panels, view)` takes ceiling and near walls away."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from datasets.label_sets import CLASSES_FILE, IGNORE_LABEL, UNLABELLED_COLOR, LabelSet, find_label_set, read_classes
from datasets.scans.read import ScanOptions, read_scan, say
from datasets.transforms import NEUTRAL_COLOR
from lib.view.render import View, heat_colors, usual_and_highest

# What stands between the camera and the room: cut where it is on the near side.
WALL_LIKE = ("wall", "door", "window", "curtain", "blinds", "picture", "poster", "whiteboard", "blackboard", "board",
             "bulletin board", "mirror", "closet door", "closet wall", "doorframe", "windowsill", "light switch",
             "power outlet", "calendar", "clock", "sign", "projector screen", "shower wall", "ledge", "vent",
             "fire alarm", "structure")


@dataclass
class Panels:
    """What a file holds.

    points (N, 3) float32 m; input (N, 3) uint8; prediction and truth (N,) class index of the label set or -1, None
    where not known.
    heat: (N, 3) uint8 colours of a query's heat map; heat_range: relevancy at the lowest and highest colour.
    """
    name: str
    points: np.ndarray
    input: np.ndarray
    prediction: np.ndarray | None
    truth: np.ndarray | None
    label_set: LabelSet
    heat: np.ndarray | None = None
    heat_range: tuple[float, float] = (0.0, 1.0)

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
        part = (None if column is None else column[which] for column in (self.input, self.prediction, self.truth))
        heat = None if self.heat is None else self.heat[which]
        return Panels(self.name, self.points[which], *part, self.label_set, heat, self.heat_range)


def read_panels(path: str | Path, label_set: str | Path | None = None, options: ScanOptions | None = None) -> Panels:
    """What a scan, in any format, or an inference output shows, in metres, z up, where the file has it.

    options: how scans are read, None: as `read_scan` does. label_set: name or file; None: the `label_set.csv` beside
    the file or a folder above it, else ScanNet200, and for predictions the `classes.json` beside it. Raises
    FileNotFoundError, ValueError (one line).
    """
    path = Path(path)
    classes_of = find_label_set(label_set, path.parent, path.parent.parent)
    if path.suffix == ".txt" and path.with_suffix(".ply").is_file():
        raise ValueError(f"{path}: holds labels without points; give the .ply beside it")
    options = options or ScanOptions()
    scan = read_scan(path, options)
    output, heat = "input_red" in scan.columns, "relevancy" in scan.columns
    if heat and options == ScanOptions():  # ours: nothing to guess
        scan = read_scan(path, ScanOptions("m", "z"))
    if not output:
        say(scan)
    seen, points = scan.seen, scan.placed()
    columns = {name: values[seen] for name, values in scan.columns.items()}
    if scan.labels is not None:
        columns["label"] = scan.labels[seen]
    if output:
        points = points[:int(seen.sum())]
        if not heat and "label" not in columns:
            raise ValueError(f"{path}: has input_red but no label: no output of inference or of query.py")
        input_colors = np.stack([columns[f"input_{c}"] for c in ("red", "green", "blue")], 1).astype(np.uint8)
    else:
        colors = scan.cloud().colors
        input_colors = np.full(points.shape, NEUTRAL_COLOR, np.uint8) if colors is None else colors
    truth = columns.get("ground_truth" if output else "label")
    if truth is not None:
        truth = np.pad(classes_of.to_classes(truth), (0, len(points) - len(truth)), constant_values=IGNORE_LABEL)
    prediction = None
    if output and not heat:
        if (path.parent / CLASSES_FILE).is_file() and label_set is None:
            own = read_classes(path.parent / CLASSES_FILE)
            classes_of = _together(classes_of, own)
            place = np.array([*map(classes_of.index, own.names), IGNORE_LABEL])
            prediction = place[own.to_classes(columns["label"])]
        else:
            prediction = classes_of.to_classes(columns["label"])
    panels = Panels(scan.name, points, input_colors, prediction, truth, classes_of)
    if heat:
        panels.heat_range = usual_and_highest(columns["relevancy"])
        panels.heat = heat_colors(columns["relevancy"], *panels.heat_range)
    return panels


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
    grid = np.floor((panels.points[:, :2] - panels.points[:, :2].min(0)) / cell).astype(np.int64) + 20  # 1 m of margin
    inside = np.zeros(grid.max(0) + 21, bool)
    inside[tuple(grid.T)] = True
    inside = ndimage.binary_fill_holes(ndimage.binary_closing(inside, iterations=4))

    def near_side(step: float) -> np.ndarray:
        """Whether a step (m) towards the camera leads out of the room: holds for any floor plan."""
        toward = -view.axes[2, :2] / np.linalg.norm(view.axes[2, :2])
        return ~inside[tuple(np.round(grid + step / cell * toward).astype(np.int64).T)]

    wall_like = np.isin(classes, panels.label_set.known(WALL_LIKE))
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
    names, colors = panels.label_set.names, panels.label_set.colors
    counts = np.zeros(len(names) + 1, np.int64)
    for column in columns:
        counts += np.bincount(column + 1, minlength=len(counts))
    order = [i for i in np.argsort(-counts[1:], kind="stable") if counts[i + 1]]
    entries = [(names[i], tuple(colors[i].tolist())) for i in order]
    return entries + ([("unlabelled", UNLABELLED_COLOR)] if counts[0] else [])

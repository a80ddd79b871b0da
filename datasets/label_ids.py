"""What the numbers in a scan's label column mean, `--label_ids`, and whether they look like another table's.

    own = LabelIds("nyu40", label_set)(scene.labels, path)   # ids of the label set, whatever the file's table is
"""
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from datasets.label_sets import BUILT_IN, HIGHEST_ID, IGNORE_LABEL, LabelSet, load_label_map, load_label_set

RAW = "raw"  # ScanNet's own ids, as the label set scannet200 has them
NAMED = {".labels.ply": "nyu40"}  # file names whose table is known: what ScanNet calls <scene>_vh_clean_2.labels.ply
NO_INDEX = (-1, 255, -100)  # what stands for "none" among class indices
LEVEL = 0.15  # metres about its median height in which a floor lies
LOOKED_AT = 30_000  # points of a scene
CELL = 0.25  # metres, side of the squares that say how much of a scene's ground something takes


class LabelIds:
    """Takes the labels of files to ids of a label set.

    name: "own" (the label set's ids), "index" (its classes' 0, 1, ...; -1, 255 and -100 are none), "raw" (ScanNet's),
    another table: "nyu40", "scannet20", or FILE.csv with id and name, whose classes are those of the same name, or as
    config/label_sets/<table>_to_<label set>.csv says. "auto": own, except for files whose name tells their table.
    Raises ValueError and FileNotFoundError for a table that cannot be had or has no class in common.
    """

    def __init__(self, name: str, label_set: LabelSet):
        self.name, self.label_set = name, label_set
        self._tables = {}
        if name not in ("auto", "own", "index"):
            self._tables[name] = _table(name, label_set)
        elif name == "auto" and label_set.name in HIGHEST_ID:
            self._tables = {table: _table(table, label_set) for table in NAMED.values()}

    def of(self, path: str | Path) -> str:
        """The table of a file's labels: a name as for `LabelIds`, never "auto"."""
        if self.name != "auto":
            return self.name
        return next((table for ending, table in NAMED.items()
                     if str(path).lower().endswith(ending) and table in self._tables), "own")

    def __call__(self, labels: np.ndarray, path: str | Path) -> np.ndarray:
        """labels: (N,) integers as the file has them. Returns (N,) ids of the label set.

        What the table has but the label set does not is unlabelled. Raises ValueError for ids of no such table.
        """
        name = self.of(path)
        if name == "own":
            self.label_set.check_ids(labels, path)
            return labels
        if name == "index":
            return self.label_set.to_ids(_indices(labels, self.label_set, path))
        source, classes = self._tables[name]
        source.check_ids(labels, path)
        return self.label_set.to_ids(classes[source.to_classes(labels)])  # the last of `classes` is none

    def seen_elsewhere(self, points: np.ndarray, labels: np.ndarray, path: str | Path) -> str | None:
        """What `another_table` says of a file's labels, where nothing but their being there says that they are own ids;
        else None. points: (N, 3) metres, z up; labels: (N,) as the file has them."""
        if self.name != "auto" or self.of(path) != "own":
            return None
        return another_table(points, labels, self.label_set)

    def key(self) -> list:
        """What a conversion depends on beside the file, as plain values."""
        return [self.name, self.label_set.ids.tolist(),
                [[name, source.ids.tolist(), classes.tolist()] for name, (source, classes) in self._tables.items()]]

    def remarks(self, paths: Iterable[Path]) -> list[str]:
        """A line for what "auto" takes from names of files."""
        taken = {}
        for path in paths:
            if self.name == "auto" and (table := self.of(path)) != "own":
                taken.setdefault(table, []).append(path)
        return [f"{files[0]}{f' and {len(files) - 1} more' if len(files) > 1 else ''}: named like ScanNet's files of "
                f"{table} ids, so read by --label_ids {table} (overrule it with --label_ids raw); the colours of "
                "ScanNet's own files of that name are the labels', not the scan's" for table, files in taken.items()]


def _table(name: str, label_set: LabelSet) -> tuple[LabelSet, np.ndarray]:
    """A table, and the class in `label_set` of each of its classes and, last, of what is none: (T + 1,)."""
    try:
        source = load_label_set("scannet200" if name == RAW else name)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"--label_ids {name}: {error} (or auto, own, index, raw)") from None
    if source.same_classes(label_set):
        names = dict(zip(source.names, source.names))
    else:
        file = BUILT_IN / f"{source.name}_to_{label_set.name}.csv"
        names = (load_label_map(file, source, label_set) if file.is_file() else
                 {old: old if old in label_set.names else "" for old in source.names})
    classes = [label_set.index(new) if (new := names[old]) else IGNORE_LABEL for old in source.names]
    if max(classes) == IGNORE_LABEL:
        raise ValueError(f"--label_ids {name}: none of its names is a class of label set {label_set.name}")
    return source, np.array([*classes, IGNORE_LABEL])


def _indices(labels: np.ndarray, label_set: LabelSet, path: str | Path) -> np.ndarray:
    none = np.isin(labels, NO_INDEX)
    wrong = ~none & ((labels < 0) | (labels >= len(label_set)))
    if wrong.any():
        raise ValueError(f"{path}: vertex {int(np.argmax(wrong))} has label {labels[np.argmax(wrong)]}, no class index "
                         f"0..{len(label_set) - 1} of label set {label_set.name}; --label_ids says what labels are")
    return np.where(none, IGNORE_LABEL, labels)


def another_table(points: np.ndarray, labels: np.ndarray, label_set: LabelSet) -> str | None:
    """The `--label_ids` whose floor and wall are where floors and walls are, while the label set's own are not.

    points: (N, 3) metres, z up. labels: (N,) as the file has them, taken for the label set's ids. "own" where the own
    floor lies like one; None where neither is seen: small ids are in every table, so only places tell them apart.
    """
    own = _floor_and_wall(label_set.names, label_set.ids)
    if own is None:
        return None
    step = 1 + len(points) // LOOKED_AT
    points, labels = points[::step], labels[::step]
    if lies_like_a_floor(points, labels == own[0]):
        return "own"
    tables = {"index": (label_set.names, range(len(label_set))),
              **{name: (table.names, table.ids) for name, table in (("nyu40", load_label_set("nyu40")),
                                                                    (RAW, load_label_set()))}}
    for name in ("nyu40", RAW, "index"):
        other = _floor_and_wall(*tables[name])
        if other and other != own and lies_like_a_floor(points, labels == other[0]) \
                and stands_like_walls(points, labels == other[1]):
            return name
    return None


def looks_like(table: str, label_set: LabelSet) -> str:
    """What to say where `another_table` found one."""
    return (f"its labels look like another table's, not label set {label_set.name}'s: floor and wall are where "
            f"--label_ids {table} has them; say so, or --label_ids own if all is right")


def _floor_and_wall(names, ids) -> tuple[int, int] | None:
    known = dict(zip(names, map(int, ids)))
    return (known["floor"], known["wall"]) if {"floor", "wall"} <= known.keys() else None


def _ground(points: np.ndarray) -> int:
    """How many squares of the ground are taken."""
    return len(np.unique(np.floor(points[:, :2] / CELL).astype(np.int64), axis=0))


def lies_like_a_floor(points: np.ndarray, which: np.ndarray) -> bool:
    """Whether points (N, 3) that are `which` (N,) lie level, under nearly all others, over much of the ground."""
    heights = points[which, 2]
    if len(heights) < 30:
        return False
    level = np.median(heights)
    return bool((np.abs(heights - level) < LEVEL).mean() > 0.8 and (points[:, 2] < level - LEVEL).mean() < 0.05
                and _ground(points[which]) > 0.2 * _ground(points))


def stands_like_walls(points: np.ndarray, which: np.ndarray) -> bool:
    """Whether points (N, 3) that are `which` (N,) reach over a metre high, and are no small part of the scene."""
    heights = points[which, 2]
    if len(heights) < max(30, 0.03 * len(points)):
        return False
    low, high = np.quantile(heights, [0.05, 0.95])
    return bool(high - low > 1)

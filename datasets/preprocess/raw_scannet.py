"""ScanNet's own files: vertices, over-segmentation, aggregation, axis alignment and label table, to one `Scene`.

`scene, notes = read_raw_scene(folder, raw_ids, labelled=True)`, with `raw_ids = read_label_table(tsv)`.
"""
import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np

from datasets.ply import Scene, read_scene

UNLABELLED_ID = 0
LABEL_TABLE = "scannetv2-labels.combined.tsv"
POINTS, SEGMENTS = "_vh_clean_2.ply", "_vh_clean_2.0.010000.segs.json"
FARTHEST = 1000  # metres
AGGREGATION, INFORMATION = ".aggregation.json", ".txt"


def read_label_table(path: Path, column: str = "id") -> dict[str, int]:
    """Id of every raw category: ScanNet's own, or that of another column such as nyu40id, where an empty one is 0.

    Quotation marks are letters of a category like any other. Of one listed twice the first row counts, as in the
    benchmark's own preprocessing. Raises FileNotFoundError, and ValueError for another kind of table.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: ScanNet's label table is missing; `bash download.sh` says how to get it")
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or not {"raw_category", column} <= set(rows[0]):
        raise ValueError(f"{path}: needs the tab-separated columns `raw_category` and `{column}`")
    try:
        return {row["raw_category"].strip(): int(row[column] or (0 if column != "id" else ""))
                for row in reversed(rows)}
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"{path}: holds a row without a whole number as `{column}`") from None


def read_raw_scene(folder: Path, raw_ids: dict[str, int], labelled: bool) -> tuple[Scene, Counter]:
    """One scan, axis-aligned, in the order of its vertices, which submissions depend on.

    A vertex belongs to the last object of the aggregation that lists its segment; `instance_id` counts the objects from
    1. An object whose raw category is not in the table is unlabelled (0) and noted; one without a vertex is noted.
    Returns the scene and how often what was noted. Raises FileNotFoundError and ValueError, one line with the file.
    """
    name, notes = folder.name, Counter()
    scene = read_scene(folder / f"{name}{POINTS}")
    matrix = read_axis_alignment(folder / f"{name}{INFORMATION}")
    if matrix is None:
        notes["scenes without an axisAlignment, left as they are"] += 1
    else:
        scene.points = (scene.points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
    labels = instances = None
    if labelled:
        segments = _segments(folder / f"{name}{SEGMENTS}", len(scene.points))
        labels, instances = _objects(folder / f"{name}{AGGREGATION}", segments, raw_ids, notes)
    return Scene(name, scene.points, scene.colors, labels, instances), notes


def read_axis_alignment(path: Path) -> np.ndarray | None:
    """The (4, 4) matrix of a scan's information file, None if that names none."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; it holds the scan's axis alignment")
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "axisAlignment":
            try:
                matrix = np.array([float(word) for word in value.split()]).reshape(4, 4)
            except ValueError:
                matrix = np.full((4, 4), np.nan)
            if not np.isfinite(matrix).all():
                raise ValueError(f"{path}: axisAlignment needs 16 numbers, got {value.strip()[:60]!r}")
            turn = matrix[:3, :3]
            if np.abs(turn @ turn.T - np.eye(3)).max() > 0.01 or not np.array_equal(matrix[3], [0, 0, 0, 1]):
                raise ValueError(f"{path}: axisAlignment is no rotation and shift: {value.strip()[:60]!r}")
            if np.abs(matrix).max() > FARTHEST:
                raise ValueError(f"{path}: axisAlignment shifts by more than {FARTHEST} m: {value.strip()[:60]!r}")
            return matrix
    return None


def _segments(path: Path, vertices: int) -> np.ndarray:
    """(vertices,) int64 segment of each vertex."""
    values = _read_json(path).get("segIndices")
    try:
        segments = np.array(values)
    except ValueError:
        segments = np.empty(0)
    if segments.dtype.kind != "i" or segments.shape != (vertices,):
        raise ValueError(f"{path}: segIndices needs {vertices} whole numbers, one a vertex, "
                         f"got {segments.dtype} of shape {segments.shape}")
    return segments.astype(np.int64)


def _objects(path: Path, segments: np.ndarray, raw_ids: dict[str, int],
             notes: Counter) -> tuple[np.ndarray, np.ndarray]:
    """(labels, instances), (N,) int32 each."""
    labels, instances = np.full(len(segments), UNLABELLED_ID, np.int32), np.zeros(len(segments), np.int32)
    groups = _read_json(path).get("segGroups")
    if not isinstance(groups, list):
        raise ValueError(f"{path}: needs a list `segGroups`")
    unique, inverse = np.unique(segments, return_inverse=True)
    for number, group in enumerate(groups, start=1):
        if not isinstance(group, dict) or not isinstance(group.get("label"), str) or not isinstance(
                group.get("segments"), list) or not all(isinstance(s, int) for s in group["segments"]):
            raise ValueError(f"{path}: object {number} needs a `label` and a list of whole numbers `segments`")
        category = group["label"].strip()
        rows = np.isin(unique, np.array(group["segments"], dtype=np.int64))[inverse]
        if not rows.any():
            notes["objects without a vertex, left out"] += 1
            continue
        if (instances[rows] != 0).any():
            notes["objects that overlap an earlier one, which they take the vertices of"] += 1
        if category not in raw_ids:
            notes[f"objects of {category!r}, which the label table does not have, left unlabelled"] += 1
        labels[rows] = raw_ids.get(category, UNLABELLED_ID)
        instances[rows] = number
    return labels, instances


def _read_json(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: truncated or damaged JSON: {' '.join(str(error).split())[:120]}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds a {type(content).__name__}, needs an object")
    return content

"""What inference writes of a scan: `write_prediction(folder, scan, found, answers)`, beside each other

<scene>.txt             the id of a class a line, in the file's vertex order
<scene>_objects.json    connected objects
<scene>.npz             the likeliest classes of every point, where they were asked for
<scene>.ply             all that the file had, coloured by prediction, with label and confidence; the last one
"""
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from datasets.files import replacing
from datasets.label_sets import LabelSet
from datasets.ply import write_columns
from datasets.scans.scan import Scan
from datasets.transforms import NEUTRAL_COLOR
from lib.inference.objects import find_objects
from lib.inference.predictor import Prediction

LINES_AT_ONCE = 1 << 20
RED_GREEN_BLUE = ("red", "green", "blue")


def write_prediction(folder: Path, scan: Scan, found: Prediction, answers: LabelSet) -> None:
    """found: of the scan's cloud, in classes of `answers`; what the network did not see is unlabelled, at confidence 0.
    """
    ids = answers.to_ids(scan.at_vertices(found.classes, -1))  # (N,)
    with replacing(folder / f"{scan.name}.txt") as file:
        for start in range(0, len(ids), LINES_AT_ONCE):
            file.write("".join(f"{number}\n" for number in ids[start:start + LINES_AT_ONCE].tolist()))
    with replacing(folder / f"{scan.name}_objects.json") as file:
        json.dump({"scene": scan.name, "objects": [asdict(each) for each in find_objects(scan, found, answers)]}, file,
                  indent=1)
    archive = folder / f"{scan.name}.npz"
    if found.best.shape[1]:
        with replacing(archive, "wb") as file:
            np.savez_compressed(file, ids=scan.at_vertices(answers.ids[found.best], answers.unlabelled_id),
                                probabilities=scan.at_vertices(found.probabilities, 0))
    else:
        archive.unlink(missing_ok=True)  # an older run's would be of other predictions
    write_columns(folder / f"{scan.name}.ply", columns_of(scan, found, answers), scan.faces)


def columns_of(scan: Scan, found: Prediction, answers: LabelSet) -> dict[str, np.ndarray]:
    """Vertex columns, (N,) each: the file's coordinates as exact as it had them, the prediction and its colours, the
    scan's own colours as input_red, ..., its labels as ground_truth, and all of its further columns."""
    classes = scan.at_vertices(found.classes, -1)
    points = scan.points
    with np.errstate(over="ignore", invalid="ignore"):
        if np.array_equal(points.astype(np.float32), points, equal_nan=True):
            points = points.astype(np.float32)
    columns = dict(zip("xyz", points.T))
    columns |= dict(zip(RED_GREEN_BLUE, answers.to_colors(classes).T))
    columns |= {"label": answers.to_ids(classes), "confidence": scan.at_vertices(found.confidence, 0)}
    colors = np.full(points.shape, NEUTRAL_COLOR, np.uint8) if scan.colors is None else scan.colors
    columns |= {f"input_{name}": channel for name, channel in zip(RED_GREEN_BLUE, colors.T)}
    for name, values in (("ground_truth", scan.labels), ("instance_id", scan.instances)):
        if values is not None:
            columns[name] = values.astype(np.int32)
    for name, values in scan.columns.items():
        name = "_".join(name.split())
        if name and name not in columns:
            columns[name] = _storable(values)
    return columns


def _storable(values: np.ndarray) -> np.ndarray:
    """A column in a type that PLY has: integers of 64 bits in 32 where they fit, else as doubles."""
    kind = values.dtype.kind
    if kind == "b":
        return values.astype(np.uint8)
    if kind in "iu" and values.dtype.itemsize == 8:
        narrow = values.astype(np.int32)
        return narrow if np.array_equal(narrow, values) else values.astype(np.float64)
    return values.astype(np.float32) if values.dtype == np.float16 else values

"""What training learns from a data set beforehand: points of each class, weights, boxes, tail instances.

Functions over `datasets.ply.Scene` objects, for synthetic scenes and for ScanNet alike.
"""
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from datasets.label_sets import IGNORE_LABEL, LabelSet
from datasets.ply import Scene
from datasets.weighting import class_weights


def count_points(scene: Scene, label_set: LabelSet) -> np.ndarray:
    """Points of each class in a labelled scan, (C,) int64; unlabelled points are left out."""
    classes = label_set.to_classes(_labels(scene))
    return np.bincount(classes[classes != IGNORE_LABEL], minlength=len(label_set))


def category_weights(points: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Weight of each class by name, `log` of `datasets.weighting`. points: (C,) of the training split.

    Raises ValueError where no point is labelled.
    """
    return {name: float(weight) for name, weight in zip(names, class_weights(points, "log"))}


def instance_sampling_weights(instances: Mapping[str, int]) -> dict[str, float]:
    """Chance of each tail class to be sampled, by name: inverse of its number of training instances, sum 1.

    instances: class name -> training instances; classes with none are left out.
    """
    inverse = {name: 1.0 / count for name, count in sorted(instances.items()) if count > 0}
    total = sum(inverse.values())
    return {name: value / total for name, value in inverse.items()}


def read_weights(path: Path, what: str, remedy: str = "") -> dict:
    """Weights of classes from a JSON object {class name: weight}, unchecked.

    what, remedy: the weights' name and the end of a message. Raises OSError where the file cannot be opened, and
    ValueError for a pickle, which is not opened, and for anything but JSON with an object.
    """
    if path.suffix in (".pkl", ".pickle"):
        raise ValueError(f"{path}: pickles are not read; give {what} as JSON, {{class name: weight}}, which "
                         f"`python -m datasets.preprocess.convert_pickle {path} --out FILE.json` makes of one")
    try:
        weights = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not a JSON file ({error}){remedy}") from None
    if not isinstance(weights, dict):
        raise ValueError(f"{path}: holds a {type(weights).__name__}, give a JSON object {{class name: weight}}")
    return weights


def bounding_boxes(scene: Scene) -> list[dict]:
    """The axis-aligned box of each instance (m): {"instance", "label" (id), "min" [x, y, z], "max" [x, y, z]}."""
    labels = _labels(scene)
    return [{"instance": instance, "label": int(np.bincount(labels[rows]).argmax()),
             "min": [round(float(v), 4) for v in scene.points[rows].min(0)],
             "max": [round(float(v), 4) for v in scene.points[rows].max(0)]}
            for instance, rows in instance_rows(scene)]


def tail_instances(scene: Scene, label_set: LabelSet, min_points: int = 30) -> list[tuple[str, Scene]]:
    """Every tail-group instance of at least `min_points` points, cut out and centred: [(class name, its points)].

    None where the label set has no groups.

    Centred: the middle of its box in x and y, and its lowest point, become the origin.
    """
    if not label_set.group_names:
        return []
    tail = label_set.tail_group
    classes, found = label_set.to_classes(_labels(scene)), []
    for instance, rows in instance_rows(scene):
        known = classes[rows][classes[rows] != IGNORE_LABEL]
        if not len(known):
            continue
        index = int(np.bincount(known).argmax())
        rows = rows[classes[rows] == index]
        if label_set.groups[index] != tail or len(rows) < min_points:
            continue
        points = scene.points[rows]
        low, high = points.min(0), points.max(0)
        origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], dtype=np.float32)
        colors = None if scene.colors is None else scene.colors[rows]
        found.append((label_set.names[index], Scene(f"{scene.name}_{instance}", points - origin, colors,
                                                label_set.to_ids(np.full(len(rows), index)), scene.instances[rows])))
    return found


def instance_rows(scene: Scene) -> Iterable[tuple[int, np.ndarray]]:
    """(instance id, its row numbers in order) for every instance of a scan; id 0, "none", is left out."""
    if scene.instances is None:
        raise ValueError(f"{scene.name}: has no instance_id column; boxes and instances need one")
    order = np.argsort(scene.instances, kind="stable")
    ids, starts = np.unique(scene.instances[order], return_index=True)
    for instance, rows in zip(ids, np.split(order, starts[1:])):
        if instance != 0:
            yield int(instance), rows


def _labels(scene: Scene) -> np.ndarray:
    if scene.labels is None:
        raise ValueError(f"{scene.name}: has no label column; statistics need labelled scenes")
    return scene.labels

"""The objects of a prediction: parts of one class that hang together, with place, size and confidence."""
from dataclasses import dataclass

import numpy as np

from datasets.geometry import connected
from datasets.label_sets import LabelSet
from datasets.scans.scan import Scan
from lib.inference.predictor import Prediction

MIN_VOXELS = 10  # of an object: smaller ones are left out


@dataclass
class Object:
    """label: id of `name`, its class. center, size: of its box along the file's axes, in the file's coordinates.
    confidence: mean of its points'."""
    label: int
    name: str
    points: int
    center: list[float]
    size: list[float]
    confidence: float


def find_objects(scan: Scan, found: Prediction, answers: LabelSet, min_voxels: int = MIN_VOXELS) -> list[Object]:
    """The objects of a scan, the largest first. found: of the scan's cloud, in classes of `answers`."""
    part = connected(found.voxels, found.voxel_classes)  # (V,)
    large = np.bincount(part) >= min_voxels
    points = scan.points[scan.seen]  # (P, 3)
    of_point = part[found.inverse[:len(points)]]  # the cloud's samples have no vertex
    classes = found.classes[:len(points)]
    chosen = np.flatnonzero(large[of_point] & (classes == found.voxel_classes[found.inverse[:len(points)]]))
    if not len(chosen):
        return []
    chosen = chosen[np.argsort(of_point[chosen], kind="stable")]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(of_point[chosen])) + 1])
    low, high = (reduce.reduceat(points[chosen], starts, axis=0) for reduce in (np.minimum, np.maximum))  # (O, 3)
    counts = np.diff([*starts, len(chosen)])
    confidence = np.add.reduceat(found.confidence[chosen].astype(np.float64), starts) / counts
    objects = [Object(int(answers.ids[k]), answers.names[k], int(count), np.round(middle, 3).tolist(),
                      np.round(size, 3).tolist(), round(float(sure), 4))
               for k, count, middle, size, sure in zip(classes[chosen[starts]], counts, (low + high) / 2, high - low,
                                                       confidence)]
    return sorted(objects, key=lambda each: -each.points)

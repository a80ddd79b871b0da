"""Figures of datasets beside ScanNet's published ones: python -m datasets.synthetic.figures DATASET [DATASET ...]

Points, classes and objects a room, its ground, the shares of walls, floor and furniture, and how frequencies fall.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from config.command import command
from datasets.label_sets import LabelSet, find_label_set, load_label_map, load_label_set
from datasets.ply import Scene, read_scene
from datasets.root_files import LABELLED
from datasets.statistics import count_points
from datasets.synthetic.published import OBJECTS, PUBLISHED, SHARES

LEAST = 20  # points from which on a class or an object counts as in a room
CELL = 0.1  # m, of the ground
PARTS = {"wall": ("wall",), "floor": ("floor",), "door": ("door",), "window": ("window",), "curtain": ("curtain",),
         "picture": ("picture",), "chair": ("chair",), "table, desk": ("table", "desk"),
         "cabinet, counter": ("cabinet", "counter"), "bookshelf": ("bookshelf",), "bed": ("bed",), "sofa": ("sofa",),
         "bathroom things": ("toilet", "sink", "bathtub", "shower curtain"),
         "other furniture, refrigerator": ("otherfurniture", "refrigerator")}
FURNITURE = ("chair", "table, desk", "cabinet, counter", "bookshelf", "bed", "sofa", "other furniture, refrigerator")
RANKS = (1, 5, 10, 20, 50, 100, 150, 200)


def figures(root: Path) -> dict[str, float]:
    """Name -> value for the labelled scenes of a root. Raises ValueError where its classes are not ScanNet200's."""
    label_set = find_label_set(None, root)
    if not label_set.same_classes(load_label_set()):
        raise ValueError(f"{root}: has classes of its own; ScanNet's figures are of those of ScanNet200")
    points, ground, counts, objects = [], [], [], []
    for split in LABELLED:
        for line in (root / f"{split}.txt").read_text().split():
            scene = read_scene(root / line)
            points.append(len(scene.points))
            ground.append(CELL ** 2 * len(np.unique(np.floor(scene.points[:, :2] / CELL).astype(np.int64), axis=0)))
            counts.append(count_points(scene, label_set))
            objects.append(count_objects(scene, label_set))
    if not counts:
        raise ValueError(f"{root}: lists no labelled scenes")
    table, total = np.array(counts), np.array(counts).sum(0)
    result = {"rooms": len(points), "points a room, median": float(np.median(points)),
              "points a room, 5 % below": float(np.percentile(points, 5)),
              "points a room, 5 % above": float(np.percentile(points, 95)), "ground m2, mean": float(np.mean(ground)),
              "objects a room, mean": float(np.array(objects).sum(1).mean()),
              "classes a room, mean": float((table >= LEAST).sum(1).mean()), "classes seen": int((total > 0).sum()),
              "unlabelled %": 100 - 100 * float(total.sum()) / sum(points)}
    result |= {f"{name} % of labelled": value for name, value in _groups(total, label_set).items()}
    result["ceiling % of labelled"] = 100 * float(total[label_set.index("ceiling")]) / max(total.sum(), 1)
    result |= shares(twenty_classes(total, label_set)) | frequencies(np.array(objects).sum(0), label_set)
    rooms = np.sort((table >= LEAST).mean(0))[::-1]
    return result | {f"rooms with the class of rank {rank} %": 100 * float(rooms[rank - 1]) for rank in RANKS[:-1]}


def published() -> dict[str, float]:
    """ScanNet's values of those names of `figures` that something is published of."""
    label_set = load_label_set()
    objects = np.array([OBJECTS[name] for name in label_set.names])
    return PUBLISHED | shares(np.array(SHARES)) | frequencies(objects, label_set)


def count_objects(scene: Scene, label_set: LabelSet) -> np.ndarray:
    """Instances of each class in a labelled scan, (C,) int64: those of at least `LEAST` points of that class.

    None are known where the scan has no instances.
    """
    if scene.instances is None:
        return np.zeros(len(label_set), np.int64)
    classes = label_set.to_classes(scene.labels)
    known = (classes >= 0) & (scene.instances > 0)
    pairs, points = np.unique(np.stack([classes[known], scene.instances[known]]), axis=1, return_counts=True)
    return np.bincount(pairs[0, points >= LEAST], minlength=len(label_set))


def twenty_classes(points: np.ndarray, label_set: LabelSet) -> np.ndarray:
    """Points of each class of ScanNet's 20, from those of ScanNet200's; ceilings and small things are in none."""
    twenty = load_label_set("scannet20")
    names = load_label_map("scannet200_to_scannet20", label_set, twenty)
    result = np.zeros(len(twenty), np.int64)
    for name, count in zip(label_set.names, points):
        if names[name]:
            result[twenty.index(names[name])] += count
    return result


def shares(points: np.ndarray) -> dict[str, float]:
    """Percent of the points of ScanNet's 20 classes that are of each of PARTS. points: (20,), or percent."""
    twenty = load_label_set("scannet20")
    result = {f"{name} % of the 20": 100 * float(points[twenty.indices(members, "PARTS")].sum()) / max(points.sum(), 1)
              for name, members in PARTS.items()}
    return result | {"furniture, these together %": sum(result[f"{name} % of the 20"] for name in FURNITURE)}


def frequencies(objects: np.ndarray, label_set: LabelSet) -> dict[str, float]:
    """How the number of objects falls from class to class, and whether the same classes have many as in ScanNet.

    objects: (C,) of each class in all rooms.
    """
    percent = 100 * np.sort(objects)[::-1] / max(objects.sum(), 1)
    result = {f"{name} % of objects": value for name, value in _groups(objects, label_set).items()}
    result |= {f"class of rank {rank} % of objects": float(percent[rank - 1]) for rank in RANKS}
    order = spearmanr(objects, [OBJECTS[name] for name in label_set.names]).statistic if np.ptp(objects) else np.nan
    return result | {"rank correlation with ScanNet": float(order)}


def _groups(counts: np.ndarray, label_set: LabelSet) -> dict[str, float]:
    return {group: 100 * float(counts[label_set.members(group)].sum()) / max(counts.sum(), 1)
            for group in label_set.group_names}


@command
def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m datasets.synthetic.figures", description=__doc__)
    parser.add_argument("datasets", nargs="+", help="dataset roots")
    options = parser.parse_args(arguments)
    columns = {Path(root).name: figures(Path(root)) for root in options.datasets} | {"ScanNet": published()}
    print(" ".join([f"{'':42}", *(f"{name:>16}" for name in columns)]))
    for name in next(iter(columns.values())):
        values = (f"{column[name]:16,.2f}" if name in column else f"{'':16}" for column in columns.values())
        print(" ".join([f"{name:42}", *values]).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())

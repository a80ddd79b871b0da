"""Figures of a dataset, to set beside those of others: python -m datasets.synthetic.figures DATASET [DATASET ...]

Points and classes a room, the share of points of walls, floor and furniture, and how frequencies fall with rank.
"""
import argparse
import sys
from pathlib import Path

import numpy as np

from config.command import command
from datasets.label_sets import load_label_set
from datasets.ply import read_scene
from datasets.root_files import LABELLED
from datasets.statistics import count_points

GROUPS = {"wall": ("wall",), "floor": ("floor",), "ceiling": ("ceiling",), "door": ("door", "doorframe"),
          "window": ("window", "windowsill", "blinds", "curtain"),
          "chairs": ("chair", "armchair", "office chair", "stool", "sofa chair"),
          "tables": ("table", "desk", "dining table", "coffee table", "end table", "nightstand"),
          "cabinets": ("cabinet", "kitchen cabinet", "bookshelf", "shelf", "wardrobe", "dresser", "file cabinet"),
          "bed and couch": ("bed", "couch")}


def figures(root: Path) -> dict[str, float]:
    """Name -> value for the labelled scenes of a dataset root."""
    label_set, points, classes, counts, unlabelled = load_label_set(), [], [], [], 0
    for split in LABELLED:
        for line in (root / f"{split}.txt").read_text().split():
            scene = read_scene(root / line)
            found = count_points(scene, label_set)
            points.append(len(scene.points))
            classes.append(int((found >= 20).sum()))
            counts.append(found)
            unlabelled += len(scene.points) - int(found.sum())
    if not counts:
        raise ValueError(f"{root}: lists no labelled scenes")
    table = np.array(counts)
    total = table.sum(0)
    result = {"rooms": len(points), "points a room, median": float(np.median(points)),
              "points a room, 5 % below": float(np.percentile(points, 5)),
              "points a room, 5 % above": float(np.percentile(points, 95)),
              "classes a room, mean": float(np.mean(classes)), "classes seen": int((total > 0).sum()),
              "unlabelled %": 100 * unlabelled / sum(points)}
    for name, members in GROUPS.items():
        result[f"{name} %"] = 100 * float(total[label_set.indices(members, "groups")].sum()) / max(total.sum(), 1)
    rooms = np.sort((table >= 20).mean(0))[::-1]
    for rank in (1, 5, 10, 20, 50, 100, 150):
        result[f"rooms with the class of rank {rank} %"] = 100 * float(rooms[rank - 1])
    return result


@command
def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m datasets.synthetic.figures", description=__doc__)
    parser.add_argument("datasets", nargs="+", help="dataset roots")
    options = parser.parse_args(arguments)
    columns = {root: figures(Path(root)) for root in options.datasets}
    print(" ".join([f"{'':38}", *(f"{Path(root).name:>16}" for root in columns)]))
    for name in next(iter(columns.values())):
        print(" ".join([f"{name:38}", *(f"{column[name]:16,.1f}" for column in columns.values())]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

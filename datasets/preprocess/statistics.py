"""Weights, tail instances and tables of a dataset root, made again from its lists: after val_split.py, for your own
scans, for Pointcept's ScanNet.

    python -m datasets.preprocess.statistics DATA [--label_set NAME|FILE.csv]
"""
import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from config.command import command
from datasets.label_ids import LabelIds
from datasets.label_sets import LabelSet, find_label_set
from datasets.ply import write_scene
from datasets.root_files import INSTANCES, LABELLED, scene_record, write_statistics
from datasets.scannet200 import read_scan, read_split
from datasets.statistics import tail_instances


def write_statistics_of(root: Path, label_set: LabelSet, label_ids: str = "auto") -> tuple[int, Counter]:
    """Write `feature_data` and `train/train_instances` of the scenes that train and val of a root list.

    label_ids: what the scans' labels are, as `LabelIds`. Returns how many scenes were read, and how many instances each
    tail class has. Scenes without instance ids count towards weights and tables alone. Raises FileNotFoundError and
    ValueError as `read_split` and `read_scan`, and where no training scene has instance ids but instances are there;
    nothing is changed then.
    """
    jobs = [("train", path) for path in read_split(root, "train")]
    if (root / "val.txt").is_file() or any(root.glob("val/*/coord.npy")):
        jobs += [("val", path) for path in read_split(root, "val")]
    records, cuts, known, reader = [], [], False, LabelIds(label_ids, label_set)
    with tempfile.TemporaryDirectory(dir=root, prefix=".cuts") as scratch:
        for split, path in tqdm(jobs, desc="scenes", unit="scene"):
            scene = read_scan(path, label_set, reader)
            if scene.labels is None:
                raise ValueError(f"{path}: has no label column; statistics of {', '.join(LABELLED)} need one")
            known |= split == "train" and scene.instances is not None
            if scene.instances is None:
                scene.instances = np.zeros(len(scene.points), np.int32)
            records.append(scene_record(scene, split, label_set))
            for category, cut in tail_instances(scene, label_set) if split == "train" else ():
                write_scene(Path(scratch) / f"{cut.name}.ply", cut)
                cuts.append((category, Path(scratch) / f"{cut.name}.ply"))
        if not known and (root / INSTANCES).exists():
            raise ValueError(f"{root / INSTANCES}: would be emptied, as no training scene has an instance_id column; "
                             "add one, or remove the folder")
        return len(jobs), write_statistics(root, records, cuts, label_set)


@command
def main(arguments: list[str] | None = None) -> None:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m datasets.preprocess.statistics", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="DATA", help="dataset root with train.txt")
    parser.add_argument("--label_set", metavar="NAME|FILE.csv", help="of the labels (default: the root's "
                        "label_set.csv, else scannet200)")
    parser.add_argument("--label_ids", default="auto", metavar="NAME|FILE.csv", help="what the scans' labels are, as "
                        "main.py says")
    options = parser.parse_args(arguments)
    root = options.root
    scenes, instances = write_statistics_of(root, find_label_set(options.label_set, root), options.label_ids)
    print(f"{root}: feature_data of {scenes} scenes, {instances.total()} tail instances of {len(instances)} classes")


if __name__ == "__main__":
    sys.exit(main())

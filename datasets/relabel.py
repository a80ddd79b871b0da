"""A dataset root in another label set: python -m datasets.relabel ROOT --label_map FILE.csv|NAME --out NEW_ROOT

The map has the columns `from` and `to`, class names; what it leaves out keeps its name where the new set has it, else
is unlabelled. Without --label_set the new classes are those that the map names, with ids 1, 2, ...
"""
import argparse
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from config.command import command
from datasets.label_ids import LabelIds
from datasets.label_sets import LabelSet, find_label_set, label_set_of, load_label_map, load_label_set
from datasets.ply import write_scene
from datasets.root_files import LABELLED, SPLITS, scene_record, write_root
from datasets.scannet200 import read_scan, read_split
from datasets.statistics import tail_instances


def relabel(root: Path, out: Path, source: LabelSet, target: LabelSet, names: dict[str, str], label_ids: str = "auto"
            ) -> dict:
    """Write all scenes of a root with their labels in `target`, their tail instances and statistics, to a new root.

    names: as `load_label_map`. label_ids: what the scans' labels are, as `LabelIds`. Returns `write_root`'s summary.
    Raises FileExistsError where `out` holds anything, and as `read_split` and `read_scan`; `out` is there only once it
    is whole.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out}: is not empty; give another --out")
    there = [split for split in SPLITS if _lists_any(root / f"{split}.txt") or any(root.glob(f"{split}/*/coord.npy"))]
    jobs = [(split, path) for split in there for path in read_split(root, split)]
    if not jobs:
        raise FileNotFoundError(f"{root}: has none of {', '.join(f'{split}.txt' for split in SPLITS)}: no dataset root")
    classes = np.array([target.index(new) if (new := names[old]) else -1 for old in source.names] + [-1])
    stage, records, cuts = out.with_name(f".{out.name}.partial"), [], []
    reader = LabelIds(label_ids, source)
    shutil.rmtree(stage, ignore_errors=True)
    try:
        for split, path in tqdm(jobs, desc="scenes", unit="scene"):
            scene = read_scan(path, source, reader)
            if scene.labels is not None:
                scene.labels = target.to_ids(classes[source.to_classes(scene.labels)])
                if scene.instances is None:
                    scene.instances = np.zeros(len(scene.points), np.int32)
            elif split in LABELLED:
                raise ValueError(f"{path}: has no label column; scenes of {split} need one")
            write_scene(stage / split / f"{path.stem}.ply", scene)
            scene.name = path.stem
            records.append(scene_record(scene, split, target))
            for category, cut in tail_instances(scene, target) if split == "train" else ():
                cuts.append((category, stage / ".cuts" / f"{cut.name}.ply"))
                write_scene(cuts[-1][1], cut)
        summary = write_root(stage, records, cuts, target)
        shutil.rmtree(stage / ".cuts", ignore_errors=True)
        if out.exists():
            out.rmdir()
        stage.replace(out)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    return summary


def _lists_any(listing: Path) -> bool:
    """Whether a split's list is there and not empty, as that of a root without test scenes is."""
    return listing.is_file() and bool(listing.read_bytes().strip())


@command
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m datasets.relabel", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="ROOT", help="dataset root with train.txt")
    parser.add_argument("--label_map", required=True, metavar="FILE.csv|NAME",
                        help="such as scannet200_to_scannet20, of config/label_sets")
    parser.add_argument("--label_set", metavar="NAME|FILE.csv", help="the new classes")
    parser.add_argument("--label_ids", default="auto", metavar="NAME|FILE.csv", help="what the scans' labels are, as "
                        "main.py says")
    parser.add_argument("--out", required=True, type=Path, metavar="NEW_ROOT")
    options = parser.parse_args(arguments)
    source = find_label_set(None, options.root)
    target = load_label_set(options.label_set) if options.label_set else None
    names = load_label_map(options.label_map, source, target)
    if target is None:
        target = label_set_of(dict.fromkeys(new for new in names.values() if new), options.out.name)
    summary = relabel(options.root, options.out, source, target, names, options.label_ids)
    lost = [old for old, new in names.items() if not new]
    of_each = Counter(new for new in names.values() if new)
    print(f"{options.out}: {summary['scenes']} scenes, {len(target)} classes of label set {target.name}")
    print("from " + ", ".join(f"{of_each[name]} to {name}" for name in target.names))
    if lost:
        print(f"unlabelled now, {len(lost)}: {', '.join(lost[:10])}{', ...' if len(lost) > 10 else ''}")


if __name__ == "__main__":
    sys.exit(main())

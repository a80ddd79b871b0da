"""What a dataset root holds beside its scenes: lists, tail instances, feature data; for ScanNet and synthetic ones.

`record = scene_record(scene, split, label_set)` for each scene, then `write_root(root, records, cuts, label_set)`.
"""
import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from datasets.files import replacing
from datasets.label_sets import DEFAULT, LABEL_SET_FILE, LabelSet
from datasets.ply import Scene
from datasets.statistics import bounding_boxes, category_weights, count_points, instance_sampling_weights

SPLITS = ("train", "val", "test")
LABELLED = SPLITS[:2]
INSTANCES = Path("train") / "train_instances"


def scene_record(scene: Scene, split: str, label_set: LabelSet) -> dict:
    """What the root's files say about a scene, as JSON: name, split, size, points of each class, boxes (train)."""
    record = {"name": scene.name, "split": split, "size": len(scene.points)}
    if split in LABELLED:
        record["points"] = count_points(scene, label_set).tolist()
    if split == "train":
        record["boxes"] = bounding_boxes(scene)
    return record


def write_root(root: Path, records: Sequence[dict], cuts: Sequence[tuple[str, Path]], label_set: LabelSet,
               place: Callable[[Path, Path], None] = os.replace) -> dict:
    """Write the lists, `train/train_instances` and `feature_data` of the scenes in `records`, in their order; and
    `label_set.csv`, unless the labels are ScanNet200's.

    cuts: (class name, file) of every tail instance in order; `place(file, target)` brings each to its numbered name.
    Returns a summary: scenes, points, classes seen and instances of each group, by split.
    """
    for split in SPLITS:
        names = [f"{split}/{record['name']}.ply\n" for record in records if record["split"] == split]
        with replacing(root / f"{split}.txt") as file:
            file.write("".join(names))
    if label_set.name != DEFAULT:
        label_set.write(root / LABEL_SET_FILE)
    instances = write_statistics(root, records, cuts, label_set, place)
    seen = {split: _points(records, split, label_set) > 0 for split in LABELLED}
    groups = {split: {group: int(seen[split][label_set.members(group)].sum()) for group in label_set.group_names}
              for split in LABELLED}
    return {"scenes": len(records), "points": int(sum(record["size"] for record in records)),
            "classes": {split: int(values.sum()) for split, values in seen.items()}, "groups": groups,
            "tail_instances": sum(instances.values())}


def write_statistics(root: Path, records: Sequence[dict], cuts: Sequence[tuple[str, Path]], label_set: LabelSet,
                     place: Callable[[Path, Path], None] = os.replace) -> Counter:
    """`write_root` without the lists. Returns how many instances each class has."""
    instances = _number_cuts(root / INSTANCES, cuts, place)
    _write_feature_data(root / "feature_data", records, instances, label_set)
    return instances


def _number_cuts(folder: Path, cuts: Sequence[tuple[str, Path]], place: Callable[[Path, Path], None]) -> Counter:
    """Bring tail instances to <category>/<category>_<k>.ply, all at once; returns how many each class has."""
    stage = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    counts: Counter = Counter()
    for name, file in cuts:
        target = stage / name / f"{name}_{counts[name]}.ply"
        target.parent.mkdir(exist_ok=True)
        place(file, target)
        counts[name] += 1
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(stage, folder)
    return counts


def _points(records: Sequence[dict], split: str, label_set: LabelSet) -> np.ndarray:
    """Points of each class in a split, (C,) int64."""
    return sum((np.array(r["points"]) for r in records if r["split"] == split), np.zeros(len(label_set), np.int64))


def _write_feature_data(folder: Path, records: Sequence[dict], instances: Counter, label_set: LabelSet) -> None:
    """Weights, boxes and the table of classes."""
    train = [record for record in records if record["split"] == "train"]
    points = _points(records, "train", label_set)
    if points.any():
        _write_json(folder / "category_weights.json", category_weights(points, label_set.names))
    _write_json(folder / "instance_sampling_weights.json", instance_sampling_weights(instances))
    _write_json(folder / "scene_classes.json",
                {record["name"]: [label_set.names[k] for k in np.flatnonzero(record["points"])] for record in train})
    _write_json(folder / "bounding_boxes.json", {record["name"]: record["boxes"] for record in train})
    with replacing(folder / "statistics.csv") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["class", "group", "train_scenes", "train_points", "val_scenes", "val_points"])
        for k, name in enumerate(label_set.names):
            row = [name, label_set.groups[k]]
            for split in LABELLED:
                points = [record["points"][k] for record in records if record["split"] == split]
                row += [sum(p > 0 for p in points), sum(points)]
            writer.writerow(row)


def _write_json(path: Path, content) -> None:
    with replacing(path) as file:
        json.dump(content, file, indent=1)

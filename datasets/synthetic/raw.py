"""Synthetic scenes as raw ScanNet scans, so that the way from ScanNet's own files is tried without ScanNet.

Every scan is turned and shifted as a scanner's own frame would be, and cut into segments that objects list.
"""
import json
from pathlib import Path

import numpy as np

from datasets.files import replacing
from datasets.label_sets import load_label_map, load_label_set
from datasets.ply import Scene, write_columns
from datasets.root_files import SPLITS
from datasets.synthetic.dataset import Settings, make_scene

SEGMENT = 0.25  # metres, side of the cells that cut objects into segments
OTHER_PROP = 40  # NYU40's id of what is none of its other classes


def write_label_table(path: Path) -> None:
    """A table with the columns of ScanNet's scannetv2-labels.combined.tsv that are read, Windows line ends included."""
    scannet200, scannet20 = load_label_set(), load_label_set("scannet20")
    to_20 = load_label_map("scannet200_to_scannet20", scannet200, scannet20)
    with replacing(path) as file:
        file.write("id\traw_category\tcategory\tnyu40id\r\n")
        for raw_id, name in sorted(zip(scannet200.ids.tolist(), scannet200.names)):
            nyu40id = scannet20.ids[scannet20.index(to_20[name])] if to_20.get(name) else OTHER_PROP
            file.write(f"{raw_id}\t{name}\t{name}\t{nyu40id}\r\n")


def write_raw_scan(folder: Path, scene: Scene, rng: np.random.Generator, labelled: bool) -> None:
    """The files of one scan; scene: as `make_scene` gives it, axis-aligned."""
    name, angle = scene.name, rng.uniform(-np.pi, np.pi)
    matrix = np.eye(4)  # from the scanner's frame to the room's axes
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = rng.uniform(-4, 4, 3)
    points = (scene.points - matrix[:3, 3]) @ matrix[:3, :3]  # the inverse of a rotation is its transpose
    columns = dict(zip("xyz", points.T.astype(np.float32)))
    columns |= dict(zip(("red", "green", "blue"), scene.colors.T))
    columns["alpha"] = np.full(len(points), 255, np.uint8)
    write_columns(folder / f"{name}_vh_clean_2.ply", columns)
    with replacing(folder / f"{name}.txt") as file:
        file.write(f"axisAlignment = {' '.join(f'{v:.9f}' for v in matrix.ravel())} \nnumDepthFrames = 0\n")
    if not labelled:
        return
    cells = np.floor(scene.points / SEGMENT).astype(np.int64)
    _, segments = np.unique(np.column_stack([scene.instances, cells]), axis=0, return_inverse=True)
    segments = segments.reshape(-1) * 7 + 3  # ids are any numbers
    _write_json(folder / f"{name}_vh_clean_2.0.010000.segs.json",
                {"params": {"kThresh": "0.0001"}, "sceneId": name, "segIndices": segments.tolist()})
    scannet200 = load_label_set()
    names, groups = dict(zip(scannet200.ids.tolist(), scannet200.names)), []
    for instance in np.unique(scene.instances[scene.instances > 0]).tolist():
        rows = scene.instances == instance
        label = int(np.bincount(scene.labels[rows]).argmax())
        if label in names:
            groups.append({"id": len(groups), "objectId": len(groups), "label": names[label],
                           "segments": np.unique(segments[rows]).tolist()})
    _write_json(folder / f"{name}.aggregation.json", {"sceneId": f"scannet.{name}", "segGroups": groups})


def build_raw_scannet(out: Path, settings: Settings, bar=None) -> None:
    """RAW/scans, RAW/scans_test, the label table and the lists. Raises ValueError where `out` is not empty."""
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out}: is not empty; give another --out")
    write_label_table(out / "scannetv2-labels.combined.tsv")
    for number, split in enumerate(SPLITS):
        names = []
        for index in range(settings.scenes(split)):
            scene = make_scene(settings, split, index)
            rng = np.random.default_rng([settings.seed, number, index, 1])
            folder = out / ("scans_test" if split == "test" else "scans") / scene.name
            write_raw_scan(folder, scene, rng, split != "test")
            names.append(scene.name)
            if bar is not None:
                bar.update()
        with replacing(out / f"scannetv2_{split}.txt") as file:
            file.write("\r\n".join([*names, ""]))


def _write_json(path: Path, content) -> None:
    with replacing(path) as file:
        json.dump(content, file)

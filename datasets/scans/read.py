"""Any scan, in: `read_scan("room.ply", ScanOptions())`; `find_scans(folder)` lists those that a folder holds.

What a file leaves open (unit, axes, range of colours) is guessed and said in the remarks; `strict` guesses nothing.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.label_sets import LabelSet, load_label_set
from datasets.npy_scene import read_npy_scene
from datasets.ply import Scene, read_scene
from datasets.scans.scan import Scan

SCANNET_MESH = "_vh_clean_2.ply"


@dataclass(frozen=True)
class ScanOptions:
    """unit: auto, m, cm, mm, inch, foot. up: auto, z, y, x, -z, -y, -x: the file's axis that points at the ceiling.

    voxel_size: metres; surfaces of a coarse mesh are sampled that densely. label_set: whose ids labels are, None:
    ScanNet200's. strict: no guesses; what a dataset root must not hold is refused.
    """
    unit: str = "auto"
    up: str = "auto"
    voxel_size: float = 0.02
    label_set: LabelSet | None = None
    strict: bool = False


def read_scan(path: str | Path, options: ScanOptions = ScanOptions()) -> Scan:
    """The scan in a file, or in a folder of Pointcept's arrays. Raises FileNotFoundError and ValueError, one line."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if is_scene_folder(path):
        return _of_scene(read_npy_scene(path, options.label_set or load_label_set()), path)
    if path.suffix.lower() != ".ply":
        raise ValueError(f"{path}: is no scan that is read; formats: {', '.join(FORMATS)}")
    return _of_scene(read_scene(path), path)


FORMATS = (".ply",)


def find_scans(root: str | Path) -> list[Path]:
    """The scans that `root` names, sorted: a single file or scene folder; else what the folder holds, files of any
    format that is read, Pointcept's scene folders, and ScanNet's `scans/<scene>/<scene>_vh_clean_2.ply`.

    Raises FileNotFoundError where there is none.
    """
    root = Path(root)
    if root.is_file() or is_scene_folder(root):
        return [root]
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such scan or folder of scans")
    found = sorted(path for path in root.iterdir() if not path.name.startswith(".") and (
        is_scene_folder(path) or path.is_file() and path.suffix.lower() in FORMATS))
    if not found:
        found = sorted(mesh for folder in (root, root / "scans") if folder.is_dir() for scene in folder.iterdir()
                       if (mesh := scene / f"{scene.name}{SCANNET_MESH}").is_file())
    if not found:
        raise FileNotFoundError(f"{root}: holds no scan; formats that are read: {', '.join(FORMATS)}")
    return found


def is_scene_folder(path: Path) -> bool:
    """Whether this is a folder of Pointcept's arrays."""
    return (path / "coord.npy").is_file()


def _of_scene(scene: Scene, path: Path) -> Scan:
    points = scene.points.astype(np.float64)
    return Scan(scene.name, path, points, scene.colors, scene.labels, scene.instances)

"""Scenes as folders of .npy arrays: Pointcept's preprocessed ScanNet, read as it is, and our own decoded scenes.

`read_npy_scene(folder, label_set)` reads Pointcept's arrays; `DecodedScenes(folder, key)` keeps scans that
were decoded once, memory-mapped, so that worker processes share their pages.
"""
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from datasets.label_sets import LabelSet
from datasets.ply import Scene

FIELDS = ("points", "colors", "labels", "instances")


def read_npy_scene(folder: str | Path, label_set: LabelSet) -> Scene:
    """A scan of Pointcept's ScanNet: coord (N, 3), and where known color (N, 3), segment and instance (N,), -1: none.

    The segments are those of segment<C>.npy, C the number of classes, else of segment.npy: class indices. Raises
    FileNotFoundError and ValueError, one line.
    """
    folder = Path(folder)
    points = _array(folder / "coord.npy", (None, 3))
    colors = _array(folder / "color.npy", (None, 3)) if (folder / "color.npy").is_file() else None
    own = f"segment{len(label_set)}"
    segment = own if (folder / f"{own}.npy").is_file() else "segment"
    optional = {name: _array(folder / f"{name}.npy", (None,)) if (folder / f"{name}.npy").is_file() else None
                for name in (segment, "instance")}
    for name, values in (("color", colors), *optional.items()):
        if values is not None and len(values) != len(points):
            raise ValueError(f"{folder / name}.npy: {len(values)} rows for {len(points)} of coord.npy")
    points = points.astype(np.float32)
    if not len(points) or not np.isfinite(points).all():
        raise ValueError(f"{folder / 'coord.npy'}: needs at least one point, and finite ones only")
    if colors is not None and (colors.min() < 0 or colors.max() > 255):
        raise ValueError(f"{folder / 'color.npy'}: colours outside 0..255 ({colors.min()}..{colors.max()})")
    labels, instances = optional[segment], optional["instance"]
    if labels is not None and len(labels) and (labels.min() < -1 or labels.max() >= len(label_set)):
        raise ValueError(f"{folder / segment}.npy: labels {labels.min()}..{labels.max()} are outside "
                         f"-1..{len(label_set) - 1} of label set {label_set.name}")
    return Scene(folder.name, points, None if colors is None else np.rint(colors).astype(np.uint8),
                 None if labels is None else label_set.to_ids(labels.astype(np.int64)),
                 None if instances is None else instances.astype(np.int32) + 1)


def _array(path: Path, shape: tuple) -> np.ndarray:
    """A numeric array with as many columns as `shape` says. No pickle is read."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path}: truncated or no array file: {' '.join(str(error).split())[:120]}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        raise ValueError(f"{path}: needs an array of numbers")
    if len(shape) == 1 and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != len(shape) or values.shape[1:] != shape[1:]:
        raise ValueError(f"{path}: needs {'one row of 3' if len(shape) == 2 else 'one number'} a point, "
                         f"got shape {values.shape}")
    return values


class DecodedScenes:
    """Scans decoded once into `<folder>/<scene>/*.npy` and memory-mapped from then on; renewed when a file changes, or
    when they were decoded by another `key`: plain values that say how labels were read."""

    def __init__(self, folder: str | Path, key: list):
        self.folder, self.key = Path(folder), key

    def get(self, path: Path, read: Callable[[Path], Scene]) -> Scene:
        """The scan in `path`, by `read` the first time. A folder that cannot be written is no error: it reads again."""
        stamp, place = [*_stamp(path), *self.key], self.folder / path.stem
        scene = self._mapped(place, stamp)
        if scene is not None:
            return scene
        scene = read(path)
        try:
            self._write(place, stamp, scene)
        except OSError:
            return scene
        return self._mapped(place, stamp) or scene

    def _mapped(self, place: Path, stamp: list) -> Scene | None:
        try:
            about = json.loads((place / "about.json").read_bytes())
            if about["stamp"] != stamp:
                return None
            return Scene(place.name, **{name: np.load(place / f"{name}.npy", mmap_mode="r")
                                        for name in FIELDS if name in about["fields"]})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, place: Path, stamp: list, scene: Scene) -> None:
        """All files under another name, then one rename: two workers may do it at once."""
        stage = place.parent / f".{place.name}.{os.getpid()}.partial"
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)
        fields = [name for name in FIELDS if getattr(scene, name) is not None]
        for name in fields:
            np.save(stage / f"{name}.npy", getattr(scene, name))
        (stage / "about.json").write_text(json.dumps({"stamp": stamp, "fields": fields}))
        shutil.rmtree(place, ignore_errors=True)
        try:
            os.replace(stage, place)
        except OSError:  # the other worker was faster
            shutil.rmtree(stage, ignore_errors=True)


def _stamp(path: Path) -> list:
    """What changes when a scan is replaced: path, size and time of change of a file, or of a folder's arrays."""
    files = [path] if path.is_file() else sorted(path.glob("*.npy"))
    return [str(path.resolve())] + [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]

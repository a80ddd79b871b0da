"""Scene PLY files in and out (`read_scene`, `write_scene`), and plain vertex columns (`read_columns`, `write_columns`).

    from datasets.ply import read_scene; scene = read_scene("data/train/scene0000_00.ply")

Layout of a scene's vertices: x y z (metres), red green blue, and where known label (raw id) and instance_id.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.files import file_bytes, replacing
from datasets.scans.ply import read_ply

_TYPES = {"i1": np.int8, "u1": np.uint8, "i2": np.int16, "u2": np.uint16, "i4": np.int32, "u4": np.uint32,
          "f4": np.float32, "f8": np.float64}
_NAMES = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint", "f4": "float",
          "f8": "double"}
ROWS_AT_ONCE = 1 << 20  # of a file that is written


@dataclass
class Scene:
    """One scan.

    points: (N, 3) float32, metres, z up. colors: (N, 3) uint8, or None. labels: (N,) int32 raw ScanNet ids, 0 =
    unlabelled, or None. instances: (N,) int32, 0 = none, or None. All in the file's vertex order.
    """
    name: str
    points: np.ndarray
    colors: np.ndarray | None = None
    labels: np.ndarray | None = None
    instances: np.ndarray | None = None


def read_scene(path: str | Path, colorless: bool = False) -> Scene:
    """The scan in a PLY file; `name` is the file's stem. colorless: one without colours is read, too.

    Columns are found by name, so order, extra columns, faces and column types do not matter.
    Raises FileNotFoundError, and ValueError with one line for a file that is no PLY, is truncated, or has no vertices,
    coordinates or colours, for non-finite coordinates, and for colours outside 0..255.
    """
    return scene_of(read_columns(path), path, colorless)


def scene_of(columns: dict[str, np.ndarray], path: str | Path, colorless: bool = False) -> Scene:
    """The scan that a file's columns are, nothing guessed. Raises as `read_scene`."""
    missing = [name for name in "xyz" if name not in columns]
    if missing:
        raise ValueError(f"{path}: vertex column(s) missing: {', '.join(missing)}")
    missing = [name for name in ("red", "green", "blue") if name not in columns]
    if missing and not (colorless and len(missing) == 3):
        raise ValueError(f"{path}: has no colours: vertex column(s) missing: {', '.join(missing)}")
    if len(columns["x"]) == 0:
        raise ValueError(f"{path}: has no points")
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is reported as such below
        points = np.stack([columns[name] for name in "xyz"], axis=1).astype(np.float32)
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        raise ValueError(f"{path}: vertex {int(np.argmin(finite))} has a coordinate that is not finite "
                         f"({int((~finite).sum())} of {len(points)} vertices)")
    colors = None if missing else _colors(columns, path)
    return Scene(Path(path).stem, points, colors, _integers(columns, "label", path),
                 _integers(columns, "instance_id", path))


def write_scene(path: str | Path, scene: Scene) -> None:
    """Write a scan as binary little endian PLY; colours, `label` and `instance_id` only where the scene has them."""
    points = np.asarray(scene.points, dtype=np.float32)
    columns = {name: points[:, i] for i, name in enumerate("xyz")}
    if scene.colors is not None:
        colors = np.asarray(scene.colors)
        if colors.dtype != np.uint8:
            raise ValueError(f"{path}: colours are uint8, not {colors.dtype}")
        columns |= {name: colors[:, i] for i, name in enumerate(("red", "green", "blue"))}
    if scene.labels is not None:
        columns["label"] = np.asarray(scene.labels).astype(np.int32)
    if scene.instances is not None:
        columns["instance_id"] = np.asarray(scene.instances).astype(np.int32)
    write_columns(path, columns)


def read_columns(path: str | Path) -> dict[str, np.ndarray]:
    """Every scalar vertex column of a PLY file by name, in the file's order, each (N,) in native byte order.

    ASCII, binary little endian and binary big endian. Raises as `read_scene`, but asks for no particular column.
    """
    path = Path(path)
    return read_ply(file_bytes(path), str(path), strict=True, faces=False).columns


def write_columns(path: str | Path, columns: dict[str, np.ndarray], faces: np.ndarray | None = None) -> None:
    """Write vertex columns, each (N,), and triangles (F, 3), as binary little endian PLY, never half of it."""
    path = Path(path)
    columns = {name: np.asarray(values) for name, values in columns.items()}
    lengths = {name: values.shape for name, values in columns.items()}
    if not columns or len(set(lengths.values())) != 1 or len(next(iter(lengths.values()))) != 1:
        raise ValueError(f"{path}: vertex columns need one common length, got {lengths}")
    for name, values in columns.items():
        if values.dtype.str[1:] not in _TYPES:
            raise ValueError(f"{path}: column {name}: PLY has no type for {values.dtype}")
    count = next(iter(lengths.values()))[0]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {count}",
              *(f"property {_NAMES[values.dtype.str[1:]]} {name}" for name, values in columns.items())]
    if faces is not None:
        header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    row = np.dtype([(name, f"<{values.dtype.str[1:]}") for name, values in columns.items()])
    with replacing(path, "wb") as file:
        file.write("\n".join([*header, "end_header\n"]).encode())
        for start in range(0, count, ROWS_AT_ONCE):
            vertices = np.empty(min(ROWS_AT_ONCE, count - start), row)
            for name, values in columns.items():
                vertices[name] = values[start:start + len(vertices)]
            file.write(vertices.tobytes())
        if faces is not None:
            triangles = np.empty(len(faces), [("count", "u1"), ("rows", "<i4", 3)])
            triangles["count"], triangles["rows"] = 3, faces
            file.write(triangles.tobytes())


def _colors(columns: dict[str, np.ndarray], path: str | Path) -> np.ndarray:
    colors = np.stack([columns[name] for name in ("red", "green", "blue")], axis=1)
    if colors.dtype == np.uint8:
        return colors
    if not np.isfinite(colors).all() or colors.min() < 0 or colors.max() > 255:
        raise ValueError(f"{path}: colours outside 0..255 ({colors.min()}..{colors.max()})")
    if colors.dtype.kind == "f" and 0 < colors.max() <= 1:
        raise ValueError(f"{path}: colours are fractions 0..1; write red, green, blue as uint8 0..255")
    return np.rint(colors).astype(np.uint8)


def _integers(columns: dict[str, np.ndarray], name: str, path: str | Path) -> np.ndarray | None:
    """Column as (N,) int32; what no int32 holds (fractions, too large) is refused rather than wrapped around."""
    if name not in columns:
        return None
    values = columns[name]
    with np.errstate(invalid="ignore"):
        integers = values.astype(np.int32)
    wrong = integers != values
    if wrong.any():
        raise ValueError(f"{path}: vertex {int(np.argmax(wrong))}: {name} {values[np.argmax(wrong)]} "
                         "is no 32-bit integer")
    return integers

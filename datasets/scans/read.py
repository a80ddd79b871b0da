"""Any scan, in: `read_scan("room.e57", ScanOptions())`; `find_scans(folder)` lists those that a folder holds.

What a file leaves open (unit, axes, range of colours) is guessed and said in the remarks; `strict` guesses nothing.
"""
import gzip
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.files import file_bytes
from datasets.label_sets import LABEL_SET_FILE, LabelSet, load_label_set
from datasets.npy_scene import read_npy_scene
from datasets.ply import Scene, scene_of
from datasets.scans.arrays import read_folder, read_npy, read_npz
from datasets.scans.columns import to_scan, unpack_colors
from datasets.scans.e57 import read_e57
from datasets.scans.gltf import read_gltf
from datasets.scans.las import read_las
from datasets.scans.meaning import settle
from datasets.scans.obj import read_obj
from datasets.scans.pcd import read_pcd
from datasets.scans.ply import read_ply
from datasets.scans.scan import Scan, as_input
from datasets.scans.stl import read_stl
from datasets.scans.text import read_text
from datasets.scans.vertices import Vertices

SCANNET_MESH = "_vh_clean_2.ply"
# What reads a file's bytes, for which a `.gz` around them makes no difference; and what reads a path.
OF_BYTES = {".ply": read_ply, ".pcd": read_pcd, ".stl": read_stl,
            ".xyz": read_text, ".txt": read_text, ".pts": read_text, ".csv": read_text, ".asc": read_text,
            ".xyzrgb": read_text}
OF_PATH = {".las": read_las, ".laz": read_las, ".e57": read_e57, ".glb": read_gltf, ".gltf": read_gltf,
           ".npy": read_npy, ".npz": read_npz}
FORMATS = (*OF_BYTES, ".obj", *OF_PATH)
FOUND = tuple(suffix for suffix in FORMATS if suffix not in (".txt", ".csv"))  # lists and tables lie beside scans, too
BESIDE = ("train.txt", "val.txt", "test.txt", LABEL_SET_FILE)
ZIPPED_RATIO, ZIPPED_LEAST = 100, 1 << 28  # unpacked to packed bytes; from this size on no scan packs better


@dataclass(frozen=True)
class ScanOptions:
    """unit: auto, m, cm, mm, inch, foot. up: auto, z, y, x, -z, -y, -x: the file's axis that points at the ceiling; all
    but auto also leave tilt and the directions of walls as they are.

    voxel_size: metres; surfaces of a coarse mesh are sampled that densely. label_set: whose ids labels are, None:
    ScanNet200's. strict: no guesses; what a dataset root must not hold is refused. as_input: an output of inference is
    read as the scan that it was made of.
    """
    unit: str = "auto"
    up: str = "auto"
    voxel_size: float = 0.02
    label_set: LabelSet | None = None
    strict: bool = False
    as_input: bool = False


def read_scan(path: str | Path, options: ScanOptions = ScanOptions()) -> Scan:
    """The scan in a file, or in a folder of Pointcept's arrays. Raises FileNotFoundError and ValueError, one line.

    strict: as `read_scene` and `read_npy_scene` refuse, whatever the format.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    label_set = options.label_set or load_label_set()
    if options.strict:
        return _strict_scan(path, label_set)
    try:
        vertices = read_folder(path, label_set) if is_scene_folder(path) else _read_file(path)
        scan = to_scan(vertices, path, scan_name(path))
        scan = as_input(scan) if options.as_input else scan
        settle(scan, vertices, options.unit, options.up, options.voxel_size)
    except MemoryError:
        raise ValueError(f"{path}: does not fit into memory") from None
    return scan


def read_strictly(path: Path, label_set: LabelSet) -> Scene:
    """The scan as a dataset root must have it: metres, z up, colours 0..255 or none; nothing is guessed.

    Raises as `read_scene` and `read_npy_scene`, whatever the format.
    """
    if path.is_dir():
        return read_npy_scene(path, label_set)
    return _strict_scene(_read_file(path, strict=True, faces=False), path)


def _strict_scan(path: Path, label_set: LabelSet) -> Scan:
    """`read_strictly` with what else the file has; its coordinates are the network's."""
    vertices = Vertices({}) if path.is_dir() else _read_file(path, strict=True)
    scene = read_npy_scene(path, label_set) if path.is_dir() else _strict_scene(vertices, path)
    taken = {"x", "y", "z", "red", "green", "blue", "label", "instance_id"}
    return Scan(scene.name, path, scene.points.astype(np.float64), scene.colors, scene.labels, scene.instances,
                faces=vertices.faces,
                columns={name: values for name, values in vertices.columns.items() if name not in taken})


def _strict_scene(vertices: Vertices, path: Path) -> Scene:
    if vertices.left_out is not None:
        raise ValueError(f"{path}: {int(vertices.left_out.sum())} points are invalid: a dataset root holds none")
    return scene_of(vertices.columns, path, colorless=True)


def say(scan: Scan) -> None:
    """Print what was guessed or left out of a scan, a line each, to stderr."""
    for line in dict.fromkeys([*scan.remarks, *scan.warnings]):
        print(f"{'warning: ' if line in scan.warnings else ''}{scan.name}: {line}", file=sys.stderr)


def check_kind(path: Path) -> None:
    """Raises ValueError for a file or folder that is no scan by its name, FileNotFoundError for none."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not is_scene_folder(path) and (path.is_dir() or file_kind(path).removesuffix(".gz") not in FORMATS):
        kind = f"{path.suffix or 'a file without an ending'} is not read" if path.is_file() else "is a folder"
        raise ValueError(f"{path}: {kind}; formats of a scan: {', '.join(FORMATS)}, .ply.gz, "
                         "and folders with coord.npy")


def _read_file(path: Path, strict: bool = False, faces: bool = True) -> Vertices:
    check_kind(path)
    vertices = _vertices(path, strict, faces)
    unpack_colors(vertices.columns)
    return vertices


def _vertices(path: Path, strict: bool, faces: bool) -> Vertices:
    suffix = file_kind(path)
    if suffix in OF_PATH:
        return OF_PATH[suffix](path)
    data = _unpacked(path) if suffix.endswith(".gz") else file_bytes(path)
    suffix = suffix.removesuffix(".gz")
    if suffix == ".ply":
        return read_ply(data, str(path), strict, faces)
    return read_obj(data, path) if suffix == ".obj" else OF_BYTES[suffix](data, str(path))


def file_kind(path: Path) -> str:
    """The ending that says the format, in lower case: ".ply", ".ply.gz"."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings[-1:] == [".gz"] and endings[-2:-1] and (endings[-2] in OF_BYTES or endings[-2] == ".obj"):
        return "".join(endings[-2:])
    return endings[-1] if endings else ""


def scan_name(path: Path) -> str:
    """What outputs are called: the file's name without its ending; ScanNet's scene without that of its mesh."""
    if path.is_dir():
        return path.name
    if path.name.lower().endswith(SCANNET_MESH):
        return path.name[:-len(SCANNET_MESH)]
    return path.name[:-len(file_kind(path))] if file_kind(path) else path.name


def find_scans(root: str | Path) -> list[Path]:
    """The scans that `root` names, sorted: a single file or scene folder; else what the folder holds, files of any
    format that is read (but .txt and .csv only where there is no other), Pointcept's scene folders, and ScanNet's
    `scans/<scene>/<scene>_vh_clean_2.ply`.

    Raises FileNotFoundError where there is none.
    """
    root = Path(root)
    if root.is_file() or is_scene_folder(root):
        return [root]
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such scan or folder of scans")
    found = scans_in(root)
    if not found:
        raise FileNotFoundError(f"{root}: holds no scan; formats that are read: {', '.join(FORMATS)}")
    return found


def scans_in(folder: Path) -> list[Path]:
    """As `find_scans`, of a folder; perhaps none."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    found = [path for path in inside if is_scene_folder(path)
             or path.is_file() and file_kind(path).removesuffix(".gz") in FOUND]
    found = found or [path for path in inside if path.is_file() and file_kind(path) in FORMATS
                      and path.name not in BESIDE]
    return found or sorted(mesh for scans in (folder, folder / "scans") if scans.is_dir() for scene in scans.iterdir()
                           if (mesh := scene / f"{scene.name}{SCANNET_MESH}").is_file())


def is_scene_folder(path: Path) -> bool:
    """Whether this is a folder of Pointcept's arrays."""
    return (path / "coord.npy").is_file()


def _unpacked(path: Path) -> np.ndarray:
    """The bytes in a .gz."""
    limit = max(ZIPPED_RATIO * path.stat().st_size, ZIPPED_LEAST)
    try:
        with gzip.open(path) as file:
            data = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: truncated or no gzip file: {' '.join(str(error).split())[:120]}") from None
    if len(data) > limit:
        raise ValueError(f"{path}: unpacks to more than {limit} bytes: no scan does")
    return np.frombuffer(data, np.uint8)

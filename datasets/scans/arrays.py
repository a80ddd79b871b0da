"""Arrays of numpy: .npy of rows (x y z, then as those of a text), .npz by name, Pointcept's folders."""
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from datasets.label_sets import LabelSet
from datasets.scans.text import by_name, guess_columns
from datasets.scans.vertices import Vertices

# Names in lower case, the first that is there.
POINTS = ("points", "coord", "coords", "xyz", "positions", "vertices", "pos", "pc", "data", "arr_0")
COLORS = ("colors", "color", "rgb", "colours", "colour")
LABELS = ("labels", "label")
INSTANCES = ("instances", "instance", "instance_id")
FACES = ("faces", "triangles")
# What numpy raises for files that are none of its own.
DAMAGE = (ValueError, OSError, EOFError, OverflowError, MemoryError, SyntaxError, TypeError, KeyError,
          tokenize.TokenError)


def read_npy(path: Path) -> Vertices:
    """A structured array by its names, or rows of numbers. Raises ValueError, one line. No pickle is read."""
    size = path.stat().st_size
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: a header that lies cannot take memory
    except DAMAGE as error:
        raise ValueError(f"{path}: truncated or no array file: {' '.join(str(error).split())[:120]}") from None
    if not isinstance(values, np.ndarray):
        raise ValueError(f"{path}: is no array file ({size} bytes)")
    _check_end(values, path)
    return _of_array(values, str(path))


def read_npz(path: Path) -> Vertices:
    """Arrays named points, colors, labels, faces (or alike); or one array of rows. Raises ValueError, one line."""
    wanted = {name: key for key, names in (("points", POINTS), ("colors", COLORS), ("labels", LABELS),
                                           ("instances", INSTANCES), ("faces", FACES)) for name in names}
    limit = 1000 * path.stat().st_size + (1 << 20)  # bytes; the best that zip's compression can do
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("is no archive of arrays")
            if sum(info.file_size for info in archive.zip.infolist()) > limit:
                raise ValueError("its directory promises more than the file can hold")
            arrays = {}
            for name in archive.files:
                key = wanted.get(name.lower())
                rank = (*POINTS, *COLORS, *LABELS, *INSTANCES, *FACES).index(name.lower()) if key else 0
                if key and (key not in arrays or rank < arrays[key][0]):
                    _check_header(archive, name, limit)
                    arrays[key] = (rank, archive[name])
    except (*DAMAGE, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: truncated or no archive of arrays: {' '.join(str(error).split())[:120]}") from None
    if "points" not in arrays:
        raise ValueError(f"{path}: holds no array named {', '.join(POINTS[:4])} (or alike)")
    arrays = {key: values for key, (_, values) in arrays.items()}
    vertices = _of_array(arrays["points"], str(path))
    count = len(vertices.columns["x"]) if "x" in vertices.columns else -1
    for key in ("colors", "labels", "instances"):
        if key in arrays:
            values, widths = np.asarray(arrays[key]), (3, 4) if key == "colors" else (1,)
            if values.dtype.kind not in "iufb" or values.size not in [count * width for width in widths]:
                raise ValueError(f"{path}: array of {key} has shape {values.shape} and type {values.dtype}, "
                                 f"for {count} points")
            if key == "colors":
                values = values.reshape(-1, values.shape[-1])
                if values.shape[0] != count:
                    raise ValueError(f"{path}: array of colors has shape {values.shape}, for {count} points")
                vertices.columns |= {c: values[:, i] for i, c in enumerate(("red", "green", "blue"))}
            else:
                vertices.columns[{"labels": "label", "instances": "instance_id"}[key]] = values.reshape(-1)
    faces = arrays.get("faces")
    if faces is not None and faces.ndim == 2 and faces.shape[1] == 3 and faces.dtype.kind in "iu":
        vertices.faces = faces.astype(np.int64)
    return vertices


def read_folder(folder: Path, label_set: LabelSet) -> Vertices:
    """A scene of Pointcept's: coord.npy, and where they are color, normal, segment<C> or segment, instance (-1: none).

    Raises FileNotFoundError and ValueError, one line.
    """
    points = _rows(folder / "coord.npy", 3)
    columns = dict(zip("xyz", points.T))
    own = f"segment{len(label_set)}"
    segment = own if (folder / f"{own}.npy").is_file() else "segment"
    for name, width, names in (("color", 3, ("red", "green", "blue")), ("normal", 3, ("nx", "ny", "nz")),
                               (segment, 1, ("segment",)), ("instance", 1, ("instance",))):
        if not (folder / f"{name}.npy").is_file():
            continue
        values = _rows(folder / f"{name}.npy", width)
        if len(values) != len(points):
            raise ValueError(f"{folder / name}.npy: {len(values)} rows for {len(points)} of coord.npy")
        columns |= dict(zip(names, values.T))
    vertices = Vertices(columns)
    labels = columns.pop("segment", None)
    if labels is not None:
        if len(labels) and (labels.min() < -1 or labels.max() >= len(label_set)):
            vertices.warnings.append(f"{segment}.npy holds {labels.min()}..{labels.max()}, outside -1.."
                                     f"{len(label_set) - 1} of label set {label_set.name}: not taken for labels")
            columns["segment"] = labels
        else:
            columns["label"] = label_set.to_ids(labels.astype(np.int64))
    if "instance" in columns:
        columns["instance_id"] = columns.pop("instance").astype(np.int64) + 1
    return vertices


def _rows(path: Path, width: int) -> np.ndarray:
    """(N, width) numbers of an array file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGE as error:
        raise ValueError(f"{path}: truncated or no array file: {' '.join(str(error).split())[:120]}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        raise ValueError(f"{path}: needs an array of numbers")
    _check_end(values, path)
    if width == 1 and values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] != width:
        raise ValueError(f"{path}: needs {'one row of 3' if width == 3 else 'one number'} a point, got shape "
                         f"{values.shape}")
    return np.array(values)


def _check_end(values: np.memmap, path: Path) -> None:
    """Refuse what holds more than the array that its header speaks of."""
    if isinstance(values, np.memmap) and (rest := path.stat().st_size - values.offset - values.nbytes):
        raise ValueError(f"{path}: damaged, or several arrays in one file: {rest} bytes more than its header says")


def _of_array(values: np.ndarray, where: str) -> Vertices:
    if values.dtype.names:
        columns = {name: np.array(values[name]).reshape(-1) for name in values.dtype.names
                   if values.dtype[name].kind in "iufb" and values.dtype[name].shape == ()}
        if len({len(column) for column in columns.values()}) == 1:
            return Vertices(columns)
        raise ValueError(f"{where}: a structured array needs columns x, y, z of numbers")
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{where}: needs an array of numbers, has {values.dtype}")
    if values.ndim == 3 and 3 <= values.shape[2] <= 64:  # an organised cloud, row by row
        values = values.reshape(-1, values.shape[2])
    if values.ndim != 2 or not 3 <= values.shape[1] <= 64:
        raise ValueError(f"{where}: needs one row of x y z and further columns a point, got shape {values.shape}")
    values = np.array(values)
    names = guess_columns(values.astype(np.float64) if values.dtype.kind != "f" else values)
    remarks = [f"columns taken as {' '.join(names)}"] if len(names) > 3 else []
    return Vertices(by_name(names, values), remarks=remarks)


def _check_header(archive: np.lib.npyio.NpzFile, name: str, limit: int) -> None:
    """Refuse an array whose header promises more than its archive can hold, before numpy makes room for it."""
    member = name if name in archive.zip.namelist() else f"{name}.npy"
    with archive.zip.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize > limit:
        raise ValueError(f"array {name} promises more than the file can hold")

"""LAS and LAZ of laser scanners, by laspy (LAZ by lazrs): scaled coordinates in double, colours, further dimensions."""
import struct
import warnings
from pathlib import Path

import numpy as np

from datasets.scans.vertices import Vertices, import_reader

SMALLEST_POINT = 20  # bytes, of format 0
BEST_RATIO = 2000  # of LAZ: equal points take next to nothing
DROPPED = ("X", "Y", "Z", "synthetic", "key_point", "overlap", "scan_direction_flag", "edge_of_flight_line")


def read_las(path: Path) -> Vertices:
    """Points of a LAS or LAZ. ASPRS classes stay a column `classification`: they are no labels of an indoor label set.

    Raises ValueError, one line, also where laspy is not installed.
    """
    laspy = import_reader("laspy", path, "laspy lazrs")
    if path.suffix.lower() == ".laz":
        import_reader("lazrs", path, "laspy lazrs")
    size = path.stat().st_size
    try:
        _check_header(path, size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with laspy.open(path) as reader:
                header = reader.header
                packed = header.are_points_compressed
                least = header.point_count * SMALLEST_POINT // (BEST_RATIO if packed else 1)
                if least > size:
                    raise ValueError(f"header promises {header.point_count} points, file has {size} bytes")
                points = reader.read()
    except Exception as error:  # laspy and its Rust part raise whatever they please for damaged files
        raise ValueError(f"{path}: truncated or damaged: {_line(error)}") from None
    if len(points.points) != header.point_count:
        raise ValueError(f"{path}: truncated: header promises {header.point_count} points, {len(points.points)} found")
    columns = {axis: np.asarray(getattr(points, axis), np.float64) for axis in "xyz"}
    for name in points.point_format.dimension_names:
        if name in DROPPED:
            continue
        values = np.asarray(points[name])
        if values.ndim == 1 and values.dtype.kind in "iufb":
            columns[name] = values
    vertices = Vertices(columns)
    withheld = columns.pop("withheld", None)
    if withheld is not None and withheld.any():
        vertices.left_out = withheld.astype(bool)
        vertices.remarks.append(f"{int(vertices.left_out.sum())} points that the file calls withheld are left out")
    if all(not columns[color].any() for color in ("red", "green", "blue") if color in columns):
        for color in ("red", "green", "blue"):  # the point format has room for colours, nobody filled it
            columns.pop(color, None)
    return vertices


def _check_header(path: Path, size: int) -> None:
    """Refuse counts of records that the file has no room for: laspy would read on without end."""
    with open(path, "rb") as file:
        head = file.read(375)
    if head[:4] != b"LASF" or len(head) < 227:
        raise ValueError("not a LAS file")
    length, points_at, records = struct.unpack_from("<HII", head, 94)
    extended = struct.unpack_from("<QI", head, 235) if head[25] >= 4 and len(head) >= 247 else (size, 0)
    if length + 54 * records > points_at or points_at > size or extended[0] + 60 * extended[1] > max(size, extended[0]):
        raise ValueError(f"header promises {records} and {extended[1]} records before and behind the points, which do "
                         f"not fit into {size} bytes")


def _line(error: BaseException) -> str:
    return " ".join(f"{error or type(error).__name__}".split())[:200]

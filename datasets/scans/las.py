"""LAS and LAZ of laser scanners, by laspy (LAZ by lazrs): scaled coordinates in double, colours, further dimensions."""
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

from datasets.scans.vertices import Vertices, import_reader

SMALLEST_POINT = 20  # bytes, of format 0
SLACK = 2e-4  # of the largest side, within which a header's box is that of the points
BEST_RATIO = 2000  # of LAZ: equal points take next to nothing
DROPPED = ("X", "Y", "Z", "synthetic", "key_point", "overlap", "scan_direction_flag", "edge_of_flight_line")


def read_las(path: Path) -> Vertices:
    """Points of a LAS or LAZ. ASPRS classes stay a column `classification`: they are no labels of an indoor label set.

    Raises ValueError, one line, also where laspy is not installed.
    """
    laspy = import_reader("laspy", path, "laspy lazrs")
    with open(path, "rb") as file:
        packed = path.suffix.lower() == ".laz" or bool(file.read(105)[104:] >= b"\x80")
    if packed:
        import_reader("lazrs", path, "laspy lazrs")
    columns, warnings = _in_a_child(path) if packed else _read(laspy, path)
    vertices = Vertices(columns, warnings=warnings)
    withheld = columns.pop("withheld", None)
    if withheld is not None and withheld.any():
        vertices.left_out = withheld.astype(bool)
        vertices.remarks.append(f"{int(vertices.left_out.sum())} points that the file calls withheld are left out")
    if all(not columns[color].any() for color in ("red", "green", "blue") if color in columns):
        for color in ("red", "green", "blue"):  # the point format has room for colours, nobody filled it
            columns.pop(color, None)
    return vertices


def _read(laspy, path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Columns, and where they are not what the header says of them."""
    size = path.stat().st_size
    try:
        _check_header(path, size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with laspy.open(path) as reader:
                header = reader.header
                least = header.point_count * SMALLEST_POINT // (BEST_RATIO if header.are_points_compressed else 1)
                if least > size:
                    raise ValueError(f"header promises {header.point_count} points, file has {size} bytes")
                points = reader.read()
                if len(points.points) != header.point_count:
                    raise ValueError(f"header promises {header.point_count} points, {len(points.points)} found")
                columns = _columns(points)
                return columns, _doubts(header, columns, size)
    except Exception as error:  # laspy raises whatever it pleases for damaged files
        raise ValueError(f"{path}: truncated or damaged: {_line(error)}") from None


def _doubts(header, columns: dict[str, np.ndarray], size: int) -> list[str]:
    """What speaks for damage, a line each. LAS has no checksums, but its header says some things twice."""
    doubts, count = [], header.point_count
    returns = int(np.sum(header.number_of_points_by_return))
    rest = size - header.offset_to_point_data - count * header.point_format.size
    if returns > count or not header.are_points_compressed and header.number_of_evlrs == 0 \
            and rest >= header.point_format.size:
        doubts.append(f"its header says {count} points, and elsewhere speaks of more: damaged?")
    stated = np.array([header.mins, header.maxs])
    if count and (stated[1] > stated[0]).any():
        found = np.array([[pick(columns[axis]) for axis in "xyz"] for pick in (np.min, np.max)])
        side = np.ptp(found, axis=0).max()
        step = np.minimum(np.abs(header.scales), 10 * SLACK * side)  # some round after they have taken the box
        if not (np.abs(found - stated) <= SLACK * side + step).all():
            sides = [" x ".join(f"{side:.4g}" for side in np.ptp(box, axis=0)) for box in (found, stated)]
            doubts.append(f"its points lie in a box of {sides[0]}, its header says another, of {sides[1]}: damaged, or "
                          "cut out without the header")
    return doubts


def _in_a_child(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """As `_read`, by a process of its own: damaged LAZ makes the Rust library abort the process that it is in."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "columns.npz"
        try:
            done = subprocess.run([sys.executable, "-m", "datasets.scans.las", str(path.resolve()), str(out)],
                                  timeout=3600, cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            raise ValueError(f"{path}: damaged: reading it does not end") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            reason = lines[-1][:200] if lines and done.returncode > 0 else "the LAZ library gave up"
            raise ValueError(f"{path}: truncated or damaged: {reason}")
        with np.load(out) as archive:
            return {name: archive[name] for name in archive.files}, done.stdout.splitlines()


def _columns(points) -> dict[str, np.ndarray]:
    columns = {axis: np.asarray(getattr(points, axis), np.float64) for axis in "xyz"}
    for name in points.point_format.dimension_names:
        if name not in DROPPED:
            values = np.asarray(points[name])
            if values.ndim == 1 and values.dtype.kind in "iufb":
                columns[name] = values
    return columns


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
    if head[104] & 128:  # compressed: a table of chunks behind the points
        with open(path, "rb") as file:
            file.seek(points_at)
            table = int.from_bytes(file.read(8), "little", signed=True)
            if not points_at < table <= size - 8:
                raise ValueError(f"its table of chunks is not in its {size} bytes")
            file.seek(table + 4)
            if int.from_bytes(file.read(4), "little") > size // 4:
                raise ValueError("its table of chunks promises more than the file holds")


def _line(error: BaseException) -> str:
    return " ".join(f"{error or type(error).__name__}".split())[:200]


if __name__ == "__main__":
    import laspy
    found, said = _read(laspy, Path(sys.argv[1]))
    np.savez(sys.argv[2], **found)
    print("\n".join(said))

"""E57 of laser scanners, by pye57: all scans of a file one after the other, each moved to where its pose says."""
from pathlib import Path

import numpy as np

from datasets.scans.vertices import Vertices, import_reader

COLORS = ("Red", "Green", "Blue")
SMALLEST_RATIO = 64  # points for a byte of a file, at most: fields may take a bit or none


def read_e57(path: Path) -> Vertices:
    """Points of all scans. What a scan calls invalid is left out. Raises ValueError, one line."""
    pye57 = import_reader("pye57", path, "pye57")
    parts = []
    try:
        file = pye57.E57(str(path))
        if not file.scan_count:
            raise ValueError("holds no scan")
        for number in range(file.scan_count):
            parts.append(_scan(file, number, path.stat().st_size))
    except Exception as error:  # the C++ library's errors are of many kinds
        raise ValueError(f"{path}: truncated or damaged: {' '.join(str(error or type(error)).split())[:200]}") from None
    names = set.intersection(*(set(part) for part in parts))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name in names}
    vertices = Vertices(columns, unit="m")
    lacking = [part for part in parts if "red" not in part]
    if lacking and len(lacking) < len(parts):
        vertices.warnings.append(f"{len(lacking)} of {len(parts)} scans have no colours, so those of the others do not "
                                 "count")
    invalid = columns.pop("invalid", None)
    if invalid is not None and invalid.any():
        vertices.left_out = invalid
        vertices.remarks.append(f"{int(invalid.sum())} points that the file calls invalid are left out")
    return vertices


def _scan(file, number: int, size: int) -> dict[str, np.ndarray]:
    header = file.get_header(number)
    if header.point_count > size * SMALLEST_RATIO:
        raise ValueError(f"scan {number} promises {header.point_count} points, file has {size} bytes")
    fields = header.point_fields
    wanted = [f for f in fields if f in ("cartesianX", "cartesianY", "cartesianZ", "sphericalRange", "sphericalAzimuth",
                                         "sphericalElevation", "cartesianInvalidState", "sphericalInvalidState",
                                         "intensity", "colorRed", "colorGreen", "colorBlue", "rowIndex", "columnIndex")]
    data, buffers = file.make_buffers(wanted, header.point_count)
    reader = header.points.reader(buffers)
    try:
        found = reader.read()
    finally:
        reader.close()
    if found != header.point_count:
        raise ValueError(f"scan {number} promises {header.point_count} points, {found} found")
    if "cartesianX" in data:
        points = np.stack([data[f"cartesian{axis}"] for axis in "XYZ"], 1).astype(np.float64)
    elif "sphericalRange" in data:
        far, azimuth, elevation = (data[f"spherical{name}"] for name in ("Range", "Azimuth", "Elevation"))
        points = far[:, None] * np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth),
                                          np.sin(elevation)], 1)
    else:
        raise ValueError(f"scan {number} has neither Cartesian nor spherical coordinates")
    if header.has_pose():
        points = file.to_global(points, header.rotation, header.translation)
    part = dict(zip("xyz", np.ascontiguousarray(points.T)))
    state = data.get("cartesianInvalidState", data.get("sphericalInvalidState"))
    part["invalid"] = np.zeros(len(points), bool) if state is None else state != 0
    if all(f"color{color}" in data for color in COLORS):
        part |= {color.lower(): _channel(header, color, data[f"color{color}"]) for color in COLORS}
    for name in ("intensity", "rowIndex", "columnIndex"):
        if name in data:
            part[name] = data[name]
    return part


def _channel(header, color: str, values: np.ndarray) -> np.ndarray:
    """A colour as (N,) uint8, by the limits that the header states, else as it is."""
    try:
        limits = header["colorLimits"]
        low, high = (float(limits[f"color{color}{end}"].value()) for end in ("Minimum", "Maximum"))
    except Exception:  # no limits are stated: libE57 has one type for all its errors
        return values
    if not high > low or (low, high) == (0, 255):
        return values
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)

"""A file's columns to a scan's fields: which hold coordinates, colours and labels, and the range colours come in.

`to_scan(vertices, path, name)`. Nothing here asks about unit or axes: that is `datasets/scans/meaning.py`.
"""
from pathlib import Path

import numpy as np

from datasets.scans.scan import Scan
from datasets.scans.vertices import PACKED, Vertices

# By name in lower case, the first that is there.
COLORS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"),
          ("f_dc_0", "f_dc_1", "f_dc_2"), ("colorred", "colorgreen", "colorblue"))
LABELS = ("label", "labels", "scalar_label")
INSTANCES = ("instance_id", "instance", "instances", "scalar_instance_id", "scalar_instance")
FIRST_BAND = 0.28209479177387814  # the spherical harmonic of order 0: colour = 1/2 + FIRST_BAND f_dc
OPAQUE = 0.2  # splats below are haze or floaters and not a surface
NEARLY_ONE = 2.0  # fractions are written up to here by programs that do not clip
MOSTLY = 0.99  # of the colours say the range where a few lie far above
DARK = 16  # of 255: nothing in a scan is brighter where its colours were taken in the wrong range


def to_scan(vertices: Vertices, path: Path, name: str) -> Scan:
    """The scan, unit and axes open. Raises ValueError where there are no coordinates or no points."""
    columns = vertices.columns
    by_name = {key.lower(): key for key in reversed(columns)}
    missing = [axis for axis in "xyz" if axis not in by_name]
    if missing:
        raise ValueError(f"{path}: vertex column(s) missing: {', '.join(missing)}; it has {', '.join(columns)[:200]}")
    axes = [by_name[axis] for axis in "xyz"]
    points = np.stack([columns[axis] for axis in axes], 1).astype(np.float64)  # (N, 3)
    if not len(points):
        raise ValueError(f"{path}: has no points")
    scan = Scan(name, path, points, remarks=list(vertices.remarks), warnings=list(vertices.warnings))
    used = set(axes)
    scan.left_out = vertices.left_out
    triple = next((triple for triple in COLORS if all(color in by_name for color in triple)), None)
    if triple is None and any(color in by_name for color in COLORS[0]):
        scan.warnings.append(f"has {', '.join(color for color in COLORS[0] if color in by_name)} without the other "
                             "colours: taken as without colours")
    if triple:
        found = [by_name[color] for color in triple]
        used |= set(found)
        values = np.stack([columns[color] for color in found], 1)
        if triple[0] == "f_dc_0":
            scan.colors = _splat_colors(values)
            _leave_transparent_out(scan, columns, by_name)
        else:
            scan.colors = to_bytes(values, scan, path)
            if triple[0] != "red":
                scan.remarks.append(f"colours from the columns {', '.join(found)}")
        _check_colors(scan)
    for field, names in (("labels", LABELS), ("instances", INSTANCES)):
        key = next((by_name[name] for name in names if name in by_name), None)
        if key is None:
            continue
        integers = _integers(columns[key])
        if integers is None:
            scan.warnings.append(f"column {key} holds values that are no whole numbers: not taken for {field}")
        else:
            setattr(scan, field, integers)
            used.add(key)
    scan.columns = {key: _plain(values) for key, values in columns.items() if key not in used}
    if vertices.faces is not None and len(vertices.faces):
        inside = ((vertices.faces >= 0) & (vertices.faces < len(points))).all(1)
        if not inside.all():
            scan.warnings.append(f"{int((~inside).sum())} faces name vertices that are not there: left out")
        scan.faces = vertices.faces[inside]
    return scan


def unpack_colors(columns: dict[str, np.ndarray]) -> None:
    """`rgb` or `rgba`, bytes in one number as the Point Cloud Library and ROS have them, to red, green, blue (and
    alpha), in place of it."""
    for name in PACKED:
        packed = columns.get(name)
        if packed is None or packed.dtype.itemsize != 4 or "red" in columns:
            continue
        bits = np.ascontiguousarray(packed).view(np.uint32)
        del columns[name]
        for color, shift in (("red", 16), ("green", 8), ("blue", 0)) + ((("alpha", 24),) if name == "rgba" else ()):
            columns[color] = ((bits >> shift) & 255).astype(np.uint8)


def to_bytes(values: np.ndarray, scan: Scan, path: Path) -> np.ndarray:
    """Colours 0..255 of numbers in whatever range, (N, 3) uint8; what was taken goes to the scan's remarks.

    values: (N, 3). Raises ValueError for a range that no program writes.
    """
    if values.dtype == np.uint8:
        return values
    finite = np.isfinite(values).all(1)
    if not finite.all():
        scan.warnings.append(f"{int((~finite).sum())} of {len(values)} colours are not finite: taken as black")
        values = np.where(finite[:, None], values, 0)
    low, high = float(values.min()), float(values.max())
    whole = values.dtype.kind in "iu" or bool((values == np.rint(values)).all())
    if low < 0 and low >= -1 and high <= 1 and not whole:
        scan.warnings.append(f"colours {low:.3g}..{high:.3g}: taken as -1..1, grey 0")
        return _rounded((values + 1) * 127.5)
    if low < -0.5:
        raise ValueError(f"{path}: colours {low:.6g}..{high:.6g}: none of 0..1, 0..255, 0..65535")
    if high > NEARLY_ONE and (usual := float(np.quantile(values[::max(1, len(values) // 100_000)], MOSTLY))) < high:
        fractions = values.dtype.kind == "f" and 0 < usual <= NEARLY_ONE and not whole
        if fractions or usual <= 255 < 255.5 < high:
            largest = 1 if fractions else 255
            scan.warnings.append(f"colours {low:.3g}..{high:.3g}, nearly all below {usual:.3g}: taken as 0..{largest}, "
                                 f"{int((values > largest).any(1).sum())} points cut off")
            return _rounded(np.clip(values, 0, largest) * (255 / largest))
    if values.dtype.kind == "f" and 0 < high <= NEARLY_ONE and not (whole and high > 1):
        above = ", those above 1 cut off" if high > 1 else ""
        scan.remarks.append(f"colours {low:.3g}..{high:.3g}: taken as fractions 0..1{above}")
        return _rounded(values * 255)
    if high <= 255.5:
        if low < 0 or not whole:
            scan.remarks.append(f"colours {low:.3g}..{high:.3g}: taken as 0..255")
        return _rounded(values)
    if high <= 65535.5:
        scan.remarks.append(f"colours {low:.6g}..{high:.6g}: taken as 16 bits, 0..65535")
        return _rounded(values / (257 if (values % 256).any() else 256))  # all end in 0: bytes moved up
    raise ValueError(f"{path}: colours {low:.6g}..{high:.6g}: none of 0..1, 0..255, 0..65535")


def _check_colors(scan: Scan) -> None:
    """Colours that nobody filled in are none; very dark ones are said."""
    brightest = int(scan.colors.max())
    if brightest == 0 or int(scan.colors.min()) == 255:
        scan.warnings.append(f"all colours are {'black' if brightest == 0 else 'white'}: taken as without colours")
        scan.colors = None
    elif brightest < DARK:
        scan.warnings.append(f"its colours are nearly black, at most {brightest} of 255: in which range are they?")


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _splat_colors(values: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 of the first band of a Gaussian splat's spherical harmonics."""
    return _rounded(np.nan_to_num(0.5 + FIRST_BAND * values.astype(np.float64)) * 255)


def _leave_transparent_out(scan: Scan, columns: dict[str, np.ndarray], by_name: dict[str, str]) -> None:
    remark = "Gaussian splats: colours from the first band"
    if "opacity" in by_name:
        with np.errstate(over="ignore"):
            opacity = columns[by_name["opacity"]].astype(np.float64)
            if not (opacity.min() >= 0 and opacity.max() <= 1):  # else already what others keep the logit of
                opacity = 1 / (1 + np.exp(-opacity))
        clear = ~(opacity >= OPAQUE)
        if clear.all():
            scan.warnings.append(f"all splats are below an opacity of {OPAQUE}: none left out")
        elif clear.any():
            scan.left_out = clear if scan.left_out is None else clear | scan.left_out
            remark += f", {int(clear.sum())} of {len(clear)} left out, whose opacity is below {OPAQUE}"
    scan.remarks.append(remark)
    scan.warnings.append("a reconstruction from pictures has no scale of its own: look whether its size is right")


def _plain(values: np.ndarray) -> np.ndarray:
    """The values in a type that a PLY has."""
    if values.dtype == bool or values.dtype == np.float16:
        return values.astype(np.uint8 if values.dtype == bool else np.float32)
    if values.dtype.itemsize == 8 and values.dtype.kind in "iu":
        whole = _integers(values)
        return values.astype(np.float64) if whole is None else whole
    return values


def _integers(values: np.ndarray) -> np.ndarray | None:
    """(N,) int32, None where a value is none."""
    with np.errstate(invalid="ignore", over="ignore"):
        integers = values.astype(np.int32)
    return integers if np.array_equal(integers, values) else None

"""What a file leaves open: which way is up, how long a metre is, where the origin lies; guessed and said.

`settle(scan, vertices, unit, up, voxel_size)` fills the scan's axes, origin, samples, remarks and warnings.
"""
import numpy as np

from datasets.scans.directions import UPS, Probe, find_turn, guess_up, probe_of, turn_of
from datasets.scans.sampling import (
    FAR_MORE,
    MOST,
    PER_VOXEL,
    blend,
    is_coarse,
    sample_faces,
    triangle_areas,
    vertex_colors,
)
from datasets.scans.scan import Scan
from datasets.scans.units import UNITS, guess_unit
from datasets.scans.vertices import Vertices

FAR = 10.0  # times as far out as 99 % of the points: no part of the scan
BULK = 2.0  # times as far out as 90 % of the points: what unit and axes are guessed by
MANY, MISSED = 20, 0.001  # points at exactly 0 0 0, at least so many and this share of all
FARTHER = 3.0  # times: said
LARGEST = 1e12  # of a coordinate, in any unit
FARTHEST = 10_000  # metres from end to end


def settle(scan: Scan, vertices: Vertices, unit: str, up: str, voxel_size: float) -> None:
    """Decide and write down. unit, up: as in `ScanOptions`. Raises ValueError where no vertex is finite, or the scan
    is larger than anything indoors."""
    _leave_out(scan)
    seen = scan.seen
    if vertices.paint is not None and scan.colors is None:
        scan.colors = vertex_colors(len(scan.points), scan.faces, vertices.paint)
    middle = np.median(scan.points[seen][::max(1, int(seen.sum()) // 100_000)], 0)
    with np.errstate(over="ignore", invalid="ignore"):
        span = float(np.abs(scan.points[seen] - middle).max())
    if not span < LARGEST:
        raise ValueError(f"{scan.path}: coordinates lie {span:.3g} apart: damaged, or no room")
    probe = _probe(scan, middle)
    turn, up_words, up_doubt = _turn(probe, vertices, up)
    metres, unit_words, unit_doubt = (guess_unit(probe, turn, vertices.unit) if unit == "auto"
                                       else (UNITS[unit], f"unit {unit}", ""))
    scan.axes = metres * turn
    length = float(np.linalg.norm(np.ptp(scan.points[seen], axis=0))) * metres
    if not length < FARTHEST:
        raise ValueError(f"{scan.path}: is {length:.3g} m from end to end ({unit_words}): no room is; --unit "
                         f"{'|'.join(UNITS)} overrules")
    _say(scan, up_words, up_doubt, unit_words, unit_doubt)
    _sample(scan, vertices, metres, voxel_size)
    corner = ((scan.points[seen] - middle) @ scan.axes.T).min(0)
    if scan.samples is not None:
        corner = np.minimum(corner, ((scan.samples - middle) @ scan.axes.T).min(0))
    # Half a voxel before the corner: floors and walls lie in the middle of voxels, where rounding moves nobody.
    scan.origin = middle + np.linalg.solve(scan.axes, corner - voxel_size / 2)
    _check_precision(scan, vertices, metres, voxel_size)


def _leave_out(scan: Scan) -> None:
    """Points without coordinates, those that a depth camera put at 0 0 0 in place of none, and strays."""
    zero = (scan.points == 0).all(1) if scan.faces is None else np.zeros(1, bool)
    if MANY < zero.sum() > MISSED * len(zero) and not zero.all():
        scan.left_out = zero if scan.left_out is None else scan.left_out | zero
        scan.remarks.append(f"{int(zero.sum())} of {len(zero)} points lie at exactly 0 0 0, as cameras write those "
                            "that they miss: left out")
    seen = scan.seen
    missing = int((~np.isfinite(scan.points).all(1)).sum())
    if missing:
        scan.remarks.append(f"{missing} of {len(seen)} points have no finite coordinates: left out")
    if not seen.any():
        raise ValueError(f"{scan.path}: no point has finite coordinates")
    points = scan.points[seen]
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.linalg.norm(points - np.median(points[::max(1, len(points) // 100_000)], 0), axis=1)
        limit = FAR * np.quantile(far, 0.99)
        strays = ~(far <= limit)
    outer = int((~strays & (far > limit / FAR * FARTHER)).sum())
    if limit > 0 and outer:
        scan.remarks.append(f"{outer} points lie over {FARTHER:g} times as far out as 99 % of the others: kept")
    if limit > 0 and strays.any():
        left_out = np.zeros(len(seen), bool)
        left_out[np.flatnonzero(seen)[strays]] = True
        scan.left_out = left_out if scan.left_out is None else scan.left_out | left_out
        scan.remarks.append(f"{int(strays.sum())} points lie over {FAR:g} times as far out as 99 % of the others: "
                            "left out")


def _probe(scan: Scan, middle: np.ndarray) -> Probe:
    """Some points of the scan, on its faces where it has few vertices, about the middle, in the file's unit."""
    if scan.faces is not None and len(scan.faces):
        areas = triangle_areas(scan.points, scan.faces)
        seen = scan.seen[scan.faces].all(1)
        areas = np.where(seen, areas, 0)
        length = np.linalg.norm(np.ptp(scan.points[scan.seen], axis=0))
        if areas.sum() > 0 and is_coarse(scan.points, scan.faces[seen], length / 500):
            return probe_of(_bulk(sample_faces(scan.points, scan.faces[seen], 40_000)[0] - middle), None)
    points = _bulk(scan.points[scan.seen] - middle)
    return probe_of(points, points)


def _bulk(points: np.ndarray) -> np.ndarray:
    """The points (N, 3) about 0 without what a scanner saw through windows: there may be several per cent of it, tens
    of metres off."""
    far = np.abs(points).max(1)
    return points[far <= BULK * np.quantile(far[::max(1, len(far) // 100_000)], 0.9)]


def _turn(probe: Probe, vertices: Vertices, up: str) -> tuple[np.ndarray, str, str]:
    """(3, 3) rotation that takes the file's axes to z up; what was taken, and what makes it doubtful ("": nothing)."""
    if up != "auto":
        return turn_of(UPS[up]), f"up {up}", ""
    turn, words, doubt = guess_up(probe, vertices.up)
    degrees = find_turn(probe.normals[probe.flat] @ turn.T)
    if degrees:
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ turn
        words += f", turned by {degrees:.0f} degrees, so that walls lie along the axes"
    return turn, words, doubt


def _say(scan: Scan, up_words: str, up_doubt: str, unit_words: str, unit_doubt: str) -> None:
    scan.remarks.append(f"{unit_words}, {up_words} (--unit {'|'.join(UNITS)} and --up {'|'.join(UPS)} overrule)")
    if up_doubt:
        scan.warnings.append(f"which way is up is a doubtful guess ({up_doubt}): look at it, and overrule with --up")
    if unit_doubt:
        scan.warnings.append(f"the unit is a doubtful guess ({unit_doubt}): overrule with --unit")
    if scan.colors is None:
        scan.warnings.append("has no colours")


def _sample(scan: Scan, vertices: Vertices, metres: float, voxel_size: float) -> None:
    """Points on the faces of a coarse mesh."""
    if scan.faces is None or not len(scan.faces):
        return
    faces = scan.faces[scan.seen[scan.faces].all(1)]
    rows_of_faces = np.flatnonzero(scan.seen[scan.faces].all(1))
    voxel = voxel_size / metres
    if not len(faces) or not is_coarse(scan.points, faces, voxel):
        return
    wanted = int(min(triangle_areas(scan.points, faces).sum() / voxel ** 2 * PER_VOXEL, 1e12)) + 1
    if wanted > FAR_MORE * MOST:
        area = wanted * voxel_size ** 2 / PER_VOXEL
        scan.warnings.append(f"a coarse mesh of {area:.3g} m2, too large for an indoor scan: only its vertices count")
        return
    count = min(wanted, MOST)
    scan.samples, rows, weights = sample_faces(scan.points, faces, count)
    if vertices.paint is not None and "red" not in vertices.columns:
        scan.sample_colors = vertices.paint(rows_of_faces[rows], weights)
    elif scan.colors is not None:
        scan.sample_colors = blend(scan.colors, faces, rows, weights)
    scan.remarks.append(f"a coarse mesh: {count:,} points on its {len(faces):,} faces stand for its surface")
    if count < wanted:
        scan.warnings.append(f"its surface wants {wanted:,} points at voxels of {voxel_size} m: {count:,} were made")


def _check_precision(scan: Scan, vertices: Vertices, metres: float, voxel_size: float) -> None:
    """Coordinates far from 0 that the file keeps as float32 have steps."""
    kinds = {vertices.columns[name].dtype for name in vertices.columns if name.lower() in ("x", "y", "z")}
    if kinds == {np.dtype(np.float32)}:
        step = float(np.spacing(np.float32(np.abs(scan.points[scan.seen]).max()))) * metres
        if step > voxel_size / 4:
            scan.warnings.append(f"its file keeps coordinates as float32, {step:.2g} m apart so far from 0: write them "
                                 "in double, or shifted")

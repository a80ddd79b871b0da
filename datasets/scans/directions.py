"""Which way is up in a scan, whether it is tilted, and how its walls lie: `guess_up(probe, hint)`.

Rooms are told from their six sides by where surfaces lie: furniture stands low, a floor spreads under all of it, walls
are upright. benchmarks/scan_formats.py --guess measures how often that is right.
"""
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

UPS = {"z": (2, 1), "y": (1, 1), "x": (0, 1), "-z": (2, -1), "-y": (1, -1), "-x": (0, -1)}  # axis, sign
POINTS, CELLS, NEIGHBOURS = 12_000, 96, 16
FLAT = 0.03  # share of a neighbourhood's spread along its normal, below which it is a piece of a surface
ALONG = 0.9  # cosine to an axis, from which on a surface counts as lying across it
SLAB = 0.06  # of the extent, at either end
# Fitted (conditional logit) on 288 whole, cut and topped generated rooms of all kinds; see `_evidence`.
WEIGHTS = np.array([12, 6, 2.5, -11, -3, 5, -7.5, 6.5])
# How usual an axis is, as logarithms: of files that say nothing; of formats whose rules say y; and of clouds in which
# no surface lies across an axis, as they come straight from a camera, whose y points down.
USUAL = {"z": 0, "y": -1, "-y": -1.5, "-z": -2, "x": -2.5, "-x": -2.5}
SAID_Y = {"y": 0, "z": -3.5, "-y": -5, "-z": -5, "x": -6, "-x": -6}
CAMERA = {"-y": 0, "y": -1.5, "z": -1.5, "-z": -1.5, "x": -2.5, "-x": -2.5}
SURE = 0.9
EXACT = 1.5  # degrees; surfaces of a levelled scan lie across an axis as exactly
TILTS, TURNED = 20, 3.0  # degrees: looked for; from which on walls are turned to the axes
WALLED = 0.3  # of the largest sum of wall directions, from which on a room has main directions


@dataclass
class Probe:
    """points: (P, 3) float64 about the scan's middle, in its unit. normals: (P, 3) unit. flat: (P,) bool, where a
    normal means something. spacing: median distance of neighbours in the whole cloud, None for the faces of a mesh."""
    points: np.ndarray
    normals: np.ndarray
    flat: np.ndarray
    spacing: float | None


def probe_of(points: np.ndarray, cloud: np.ndarray | None) -> Probe:
    """A thinned cloud with normals. points: (N, 3); cloud: (N, 3), of which the spacing is measured, or None."""
    low = points.min(0)
    side = max(float(np.ptp(points, axis=0).max()) / CELLS, 1e-300)
    key = np.floor((points - low) / side).astype(np.int64) @ np.array([1, 1 << 10, 1 << 20])
    thin = points[np.unique(key, return_index=True)[1]]
    if len(thin) > POINTS:
        thin = thin[np.random.default_rng(0).choice(len(thin), POINTS, replace=False)]
    spacing = None if cloud is None or len(cloud) < 2 else _spacing(cloud)
    if len(thin) < 2 * NEIGHBOURS:
        return Probe(thin, np.zeros_like(thin), np.zeros(len(thin), bool), spacing)
    near = thin[cKDTree(thin).query(thin, NEIGHBOURS)[1]]  # (P, K, 3)
    near = (near - near.mean(1, keepdims=True)) / side
    spread, axes = np.linalg.eigh(np.einsum("pki,pkj->pij", near, near))
    return Probe(thin, axes[:, :, 0], spread[:, 0] < FLAT * spread.sum(1), spacing)


def _spacing(cloud: np.ndarray) -> float:
    """Median distance to the next point, around one of the points."""
    if len(cloud) > 200_000:  # those around one of them
        away = np.abs(cloud - cloud[len(cloud) // 3]).max(1)
        cloud = cloud[away <= np.partition(away, 200_000)[200_000]]
    tree = cKDTree(cloud)
    distances = tree.query(cloud[::max(1, len(cloud) // 4000)], 2)[0][:, 1]
    return float(np.median(distances))


def turn_of(up: tuple[int, int]) -> np.ndarray:
    """(3, 3) rotation by quarters that takes an axis (0..2, sign) to z, about another of the axes."""
    rows = {(2, 1): [[1, 0, 0], [0, 1, 0], [0, 0, 1]], (2, -1): [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
            (1, 1): [[1, 0, 0], [0, 0, -1], [0, 1, 0]], (1, -1): [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
            (0, 1): [[0, 0, -1], [0, 1, 0], [1, 0, 0]], (0, -1): [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]}
    return np.array(rows[up], np.float64)


def guess_up(probe: Probe, hint: str | None) -> tuple[np.ndarray, str, str]:
    """(3, 3) rotation to z up, what was taken in words, and what makes it doubtful ("": nothing).

    hint: the axis that the format's rules name, or None.
    """
    levelled = _levelled(probe)
    usual = SAID_Y if hint == "y" else USUAL if levelled else CAMERA
    evidence = _evidence(probe)
    score = np.array([usual[up] + (0 if evidence is None else evidence[UPS[up]]) for up in UPS])
    chance = np.exp(score - score.max())
    chance /= chance.sum()
    up = list(UPS)[int(np.argmax(chance))]
    turn, words = turn_of(UPS[up]), f"up {up}"
    if not levelled and (tilt := find_tilt(probe.normals[probe.flat] @ turn.T)) is not None:
        turn, words = tilt[0] @ turn, f"up {up}, tilted by {tilt[1]:.0f} degrees and levelled"
    second = np.argsort(chance)[-2]
    doubt = "" if chance.max() > SURE else f"{list(UPS)[second]} has {100 * chance[second]:.0f} %"
    return turn, words, doubt


def _evidence(probe: Probe) -> dict[tuple[int, int], float] | None:
    """For each axis and sign how much the surfaces look like a room whose ceiling is there; None for too few."""
    if probe.flat.sum() < 200:
        return None
    low, high = np.quantile(probe.points, [0.002, 0.998], axis=0)
    extent = np.maximum(high - low, 1e-9 * max(float((high - low).max()), 1e-300))
    at = np.clip((probe.points - low) / extent, 0, 1)
    across = (np.abs(probe.normals) > ALONG) & probe.flat[:, None]  # (P, 3)
    inner = ~(((at < 0.05) | (at > 0.95)) & across).any(1)  # not of what encloses the room
    found = {}
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        cell = np.floor(at[:, others] * 31.99).astype(np.int64) @ np.array([32, 1])
        footprint = len(np.unique(cell))
        below, above = (len(np.unique(cell[across[:, axis] & end])) / footprint
                        for end in (at[:, axis] < SLAB, at[:, axis] > 1 - SLAB))
        tops = across[:, axis] & inner
        lowness = (0.5 - at[inner, axis]).mean() if inner.any() else 0.0
        top_lowness = (0.5 - at[tops, axis]).mean() if tops.sum() > 20 else 0.0
        flatness = np.log(extent[axis] / np.sqrt(extent[others[0]] * extent[others[1]]))
        for sign in (1, -1):
            floor, ceiling = (below, above) if sign > 0 else (above, below)
            values = [sign * lowness, floor, ceiling, across[:, axis].mean(), tops.sum() / max(inner.sum(), 1),
                      -min(flatness, 0), max(flatness, 0), sign * top_lowness]
            found[axis, sign] = float(WEIGHTS @ np.array(values))
    return found


def _levelled(probe: Probe) -> bool:
    """Whether surfaces lie exactly across one of the axes; true for too few to say."""
    normals = probe.normals[probe.flat]
    if len(normals) < 200:
        return True
    for axis in range(3):
        near = normals[np.abs(normals[:, axis]) > ALONG]
        near = near * np.sign(near[:, axis:axis + 1])
        if len(near) < 0.03 * len(normals):
            continue
        mean = np.median(near, 0)
        for _ in range(3):
            mean = mean / np.linalg.norm(mean)
            closest = near[near @ mean > np.cos(np.radians(8))]
            mean = closest.mean(0) if len(closest) else mean
        if np.degrees(np.arccos(min(1.0, mean[axis] / np.linalg.norm(mean)))) < EXACT:
            return True
    return False


def find_tilt(normals: np.ndarray) -> tuple[np.ndarray, float] | None:
    """(3, 3) rotation after which surfaces lie flat or upright, and its degrees; None where z is as good.

    normals: (P, 3) unit, about z up.
    """
    def upright(tilts: np.ndarray) -> np.ndarray:  # (T, 2) degrees about x and y -> (T,) share
        ups = np.stack([np.tan(np.radians(tilts[:, 0])), np.tan(np.radians(tilts[:, 1])), np.ones(len(tilts))], 1)
        ups /= np.linalg.norm(ups, axis=1, keepdims=True)
        cosines = np.abs(normals @ ups.T)
        return ((cosines > np.cos(np.radians(6))) | (cosines < np.sin(np.radians(4)))).mean(0)

    best, step = np.zeros((1, 2)), 2.0
    reach = TILTS
    while step >= 0.25:
        line = np.arange(-reach, reach + step / 2, step)
        tilts = best + np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        best, reach, step = tilts[[np.argmax(upright(tilts))]], 2 * step, step / 2
    degrees = float(np.hypot(*best[0]))
    if degrees < EXACT or upright(best)[0] < 1.1 * upright(np.zeros((1, 2)))[0]:
        return None
    up = np.array([np.tan(np.radians(best[0, 0])), np.tan(np.radians(best[0, 1])), 1.0])
    up /= np.linalg.norm(up)
    for _ in range(3):  # the steps of the search are rough: what lies flat says it exactly
        flat = normals[np.abs(normals @ up) > np.cos(np.radians(6))]
        if len(flat) >= 50:
            up = (flat * np.sign(flat @ up)[:, None]).mean(0)
            up /= np.linalg.norm(up)
    axis = np.cross(up, [0, 0, 1])
    sine, cosine = np.linalg.norm(axis), up[2]
    x, y, z = axis / sine
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + sine * skew + (1 - cosine) * skew @ skew, degrees


def find_turn(normals: np.ndarray) -> float:
    """Degrees about z, within -45..45, that bring the walls along the axes; 0 where they are, or where none stand out.

    normals: (P, 3) unit, z up.
    """
    walls = normals[np.abs(normals[:, 2]) < 0.2]
    if len(walls) < 200:
        return 0.0
    total = np.exp(4j * np.arctan2(walls[:, 1], walls[:, 0])).mean()
    degrees = float(np.degrees(np.angle(total)) / 4)
    return -degrees if abs(total) > WALLED and abs(degrees) > TURNED else 0.0

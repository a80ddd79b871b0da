"""Ground plans that are not rectangles, and what hangs from ceilings: `draw_plan(rng, kind, scale)`.

Corners are cut off square or slanting, chimney breasts stand out of walls, ceilings slope, step, or carry beams.
"""
from dataclasses import dataclass, field

import numpy as np

from datasets.synthetic.collision import Placed
from datasets.synthetic.objects.shapes import WHITE, WOOD, Shape, tint
from datasets.synthetic.rooms import SIZES, Room, Wall

CORNER, BREAST = 0.25, 0.16  # chance of each corner to be cut, and of each side to have a breast
LONG = 2.6  # m, side that has room for either


@dataclass
class Plan:
    """outline: corners (K, 2) m, anticlockwise; lacking: (corners, position, yaw) of boxes outside it (Room.block)."""
    width: float
    depth: float
    outline: np.ndarray
    lacking: list = field(default_factory=list)


def draw_plan(rng: np.random.Generator, kind: str, scale: float) -> Plan:
    """A plan within [0, width] x [0, depth]; sides as long as the kind's, or half as long again."""
    low, high = SIZES[kind]
    width, depth = np.maximum(rng.uniform(low * 0.95, high * 1.3, 2) * (1.0, 0.85) * scale, 2.2)
    if kind == "hallway":  # long and narrow
        width, depth = max(2.2, width * 1.3), max(1.5, depth * 0.6)
    square = np.array([(0, 0), (width, 0), (width, depth), (0, depth)], float)
    edges = np.roll(square, -1, axis=0) - square
    lengths = np.linalg.norm(edges, axis=1)
    along = edges / lengths[:, None]
    plan, points = Plan(width, depth, square), []
    for k in range(4):
        before, after = along[k - 1], along[k]
        if min(lengths[k - 1], lengths[k]) > LONG and rng.random() < CORNER:
            points += _cut_corner(rng, plan, square[k], before, after, min(lengths[k - 1], lengths[k]))
        else:
            points.append(square[k])
        if lengths[k] > LONG and rng.random() < BREAST:
            points += _breast(rng, plan, square[k], after, lengths[k])
    plan.outline = np.array(points)
    return plan


def _cut_corner(rng, plan: Plan, corner: np.ndarray, before: np.ndarray, after: np.ndarray, shorter: float) -> list:
    """The outline's points where a corner is cut; `before`, `after`: directions of the sides that meet there."""
    if rng.random() < 0.35:  # slanting
        a, b = rng.uniform(0.35, 0.28 * shorter, 2)
        start, end = corner - a * before, corner + b * after
        way = end - start
        yaw = float(np.arctan2(-way[1], -way[0]))
        half = np.hypot(a, b) / 2
        plan.lacking.append(((-half, 0.0, 0.0, half, 1.5, 9.0), (*(start + end) / 2, 0), yaw))
        return [start, end]
    a, b = rng.uniform(0.3, 0.33 * shorter, 2)
    inner = corner - a * before + b * after
    low, high = np.minimum(corner, inner), np.maximum(corner, inner)
    plan.lacking.append(((*low, 0.0, *high, 9.0), (0, 0, 0), 0.0))
    return [corner - a * before, inner, corner + b * after]


def _breast(rng, plan: Plan, corner: np.ndarray, after: np.ndarray, length: float) -> list:
    """The outline's points around a chimney breast, or a pier, of the side that goes from a corner along `after`."""
    wide, deep = rng.uniform(0.3, 1.4), rng.uniform(0.12, 0.5)
    start = rng.uniform(0.38 * length, 0.62 * length) - wide / 2
    inward = np.array([-after[1], after[0]])
    a, b = corner + start * after, corner + (start + wide) * after
    box = np.stack([a, b, a + deep * inward])
    plan.lacking.append(((*box.min(0), 0.0, *box.max(0), 9.0), (0, 0, 0), 0.0))
    return [a, a + deep * inward, b + deep * inward, b]


def walls_of(outline: np.ndarray) -> list[Wall]:
    """The walls along an anticlockwise outline (K, 2); their frames face out of the room."""
    walls = []
    for start, end in zip(outline, np.roll(outline, -1, axis=0)):
        length = float(np.linalg.norm(end - start))
        edge = (end - start) / length
        walls.append(Wall(end, float(np.arctan2(-edge[1], -edge[0])), length))
    return walls


def shape_ceiling(rng: np.random.Generator, room: Room) -> None:
    """A slope over one side, a step along one, beams, or none of these, below the flat ceiling."""
    w, d, h = room.width, room.depth, room.height
    kind = rng.choice(["flat", "slope", "step", "beams"], p=[0.62, 0.13, 0.13, 0.12])
    color = tint(rng, WHITE if rng.random() < 0.7 else WOOD)
    side = int(rng.integers(4))  # from which the slope rises, or along which the step runs
    across, length = (d, w) if side % 2 == 0 else (w, d)
    yaw, corner = [(0.0, (0, 0)), (np.pi / 2, (w, 0)), (np.pi, (w, d)), (-np.pi / 2, (0, d))][side]
    shape, at = Shape(), np.array([*corner, 0.0])  # frame: x along the side, y into the room
    if kind == "slope":
        low, reach = rng.uniform(1.3, 2.0), rng.uniform(0.3, 0.6) * across
        y, z = np.linspace(0, reach, 9), np.linspace(low, h - 0.005, 9)
        grid = np.stack([np.tile(np.linspace(0, length, 9), (9, 1)), np.tile(y[:, None], (1, 9)),
                         np.tile(z[:, None], (1, 9))], -1)
        shape.sheet(grid, color, solid=False)
        for k in range(8):
            room.block((0, y[k], z[k], length, y[k + 1], h + 1), at, yaw)
    elif kind == "step":
        reach, drop = rng.uniform(0.3, min(1.2, 0.4 * across)), rng.uniform(0.12, max(0.12, min(0.5, h - 2.2)))
        shape.box((0, 0, h - drop), (length, reach, h), color)
    elif kind == "beams":
        wide, drop = rng.uniform(0.08, 0.3), rng.uniform(0.08, max(0.08, min(0.3, h - 2.15)))
        for y in np.linspace(0, across, int(rng.integers(1, 5)) + 2)[1:-1]:
            shape.box((0, y - wide / 2, h - drop), (length, y + wide / 2, h), color)
    else:
        return
    room.pieces.append(Placed("ceiling", shape, at, yaw))

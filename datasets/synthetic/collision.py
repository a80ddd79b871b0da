"""Where things stand, and whether two of them meet: upright boxes that are turned about z only.

A box is a row `cx cy hx hy cos sin z0 z1` (m): centre, half sizes along its own axes, turn, height interval.
"""
from dataclasses import dataclass

import numpy as np

from datasets.synthetic.objects.shapes import Shape

TOUCH = 0.002  # m that two boxes may share: things that touch do not collide


@dataclass(eq=False)
class Placed:
    """A shape at its place in the room: `position` (3,) m, turned by `yaw` radians about z.

    carrier: what it stands on. wall, along: the wall behind it (index into the room's) and where its middle is on it.
    """
    name: str
    shape: Shape
    position: np.ndarray
    yaw: float
    carrier: "Placed | None" = None
    wall: int | None = None
    along: float = 0.0

    def world(self, points: np.ndarray) -> np.ndarray:
        """Local points (N, 3) in room coordinates, (N, 3)."""
        return turn(points, self.yaw) + self.position


def turn(points: np.ndarray, yaw: float) -> np.ndarray:
    """Points (N, 2) or (N, 3) turned by `yaw` radians about z."""
    points = np.array(points, float)
    c, s = np.cos(yaw), np.sin(yaw)
    points[:, :2] = points[:, :2] @ np.array([[c, s], [-s, c]])
    return points


def upright_boxes(corners: np.ndarray, position, yaw: float) -> np.ndarray:
    """Rows `x0 y0 z0 x1 y1 z1` (P, 6) in an object's own frame as boxes (P, 8) in the room."""
    corners = np.asarray(corners, float).reshape(-1, 6)
    middle = turn((corners[:, :3] + corners[:, 3:]) / 2, yaw) + position
    half = (corners[:, 3:] - corners[:, :3]) / 2
    boxes = np.empty((len(corners), 8))
    boxes[:, :2], boxes[:, 2:4] = middle[:, :2], half[:, :2]
    boxes[:, 4], boxes[:, 5] = np.cos(yaw), np.sin(yaw)
    boxes[:, 6], boxes[:, 7] = middle[:, 2] - half[:, 2], middle[:, 2] + half[:, 2]
    return boxes


def extents(boxes: np.ndarray) -> np.ndarray:
    """Axis-aligned bounds (P, 6) `x0 y0 z0 x1 y1 z1` of boxes (P, 8)."""
    c, s = np.abs(boxes[:, 4]), np.abs(boxes[:, 5])
    ex, ey = boxes[:, 2] * c + boxes[:, 3] * s, boxes[:, 2] * s + boxes[:, 3] * c
    x, y = boxes[:, 0], boxes[:, 1]
    return np.column_stack([x - ex, y - ey, boxes[:, 6], x + ex, y + ey, boxes[:, 7]])


def collide(a: np.ndarray, b: np.ndarray, touch: float = TOUCH) -> bool:
    """Does a box of a (P, 8) meet one of b (Q, 8) by more than `touch` metres? Separating axes in the plane, and z."""
    if not len(a) or not len(b):
        return False
    ea, eb = extents(a), extents(b)
    low, high = ea[:, :3].min(0) + touch, ea[:, 3:].max(0) - touch
    b = b[np.all((eb[:, :3] < high) & (eb[:, 3:] > low), axis=1)]
    if not len(b):
        return False
    a, b = a[:, None], b[None]
    met = (a[..., 6] + touch < b[..., 7]) & (b[..., 6] + touch < a[..., 7])  # (P, Q)
    dx, dy = b[..., 0] - a[..., 0], b[..., 1] - a[..., 1]
    cos = np.abs(a[..., 4] * b[..., 4] + a[..., 5] * b[..., 5])
    sin = np.abs(a[..., 4] * b[..., 5] - a[..., 5] * b[..., 4])
    for one, other in ((a, b), (b, a)):
        along = np.abs(dx * one[..., 4] + dy * one[..., 5])
        across = np.abs(dy * one[..., 4] - dx * one[..., 5])
        met &= along + touch < one[..., 2] + other[..., 2] * cos + other[..., 3] * sin
        met &= across + touch < one[..., 3] + other[..., 2] * sin + other[..., 3] * cos
    return bool(met.any())

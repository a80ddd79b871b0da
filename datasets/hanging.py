"""Where a thing hangs on a wall: flat on it, at whatever angle the wall runs, in the room, with nothing before it.

    moved = hang(squared_up(points), walls, walls[:, draws].T, room)     # None: none of the spots will do
"""
import math

import numpy as np

from datasets.geometry import bounds

NEAR = 0.2  # metres around a spot in which the wall's direction is sought
BANDS = (0.10, 0.05, 0.03)  # metres from a wall's plane in which its points are taken for the next, closer look
BESIDE = 0.15  # metres that a wall must go on either way from a spot
GAP = 0.01  # metres between the wall and what hangs on it
CLEAR = 0.10  # metres before it in which nothing may be
OPEN = 0.30  # metres before it in which no wall may be: else it would hang inside one that was scanned from both sides
REACH = (0.15, 0.25, 0.35, 0.45, 0.55)  # metres before the wall at which the room is looked for
ROOM_SHARE = 0.6  # of those places that must lie over or under something of the room
BACKING = 0.25  # metres at most from one place at which there must be wall behind it to the next
FEW = 10  # points that are too few for a direction


def squared_up(points: np.ndarray) -> np.ndarray:
    """points (N, 3) turned about z so that the box around them is smallest, its narrow side along y."""
    some = points[::max(1, len(points) // 400), :2]
    angles = np.append(np.radians(np.arange(0, 90, 3)), np.arctan2(*_direction(some.T)[::-1]))
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x = cos * some[:, 0] + sin * some[:, 1]  # (angles, points)
    y = cos * some[:, 1] - sin * some[:, 0]
    wide, deep = np.ptp(x, axis=1), np.ptp(y, axis=1)
    best = int(np.argmin(wide * deep))
    angle = angles[best] + (np.pi / 2 if deep[best] > wide[best] else 0)
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)


def hang(points: np.ndarray, walls: np.ndarray, spots: np.ndarray, room) -> np.ndarray | None:
    """The points (N, 3), which are `squared_up`, on the wall at the first of the spots (S, 3) that will do, else None.

    walls: (3, W) points of walls, float32 metres, a part of them if there are many; the spots are some of them.
    room: `instance_sampling.Room`.
    """
    low, high = bounds(points)
    points, half = points - (low + high) / 2, (high - low) / 2
    for spot in spots:
        plane = _plane(walls - spot[:, None], max(half[0], NEAR), max(half[2], NEAR))
        if plane is None:
            continue
        direction, depth, rough = plane
        for side in _sides_of_the_room(spot, direction, half[0], room):
            inward, surface = side * _left(direction), side * depth + 2 * rough
            place = Place(spot, np.stack([side * direction, inward]), surface, half, room)
            if place.backed() and place.free():
                middle = spot[:2] + inward * (surface + GAP + half[1])
                moved = points @ np.array([[*place.axes[0], 0], [*inward, 0], [0, 0, 1]], np.float32)
                return moved + np.array([*middle, spot[2]], np.float32)
    return None


class Place:
    """A place on a wall for a thing of `half` (3,) its size. axes: (2, 2) along the wall, and from it into the room.

    surface: metres along the second axis from the spot to the wall's surface.
    """

    def __init__(self, spot: np.ndarray, axes: np.ndarray, surface: float, half: np.ndarray, room):
        self.spot, self.axes, self.surface, self.half, self.room = spot, axes, surface, half, room

    def _cells(self, along: np.ndarray, depths: np.ndarray, heights: np.ndarray) -> np.ndarray:
        """Cells (A, D, H, 3) of places along the wall, before its surface, and above the spot, all in metres."""
        cells = np.empty((len(along), len(depths), len(heights), 3), np.float32)
        flat = along[:, None, None] * self.axes[0] + (self.surface + depths)[None, :, None] * self.axes[1]  # (A, D, 2)
        cells[..., :2] = (self.spot[:2] + flat)[:, :, None]
        cells[..., 2] = self.spot[2] + heights
        return self.room.cells(cells)

    def backed(self) -> bool:
        """Whether there is wall behind it everywhere, its corners included, and a little beyond."""
        reach = self.half[[0, 2]] + 1.5 * self.room.SIDE
        along, heights = (np.linspace(-r, r, max(3, int(np.ceil(2 * r / BACKING)) + 1)) for r in reach)
        cells = self._cells(along, np.array([0.0]), heights).reshape(-1, 3)
        if not self.room.inside(cells[:, :2], cells[:, 2], cells[:, 2]):
            return False
        x, y, z = (cells[:, None] + _AROUND).transpose(2, 0, 1)  # (places, 27) each; the border is wider than a cell
        return bool((self.room.bits[x, y, z] & self.room.WALL).any(1).all())

    def free(self) -> bool:
        """Whether nothing is where it would be or close before it, and no wall a little farther before it."""
        step = self.room.SIDE
        along, heights = (np.linspace(-h, h, int(np.ceil(2 * h / step)) + 1) for h in self.half[[0, 2]])
        depths = np.arange(GAP, GAP + 2 * self.half[1] + OPEN, step)
        cells = self._cells(along, depths, heights)
        columns, levels = cells[..., :2].reshape(-1, 2), cells[..., 2]
        if not self.room.inside(columns, levels, levels):
            return False
        found = self.room.bits[cells[..., 0], cells[..., 1], levels]  # (A, D, H)
        close = found[:, depths < GAP + 2 * self.half[1] + CLEAR]
        return not ((close & (self.room.LOOSE | self.room.CARRIES)).any()
                    or (found[:, depths > 2 * step] & self.room.WALL).any())


_AROUND = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)  # (27, 3) a cell and those around


def _plane(walls: np.ndarray, half: float, high: float) -> tuple[np.ndarray, float, float] | None:
    """The wall through the origin: its direction (2,), the depth of its surface to the left, its roughness; metres.

    walls: (3, W) points. half, high: how far along and up and down it is looked at. None where the points show no
    wall: too few, a corner, or a piece that ends close by.
    """
    near = walls[:, np.einsum("ij,ij->j", walls, walls) < NEAR ** 2]
    if near.shape[1] < FEW:
        return None
    direction, middle = _direction(near[:2]), 0.0
    near = walls[:, (np.abs(direction @ walls[:2]) < half) & (np.abs(walls[2]) < high)][:2]
    for band in BANDS:  # leaves out the wall's other face, and the next wall round the corner
        near = near[:, np.abs(_left(direction) @ near - middle) < band]
        if near.shape[1] < FEW:
            return None
        direction = _direction(near)
        depths = _left(direction) @ near
        middle = float(depths.sum()) / len(depths)
    along = direction @ near
    if along.min() > -BESIDE or along.max() < BESIDE:
        return None
    return direction, middle, float(np.sqrt(max(0.0, depths @ depths / len(depths) - middle ** 2)))


def _direction(flat: np.ndarray) -> np.ndarray:
    """First principal axis, (2,) float32 of length 1, of flat points (2, K)."""
    x, y = flat - flat.sum(axis=1, keepdims=True) / np.float32(flat.shape[1])
    angle = math.atan2(2 * float(x @ y), float(x @ x) - float(y @ y)) / 2
    return np.array([math.cos(angle), math.sin(angle)], np.float32)


def _left(direction: np.ndarray) -> np.ndarray:
    return np.array([-direction[1], direction[0]], np.float32)


def _sides_of_the_room(spot: np.ndarray, direction: np.ndarray, half: float, room) -> list[int]:
    """1 for the left of a wall, -1 for its right, those that have room before it, the fuller first."""
    along, depths = np.array([-half, 0, half], np.float32), np.array(REACH, np.float32)
    share = {}
    for side in (1, -1):
        flat = along[:, None, None] * direction + (side * depths)[None, :, None] * _left(direction)
        share[side] = room.furnished((spot[:2] + flat).reshape(-1, 2))
    return [side for side in sorted(share, key=share.get, reverse=True) if share[side] >= ROOM_SHARE]

"""Where a hand-held camera is and where it looks, frame by frame: `hand_held(rng, room, placed, 180)`.

A person walks between the places of `scanner.walk`, turns there, and points the camera at things.
"""
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from datasets.synthetic.collision import Placed
from datasets.synthetic.rooms import Room
from datasets.synthetic.scanner import walk

AT_THINGS = 0.55  # share of the frames that look at a thing; the others look around
PARTIAL = 0.3  # share of the walks that leave a part of the room out
DOWN = (-46, -27)  # degrees of elevation that a person holds the camera at, when not looking at a thing


@dataclass
class Poses:
    """position (K, 3) m and rotation (K, 3, 3) of the camera: its rows are right, down and ahead, in the room."""
    position: np.ndarray
    rotation: np.ndarray


def hand_held(rng: np.random.Generator, room: Room, placed: list[Placed], frames: int) -> Poses:
    """The true poses of a scan, those outside the room's walls left out."""
    spots = walk(rng, room, placed)
    order, left = [0], set(range(1, len(spots)))
    while left:  # to the nearest place next
        here = spots[order[-1], :2]
        order.append(min(left, key=lambda k: np.linalg.norm(spots[k, :2] - here)))
        left.remove(order[-1])
    if rng.random() < PARTIAL:
        share = rng.uniform(0.55, 0.9)
        order, frames = order[:max(2, round(share * len(order)))], round(share ** 0.7 * frames)
    stops = spots[order]
    leg = np.linspace(0, len(stops) - 1, frames)
    stay = np.floor(leg) + np.clip((leg % 1 - 0.35) / 0.3, 0, 1)  # stands, walks, stands
    position = np.column_stack([np.interp(stay, np.arange(len(stops)), stops[:, k]) for k in range(3)])
    position += ndimage.gaussian_filter1d(rng.normal(0, 0.35, (frames, 3)), 4, axis=0)  # sways
    azimuth, elevation = headings(rng, position, room, placed)
    inside = within(room, position[:, :2])
    position, azimuth, elevation = position[inside], azimuth[inside], elevation[inside]
    return Poses(position, frame_of(azimuth, elevation, rng.normal(0, np.radians(4), len(azimuth))))


def headings(rng: np.random.Generator, position: np.ndarray, room: Room, placed: list[Placed]
             ) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and elevation (K,), radians: around the room in even steps, or at a thing 0.7 to 3.5 m off."""
    count = len(position)
    azimuth = rng.uniform(0, 2 * np.pi) + np.arange(count) * 2.399963  # the golden angle: evenly spread at every stop
    elevation = np.radians(rng.normal(rng.uniform(*DOWN), 15, count))  # down: floors are seen more than ceilings
    if rng.random() < 0.25:  # some look at the ceiling as well
        up = rng.random(count) < 0.15
        elevation[up] = np.radians(rng.uniform(15, 55, up.sum()))
    things = [p for p in placed + room.pieces if p.name not in ("floor", "ceiling")]
    middles = np.array([p.world(p.shape.vertices[rng.integers(len(p.shape.vertices))][None])[0] for p in things])
    for k in np.flatnonzero(rng.random(count) < AT_THINGS):
        beam = middles - position[k]
        far = np.linalg.norm(beam, axis=1)
        near = np.flatnonzero((far > 0.7) & (far < 3.5))
        if len(near):
            x, y, z = beam[rng.choice(near)]
            azimuth[k] = np.arctan2(y, x) + rng.normal(0, 0.15)
            elevation[k] = np.clip(np.arctan2(z, np.hypot(x, y)), np.radians(-65), np.radians(25)) + rng.normal(0, 0.1)
    return azimuth, elevation


def frame_of(azimuth: np.ndarray, elevation: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """(K, 3, 3) rotations whose rows are right, down and ahead."""
    ahead = np.column_stack([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation),
                             np.sin(elevation)])
    right = np.column_stack([np.sin(azimuth), -np.cos(azimuth), np.zeros_like(azimuth)])
    down = np.cross(ahead, right)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([c * right + s * down, c * down - s * right, ahead], 1)


def within(room: Room, spots: np.ndarray, margin: float = 0.12) -> np.ndarray:
    """(N,) are spots (N, 2) inside the walls, `margin` metres off them?"""
    inside, clear = np.zeros(len(spots), bool), np.full(len(spots), np.inf)
    for wall in room.walls:
        (x0, y0), (x1, y1) = wall.at(0.0), wall.at(wall.length)
        crosses = (y0 > spots[:, 1]) != (y1 > spots[:, 1])
        at = x0 + (spots[:, 1] - y0) * (x1 - x0) / np.where(y1 != y0, y1 - y0, 1)
        inside ^= crosses & (spots[:, 0] < at)
        along = np.clip((spots - (x0, y0)) @ np.array([x1 - x0, y1 - y0]) / wall.length ** 2, 0, 1)
        foot = np.array([x0, y0]) + along[:, None] * np.array([x1 - x0, y1 - y0])
        clear = np.minimum(clear, np.linalg.norm(spots - foot, axis=1))
    return inside & (clear > margin)


def drifted(rng: np.random.Generator, poses: Poses, amount: float) -> Poses:
    """The poses that tracking believes: off by a few centimetres and tenths of a degree that change along the walk.

    amount: 1 for a usual scan. A wall seen twice is then there twice, or bends.
    """
    count = len(poses.position)

    def wander(size: float, slow: float) -> np.ndarray:
        noise = ndimage.gaussian_filter1d(rng.normal(0, 1, (count, 3)), slow, axis=0, mode="reflect")
        return noise / max(noise.std(), 1e-9) * size * amount

    shift = wander(0.012, count / 12) + wander(0.003, 1.5)
    turn = np.radians(wander(0.35, count / 12) + wander(0.08, 1.5))
    skew = np.zeros((count, 3, 3))
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -turn[:, 2], turn[:, 1], -turn[:, 0]
    skew -= skew.transpose(0, 2, 1)
    u, _, v = np.linalg.svd(poses.rotation @ (np.eye(3) + skew))  # small turns, made orthonormal again
    return Poses(poses.position + shift, u @ v)

"""Tail instances inserted into training scenes (`--sample_tail_instances True`), on points, where they could be.

    sampler = InstanceSampler(root, label_set); scene, placed, skipped = sampler(scene, np.random.default_rng(0))

An instance stands on a surface that carries it, or hangs on a wall if its class does; it overlaps nothing, keeps its
label, and gets a fresh instance id (lessons L7 to L10).
"""
import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.geometry import bounds, extent
from datasets.hanging import hang, squared_up
from datasets.label_sets import LabelSet
from datasets.ply import Scene, read_scene
from datasets.statistics import read_weights
from datasets.transforms import NEUTRAL_COLOR

CELL = 0.04  # metres, side of the cells in which things may not meet
CONTACT = 1  # cells above the surface in which an instance may touch what it stands on
BORDER = 2  # empty cells around a scene
SUPPORTED = 0.7  # share of the footprint's cells that must lie on the surface
WALL_POINTS = 10_000  # of a scene that its walls' directions are sought by
DEEP = 0.3  # metres; what would stick out so far from a wall stands, even if its class hangs: a coat stand
SMALL = 0.6  # metres; what is smaller in every direction may also stand on furniture

_FLOOR = ("floor", "mat", "shower floor")
_FURNITURE = ("table", "desk", "shelf", "bed", "bookshelf", "coffee table", "counter", "kitchen counter", "nightstand",
              "dresser", "tv stand", "end table", "dining table", "cabinet", "file cabinet", "bench", "stand",
              "windowsill", "bathroom vanity", "bathroom counter", "kitchen cabinet", "bathroom cabinet", "ledge",
              "couch", "storage organizer", "ottoman", "mattress", "rack", "stool", "piano", "box", "cart")
HANGING = ("picture", "clock", "mirror", "whiteboard", "blackboard", "board", "bulletin board", "poster", "calendar",
            "sign", "light switch", "power outlet", "fire alarm", "vent", "toilet paper holder",
            "toilet paper dispenser", "soap dispenser", "paper towel dispenser", "toilet seat cover dispenser",
            "handicap bar", "bar", "rail", "shower curtain rod", "closet rod", "shower head",
            "fire extinguisher", "coat rack", "mailbox")


@dataclass(frozen=True)
class Surfaces:
    """Ids of a label set that say where things can be: floors, all that carries, walls."""
    floor: np.ndarray
    carrying: np.ndarray
    wall: np.ndarray

    @classmethod
    def of(cls, label_set: LabelSet) -> "Surfaces":
        """Raises ValueError for a set that has no floor: nothing could stand."""
        floor, carrying, wall = (label_set.ids[label_set.known(names)]
                                 for names in (_FLOOR, _FLOOR + _FURNITURE, ("wall",)))
        if not len(floor):
            raise ValueError(f"label set {label_set.name}: has no class floor, so it is not known where tail instances "
                             "could stand; say --sample_tail_instances False")
        return cls(floor, carrying, wall)


class Room:
    """What lies in the cells of a scene, as bits: anything at all, what carries, floor, wall, and loose things.

    Loose is what is neither wall nor carries: an instance may touch the wall it hangs on and the surface it stands on.
    Raises ValueError for a scene whose cells would fill the memory.
    """
    ANY, CARRIES, FLOOR, LOOSE, WALL = 1, 2, 4, 8, 16
    SIDE = CELL

    def __init__(self, points: np.ndarray, labels: np.ndarray, surfaces: Surfaces):
        low, high = bounds(points)
        self.origin = low - np.float32(BORDER * CELL)
        self.last = self.cells(high[None])[0]
        self.shape = tuple(self.last + BORDER)
        try:
            self.bits = np.zeros(self.shape, dtype=np.uint8)
        except (MemoryError, ValueError):
            raise ValueError(f"scene of {' x '.join(f'{metres:.0f}' for metres in high - low)} m is too wide to place "
                             "tail instances in: are its coordinates metres, is a point far out? If not, use "
                             "--sample_tail_instances False") from None
        largest = max(int(ids.max(initial=0)) for ids in (surfaces.carrying, surfaces.wall)) + 1
        kinds = np.full(largest + 1, self.ANY | self.LOOSE, np.uint8)
        kinds[surfaces.wall] = self.ANY | self.WALL
        kinds[surfaces.carrying] = self.ANY | self.CARRIES
        kinds[surfaces.floor] |= self.FLOOR
        kinds = kinds[np.where((labels < 0) | (labels > largest), largest, labels)]  # (N,)
        flat = np.ravel_multi_index(tuple(self.cells(points).T), self.shape)
        for value in np.unique(kinds):
            self.bits.reshape(-1)[flat[kinds == value]] |= value

    def cells(self, points: np.ndarray) -> np.ndarray:
        """int64 cell of each point (..., 3)."""
        return np.floor((points - self.origin) * np.float32(1 / CELL)).astype(np.int64)

    def add(self, points: np.ndarray) -> None:
        """Mark the cells of these points, which lie inside, as taken by something loose."""
        self.bits[tuple(self.cells(points).T)] |= self.ANY | self.LOOSE

    def inside(self, columns: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
        """Whether cells low to high of the columns (M, 2) are all part of the box that the scene's points span."""
        return bool((columns >= BORDER).all() and (columns <= self.last[:2]).all() and low.min() >= BORDER
                    and high.max() <= self.last[2])

    def furnished(self, places: np.ndarray) -> float:
        """Share of places (N, 2), in metres, with floor, furniture or ceiling below or above; wall does not count."""
        cells = np.floor((places - self.origin[:2]) * np.float32(1 / CELL)).astype(np.int64)
        cells = cells[((cells >= 0) & (cells < self.shape[:2])).all(1)]
        return (self.bits[cells[:, 0], cells[:, 1]] & (self.CARRIES | self.LOOSE)).any(1).sum() / len(places)

    def blocked(self, columns: np.ndarray, low: np.ndarray, high: np.ndarray, kind: int) -> bool:
        """Whether any cell from low to high (M,), both included, of the columns (M, 2) holds something of this kind."""
        bottom = low.min()
        column = self.bits[columns[:, 0], columns[:, 1], bottom:high.max() + 1]  # (M, heights)
        heights = np.arange(column.shape[1]) + bottom
        return bool(((column & kind != 0) & (heights >= low[:, None]) & (heights <= high[:, None])).any())


class InstanceSampler:
    """Inserts `number` tail instances into a scene; a scene in which one finds no place in `tries` goes without it.

    root: dataset root with `train/train_instances`; weights_path: JSON {class name: weight}, by default the root's
    `feature_data/instance_sampling_weights.json`. Raises FileNotFoundError and ValueError (L10).
    """

    def __init__(self, root: str | Path, label_set: LabelSet, number: int = 5, tries: int = 50,
                 weights_path: str | Path | None = None):
        self.label_set, self.surfaces = label_set, Surfaces.of(label_set)
        self.number, self.tries = number, tries
        root = Path(root)
        folder = root / "train" / "train_instances"
        remedy = (f"`python -m datasets.preprocess.statistics {root}` makes it from scenes with instance ids, "
                  "or say --sample_tail_instances False")
        path = Path(weights_path or root / "feature_data" / "instance_sampling_weights.json")
        for needed in (path, folder):
            if not needed.exists():
                raise FileNotFoundError(f"{needed}: missing; --sample_tail_instances needs it: {remedy}")
        weights = _sampling_weights(path, label_set.names)
        self.files = {name: sorted((folder / name).glob("*.ply")) for name in weights}
        empty = [name for name, files in self.files.items() if not files]
        if empty or not weights:
            raise FileNotFoundError(f"{folder / empty[0] if empty else folder}: holds no tail instance; {remedy}")
        self.names = list(weights)
        self.chances = np.array([weights[name] for name in self.names]) / sum(weights.values())

    def __call__(self, scene: Scene, rng: np.random.Generator) -> tuple[Scene, list[str], list[str]]:
        """The scene with instances after its own points; class names placed and skipped. `scene` stays as it is."""
        if scene.labels is None:
            raise ValueError(f"{scene.name}: has no label column; tail instances are placed by what is floor or wall")
        room = Room(scene.points, scene.labels, self.surfaces)
        carrying = np.flatnonzero(np.isin(scene.labels, self.surfaces.carrying))
        floor = carrying[np.isin(scene.labels[carrying], self.surfaces.floor)]
        walls = np.flatnonzero(np.isin(scene.labels, self.surfaces.wall))
        walls = np.ascontiguousarray(scene.points[walls[::1 + len(walls) // WALL_POINTS]].T)  # (3, W)
        parts, placed, skipped = [], [], []
        for index in rng.choice(len(self.names), size=self.number, p=self.chances):
            name = self.names[index]
            may_hang = name in HANGING
            instance = _read_instance(self.files[name][rng.integers(len(self.files[name]))], squared=may_hang)
            hangs = may_hang and extent(instance.points)[1] < DEEP
            points = _turned(instance.points, rng, upright_only=hangs)
            if hangs:
                spots = walls.T[rng.integers(walls.shape[1], size=self.tries)] if walls.size else []
                found = hang(points, walls, spots, room)
            else:
                small = extent(points).max() < SMALL
                spots = scene.points[rng.choice(carrying if small else floor, size=self.tries)] if len(floor) else []
                found = self._stand(points, spots, Room.CARRIES if small else Room.FLOOR, room)
            if found is None:
                skipped.append(name)
                continue
            room.add(found)
            gain = rng.uniform(0.85, 1.15)  # another room's light
            colors = np.full(points.shape, NEUTRAL_COLOR) if instance.colors is None else instance.colors * gain
            colors = np.clip(np.rint(colors), 0, 255).astype(np.uint8)
            parts.append((found, colors, int(self.label_set.ids[self.label_set.index(name)])))
            placed.append(name)
        return _joined(scene, parts), placed, skipped

    def _stand(self, points: np.ndarray, spots: np.ndarray, surface: int, room: Room) -> np.ndarray | None:
        """The points on the first spot that has enough of the surface below them and nothing in the way, else None."""
        for spot in spots:
            moved = points + spot
            columns, low, high = _columns(room.cells(moved))
            level = room.cells(spot[None])[0, 2]
            low, high = np.maximum(low, level), np.maximum(high, level)
            if not room.inside(columns, low, np.maximum(high, level + CONTACT + 1)):
                continue
            foot = columns[low <= level + CONTACT]
            below = room.bits[foot[:, 0], foot[:, 1], max(0, level - 1):level + 2] & surface
            if below.any(1).mean() < SUPPORTED:
                continue
            above = np.maximum(low, level + CONTACT + 1)
            if not (room.blocked(columns, low, high, Room.LOOSE)
                    or room.blocked(columns, above, np.maximum(high, above), Room.ANY)):
                return moved
        return None


def _columns(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The columns (M, 2) that cells (N, 3) lie in, and the lowest and highest cell (M,) of each."""
    order = np.lexsort((cells[:, 2], cells[:, 1], cells[:, 0]))
    cells = cells[order]
    first = np.ones(len(cells), dtype=bool)
    first[1:] = (cells[1:, :2] != cells[:-1, :2]).any(1)
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(cells)) - 1
    return cells[starts, :2], cells[starts, 2], cells[ends, 2]


def _turned(points: np.ndarray, rng: np.random.Generator, upright_only: bool) -> np.ndarray:
    """Own rotation about z (not for what hangs: the wall turns it) and own scale, 0.9 to 1.1."""
    scale = np.float32(rng.uniform(0.9, 1.1))
    angle = 0.0 if upright_only else rng.uniform(-np.pi, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return points @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], np.float32) * scale


def _joined(scene: Scene, parts: list[tuple[np.ndarray, np.ndarray, int]]) -> Scene:
    """The scene with instances after it, each under the next free instance id."""
    instances = np.zeros(len(scene.points), np.int32) if scene.instances is None else scene.instances
    first = int(instances.max(initial=0)) + 1
    sizes = [len(points) for points, _, _ in parts]
    return Scene(
        scene.name,
        np.concatenate([scene.points, *(points.astype(np.float32) for points, _, _ in parts)]),
        None if scene.colors is None else np.concatenate([scene.colors, *(colors for _, colors, _ in parts)]),
        np.concatenate([scene.labels, np.repeat([raw for _, _, raw in parts], sizes).astype(scene.labels.dtype)]),
        np.concatenate([instances, np.repeat(np.arange(first, first + len(parts)), sizes).astype(instances.dtype)]))


@functools.lru_cache(maxsize=2048)
def _read_instance(path: Path, squared: bool) -> Scene:
    """A tail instance; squared: turned so that it is ready to hang (it may be cut from a scene that is not aligned)."""
    scene = read_scene(path, colorless=True)
    return dataclasses.replace(scene, points=squared_up(scene.points)) if squared else scene


def _sampling_weights(path: Path, names: Sequence[str]) -> dict[str, float]:
    weights = read_weights(path, "sampling weights")
    for name, weight in weights.items():
        if (name not in names or isinstance(weight, bool) or not isinstance(weight, int | float)
                or not 0 < weight < np.inf):
            raise ValueError(f"{path}: {name!r}: {weight!r} is no class of the label set with a weight above 0")
    return weights

"""All classes the generator knows, how often each occurs, and which scene of a split holds which of them.

`plan_split(seed, split, scenes)` deals the classes out to the scenes before any is built, so that the long tail of
ScanNet200 holds whatever the number of scenes: head classes in most rooms that suit them, tail classes in a few.
"""
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.label_sets import load_label_set
from datasets.synthetic.builtin import COMES_WITH, ROOMS_OF
from datasets.synthetic.objects import appliances, furniture, hung, tabletop
from datasets.synthetic.objects.kinds import ROOMS, Kind

CATALOGUE: dict[str, Kind] = {name: kind for module in (furniture, appliances, tabletop, hung)
                              for name, kind in module.KINDS.items() if name not in ROOMS_OF}
SHELL = ("wall", "floor", "ceiling", "door", "doorframe")  # in every room
CLASSES = frozenset(CATALOGUE) | set(ROOMS_OF) | set(SHELL) | {c for more in COMES_WITH.values() for c in more}

ROOM_SHARE = {"living": 0.18, "bedroom": 0.19, "kitchen": 0.15, "bathroom": 0.13, "office": 0.15, "classroom": 0.08,
              "laundry": 0.06, "hallway": 0.06}
IN_ROOM = {  # share of the rooms of a kind that hold a class, where its rank alone would mislead
    "kitchen": {"kitchen counter": 1, "stove": 0.9, "refrigerator": 1, "kitchen cabinet": 0.95, "microwave": 0.6,
                "dining table": 0.5, "chair": 0.7, "oven": 0.3, "counter": 0.2, "table": 0.3,
                "shelf": 0.3, "person": 0.2, "book": 0.15, "backpack": 0.2, "object": 0.3, "box": 0.3, "towel": 0.5},
    "bathroom": {"toilet": 1, "sink": 0.8, "mirror": 0.8, "towel": 0.8, "toilet paper": 0.7, "trash can": 0.6,
                 "bathtub": 0.45, "bathroom vanity": 0.45, "shower": 0.25, "shower door": 0.25, "shower curtain": 0.3,
                 "window": 0.5, "bathroom stall": 0.3, "box": 0.1, "clothes": 0.25, "stool": 0.3,
                 "washing machine": 0.25, "clothes dryer": 0.1, "object": 0.3, "basket": 0.3},
    "bedroom": {"bed": 1, "pillow": 0.95, "nightstand": 0.8, "dresser": 0.6, "closet": 0.4, "lamp": 0.75,
                "mattress": 0.1, "monitor": 0.3, "keyboard": 0.2, "tv": 0.3, "tv stand": 0.3, "desk": 0.5,
                "office chair": 0.3, "chair": 0.4, "shelf": 0.4, "cabinet": 0.3, "armchair": 0.3, "object": 0.3,
                "clothes": 0.7},
    "office": {"desk": 1, "office chair": 0.95, "monitor": 0.95, "keyboard": 0.8, "mouse": 0.25,
               "computer tower": 0.6, "file cabinet": 0.6, "bookshelf": 0.6, "whiteboard": 0.5, "book": 0.7,
               "counter": 0.15, "copier": 0.4, "couch": 0.25, "object": 0.3, "shelf": 0.4},
    "classroom": {"table": 1, "chair": 1, "whiteboard": 0.7, "blackboard": 0.5, "projector screen": 0.3, "desk": 0.4,
                  "monitor": 0.3, "tv": 0.3, "sink": 0.2, "copier": 0.2, "counter": 0.15, "object": 0.3,
                  "office chair": 0.2},
    "living": {"couch": 0.9, "coffee table": 0.8, "tv": 0.7, "tv stand": 0.75, "picture": 0.8, "armchair": 0.5,
               "lamp": 0.75, "pillow": 0.7, "monitor": 0.08, "keyboard": 0.05, "mouse": 0.03, "dresser": 0.2,
               "table": 0.4, "object": 0.3, "dining table": 0.3, "chair": 0.6},
    "laundry": {"washing machine": 0.95, "clothes dryer": 0.8, "laundry basket": 0.5, "window": 0.4, "book": 0.1,
                "object": 0.3, "clothes": 0.6, "sink": 0.5},
    "hallway": {"window": 0.3, "stairs": 0.5, "mailbox": 0.5, "book": 0.15, "counter": 0.15, "copier": 0.2,
                "object": 0.3, "clothes": 0.2},
}
COUNTS = {  # fewest and most of a class in one scene; one where not given
    "chair": (2, 5), "book": (3, 9), "pillow": (1, 3), "picture": (1, 4), "office chair": (1, 3), "monitor": (1, 3),
    "keyboard": (1, 2), "desk": (1, 3), "box": (1, 3), "kitchen cabinet": (2, 4), "kitchen counter": (1, 2),
    "towel": (1, 3), "nightstand": (1, 2), "bookshelf": (1, 2), "shelf": (1, 2), "cabinet": (1, 2), "couch": (1, 2),
    "plant": (1, 2), "lamp": (1, 2), "clothes": (1, 3), "shoe": (2, 4), "bottle": (1, 3), "cushion": (1, 3),
    "stool": (1, 3), "cup": (1, 3), "plate": (1, 3), "paper": (1, 3), "file cabinet": (1, 2), "ceiling light": (1, 3),
    "power outlet": (1, 2), "dumbbell": (1, 2), "bin": (1, 2), "storage bin": (1, 3), "candle": (1, 2),
    "trash can": (1, 2), "light": (1, 2), "washing machine": (1, 2), "clothes dryer": (1, 2), "bag": (1, 2),
    "sink": (1, 1), "armchair": (1, 2), "folded chair": (1, 3), "bowl": (1, 2), "poster": (1, 2),
}
COUNTS_IN = {
    "classroom": {"table": (3, 5), "chair": (6, 10), "desk": (2, 3), "office chair": (1, 1), "monitor": (1, 1)},
    "bedroom": {"office chair": (1, 1), "chair": (1, 1), "desk": (1, 1), "monitor": (1, 1), "picture": (1, 3)},
    "living": {"couch": (1, 2), "office chair": (1, 1)},
    "office": {"chair": (1, 3)},
}
LEAST_IN_TRAIN, ENOUGH_SCENES = 2, 40  # from this many training scenes on, each class is in at least two
IN_VAL, ENOUGH_IN_VAL = 0.7, 10  # from this many validation scenes on, this share of the classes is in at least one


@dataclass(frozen=True)
class Plan:
    """What a scene is to hold: its kind of room, built-in features, and classes that must find a carrier."""
    room: str
    features: tuple[str, ...]
    classes: tuple[str, ...]


@functools.cache  # asked for every class of every scene
def group_of(name: str) -> str:
    """"head", "common" or "tail", as ScanNet200 has a class."""
    scannet200 = load_label_set()
    return scannet200.groups[scannet200.index(name)]


@functools.cache
def rank(name: str) -> float:
    """Place of a class within its group by ScanNet's frequency, 0 (most frequent) to 1."""
    scannet200 = load_label_set()
    return float((scannet200.members(group_of(name)) < scannet200.index(name)).mean())


def rooms_of(name: str) -> tuple[str, ...]:
    """The kinds of room in which a class is found."""
    return ROOMS_OF[name] if name in ROOMS_OF else CATALOGUE[name].rooms


def share(name: str, room: str) -> float:
    """Share of the rooms of a kind that hold a class: IN_ROOM, or falling with its rank within head, common, tail.

    Ranks are those of the benchmark's class order, which follows the number of instances in ScanNet.
    """
    if room not in rooms_of(name):
        return 0.0
    if name in IN_ROOM.get(room, {}):
        return float(IN_ROOM[room][name])
    high, low = {"head": (0.85, 0.4), "common": (0.3, 0.1), "tail": (0.0, 0.0)}[group_of(name)]
    return high + (low - high) * rank(name)


def expected_scenes(name: str, rooms: list[str]) -> float:
    """In how many of these rooms a class is expected; for a tail class 8 % falling to 3 % of all, by its rank."""
    if group_of(name) == "tail" and not any(name in IN_ROOM.get(room, {}) for room in rooms_of(name)):
        suitable = sum(room in rooms_of(name) for room in rooms)
        return min(suitable, len(rooms) * (0.08 - 0.05 * rank(name)))
    return sum(share(name, room) for room in rooms)


def plan_split(seed: int, split: int, scenes: int, kinds_of_room: Sequence[str] = ROOMS) -> list[Plan]:
    """A plan for each scene of a split (0 train, 1 val, 2 test), from the seed alone.

    Every class gets its number of scenes (randomly rounded), at least two of a larger training split; they go to the
    suitable scenes that hold least so far, to those first that have a carrier for it.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, split]))
    rooms = _deal_rooms(rng, scenes, kinds_of_room)
    held: list[set[str]] = [set() for _ in rooms]
    names = sorted(ROOMS_OF) + sorted(CATALOGUE, key=lambda n: (CATALOGUE[n].place == "on", n))
    for name in names:
        suitable = [i for i, room in enumerate(rooms) if room in rooms_of(name)]
        if not suitable:
            continue
        expected = expected_scenes(name, rooms)
        count = int(expected) + int(rng.random() < expected % 1)
        if split == 0 and scenes >= ENOUGH_SCENES:
            count = max(count, LEAST_IN_TRAIN)
        if split == 1 and scenes >= ENOUGH_IN_VAL and rng.random() < IN_VAL:
            count = max(count, 1)
        always = [share(name, rooms[i]) >= 0.9 for i in suitable]
        weight = np.array([share(name, rooms[i]) for i in suitable])
        order = rng.gumbel(size=len(suitable)) + np.log(weight + 0.02)  # a weighted draw without replacement
        load = np.array([len(held[i]) for i in suitable], float)
        order -= 0.15 * load
        carried = np.array([bool(held[i] & set(_carriers(name))) or not _needs_carrier(name) for i in suitable])
        for k in sorted(range(len(suitable)), key=lambda k: (not always[k], not carried[k], -order[k]))[:count]:
            _add(held[suitable[k]], name, rooms[suitable[k]])
    return [Plan(room, tuple(sorted(h & set(ROOMS_OF))), tuple(sorted(h - set(ROOMS_OF))))
            for room, h in zip(rooms, held)]


def draw_counts(rng: np.random.Generator, plan: Plan) -> dict[str, int]:
    """How many objects of each planned class a scene asks for."""
    special = COUNTS_IN.get(plan.room, {})
    ranges = {name: special.get(name, COUNTS.get(name, (1, 1))) for name in plan.classes}
    return {name: int(rng.integers(low, high + 1)) for name, (low, high) in ranges.items()}


def urgency(plan: Plan) -> dict[str, int]:
    """Which classes of a scene get their place first: 0 those that make the room one of its kind, 1 rare ones, 2."""
    return {name: 0 if IN_ROOM.get(plan.room, {}).get(name, 0) >= 0.7 else 2 if group_of(name) == "head" else 1
            for name in plan.classes}


def _deal_rooms(rng, scenes: int, kinds_of_room: Sequence[str]) -> list[str]:
    """Kinds of room in the shares of ROOM_SHARE by largest remainder, shuffled."""
    ideal = np.array([ROOM_SHARE[room] for room in kinds_of_room])
    ideal *= scenes / ideal.sum()
    counts = ideal.astype(int)
    counts[np.argsort(counts - ideal, kind="stable")[:scenes - counts.sum()]] += 1
    rooms = np.repeat(np.array(kinds_of_room), counts)
    return [str(room) for room in rooms[rng.permutation(scenes)]]


def _carriers(name: str) -> tuple[str, ...]:
    return CATALOGUE[name].carriers if name in CATALOGUE else ()


def _needs_carrier(name: str) -> bool:
    return name in CATALOGUE and CATALOGUE[name].place == "on" and "floor" not in CATALOGUE[name].carriers


def _add(held: set[str], name: str, room: str) -> None:
    """Add a class to a scene, and what carries it where nothing there does."""
    held.add(name)
    if _needs_carrier(name) and not held & set(_carriers(name)):
        fitting = [c for c in _carriers(name) if c in CATALOGUE and room in CATALOGUE[c].rooms]
        if fitting:
            _add(held, max(fitting, key=lambda c: share(c, room)), room)

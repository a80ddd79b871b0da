"""What a class of objects is: how to build one, where it is put, in which rooms it is found."""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.synthetic.objects.shapes import Shape

ROOMS = ("living", "bedroom", "kitchen", "bathroom", "office", "classroom", "laundry", "hallway")


@dataclass(frozen=True)
class Kind:
    """One class of objects.

    build: makes a new one, differing in shape, size and colour with the generator's state.
    place: "floor" free on the floor; "against_wall" on it, back (+y) to a wall; "on" on a support of one of
        `carriers`; "wall" hung, back at y = 0, its lowest point `height` metres above the floor; "ceiling" hung.
    rooms: the rooms it is found in, from `ROOMS`.
    carriers: classes whose supports carry it; "floor" among them lets it stand on the floor too.
    near: a class it is put in front of, facing it, where there is one (chair -> table).
    """
    build: Callable[[np.random.Generator], Shape]
    place: str
    rooms: tuple[str, ...]
    carriers: tuple[str, ...] = ()
    height: tuple[float, float] = (0.0, 0.0)
    near: tuple[str, ...] = ()

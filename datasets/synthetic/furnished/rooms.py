"""Rooms as people live in them: `build_furnished_room(rng, kind, features, scale, models)`.

Plans that are not rectangles, shaped ceilings, doors and windows of many makes, panelled and two-coloured walls, rugs.
"""
from itertools import pairwise

import numpy as np

from datasets.synthetic import builtin
from datasets.synthetic.catalogue import CATALOGUE, Plan, draw_counts, share
from datasets.synthetic.collision import Placed
from datasets.synthetic.furnished.models import Model
from datasets.synthetic.furnished.openings import add_door, add_windows
from datasets.synthetic.furnished.plans import draw_plan, shape_ceiling, walls_of
from datasets.synthetic.objects.shapes import WHITE, WOOD, Shape, pick, tint, vary
from datasets.synthetic.rooms import FLOORS, PAINT, Room, Wall, shade

LOOSE = {"book", "box", "bag", "backpack", "clothes", "paper", "bottle", "cup", "object", "shoe", "jacket", "towel",
         "storage bin", "container", "bowl", "plate", "trash can", "pillow", "plant", "potted plant", "decoration",
         "picture", "poster", "laptop", "lamp", "basket", "cushion", "blanket", "power outlet"}
FURNITURE = {"chair", "table", "cabinet", "shelf", "bookshelf", "armchair", "desk", "office chair", "stool",
             "end table", "dresser", "couch", "nightstand", "coffee table", "kitchen cabinet", "file cabinet", "bed"}
# How many more of a class a room crowded by one holds; of other furniture a half.
MANY = {"chair": 2.8, "office chair": 1.4, "table": 1.6, "couch": 1.3, "desk": 0.8, "bed": 0.3}


def build_furnished_room(rng: np.random.Generator, kind: str, features: set[str], scale: float,
                         models: dict[str, list[Model]]) -> Room:
    """An empty room with what is built in. models: of the split, by class; those of doors and windows are used."""
    plan = draw_plan(rng, kind, scale)
    height = rng.uniform(2.3, 3.3) if rng.random() < 0.4 else rng.uniform(2.35, 2.75)
    room = Room(kind, plan.width, plan.depth, height, walls_of(plan.outline))
    for box in plan.lacking:
        room.block(*box)
    paint = shade(rng, PAINT + WHITE + WHITE, 18)
    if rng.random() < 0.15:
        paint = vary(rng, np.full(3, rng.uniform(60, 220)), 35)  # people paint walls in any colour
    shape_ceiling(rng, room)
    for _ in range(1 + (rng.random() < 0.35)):
        add_door(rng, room, models.get("door", []), paint)
    for name in builtin.ORDER:
        if name in features:
            builtin.FEATURES[name](rng, room)
    if "window" in features or features & {"curtain", "blinds"}:
        add_windows(rng, room, features, models.get("window", []), paint)
    _add_floor(rng, room)
    _add_walls(rng, room, paint)
    for _ in range(int(rng.integers(1, 3))):
        room.lights.append((plan.width * rng.uniform(0.2, 0.8), plan.depth * rng.uniform(0.2, 0.8), height - 0.15,
                            rng.uniform(0.2, 0.9)))
    return room


def crowded_counts(rng: np.random.Generator, plan: Plan) -> dict[str, int]:
    """As `draw_counts`, with more furniture and more lying about: how much more differs from room to room."""
    wanted, crowd = draw_counts(rng, plan), rng.gamma(2.0, 0.6)
    for name in sorted(wanted):
        if name in FURNITURE:
            wanted[name] += rng.poisson(MANY.get(name, 0.5) * crowd)
        elif name in LOOSE:
            wanted[name] += rng.poisson(0.9 * crowd)
    for name in sorted(LOOSE & set(CATALOGUE)):
        if name not in wanted and share(name, plan.room) > 0 and rng.random() < 0.12 * crowd:
            wanted[name] = 1 + int(rng.poisson(0.6))
    return wanted


def _add_floor(rng: np.random.Generator, room: Room) -> None:
    """Floor and flat ceiling, in boards, tiles or one piece; often a rug, which is floor as well."""
    wet = room.kind in ("bathroom", "kitchen", "laundry")
    style = pick(rng, "tile", "tile", "wood") if wet else pick(rng, "wood", "wood", "carpet", "carpet", "tile")
    step = {"wood": (rng.uniform(0.5, 1.6), rng.uniform(0.06, 0.2)), "carpet": (3.0, 3.0),
            "tile": (rng.uniform(0.15, 0.7),) * 2}[style]
    spread = {"wood": rng.uniform(2, 14), "tile": rng.uniform(0, 8), "carpet": 1}[style]
    base = shade(rng, FLOORS[style], 24)
    lid = vary(rng, (238, 237, 233), 8) if rng.random() < 0.85 else tint(rng, WOOD)
    for name, z, color, noise, cell in (("floor", 0.0, base, spread, step), ("ceiling", room.height, lid, 0, (9, 9))):
        x, y = (np.append(np.arange(0, size, c), size) for size, c in zip((room.width, room.depth), cell))
        grid = np.stack([*np.meshgrid(x, y, indexing="ij"), np.full((len(x), len(y)), z)], -1)
        cells = (len(x) - 1) * (len(y) - 1)
        colors = np.tile(color + rng.normal(0, noise + 1e-9, (cells, 1)), (2, 1))
        room.pieces.append(Placed(name, Shape().sheet(grid, colors, solid=False), np.zeros(3), 0.0))
    if not wet and rng.random() < 0.35:
        half = np.array([rng.uniform(0.4, 0.5 * min(room.width, 3)), rng.uniform(0.3, 0.4 * min(room.depth, 3))])
        high, edge = rng.uniform(0.004, 0.018), rng.uniform(0.03, 0.2)
        color = vary(rng, pick(rng, *FLOORS["carpet"]), 45)
        rug = Shape().box((*-half, 0), (*half, high), color, solid=False)
        rug.box((*-(half - edge), 0), (*(half - edge), high + 0.001), vary(rng, color, 45), solid=False)
        middle = (room.width * rng.uniform(0.35, 0.65), room.depth * rng.uniform(0.35, 0.65), 0.0)
        room.pieces.append(Placed("floor", rug, np.array(middle), rng.normal(0, 0.15)))


def _add_walls(rng: np.random.Generator, room: Room, paint: np.ndarray) -> None:
    """The walls with their holes: one colour or two, tiles, panels of wood, an accent wall, baseboards or none."""
    accent, lower = shade(rng, PAINT, 45), shade(rng, PAINT + WOOD, 30)
    tile = shade(rng, ((235, 235, 230), (200, 215, 220), (215, 205, 190), (150, 175, 180), (90, 100, 110)))
    parted, color_below, raised = 0.0, lower, 0.0
    wet = room.kind in ("bathroom", "kitchen", "laundry")
    if wet and rng.random() < 0.75:
        parted, color_below = (room.height if rng.random() < 0.25 else rng.uniform(1.0, 2.3)), tile
    elif rng.random() < 0.18:
        parted = rng.uniform(0.8, 1.4)
        if rng.random() < 0.5:
            color_below, raised = tint(rng, WOOD + WHITE), rng.uniform(0.012, 0.03)
    board = pick(rng, tint(rng, WHITE + WOOD), paint * 0.95)
    baseboard = rng.uniform(0.05, 0.14) if rng.random() < 0.8 else 0.0
    special = int(rng.integers(len(room.walls))) if rng.random() < 0.35 else -1
    for index, wall in enumerate(room.walls):
        shape = Shape()
        cuts_u = sorted({0.0, wall.length, *(u for o in wall.openings for u in o[:2] if 0 < u < wall.length)})
        cuts_z = sorted({0.0, room.height, parted, *(z for o in wall.openings for z in o[2:] if 0 < z < room.height)})
        for u0, u1 in pairwise(cuts_u):
            for z0, z1 in pairwise(cuts_z):
                if not _open(wall, u0, u1, z0, z1):
                    below = z1 <= parted
                    shape.box((u0, -raised if below else 0, z0), (u1, 0.12, z1),
                              color_below if below else accent if index == special else paint)
            if baseboard and not any(o[0] <= u0 and u1 <= o[1] and o[2] == 0 for o in wall.openings):
                shape.box((u0, -0.012 - raised, 0), (u1, 0, baseboard), board, solid=False)
        if raised:
            for u in np.arange(0.1, wall.length, rng.uniform(0.12, 0.6)):
                if not _open(wall, u - 0.02, u + 0.02, 0.2, parted):
                    shape.box((u - 0.02, -raised - 0.012, 0.1), (u + 0.02, 0, parted), color_below * 0.95, solid=False)
        room.pieces.append(Placed("wall", shape, np.array([*wall.origin, 0.0]), wall.yaw))


def _open(wall: Wall, u0: float, u1: float, z0: float, z1: float) -> bool:
    """Does the middle of this part of a wall lie in one of its openings?"""
    u, z = (u0 + u1) / 2, (z0 + z1) / 2
    return any(a < u < b and c < z < d for a, b, c, d in wall.openings)

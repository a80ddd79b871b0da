"""Room shells: floor, walls, ceiling, door, windows, and what is built in (closet, shower, stalls, stairs, pillar).

`build_room(rng, kind, features, scale)` gives an empty `Room`; `layout.furnish` fills it.
A wall's own frame is an object's: x along it, +y out of the room, z up, so what hangs on it has its back at y = 0.
"""
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from datasets.synthetic import builtin
from datasets.synthetic.collision import Placed, collide, turn, upright_boxes
from datasets.synthetic.objects.shapes import WHITE, WOOD, Shape, pick, tint, vary

SIZES = {  # shortest and longest side (m) of each kind of room
    "living": (3.8, 5.2), "bedroom": (3.5, 5.0), "kitchen": (3.2, 4.8), "bathroom": (2.5, 3.8), "office": (3.2, 5.0),
    "classroom": (4.3, 5.4), "laundry": (2.4, 3.6), "hallway": (2.4, 4.6),
}
PAINT = ((226, 220, 206), (214, 222, 226), (232, 230, 226), (205, 214, 196), (226, 206, 190), (198, 196, 200),
         (235, 224, 190), (188, 204, 216))
FLOORS = {"wood": WOOD, "tile": ((205, 200, 192), (170, 168, 165), (225, 215, 200), (120, 115, 112)),
          "carpet": ((140, 130, 118), (110, 112, 120), (168, 150, 130), (96, 90, 86), (125, 70, 62))}


@dataclass
class Wall:
    """origin (2,) m and yaw (radians) of the wall's frame, its length, and openings (u0, u1, z0, z1) along it."""
    origin: np.ndarray
    yaw: float
    length: float
    openings: list = field(default_factory=list)

    def at(self, along: float, y: float = 0.0) -> np.ndarray:
        """The point (2,) of the room at `along` metres on the wall, `-y` metres in front of it."""
        return turn(np.array([[along, y]]), self.yaw)[0] + self.origin

    def free(self, u0: float, u1: float, z0: float, z1: float, margin: float = 0.03) -> bool:
        """Is this part of the wall without door or window, and on the wall?"""
        if u0 < 0 or u1 > self.length:
            return False
        return not any(u0 < b + margin and u1 > a - margin and z0 < d + margin and z1 > c - margin
                       for a, b, c, d in self.openings)


@dataclass
class Room:
    """An empty room over [0, width] x [0, depth]; `notch` (x0, y0, x1, y1) is the corner that an L-shape lacks.

    pieces: the shell and what is built in; blocked: boxes (K, 8) that stay free of furniture; lights: (x, y, z, power).
    """
    kind: str
    width: float
    depth: float
    height: float
    walls: list[Wall]
    notch: tuple | None = None
    pieces: list[Placed] = field(default_factory=list)
    blocked: np.ndarray = field(default_factory=lambda: np.zeros((0, 8)))
    lights: list = field(default_factory=list)

    def block(self, corners, position=(0, 0, 0), yaw: float = 0.0) -> None:
        """Keep a box `x0 y0 z0 x1 y1 z1` in the given frame free of furniture."""
        self.blocked = np.concatenate([self.blocked, upright_boxes(np.array([corners]), np.array(position), yaw)])

    def mount(self, name: str, shape: Shape, wall: Wall, along: float, z: float = 0.0, y: float = 0.0) -> Placed:
        """Put a built-in piece on a wall, its middle at `along`."""
        index = next(i for i, w in enumerate(self.walls) if w is wall)
        self.pieces.append(Placed(name, shape, np.array([*wall.at(along, y), z]), wall.yaw, wall=index, along=along))
        return self.pieces[-1]

    def taken(self) -> np.ndarray:
        """Boxes (Q, 8) of everything that is built in, and of what has to stay free."""
        boxes = [upright_boxes(p.shape.boxes, p.position, p.yaw) for p in self.pieces if len(p.shape.boxes)]
        return np.concatenate([self.blocked, *boxes])


def build_room(rng: np.random.Generator, kind: str, features: set[str], scale: float = 1.0) -> Room:
    """A room of the given kind with the built-in `features` (class names of `builtin.FEATURES`) that find a place.

    scale multiplies the length of its sides, down to 2.2 m.
    """
    low, high = SIZES[kind]
    width, depth = np.maximum(rng.uniform(low, high, 2) * (1.0, 0.85) * scale, 2.2)
    height = rng.uniform(2.4, 2.9)
    notch, outline = None, [(0, 0), (width, 0), (width, depth), (0, depth)]
    if min(width, depth) > 3.3 and rng.random() < 0.3:
        a, b = width - rng.uniform(0.8, 0.4 * width), depth - rng.uniform(0.8, 0.4 * depth)
        notch, outline = (a, b, width, depth), [(0, 0), (width, 0), (width, b), (a, b), (a, depth), (0, depth)]
    walls = []
    for start, end in zip(np.array(outline, float), np.roll(np.array(outline, float), -1, axis=0)):
        edge = (end - start) / np.linalg.norm(end - start)
        walls.append(Wall(end, float(np.arctan2(-edge[1], -edge[0])), float(np.linalg.norm(end - start))))
    room = Room(kind, width, depth, height, walls, notch)
    if notch:
        room.block((notch[0], notch[1], 0, notch[2] + 1, notch[3] + 1, height))
    _add_door(rng, room)
    for name in builtin.ORDER:
        if name in features:
            builtin.FEATURES[name](rng, room)
    if "window" in features or features & {"curtain", "blinds"}:
        _add_windows(rng, room, features)
    _add_surfaces(rng, room)
    room.lights.append((width * rng.uniform(0.35, 0.65), depth * rng.uniform(0.35, 0.65), height - 0.15,
                        rng.uniform(0.6, 1.1)))
    return room


def shade(rng, palette, amount: float = 16.0) -> np.ndarray:
    """One of a palette's colours, lighter or darker, its hue hardly changed, float (3,)."""
    return np.clip(tint(rng, palette, 4) + rng.normal(0, amount), 5, 240)


def find_slot(rng, room: Room, size: float, z0: float, z1: float, margin: float = 0.25, tries: int = 20):
    """A wall and a middle on it where `size` metres are free, or None."""
    chance = np.array([w.length for w in room.walls])
    for _ in range(tries):
        wall = room.walls[rng.choice(len(room.walls), p=chance / chance.sum())]
        if wall.length < size + 2 * margin:
            continue
        u = rng.uniform(size / 2 + margin, wall.length - size / 2 - margin)
        reach = size / 2 + 0.12
        front = upright_boxes(np.array([[-reach, -0.2, z0, reach, 0, z1]]), [*wall.at(u), 0], wall.yaw)
        if wall.free(u - reach, u + reach, z0, z1) and not collide(front, room.taken()):
            return wall, u
    return None


def _add_door(rng, room: Room) -> None:
    """A door in its frame, shut or ajar, with free floor before it."""
    w, h = rng.uniform(0.78, 0.95), rng.uniform(2.0, 2.12)
    slot = find_slot(rng, room, w, 0, h)
    if slot is None:
        return
    wall, u = slot
    wall.openings.append((u - w / 2 - 0.07, u + w / 2 + 0.07, 0, h + 0.07))
    paint = tint(rng, WHITE + WOOD)
    frame = Shape()
    for x0, x1, z0, z1 in ((-w / 2 - 0.07, -w / 2, 0, h + 0.07), (w / 2, w / 2 + 0.07, 0, h + 0.07),
                           (-w / 2, w / 2, h, h + 0.07)):
        frame.box((x0, -0.02, z0), (x1, 0.12, z1), paint)
    room.mount("doorframe", frame, wall, u)
    leaf_paint = tint(rng, WOOD + WHITE) if rng.random() < 0.6 else paint
    leaf = Shape().box((0.005, 0, 0.01), (w - 0.005, 0.04, h - 0.005), leaf_paint)
    if rng.random() < 0.7:  # panels
        for z0, z1 in ((0.2, 0.42 * h), (0.5 * h, h - 0.18)):
            for x0, x1 in ((0.12, w / 2 - 0.05), (w / 2 + 0.05, w - 0.12)):
                leaf.box((x0, -0.012, z0), (x1, 0, z1), leaf_paint * 0.9)
    metal = tint(rng, ((180, 175, 160), (150, 150, 155)))
    leaf.rod((w - 0.08, 0, 1.0), (w - 0.08, -0.05, 1.0), 0.012, metal).rod(
        (w - 0.08, -0.05, 1.0), (w - 0.19, -0.05, 1.0), 0.011, metal)
    swing = rng.uniform(0.9, 1.5) if rng.random() < 0.35 else 0.0
    if swing:  # hinged at u - w / 2, turned into the room
        hinge = wall.at(u - w / 2, -0.0)
        door = Placed("door", leaf, np.array([*hinge, 0.0]), wall.yaw - swing)
        room.pieces.append(door)
    else:
        room.mount("door", leaf, wall, u - w / 2, y=0.03)
    room.block((-w / 2, -0.9, 0, w / 2, 0, 1.9), [*wall.at(u), 0], wall.yaw)


def _add_windows(rng, room: Room, features: set[str]) -> None:
    """One to three windows with sills; curtains and blinds where asked for."""
    sill, top = rng.uniform(0.8, 1.05), rng.uniform(1.95, 2.2)
    if room.kind == "bathroom":
        sill = rng.uniform(1.2, 1.4)
    paint, drape, slat = tint(rng, WHITE + WOOD[:2]), tint(rng, builtin.DRAPES), tint(rng, WHITE + WOOD[2:3])
    dressing = [f for f in ("curtain", "blinds") if f in features]
    for k in range(max(len(dressing), int(rng.integers(1, 3)))):
        w = rng.uniform(0.7, 1.0) if room.kind == "bathroom" else rng.uniform(0.8, 1.7)
        slot = find_slot(rng, room, w + 0.5, sill - 0.1, top + 0.2)
        if slot is None:
            continue
        wall, u = slot
        wall.openings.append((u - w / 2, u + w / 2, sill, top))
        window, h = Shape(), top - sill
        bar = 0.05
        for x0, x1, z0, z1 in ((-w / 2, -w / 2 + bar, 0, h), (w / 2 - bar, w / 2, 0, h), (-w / 2, w / 2, 0, bar),
                               (-w / 2, w / 2, h - bar, h), (-bar / 2, bar / 2, 0, h)):
            window.box((x0, 0.03, z0), (x1, 0.09, z1), paint)
        if rng.random() < 0.75:  # bright panes; else the scanner looks through them
            for x0, x1 in ((-w / 2 + bar, -bar / 2), (bar / 2, w / 2 - bar)):
                window.box((x0, 0.055, bar), (x1, 0.065, h - bar), vary(rng, (196, 220, 240), 8))
        room.mount("window", window, wall, u, z=sill)
        board = Shape().box((-w / 2 - 0.06, -rng.uniform(0.06, 0.16), -0.03), (w / 2 + 0.06, 0.03, 0.0), paint)
        board.support(-w / 2, -0.05, w / 2, 0.03, 0.0, h)
        room.mount("windowsill", board, wall, u, z=sill)
        x, y = wall.at(u, -0.3)
        room.lights.append((x, y, (sill + top) / 2, rng.uniform(0.5, 1.2)))
        if dressing:
            name = dressing[k % len(dressing)]
            shape = (builtin.curtain(rng, w, sill, top, drape) if name == "curtain"
                     else builtin.blinds(rng, w, h, slat))
            room.mount(name, shape, wall, u, z=0.0 if name == "curtain" else sill)


def _add_surfaces(rng, room: Room) -> None:
    """Floor, ceiling and the walls with their holes, tiles and baseboards."""
    wet = room.kind in ("bathroom", "kitchen", "laundry")
    style = pick(rng, "tile", "tile", "wood") if wet else pick(rng, "wood", "carpet", "carpet", "tile")
    step = {"wood": (rng.uniform(0.6, 1.2), rng.uniform(0.08, 0.16)), "carpet": (0.5, 0.5),
            "tile": (rng.uniform(0.3, 0.6),) * 2}[style]
    base, vary_by = shade(rng, FLOORS[style]), {"wood": 9, "tile": 4, "carpet": 2}[style]
    for name, z, color, spread, cell in (("floor", 0.0, base, vary_by, step),
                                         ("ceiling", room.height, vary(rng, (238, 237, 233), 4), 0, (9, 9))):
        x = np.append(np.arange(0, room.width, cell[0]), room.width)
        y = np.append(np.arange(0, room.depth, cell[1]), room.depth)
        grid = np.stack([*np.meshgrid(x, y, indexing="ij"), np.full((len(x), len(y)), z)], -1)
        cells = (len(x) - 1) * (len(y) - 1)
        colors = np.tile(color + rng.normal(0, spread + 1e-9, (cells, 1)), (2, 1))  # both triangles of a cell
        room.pieces.append(Placed(name, Shape().sheet(grid, colors, solid=False), np.zeros(3), 0.0))
    paint, accent = shade(rng, PAINT), shade(rng, PAINT, 30)
    tile = shade(rng, ((235, 235, 230), (200, 215, 220), (215, 205, 190), (150, 175, 180)))
    tiled = {"bathroom": rng.uniform(1.2, 2.4), "kitchen": 1.5}.get(room.kind, 0.0) if rng.random() < 0.8 else 0.0
    board = tint(rng, WHITE + WOOD)
    special = rng.integers(len(room.walls)) if rng.random() < 0.35 else -1
    for index, wall in enumerate(room.walls):
        color = accent if index == special else paint
        shape = Shape()
        cuts_u = sorted({0.0, wall.length, *(u for o in wall.openings for u in o[:2])})
        cuts_z = sorted({0.0, room.height, tiled, *(z for o in wall.openings for z in o[2:])})
        for u0, u1 in pairwise(cuts_u):
            for z0, z1 in pairwise(cuts_z):
                if any(o[0] <= u0 and u1 <= o[1] and o[2] <= z0 and z1 <= o[3] for o in wall.openings):
                    continue
                shape.box((u0, 0, z0), (u1, 0.12, z1), tile if z1 <= tiled else color)
            if not any(o[0] <= u0 and u1 <= o[1] and o[2] == 0 for o in wall.openings):
                shape.box((u0, -0.012, 0), (u1, 0, 0.08), board, solid=False)
        room.pieces.append(Placed("wall", shape, np.array([*wall.origin, 0.0]), wall.yaw))

"""What is built into a room: closet, shower corner, bathroom stall, stairs, pillar, and a window's dressing.

`FEATURES[name](rng, room)` puts one into a room whose furniture is not there yet, where it finds a place.
"""
import numpy as np

from datasets.synthetic.collision import Placed, collide, upright_boxes
from datasets.synthetic.objects.shapes import FABRIC, METAL, WHITE, WOOD, Shape, pick, tint, vary

DRAPES = FABRIC + ((225, 220, 205), (200, 205, 210), (205, 180, 150))


def curtain(rng, width: float, sill: float, top: float, color) -> Shape:
    """Two hanging cloths with folds beside a window, on a rod; z from the floor."""
    shape, low = Shape(), sill - 0.2 if rng.random() < 0.4 else 0.06
    high, part = top + 0.12, rng.uniform(0.22, 0.42) * (width + 0.3)
    for side in (-1, 1):
        edge = side * (width / 2 + 0.15)
        u = np.linspace(edge, edge - side * part, 25)
        v = -0.09 + 0.025 * np.sin(np.linspace(0, rng.integers(4, 7) * 2 * np.pi, 25))
        z = np.linspace(low, high, 4)
        flare = 1 + 0.25 * (high - z) / high
        grid = np.stack([np.tile(u, (4, 1)), -0.09 + (v + 0.09)[None] * flare[:, None],
                         np.tile(z[:, None], (1, 25))], -1)
        shape.sheet(grid, vary(rng, color, 3))
    return shape.rod((-width / 2 - 0.2, -0.06, high + 0.01), (width / 2 + 0.2, -0.06, high + 0.01), 0.012,
                     tint(rng, METAL))


def blinds(rng, width: float, height: float, color) -> Shape:
    """Slats on a window, let down part of the way; z from the sill."""
    shape, down = Shape(), rng.uniform(0.45, 1.0)
    shape.box((-width / 2, -0.05, height - 0.04), (width / 2, 0.0, height), color)
    for z in np.arange(height - 0.06, height * (1 - down) + 0.02, -0.045):
        shape.box((-width / 2 + 0.01, -0.035, z - 0.019), (width / 2 - 0.01, -0.03, z + 0.019), vary(rng, color, 3),
                  turn=(-25, (1, 0, 0), (0, -0.03, z)))
    return shape


def _corner(rng, room, size: float, deep: float):
    """A wall and the middle of a piece of `size` metres at one of its ends, where nothing is yet; also which end."""
    for _ in range(12):
        wall = room.walls[rng.integers(len(room.walls))]
        end = int(rng.integers(2))
        u = size / 2 + 0.001 if end == 0 else wall.length - size / 2 - 0.001
        x, y = wall.at(u, -deep / 2)
        reach = np.array([abs(np.cos(wall.yaw)) * size + abs(np.sin(wall.yaw)) * deep,
                          abs(np.sin(wall.yaw)) * size + abs(np.cos(wall.yaw)) * deep]) / 2
        inside = (x - reach[0] > -0.01 and y - reach[1] > -0.01 and x + reach[0] < room.width + 0.01
                  and y + reach[1] < room.depth + 0.01)
        if not inside or not wall.free(u - size / 2, u + size / 2, 0, 2.5) or not _apart(room, wall, u, size, deep):
            continue
        return wall, u, end
    return None


def _apart(room, wall, u: float, size: float, deep: float) -> bool:
    box = upright_boxes(np.array([[-size / 2, -deep, 0, size / 2, 0, 2.3]]), [*wall.at(u), 0], wall.yaw)
    if collide(box, room.taken()):
        return False
    return not any(_opening_near(box, other, o) for other in room.walls for o in other.openings)


def _opening_near(box, wall, opening) -> bool:
    front = upright_boxes(np.array([[opening[0], -0.15, 0, opening[1], 0.1, 2.2]]), [*wall.origin, 0], wall.yaw)
    return collide(box, front)


def add_closet(rng, room) -> None:
    """A closet in a corner: side wall, header, back, two sliding doors, one partly open."""
    w, d, h = rng.uniform(1.1, 1.7), rng.uniform(0.55, 0.7), rng.uniform(2.05, 2.2)
    slot = _corner(rng, room, w, d)
    if slot is None:
        return
    wall, u, _ = slot
    wall.openings.append((u - w / 2, u + w / 2, 0, room.height))
    paint, panel = tint(rng, WHITE), tint(rng, WOOD + WHITE)
    sides = Shape().box((-w / 2, -d, 0), (-w / 2 + 0.05, 0, room.height - 0.01), paint)
    sides.box((w / 2 - 0.05, -d, 0), (w / 2, 0, room.height - 0.01), paint)
    sides.box((-w / 2, -0.02, 0), (w / 2, 0.0, room.height - 0.01), paint)
    room.mount("closet wall", sides, wall, u)
    inner = w / 2 - 0.05
    frame = Shape().box((-inner, -d, h), (inner, -d + 0.1, room.height - 0.01), paint * 0.97)
    frame.box((-inner, -d, 0), (inner, -d + 0.09, 0.03), paint * 0.9)
    frame.box((-inner, -d + 0.12, 1.72), (inner, -0.02, 1.74), panel)
    frame.support(-inner, -d + 0.14, inner, -0.03, 1.74, h - 1.8)
    frame.support(-inner, -d + 0.14, inner, -0.03, 0.0, 1.0)
    room.mount("closet", frame, wall, u)
    rod = Shape().rod((-inner, -d / 2 + 0.05, 1.62), (inner, -d / 2 + 0.05, 1.62), 0.016, tint(rng, METAL))
    room.mount("closet rod", rod, wall, u)
    doors, shift = Shape(), rng.uniform(0.0, 0.75) * inner if rng.random() < 0.6 else 0.0
    for x0, y0 in ((-inner, -d + 0.01), (-shift, -d + 0.05)):
        doors.box((x0, y0, 0.03), (x0 + inner + 0.02, y0 + 0.03, h), vary(rng, panel, 3))
        doors.box((x0 + 0.08, y0 - 0.006, 0.15), (x0 + inner - 0.08, y0, h - 0.15), panel * 0.92)
    room.mount("closet door", doors, wall, u)
    room.block((-w / 2, -d - 0.45, 0, w / 2, -d, 1.6), [*wall.at(u), 0], wall.yaw)


def add_shower(rng, room, curtained: bool = False) -> None:
    """A shower corner: tiled walls, a tray, a head, and a glass door or a curtain on its rod."""
    s = rng.uniform(0.85, 1.05)
    slot = _corner(rng, room, s, s)
    if slot is None:
        return
    wall, u, end = slot
    outer = 1 if end == 0 else -1  # the side that is open to the room
    tile = tint(rng, ((235, 238, 240), (190, 205, 215), (160, 190, 190), (220, 205, 185)))
    walls = Shape()
    for k, z in enumerate(np.arange(0.08, 2.1, 0.3)):
        shade = tile * (0.97 if k % 2 else 1.0)
        walls.box((-s / 2, -0.02, z), (s / 2, 0, min(z + 0.295, 2.1)), shade)
        walls.box((-outer * s / 2, -s, z), (-outer * (s / 2 - 0.02), -0.02, min(z + 0.295, 2.1)), shade)
    room.mount("shower wall", walls, wall, u)
    tray = Shape().box((-s / 2, -s, 0), (s / 2, 0, 0.03), (232, 232, 230))
    tray.box((-s / 2, -s, 0.03), (s / 2, -s + 0.05, 0.08), (225, 225, 222))
    tray.box((outer * s / 2, -s, 0.03), (outer * (s / 2 - 0.05), 0, 0.08), (225, 225, 222))
    room.mount("shower floor", tray, wall, u)
    metal = tint(rng, ((200, 202, 205), (120, 122, 126)))
    head = Shape().rod((0, -0.02, 1.98), (0, -0.22, 2.03), 0.015, metal)
    head.cylinder((0, -0.24, 1.94), 0.11, 0.09, metal, top=0.03).rod((0, -0.03, 1.1), (0, -0.03, 2.0), 0.012, metal)
    head.box((-0.05, -0.06, 1.05), (0.05, -0.02, 1.15), metal * 0.9)
    room.mount("shower head", head, wall, u)
    if curtained:
        color, ends = tint(rng, DRAPES), (-s / 2, s / 2)
        x = np.linspace(ends[0] + 0.02, rng.uniform(0.0, s / 2 - 0.05), 30)
        y = -s + 0.05 + 0.03 * np.sin(np.linspace(0, 14 * np.pi, 30))
        grid = np.stack([np.tile(x, (4, 1)), np.tile(y, (4, 1)), np.tile(np.linspace(0.15, 1.95, 4)[:, None], (1, 30))],
                        -1)
        room.mount("shower curtain", Shape().sheet(grid, color), wall, u)
        rod = Shape().rod((ends[0], -s + 0.05, 1.99), (ends[1], -s + 0.05, 1.99), 0.018, metal)
        room.mount("shower curtain rod", rod, wall, u)
    else:
        door = Shape()
        for x0, x1, z0, z1 in ((-s / 2, -s / 2 + 0.04, 0.08, 2.0), (s / 2 - 0.04, s / 2, 0.08, 2.0),
                               (-s / 2, s / 2, 1.96, 2.0), (-s / 2, s / 2, 0.08, 0.12), (-0.02, 0.02, 0.08, 2.0)):
            door.box((x0, -s, z0), (x1, -s + 0.03, z1), metal)
        door.box((-s / 2 + 0.04, -s + 0.012, 0.12), (-0.02, -s + 0.018, 1.96), vary(rng, (200, 222, 228), 5))
        room.mount("shower door", door, wall, u)
    room.block((-s / 2, -s - 0.4, 0, s / 2, 0, 2.0), [*wall.at(u), 0], wall.yaw)


def add_shower_curtain(rng, room) -> None:
    """A shower corner with a curtain instead of a door."""
    add_shower(rng, room, curtained=True)


def add_stall(rng, room) -> None:
    """A stall in a corner of a bathroom: partition, front panel, a door ajar."""
    w, d = rng.uniform(0.95, 1.15), rng.uniform(1.35, 1.55)
    slot = _corner(rng, room, w, d)
    if slot is None:
        return
    wall, u, end = slot
    color = tint(rng, ((120, 130, 120), (150, 140, 120), (90, 110, 140), (170, 160, 150), (140, 80, 70)))
    outer, top = (1 if end == 0 else -1), rng.uniform(1.75, 1.95)
    panel = Shape().box((outer * (w / 2 - 0.03), -d, 0.25), (outer * w / 2, 0, top), color)
    panel.box((-outer * w / 2, -d, 0.25), (-outer * (w / 2 - 0.14), -d + 0.03, top), color)
    panel.box((outer * (w / 2 - 0.14), -d, 0.25), (outer * (w / 2 - 0.03), -d + 0.03, top), color)
    for x in (outer * (w / 2 - 0.04), -outer * (w / 2 - 0.1)):
        panel.box((x - 0.03, -d, 0), (x + 0.03, -d + 0.03, 0.25), tint(rng, METAL))
    room.mount("bathroom stall", panel, wall, u)
    gap = w - 0.3
    leaf = Shape().box((0, 0, 0.28), (gap, 0.03, top - 0.02), vary(rng, color, 6))
    leaf.rod((gap - 0.06, -0.03, 1.0), (gap - 0.06, -0.03, 1.15), 0.012, (190, 190, 192), solid=False)
    at = [*wall.at(u - gap / 2, -d), 0.0]
    room.pieces.append(Placed("bathroom stall door", leaf, np.array(at), wall.yaw + rng.uniform(0.5, 1.0)))


def add_stairs(rng, room) -> None:
    """A flight of five to eight steps along a wall into a corner, with a rail on its open side."""
    steps, w = int(rng.integers(5, 8)), rng.uniform(0.8, 0.95)
    run, rise = rng.uniform(0.24, 0.28), rng.uniform(0.16, 0.19)
    slot = _corner(rng, room, steps * run, w)
    if slot is None:
        return
    wall, u, end = slot
    wall.openings.append((u - steps * run / 2, u + steps * run / 2, 0, 2.3))
    up = -1 if end == 0 else 1  # rises towards the corner
    tread, riser = tint(rng, WOOD), tint(rng, WHITE + WOOD)
    stairs, rail = Shape(), Shape()
    for k in range(steps):
        x0 = up * (-steps * run / 2 + k * run)
        stairs.box((x0, -w, k * rise), (up * steps * run / 2, 0, (k + 1) * rise - 0.03), riser)
        stairs.box((x0 - up * 0.02, -w - 0.01, (k + 1) * rise - 0.03), (x0 + up * run, 0, (k + 1) * rise), tread)
        rail.rod((x0 + up * run / 2, -w + 0.04, (k + 1) * rise), (x0 + up * run / 2, -w + 0.04, (k + 1) * rise + 0.85),
                 0.014, vary(rng, riser, 4))
    first, last = up * (-steps * run / 2 + run / 2), up * (steps * run / 2 - run / 2)
    rail.rod((first, -w + 0.04, rise + 0.87), (last, -w + 0.04, steps * rise + 0.87), 0.03, tint(rng, WOOD))
    room.mount("stairs", stairs, wall, u)
    room.mount("stair rail", rail, wall, u)


def add_pillar(rng, room, name: str = "pillar") -> None:
    """A square pillar, or a round column, from floor to ceiling beside a wall."""
    s = rng.uniform(0.28, 0.45)
    slot = _corner(rng, room, s + rng.uniform(0.0, 1.2), s + 0.2)
    if slot is None:
        return
    wall, u, _ = slot
    color, shape = tint(rng, WHITE + ((180, 170, 160), (150, 80, 65))), Shape()
    if name == "column":
        shape.cylinder((0, -s / 2, 0), s / 2, room.height - 0.005, color)
        shape.cylinder((0, -s / 2, 0), s / 2 + 0.04, 0.12, color * 0.9)
    else:
        shape.box((-s / 2, -s, 0), (s / 2, 0, room.height - 0.005), color)
        shape.box((-s / 2 - 0.015, -s - 0.015, 0), (s / 2 + 0.015, 0, 0.1), color * 0.9)
    room.mount(name, shape, wall, u, y=-pick(rng, 0.0, 0.0, 0.15) if name == "pillar" else -0.1)
    wall.openings.append((u - s / 2, u + s / 2, 0, room.height))


def add_column(rng, room) -> None:
    """A round column."""
    add_pillar(rng, room, "column")


def add_ledge(rng, room) -> None:
    """A walled ledge along part of a wall, waist high, on which things stand."""
    w, d, h = rng.uniform(0.9, 1.8), rng.uniform(0.18, 0.3), rng.uniform(0.7, 1.1)
    slot = _corner(rng, room, w, d)
    if slot is None:
        return
    wall, u, _ = slot
    color, shape = tint(rng, WHITE + ((205, 198, 188),)), Shape()
    shape.box((-w / 2, -d, 0), (w / 2, 0, h - 0.03), color)
    shape.box((-w / 2, -d - 0.02, h - 0.03), (w / 2, 0, h), tint(rng, WOOD + WHITE))
    shape.support(-w / 2 + 0.02, -d, w / 2 - 0.02, 0, h, 1.0)
    room.mount("ledge", shape, wall, u)
    wall.openings.append((u - w / 2, u + w / 2, 0, h))


FEATURES = {"closet": add_closet, "shower door": add_shower, "shower curtain": add_shower_curtain,
            "bathroom stall": add_stall, "stairs": add_stairs, "pillar": add_pillar, "column": add_column,
            "ledge": add_ledge}
ORDER = tuple(FEATURES)  # the bulky ones first
ROOMS_OF = {  # built-in class -> rooms in which it is found
    "window": ("living", "bedroom", "kitchen", "bathroom", "office", "classroom", "laundry", "hallway"),
    "curtain": ("living", "bedroom", "kitchen", "office", "classroom"),
    "blinds": ("living", "bedroom", "kitchen", "office", "classroom"),
    "closet": ("bedroom", "hallway"), "shower door": ("bathroom",), "shower curtain": ("bathroom",),
    "bathroom stall": ("bathroom",), "stairs": ("hallway", "living"), "pillar": ("living", "office", "classroom"),
    "column": ("living", "classroom", "office", "hallway"), "ledge": ("living", "kitchen", "bedroom", "office"),
}
COMES_WITH = {  # built-in class -> classes that always come with it
    "window": ("windowsill",), "closet": ("closet wall", "closet door", "closet rod"),
    "shower door": ("shower wall", "shower floor", "shower head"),
    "shower curtain": ("shower wall", "shower floor", "shower head", "shower curtain rod"),
    "bathroom stall": ("bathroom stall door",), "stairs": ("stair rail",),
    "curtain": ("window", "windowsill"), "blinds": ("window", "windowsill"),
}

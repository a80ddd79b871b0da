"""Doors and windows as they are met: flush, panelled, half of glass, double, open; from cellar window to glazed wall.

Panes are of glass (`clear`): the fused scanner looks through most of them, and there is nothing behind.
"""
import numpy as np

from datasets.synthetic import builtin
from datasets.synthetic.collision import Placed
from datasets.synthetic.furnished.models import Model
from datasets.synthetic.objects.shapes import FABRIC, METAL, WHITE, WOOD, Shape, pick, tint, vary
from datasets.synthetic.rooms import Room, Wall, find_slot

FRAME_PAINT = (*WHITE, *WHITE, *WOOD, (70, 72, 76), (40, 42, 45), (120, 90, 60))
LEAF_PAINT = (*WHITE, *WHITE, *WOOD, *WOOD, (90, 110, 130), (130, 40, 40), (60, 80, 60), (50, 50, 54))
GLASS = (196, 216, 226)


def fitted(model: Model, rng: np.random.Generator, size: tuple[float, float, float]) -> Shape:
    """A specimen stretched to a size (x, y, z), m, its middle at x = 0, its front at y = 0, its foot at z = 0."""
    kept = model.shape(rng, spread=0.0, recolor=0.5)
    v = kept.vertices
    scale = np.array(size) / np.maximum(np.ptp(v, axis=0), 1e-6)
    shape, mesh = Shape(), kept.mesh()
    mesh.vertices = (v - [(v[:, 0].min() + v[:, 0].max()) / 2, v[:, 1].min(), v[:, 2].min()]) * scale
    return shape.add(mesh, kept.colors, clear=kept.clear)


def _leaf(rng, w: float, h: float, paint, models: list[Model]) -> Shape:
    """A door's leaf, hinged at x = 0, 4 cm thick, its front at y = 0."""
    if models and rng.random() < 0.45:
        shape = fitted(models[rng.integers(len(models))], rng, (w - 0.01, rng.uniform(0.04, 0.07), h - 0.01))
        return shape.move((w / 2, 0, 0.005))
    leaf, style = Shape(), rng.choice(["flush", "panels", "glass", "lights"], p=[0.4, 0.35, 0.13, 0.12])
    if style in ("flush", "panels"):
        leaf.box((0.005, 0, 0.01), (w - 0.005, 0.04, h - 0.005), paint)
    if style == "panels":
        rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        zs, xs = np.linspace(0.15, h - 0.1, rows + 1), np.linspace(0.08, w - 0.08, columns + 1)
        out = pick(rng, -0.012, -0.006)
        for z0, z1 in zip(zs[:-1], zs[1:]):
            for x0, x1 in zip(xs[:-1], xs[1:]):
                leaf.box((x0 + 0.03, out, z0 + 0.04), (x1 - 0.03, 0, z1 - 0.04), vary(rng, paint, 5) * 0.95)
    elif style != "flush":
        low = 0.15 if style == "glass" else rng.uniform(0.9, 1.3)
        for x0, x1, z0, z1 in ((0.005, w - 0.005, 0.01, low), (0.005, w - 0.005, h - 0.12, h - 0.005),
                               (0.005, 0.11, low, h - 0.12), (w - 0.11, w - 0.005, low, h - 0.12)):
            leaf.box((x0, 0, z0), (x1, 0.04, z1), paint)
        leaf.box((0.11, 0.015, low), (w - 0.11, 0.025, h - 0.12), GLASS, clear=True)
    metal = tint(rng, METAL)
    if rng.random() < 0.7:
        leaf.rod((w - 0.08, 0, 1.0), (w - 0.08, -0.05, 1.0), 0.012, metal).rod(
            (w - 0.08, -0.05, 1.0), (w - 0.19, -0.05, 1.0), 0.011, metal)
    else:
        leaf.sphere((w - 0.08, -0.04, 1.0), 0.035, metal)
    return leaf


def add_door(rng: np.random.Generator, room: Room, models: list[Model], paint) -> None:
    """A door with its frame: shut, ajar, wide open or taken out; often in the colour of the walls, `paint` (3,)."""
    double = room.kind in ("living", "hallway", "classroom", "office") and rng.random() < 0.12
    w, h = rng.uniform(0.72, 1.0) * (1.7 if double else 1.0), rng.uniform(1.95, 2.25)
    slot = find_slot(rng, room, w, 0, h, margin=0.12)
    if slot is None:
        return
    wall, u = slot
    f = rng.uniform(0.03, 0.1)
    wall.openings.append((u - w / 2 - f, u + w / 2 + f, 0, h + f))
    color = pick(rng, vary(rng, paint, 4), tint(rng, FRAME_PAINT), tint(rng, FRAME_PAINT))
    frame, out = Shape(), rng.uniform(0.005, 0.03)
    for x0, x1, z0, z1 in ((-w / 2 - f, -w / 2, 0, h + f), (w / 2, w / 2 + f, 0, h + f), (-w / 2, w / 2, h, h + f)):
        frame.box((x0, -out, z0), (x1, 0.14, z1), color)
    room.mount("doorframe", frame, wall, u)
    leaf_color = pick(rng, color, tint(rng, LEAF_PAINT), tint(rng, LEAF_PAINT))
    state = rng.choice(["shut", "open", "ajar", "none"], p=[0.55, 0.22, 0.15, 0.08])
    width = w / 2 if double else w
    for side in ((-1, 1) if double else (pick(rng, -1, 1),)):
        if state == "none":
            break
        leaf = _leaf(rng, width, h, leaf_color, models)
        if side > 0:
            leaf = mirrored(leaf)
        swing = {"shut": 0.0, "open": rng.uniform(1.2, 2.0), "ajar": rng.uniform(0.15, 0.9)}[state] * side
        deep = 0.0 if state != "shut" else rng.uniform(0.0, 0.09)
        room.pieces.append(Placed("door", leaf, np.array([*wall.at(u + side * w / 2, deep), 0.0]), wall.yaw + swing))
    if state != "shut":
        _beyond(rng, room, wall, u, w)
    room.block((-w / 2 - 0.1, -0.85, 0, w / 2 + 0.1, 0, 1.9), [*wall.at(u), 0], wall.yaw)


def mirrored(shape: Shape) -> Shape:
    """The shape with its x turned round, without its collision boxes' parts: one box for all."""
    mesh, result = shape.mesh(), Shape()
    mesh.vertices = shape.vertices * (-1, 1, 1)
    return result.add(mesh, shape.colors, clear=shape.clear)


def _beyond(rng, room: Room, wall: Wall, u: float, w: float) -> None:
    """What is seen through an open door: floor of the next room, and mostly a wall of it."""
    reach, half = rng.uniform(0.5, 2.0), w / 2 + rng.uniform(0.2, 1.0)

    def sheet(a, b, c):
        return np.stack([np.stack([a, b]), np.stack([c, np.array(b) + np.array(c) - np.array(a)])])

    at = np.array([*wall.at(u), 0.0])
    floor = sheet((-half, 0.0, 0.0), (half, 0.0, 0.0), (-half, reach, 0.0))
    room.pieces.append(Placed("floor", Shape().sheet(floor, tint(rng, WOOD + WHITE), solid=False), at, wall.yaw))
    if rng.random() < 0.75:
        back = sheet((-half, reach, 0.0), (half, reach, 0.0), (-half, reach, 2.3))
        room.pieces.append(Placed("wall", Shape().sheet(back, tint(rng, WHITE, 25), solid=False), at, wall.yaw))


def add_windows(rng: np.random.Generator, room: Room, features: set[str], models: list[Model], wall_color) -> None:
    """Windows of one make, and the curtains and blinds that are asked for."""
    make = rng.choice(["usual", "high", "french", "glazed"], p=[0.6, 0.14, 0.16, 0.1])
    top = min(rng.uniform(1.9, 2.5), room.height - 0.1)
    sill = {"usual": rng.uniform(0.5, 1.1), "high": min(rng.uniform(1.3, 1.6), top - 0.4),
            "french": rng.uniform(0.02, 0.3), "glazed": rng.uniform(0.0, 0.5)}[make]
    if room.kind == "bathroom":
        make, sill = "usual", min(rng.uniform(1.1, 1.5), top - 0.4)
    frame, thick = tint(rng, FRAME_PAINT), rng.uniform(0.06, 0.34)
    chosen = models[rng.integers(len(models))] if models and make != "glazed" and rng.random() < 0.4 else None
    dressing = [f for f in ("curtain", "blinds") if f in features]
    drape, slat = tint(rng, builtin.DRAPES + FABRIC, 25), tint(rng, WHITE + WOOD + FABRIC)
    for k in range(len(dressing) + int(rng.integers(1, 3))):
        if make == "glazed":
            longest = max(wall.length for wall in room.walls)
            w = rng.uniform(0.5, 0.85) * longest
        else:
            w = rng.uniform(0.45, 0.9) if room.kind == "bathroom" else rng.uniform(0.6, 2.0)
        slot = find_slot(rng, room, w + 0.1, sill, top, margin=0.05)
        if slot is None:
            continue
        wall, u = slot
        wall.openings.append((u - w / 2, u + w / 2, sill, top))
        h, deep = top - sill, max(0.02, thick - 0.07)
        window = (fitted(chosen, rng, (w, 0.09, h)).move((0, deep, 0)) if chosen is not None
                  else _casement(rng, w, h, deep, frame, 1.1 if make == "glazed" else rng.uniform(0.5, 1.3)))
        room.mount("window", window, wall, u, z=sill)
        reveal = Shape()
        for x0, x1, z0, z1 in ((-w / 2 - 0.005, -w / 2, 0, h), (w / 2, w / 2 + 0.005, 0, h),
                               (-w / 2, w / 2, h, h + 0.005)):
            reveal.box((x0, 0.0, z0), (x1, deep + 0.05, z1), wall_color, solid=False)
        room.mount("wall", reveal, wall, u, z=sill)
        if sill > 0.3:
            out = rng.uniform(-0.01, 0.2)
            color = pick(rng, frame, tint(rng, WHITE))
            board = Shape().box((-w / 2 - 0.05, -out, -0.03), (w / 2 + 0.05, 0.0, 0.0), color)
            board.box((-w / 2, 0.0, -0.01), (w / 2, deep + 0.02, 0.0), frame)
            board.support(-w / 2 + 0.02, -max(out, 0), w / 2 - 0.02, max(deep, 0.06), 0.0, h * 0.8)
            room.mount("windowsill", board, wall, u, z=sill)
        x, y = wall.at(u, -0.3)
        room.lights.append((x, y, (sill + top) / 2, rng.uniform(0.4, 1.4)))
        if dressing and (k < len(dressing) or rng.random() < 0.5):
            name = dressing[k % len(dressing)]
            if name == "curtain":
                room.mount(name, _curtain(rng, w, sill, min(top + 0.15, room.height - 0.05), drape), wall, u)
            elif rng.random() < 0.5:
                down = rng.uniform(0.2, 1.0) * h
                roller = Shape().box((-w / 2, -0.01, h - down), (w / 2, 0.0, h), slat)
                room.mount(name, roller, wall, u, z=sill, y=min(deep, 0.05) - 0.02)
            else:
                room.mount(name, builtin.blinds(rng, w, h, slat), wall, u, z=sill)


def _casement(rng, w: float, h: float, deep: float, paint, step: float) -> Shape:
    """Panes between bars, some of them crossed; its front at y = deep."""
    window, bar = Shape(), rng.uniform(0.035, 0.08)
    xs = np.linspace(-w / 2, w / 2, max(1, round(w / step)) + 1)
    cross = [] if rng.random() < 0.6 else [rng.uniform(0.3, 0.75) * h]
    zs = [0.0, *cross, h]
    for x in xs:
        window.box((max(x - bar / 2, -w / 2), deep, 0), (min(x + bar / 2, w / 2), deep + 0.05, h), paint)
    for z in zs:
        window.box((-w / 2, deep, max(z - bar / 2, 0)), (w / 2, deep + 0.05, min(z + bar / 2, h)), paint)
    for x0, x1 in zip(xs[:-1], xs[1:]):
        window.box((x0, deep + 0.02, 0), (x1, deep + 0.03, h), vary(rng, GLASS, 12), clear=True)
    return window


def _curtain(rng, w: float, sill: float, top: float, color) -> Shape:
    """Cloths on a rod: drawn, half drawn on both sides or one, or tied back; to the floor, the sill, or in between."""
    shape = Shape()
    low = pick(rng, 0.03, 0.03, sill - 0.15, sill + 0.02)
    low = float(np.clip(low, 0.02, top - 0.5))
    how = str(rng.choice(["drawn", "half", "one", "slim"], p=[0.2, 0.4, 0.2, 0.2]))
    shares = {"drawn": (0.5, 0.5), "half": rng.uniform(0.15, 0.45, 2), "one": (rng.uniform(0.3, 0.95), 0.0),
              "slim": rng.uniform(0.08, 0.2, 2)}[how]
    depth, fold = rng.uniform(0.01, 0.05), rng.uniform(0.07, 0.2)
    reach = w / 2 + rng.uniform(0.05, 0.25)
    for side, share in zip((-1, 1), shares):
        if share < 0.02:
            continue
        wide = 2 * reach * share
        x = np.linspace(reach, reach - wide, max(9, int(wide / fold * 8))) * side
        z = np.linspace(low, top, 6)
        wave = depth * np.sin(np.abs(x) / fold * 2 * np.pi + rng.uniform(0, 6) + 0.6 * np.sin(np.abs(x) / fold * 1.3))
        gather = 1 - 0.25 * rng.random() * np.sin(np.pi * (z - low) / (top - low))[:, None]
        middle = side * (reach - wide / 2)
        hang = -0.08 + wave * np.linspace(1.3, 0.7, 6)[:, None]
        grid = np.stack([middle + (x[None] - middle) * gather, hang,
                         np.tile(z[:, None], (1, len(x)))], -1)
        shape.sheet(grid, vary(rng, color, 3))
    if rng.random() < 0.7:
        shape.rod((-reach - 0.1, -0.07, top + 0.01), (reach + 0.1, -0.07, top + 0.01), 0.013, tint(rng, METAL + WOOD))
    return shape

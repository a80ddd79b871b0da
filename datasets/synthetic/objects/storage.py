"""Storage furniture of a synthetic scene: `KINDS` maps a class name to how it is built and where it stands."""
import numpy as np

from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import (
    DARK,
    basin,
    boards,
    carcass,
    castors,
    disc,
    doors,
    drawers,
    faucet,
    frame_top,
    handle_style,
    legs,
    loft,
    metal,
    tone,
)
from datasets.synthetic.objects.shapes import CERAMIC, FABRIC, METAL, PLASTIC, WHITE, WOOD, Shape, pick, tint

PAINT = (*WOOD, *WHITE, (60, 62, 66), (120, 140, 140))
STONE = ((70, 70, 72), (205, 200, 190), (150, 130, 110), (235, 235, 235), (40, 42, 46))


def _nightstand(rng) -> Shape:
    """A small bedside cabinet with one to three drawers, or a drawer over an open bay."""
    shape, color, style, steel = Shape(), tone(rng, PAINT), handle_style(rng), metal(rng)
    w, d, h = rng.uniform(0.40, 0.55), rng.uniform(0.36, 0.45), rng.uniform(0.48, 0.65)
    foot = pick(rng, 0.03, 0.12)
    legs(shape, w, d, foot + 0.02, color, "taper" if foot > 0.1 else "square", 0.045)
    open_bay = rng.random() < 0.4
    y = -d / 2 + 0.02
    carcass(shape, (-w / 2, y, foot), (w / 2, d / 2, h), color)
    split = h - 0.2 if open_bay else foot + 0.02
    if open_bay:
        boards(shape, (-w / 2, y, foot + 0.022), (w / 2, d / 2, split), [split + 0.01], color)
        shape.supports.pop()
    shape.box((-w / 2 + 0.02, y + 0.005, split), (w / 2 - 0.02, d / 2 - 0.02, h - 0.02), color * 0.8)
    drawers(shape, -w / 2 + 0.015, split, w / 2 - 0.015, h - 0.02, y, 1 if open_bay else int(rng.integers(2, 4)), 1,
            color * rng.uniform(0.9, 1.15), style, steel)
    shape.box((-w / 2 - 0.01, -d / 2, h), (w / 2 + 0.01, d / 2, h + 0.02), color)
    return shape.support(-w / 2 + 0.02, -d / 2 + 0.02, w / 2 - 0.02, d / 2 - 0.02, h + 0.02, 1.2)


def _dresser(rng) -> Shape:
    """A wide or tall chest of drawers, rows of wide drawers on short legs."""
    shape, color, style, steel = Shape(), tone(rng, PAINT), handle_style(rng), metal(rng)
    tall = rng.random() < 0.4
    w, h = (rng.uniform(0.7, 0.9), rng.uniform(1.05, 1.3)) if tall else (rng.uniform(1.1, 1.6), rng.uniform(0.72, 0.9))
    d, foot = rng.uniform(0.42, 0.52), pick(rng, 0.06, 0.14)
    y = -d / 2 + 0.02
    legs(shape, w, d, foot + 0.01, color * 0.85, pick(rng, "square", "taper"), 0.055)
    shape.box((-w / 2, y, foot), (w / 2, d / 2, h), color * 0.85)
    drawers(shape, -w / 2 + 0.01, foot + 0.01, w / 2 - 0.01, h - 0.02, y, int(rng.integers(4, 6)) if tall else
            int(rng.integers(3, 5)), 1 if tall else int(rng.integers(2, 4)), color, style, steel)
    shape.box((-w / 2 - 0.015, -d / 2 - 0.01, h), (w / 2 + 0.015, d / 2, h + 0.025), color * 0.95)
    return shape.support(-w / 2 + 0.02, -d / 2 + 0.02, w / 2 - 0.02, d / 2 - 0.02, h + 0.025, 1.2)


def _cabinet(rng) -> Shape:
    """A closed cupboard with doors on a plinth, low to head-high, sometimes with a drawer row above the doors."""
    shape, color, style, steel = Shape(), tone(rng, PAINT), handle_style(rng), metal(rng)
    w, d = rng.uniform(0.7, 1.3), rng.uniform(0.38, 0.5)
    h, y = pick(rng, rng.uniform(0.75, 1.0), rng.uniform(1.2, 1.7)), -d / 2 + 0.02
    n = 2 if w < 1.0 else pick(rng, 2, 3, 4)
    shape.box((-w / 2 + 0.03, y + 0.04, 0), (w / 2 - 0.03, d / 2, 0.07), DARK)
    shape.box((-w / 2, y, 0.06), (w / 2, d / 2, h), color * 0.9)
    panel = color * 0.88 if rng.random() < 0.5 else None
    split = h - 0.2 if rng.random() < 0.35 else h - 0.02
    doors(shape, -w / 2 + 0.01, 0.08, w / 2 - 0.01, split, y, n, color, style, steel, panel)
    if split < h - 0.1:
        drawers(shape, -w / 2 + 0.01, split, w / 2 - 0.01, h - 0.02, y, 1, n, color, style, steel)
    shape.box((-w / 2 - 0.01, -d / 2, h), (w / 2 + 0.01, d / 2, h + 0.025), color * 0.95)
    return shape.support(-w / 2 + 0.02, -d / 2 + 0.03, w / 2 - 0.02, d / 2 - 0.02, h + 0.025, 1.0)


def _shelf(rng) -> Shape:
    """Open shelves without sides or back: boards on posts, on a ladder frame or on two end frames."""
    shape, wood, frame = Shape(), tone(rng, (*WOOD, *WHITE)), metal(rng)
    w, d, h, n = rng.uniform(0.6, 1.2), rng.uniform(0.28, 0.42), rng.uniform(0.9, 1.9), int(rng.integers(3, 6))
    kind = pick(rng, "posts", "ladder", "ends")
    frame = wood * 0.9 if kind == "ends" or rng.random() < 0.4 else frame
    levels = np.linspace(0.14, h - 0.02, n)
    for sx in (-1, 1):
        x = sx * (w / 2 - 0.015)
        for y in (-d / 2 + 0.015, d / 2 - 0.015):
            low = -d / 2 - 0.08 if kind == "ladder" and y < 0 else y
            shape.rod((x, low, 0.003), (x, y, h), 0.016, frame)
        if kind == "ends":
            shape.box((x - 0.012, -d / 2, h - 0.05), (x + 0.012, d / 2, h), frame)
            shape.box((x - 0.012, -d / 2, 0.03), (x + 0.012, d / 2, 0.08), frame)
    if rng.random() < 0.4:
        for a, b in (((-w / 2, 0.1), (w / 2, h)), ((w / 2, 0.1), (-w / 2, h))):
            shape.rod((a[0], d / 2 - 0.01, a[1]), (b[0], d / 2 - 0.01, b[1]), 0.01, frame, solid=False)
    for level, above in zip(levels, [*levels[1:], levels[-1] + 1.0]):
        shape.box((-w / 2, -d / 2, level - 0.025), (w / 2, d / 2, level), wood)
        shape.support(-w / 2 + 0.04, -d / 2 + 0.02, w / 2 - 0.04, d / 2 - 0.03, level, above - 0.03 - level)
    return shape


def _bookshelf(rng) -> Shape:
    """A tall case with sides and a back and four to six rows of shelves, in one to three columns."""
    shape, color = Shape(), tone(rng, (*WOOD, *WHITE))
    w, d, h = rng.uniform(0.7, 1.5), rng.uniform(0.26, 0.34), rng.uniform(1.3, 2.1)
    low, high = (-w / 2, -d / 2, 0.06), (w / 2, d / 2, h)
    shape.box((-w / 2, -d / 2 + 0.01, 0), (w / 2, d / 2, 0.06), color * 0.85)
    carcass(shape, low, high, color, color * pick(rng, 0.8, 0.95), 0.025)
    n = max(int(round(h / rng.uniform(0.32, 0.4))), 4)
    boards(shape, (-w / 2 + 0.025, -d / 2, 0.085), (w / 2 - 0.025, d / 2, h - 0.025),
           list(np.linspace(0.085, h, n + 1)[1:-1]), color, 0.025, 1 if w < 0.95 else 2)
    shape.box((-w / 2 - 0.015, -d / 2 - 0.01, h - 0.005), (w / 2 + 0.015, d / 2, h + 0.025), color * 0.95)
    return shape.support(-w / 2 + 0.03, -d / 2 + 0.02, w / 2 - 0.03, d / 2 - 0.03, h + 0.025, 0.4)


def _wardrobe(rng) -> Shape:
    """A clothes cupboard about 2 m high with two or three full doors, a mirror door or drawers below."""
    shape, color, steel = Shape(), tone(rng, PAINT), metal(rng)
    w, d, h = rng.uniform(0.95, 1.7), rng.uniform(0.52, 0.62), rng.uniform(1.85, 2.15)
    y, n = -d / 2 + 0.02, 2 if w < 1.25 else 3
    shape.box((-w / 2, y + 0.02, 0), (w / 2, d / 2, 0.08), color * 0.75)
    shape.box((-w / 2, y, 0.08), (w / 2, d / 2, h), color * 0.9)
    low = 0.42 if rng.random() < 0.5 else 0.09
    panel = color * 0.88 if rng.random() < 0.5 else None
    doors(shape, -w / 2 + 0.01, low, w / 2 - 0.01, h - 0.02, y, n, color, pick(rng, "bar", "knob"), steel, panel)
    if low > 0.2:
        drawers(shape, -w / 2 + 0.01, 0.09, w / 2 - 0.01, low, y, 1, n, color, "bar", steel)
    if n == 3 and rng.random() < 0.5:
        shape.box((-w / 6 + 0.05, y - 0.03, low + 0.08), (w / 6 - 0.05, y, h - 0.1), (185, 200, 208))
    shape.box((-w / 2 - 0.02, -d / 2 - 0.01, h), (w / 2 + 0.02, d / 2, h + 0.05), color * 0.95)
    return shape.support(-w / 2 + 0.05, -d / 2 + 0.03, w / 2 - 0.05, d / 2 - 0.03, h + 0.05, 0.35)


def _tv_stand(rng) -> Shape:
    """A low wide bench with open bays for equipment and doors or drawers beside them."""
    shape, color, steel = Shape(), tone(rng, (*WOOD, (45, 45, 48), *WHITE)), metal(rng)
    w, d, h = rng.uniform(1.1, 1.8), rng.uniform(0.36, 0.45), rng.uniform(0.42, 0.58)
    foot = pick(rng, 0.04, 0.14)
    legs(shape, w * 0.95, d, foot + 0.02, color * 0.8, "taper" if foot > 0.1 else "square", 0.05)
    carcass(shape, (-w / 2, -d / 2, foot), (w / 2, d / 2, h), color, color * 0.7, 0.025)
    side = w * rng.uniform(0.2, 0.28) if rng.random() < 0.7 else 0
    inner = w / 2 - side
    low, high = (-inner, -d / 2 + 0.01, foot + 0.025), (inner, d / 2, h - 0.025)
    boards(shape, low, high, [(foot + h) / 2] if rng.random() < 0.5 else [], color, 0.022, pick(rng, 1, 2))
    for s in (-1, 1) if side else ():
        a, b = sorted((s * inner, s * (w / 2 - 0.02)))
        shape.box((a, -d / 2 + 0.02, foot + 0.02), (b, d / 2 - 0.02, h - 0.02), color * 0.85)
        (drawers if rng.random() < 0.5 else _one_door)(shape, a, foot + 0.02, b, h - 0.02, -d / 2 + 0.02, 2, 1,
                                                      color * 1.08, "knob", steel)
    shape.box((-w / 2 - 0.01, -d / 2 - 0.01, h - 0.005), (w / 2 + 0.01, d / 2, h + 0.025), color)
    return shape.support(-w / 2 + 0.03, -d / 2 + 0.03, w / 2 - 0.03, d / 2 - 0.03, h + 0.025, 1.2)


def _one_door(shape, x0, z0, x1, z1, y, rows, columns, color, style, steel) -> Shape:
    """A single door, called as `drawers` is."""
    return doors(shape, x0, z0, x1, z1, y, columns, color, style, steel)


def _file_cabinet(rng) -> Shape:
    """A narrow deep steel cabinet of two to four tall drawers with label holders."""
    shape, color = Shape(), tone(rng, ((165, 165, 160), (95, 98, 102), (205, 200, 185), (45, 46, 50)), 8)
    n, wide = int(rng.integers(2, 5)), rng.random() < 0.25
    w, d = (rng.uniform(0.8, 0.95) if wide else rng.uniform(0.38, 0.47)), rng.uniform(0.46, 0.65)
    h, y = 0.06 + n * rng.uniform(0.29, 0.33), -d / 2 + 0.02
    shape.box((-w / 2 + 0.02, y + 0.02, 0), (w / 2 - 0.02, d / 2 - 0.02, 0.05), DARK)
    shape.box((-w / 2, y, 0.04), (w / 2, d / 2, h), color * 0.92)
    drawers(shape, -w / 2 + 0.005, 0.05, w / 2 - 0.005, h - 0.015, y, n, 1, color, "bar", METAL[1])
    for z in np.linspace(0.05, h - 0.015, n + 1)[1:]:
        shape.box((-0.05, y - 0.025, z - 0.075), (0.05, y - 0.015, z - 0.04), (235, 235, 228))
    disc(shape, (w / 2 - 0.05, y - 0.02, h - 0.05), 0.012, 0.012, METAL[0], sections=10)
    return shape.support(-w / 2 + 0.02, -d / 2 + 0.03, w / 2 - 0.02, d / 2 - 0.02, h, 1.0)


def _storage_organizer(rng) -> Shape:
    """A grid of cubes, part of them filled by fabric bins or plastic trays, part open."""
    shape, color = Shape(), tone(rng, (*WOOD, *WHITE, *WHITE))
    rows, columns, cell = int(rng.integers(2, 4)), int(rng.integers(2, 5)), rng.uniform(0.29, 0.36)
    w, h, d = columns * cell + 0.02, rows * cell + 0.02, cell
    carcass(shape, (-w / 2, -d / 2, 0), (w / 2, d / 2, h), color, color * 0.85, 0.022)
    filling = [tint(rng, (*FABRIC, (70, 130, 180), (220, 150, 60), (110, 160, 90))) for _ in range(2)]
    for r in range(rows):
        for c in range(columns):
            x, z = -w / 2 + 0.01 + c * cell, 0.01 + r * cell
            if c:
                shape.box((x - 0.011, -d / 2, z), (x + 0.011, d / 2, z + cell), color)
            if r:
                shape.box((x, -d / 2, z - 0.011), (x + cell, d / 2, z + 0.011), color)
            if rng.random() < 0.6:
                fabric = pick(rng, *filling)
                shape.box(
                    (x + 0.025, -d / 2 - 0.005, z + 0.013), (x + cell - 0.025, d / 2 - 0.03, z + cell * 0.86), fabric
                )
                shape.box((x + cell * 0.35, -d / 2 - 0.02, z + cell * 0.55), (x + cell * 0.65, -d / 2, z + cell * 0.62),
                          fabric * 0.6)
            else:
                shape.support(x + 0.03, -d / 2 + 0.01, x + cell - 0.03, d / 2 - 0.03, z + 0.013, cell - 0.03)
    return shape.support(-w / 2 + 0.03, -d / 2 + 0.03, w / 2 - 0.03, d / 2 - 0.03, h, 0.6)


def _rack(rng) -> Shape:
    """A wire rack on four posts, a clothes rail on wheels or a low slanted shoe rack."""
    shape, steel = Shape(), metal(rng)
    kind = pick(rng, "wire", "wire", "rail", "shoes")
    w, d = rng.uniform(0.75, 1.2), rng.uniform(0.35, 0.48)
    if kind == "rail":
        h = rng.uniform(1.4, 1.7)
        for x in (-w / 2, w / 2):
            shape.box((x - 0.015, -d / 2, 0.05), (x + 0.015, d / 2, 0.08), steel)
            shape.rod((x, 0, 0.06), (x, 0, h), 0.014, steel)
        for z in (0.1, h):
            shape.rod((-w / 2, 0, z), (w / 2, 0, z), 0.014, steel)
        for x in np.sort(rng.uniform(-w * 0.4, w * 0.4, 4)):
            shape.tube([(x, -0.2, h - 0.16), (x, 0, h - 0.08), (x, 0.2, h - 0.16)], 0.011, WOOD[0], 6, solid=False)
            shape.rod((x, 0, h - 0.08), (x, 0, h), 0.01, steel, 6, solid=False)
        return castors(shape, w + 0.03, d)
    n, h = (3, rng.uniform(0.5, 0.65)) if kind == "shoes" else (int(rng.integers(3, 6)), rng.uniform(1.2, 1.85))
    d = 0.3 if kind == "shoes" else d
    for x in (-w / 2 + 0.012, w / 2 - 0.012):
        for y in (-d / 2 + 0.012, d / 2 - 0.012):
            shape.cylinder((x, y, 0), 0.013, h, steel, sections=8)
    levels = np.linspace(0.12, h - 0.02, n)
    for level, above in zip(levels, [*levels[1:], levels[-1] + 0.8]):
        for y in np.linspace(-d / 2 + 0.012, d / 2 - 0.012, 4 if kind == "shoes" else 7):
            shape.box((-w / 2, y - 0.01, level - 0.02), (w / 2, y + 0.01, level), steel)
        for x in np.linspace(-w / 2 + 0.012, w / 2 - 0.012, 4):
            shape.box((x - 0.01, -d / 2, level - 0.025), (x + 0.01, d / 2, level - 0.005), steel)
        shape.support(-w / 2 + 0.04, -d / 2 + 0.03, w / 2 - 0.04, d / 2 - 0.03, level, above - 0.03 - level)
    return shape


def _stand(rng) -> Shape:
    """A slim pedestal, a tripod stand or a small two-level equipment stand."""
    shape, color = Shape(), tone(rng, (*WOOD, *METAL[:2]))
    kind, h, half = pick(rng, "pedestal", "levels", "tripod"), rng.uniform(0.55, 0.85), rng.uniform(0.15, 0.21)
    if kind == "pedestal":
        shape.lathe(
            [(0, 0), (half, 0), (half, 0.03), (0.04, 0.07), (0.03, h / 2), (0.04, h - 0.05), (0, h)], (0, 0, 0), color
        )
        disc(shape, (0, 0, h - 0.012), half, 0.025, color, axis="z", sections=28)
    elif kind == "tripod":
        for a in np.array((0.5, 2.6, 4.7)):
            shape.rod(
                (half * 1.2 * np.cos(a), half * 1.2 * np.sin(a), 0.005),
                (0.03 * np.cos(a), 0.03 * np.sin(a), h * 0.75),
                0.014,
                color,
            )
        shape.cylinder((0, 0, h * 0.6), 0.022, h * 0.4, color, sections=12)
        shape.box((-half, -half * 0.8, h - 0.025), (half, half * 0.8, h), color * 0.9)
    else:
        half *= 1.4
        legs(shape, 2 * half, 1.6 * half, h, color, "square", 0.035)
        for z in (h * 0.25, h):
            shape.box((-half, -half * 0.8, z - 0.025), (half, half * 0.8, z), color)
        shape.support(-half + 0.05, -half * 0.7, half - 0.05, half * 0.7, h * 0.25, h * 0.7)
    return shape.support(-half * 0.7, -half * 0.55, half * 0.7, half * 0.55, h, 1.0)


def _bathroom_cabinet(rng) -> Shape:
    """A shallow wall cabinet, with mirror doors or with white doors over an open shelf."""
    shape, color, steel = Shape(), tone(rng, (*WHITE, *WHITE, WOOD[0])), metal(rng)
    w, h, d = rng.uniform(0.45, 0.9), rng.uniform(0.5, 0.75), rng.uniform(0.13, 0.2)
    front = -d + 0.02
    shelf = 0.16 if rng.random() < 0.5 else 0
    carcass(shape, (-w / 2, front, 0), (w / 2, 0, h), color * 0.95)
    shape.box((-w / 2, front, shelf), (w / 2, 0, h), color * 0.95)
    if shelf:
        shape.support(-w / 2 + 0.04, front + 0.01, w / 2 - 0.04, -0.03, 0.022, shelf - 0.03)
    mirrored = (180, 198, 206) if rng.random() < 0.5 else None
    doors(shape, -w / 2, shelf, w / 2, h, front, 1 if w < 0.55 else 2, color, "knob", steel, mirrored, low_handle=True)
    return shape


def _kitchen_cabinet(rng) -> Shape:
    """A wall-hung upper cabinet of two to four doors with handles at their lower edge."""
    shape, color, steel = Shape(), tone(rng, PAINT), metal(rng)
    n, d, h = int(rng.integers(2, 5)), rng.uniform(0.32, 0.36), rng.uniform(0.6, 0.8)
    w, front = n * rng.uniform(0.36, 0.45), -d + 0.02
    shape.box((-w / 2, front, 0), (w / 2, 0, h), color * 0.88)
    panel = color * 0.88 if rng.random() < 0.6 else None
    doors(shape, -w / 2, 0, w / 2, h, front, n, color, pick(rng, "bar", "knob"), steel, panel, low_handle=True)
    return shape.box((-w / 2 - 0.01, -d, h), (w / 2 + 0.01, 0, h + 0.03), color * 0.95)


def _kitchen_counter(rng) -> Shape:
    """A run of base cabinets under a worktop with a splash edge; sometimes with a steel sink bowl let in."""
    shape, color, steel, top = Shape(), tone(rng, PAINT), metal(rng), tone(rng, (*STONE, *WOOD), 8)
    n, d, h = int(rng.integers(3, 6)), rng.uniform(0.58, 0.64), rng.uniform(0.86, 0.92)
    each, style = rng.uniform(0.42, 0.55), pick(rng, "bar", "knob")
    w, y = n * each, -d / 2 + 0.04
    shape.box((-w / 2, y + 0.05, 0), (w / 2, d / 2, 0.1), DARK)
    shape.box((-w / 2, y, 0.1), (w / 2, d / 2, h - 0.22), color * 0.88)
    shape.box((-w / 2, y, h - 0.24), (w / 2, y + 0.03, h - 0.04), color * 0.88)
    for x in (-w / 2, w / 2 - 0.02):
        shape.box((x, y, h - 0.24), (x + 0.02, d / 2, h - 0.04), color * 0.88)
    for k in range(n):
        a, b = -w / 2 + k * each, -w / 2 + (k + 1) * each
        if rng.random() < 0.25:
            drawers(shape, a, 0.1, b, h - 0.04, y, 4, 1, color, style, steel)
        else:
            doors(shape, a, 0.1, b, h - 0.22, y, 1, color, style, steel, color * 0.9)
            drawers(shape, a, h - 0.22, b, h - 0.04, y, 1, 1, color, style, steel)
    if rng.random() < 0.4:
        x = rng.uniform(-w / 2 + 0.5, w / 2 - 0.5)
        hole = (x - 0.25, -0.19, x + 0.25, 0.17)
        frame_top(shape, (-w / 2, -d / 2, h - 0.04), (w / 2, d / 2, h), hole, top)
        basin(shape, *hole, h + 0.005, 0.18, METAL[2])
        faucet(shape, x, 0.22, h, METAL[0], 0.16, 0.25)
        for a, b in ((-w / 2 + 0.03, x - 0.3), (x + 0.3, w / 2 - 0.03)):
            if b - a > 0.2:
                shape.support(a, -d / 2 + 0.04, b, d / 2 - 0.06, h, 0.5)
    else:
        shape.box((-w / 2, -d / 2, h - 0.04), (w / 2, d / 2, h), top)
        shape.support(-w / 2 + 0.03, -d / 2 + 0.04, w / 2 - 0.03, d / 2 - 0.06, h, 0.5)
    if rng.random() < 0.6:
        shape.box((-w / 2, d / 2 - 0.02, h), (w / 2, d / 2, h + 0.1), top)
    return shape


def _counter(rng) -> Shape:
    """A free-standing service counter: a closed front panel below an overhanging top, maybe with a raised ledge."""
    shape, color, top = Shape(), tint(rng, (*WOOD, *FABRIC, *WHITE)), tone(rng, (*STONE, *WOOD), 8)
    w, d, h = rng.uniform(1.4, 2.4), rng.uniform(0.5, 0.75), rng.uniform(0.9, 1.05)
    shape.box((-w / 2 + 0.05, -d / 2 + 0.1, 0), (w / 2 - 0.05, d / 2 - 0.05, 0.09), DARK)
    shape.box((-w / 2 + 0.02, -d / 2 + 0.06, 0.08), (w / 2 - 0.02, d / 2 - 0.02, h - 0.05), color)
    if rng.random() < 0.6:
        for x in np.linspace(-w / 2 + 0.02, w / 2 - 0.02, int(rng.integers(4, 7)))[1:-1]:
            shape.box((x - 0.012, -d / 2 + 0.054, 0.1), (x + 0.012, -d / 2 + 0.07, h - 0.05), color * 0.7)
    shape.box((-w / 2, -d / 2, h - 0.05), (w / 2, d / 2, h), top)
    if rng.random() < 0.4:
        shape.box((-w / 2, -d / 2 + 0.03, h), (w / 2, -d / 2 + 0.09, h + 0.18), color)
        shape.box((-w / 2, -d / 2 - 0.04, h + 0.17), (w / 2, -d / 2 + 0.16, h + 0.205), top)
        return shape.support(-w / 2 + 0.05, -d / 2 + 0.2, w / 2 - 0.05, d / 2 - 0.03, h, 1.0)
    return shape.support(-w / 2 + 0.05, -d / 2 + 0.05, w / 2 - 0.05, d / 2 - 0.05, h, 1.0)


def _bathroom_vanity(rng) -> Shape:
    """A cabinet with a white top, a basin let in or set on it, and a tap."""
    shape, color, steel, white = Shape(), tone(rng, PAINT), metal(rng), tone(rng, CERAMIC, 4)
    w, d, h = rng.uniform(0.6, 1.2), rng.uniform(0.46, 0.55), rng.uniform(0.8, 0.88)
    y, top = -d / 2 + 0.03, pick(rng, white, tone(rng, STONE, 8))
    shape.box((-w / 2 + 0.02, y + 0.05, 0), (w / 2 - 0.02, d / 2, 0.09), DARK)
    shape.box((-w / 2, y, 0.09), (w / 2, d / 2, h - 0.17), color * 0.88)
    shape.box((-w / 2, y, h - 0.18), (w / 2, y + 0.03, h - 0.03), color * 0.88)
    for x in (-w / 2, w / 2 - 0.02):
        shape.box((x, y, h - 0.18), (x + 0.02, d / 2, h - 0.03), color * 0.88)
    if w > 0.85 and rng.random() < 0.6:
        doors(shape, -w / 2, 0.09, w / 6, h - 0.04, y, 2, color, "knob", steel, color * 0.9)
        drawers(shape, w / 6, 0.09, w / 2, h - 0.04, y, 3, 1, color, "knob", steel)
    else:
        doors(shape, -w / 2, 0.09, w / 2, h - 0.04, y, 2, color, "bar", steel, color * 0.9)
    if rng.random() < 0.6:
        hole = (-0.23, -0.17, 0.23, 0.13)
        frame_top(shape, (-w / 2 - 0.01, -d / 2, h - 0.04), (w / 2 + 0.01, d / 2, h), hole, top)
        basin(shape, *hole, h + 0.004, 0.14, white)
    else:
        shape.box((-w / 2 - 0.01, -d / 2, h - 0.04), (w / 2 + 0.01, d / 2, h), top)
        loft(shape, [(0.14, 0.11, 0), (0.21, 0.16, 0.12), (0.195, 0.145, 0.12), (0.12, 0.09, 0.03)], white,
             at=(0, -0.03, h), exponent=pick(rng, 2.0, 5.0))
    faucet(shape, 0, d / 2 - 0.06, h, METAL[0], 0.13, pick(rng, 0.14, 0.22))
    shape.box((-w / 2, d / 2 - 0.02, h), (w / 2, d / 2, h + 0.08), top)
    for a, b in ((-w / 2 + 0.02, -0.26), (0.26, w / 2 - 0.02)):
        if b - a > 0.08:
            shape.support(a, -d / 2 + 0.03, b, d / 2 - 0.04, h, 0.6)
    return shape


def _cart(rng) -> Shape:
    """A utility trolley: two or three trays between posts on castors, with a push handle."""
    shape, color, steel = Shape(), tone(rng, (*PLASTIC, *METAL, (60, 110, 160), (190, 60, 50))), metal(rng)
    w, d, h = rng.uniform(0.55, 0.9), rng.uniform(0.38, 0.5), rng.uniform(0.75, 0.95)
    for x in (-w / 2 + 0.03, w / 2 - 0.03):
        for y in (-d / 2 + 0.03, d / 2 - 0.03):
            shape.cylinder((x, y, 0.07), 0.015, h - 0.07, steel, sections=8)
    n = int(rng.integers(2, 4))
    levels = np.linspace(0.14, h - 0.06, n)
    for level, above in zip(levels, [*levels[1:], h + 0.8]):
        shape.box((-w / 2, -d / 2, level - 0.02), (w / 2, d / 2, level), color)
        for a, b in (((-w / 2, -d / 2), (w / 2, -d / 2 + 0.02)), ((-w / 2, d / 2 - 0.02), (w / 2, d / 2)),
                     ((-w / 2, -d / 2), (-w / 2 + 0.02, d / 2)), ((w / 2 - 0.02, -d / 2), (w / 2, d / 2))):
            shape.box((*a, level - 0.02), (*b, level + 0.05), color)
        shape.support(-w / 2 + 0.05, -d / 2 + 0.05, w / 2 - 0.05, d / 2 - 0.05, level, above - 0.03 - level)
    x = w / 2 - 0.03
    shape.tube([(x, -d / 2 + 0.03, h - 0.02), (x + 0.1, -d / 2 + 0.03, h + 0.04), (x + 0.1, d / 2 - 0.03, h + 0.04),
                (x, d / 2 - 0.03, h - 0.02)], 0.014, steel)
    return castors(shape, w, d, radius=0.04)


KINDS: dict[str, Kind] = {
    "nightstand": Kind(_nightstand, "against_wall", ("bedroom",), near=("bed",)),
    "dresser": Kind(_dresser, "against_wall", ("bedroom", "living")),
    "cabinet": Kind(_cabinet, "against_wall", ("living", "office", "classroom", "hallway", "laundry", "bedroom")),
    "shelf": Kind(_shelf, "against_wall", ("living", "office", "bedroom", "kitchen", "laundry", "classroom")),
    "bookshelf": Kind(_bookshelf, "against_wall", ("living", "office", "classroom", "bedroom")),
    "wardrobe": Kind(_wardrobe, "against_wall", ("bedroom", "hallway")),
    "tv stand": Kind(_tv_stand, "against_wall", ("living", "bedroom")),
    "file cabinet": Kind(_file_cabinet, "against_wall", ("office", "classroom")),
    "storage organizer": Kind(_storage_organizer, "against_wall", ("bedroom", "classroom", "living", "office")),
    "rack": Kind(_rack, "against_wall", ("laundry", "kitchen", "hallway", "bedroom", "office")),
    "stand": Kind(_stand, "against_wall", ("living", "hallway", "office", "classroom", "bedroom")),
    "bathroom cabinet": Kind(_bathroom_cabinet, "wall", ("bathroom",), height=(1.2, 1.45)),
    "kitchen cabinet": Kind(_kitchen_cabinet, "wall", ("kitchen",), height=(1.38, 1.5)),
    "kitchen counter": Kind(_kitchen_counter, "against_wall", ("kitchen",)),
    "counter": Kind(_counter, "floor", ("kitchen", "office", "hallway", "classroom")),
    "bathroom vanity": Kind(_bathroom_vanity, "against_wall", ("bathroom",)),
    "cart": Kind(_cart, "floor", ("kitchen", "office", "classroom", "laundry", "hallway")),
}

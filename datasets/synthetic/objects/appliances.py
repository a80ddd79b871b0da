"""Appliances of a synthetic scene: kitchen and laundry here; machines, sanitary and loose things from their modules.

`KINDS` maps a ScanNet200 class name to how it is built and where it stands: `KINDS["stove"].build(rng)`.
"""
import numpy as np

from datasets.synthetic.objects import floor_things, machines, sanitary
from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import DARK, disc, doors, handle, loft, metal, tone
from datasets.synthetic.objects.shapes import METAL, WHITE, WOOD, Shape, pick

ENAMEL = ((238, 238, 235), (238, 238, 235), (180, 182, 186), (45, 45, 48))
GLASS = (30, 32, 38)


def _refrigerator(rng) -> Shape:
    """A tall refrigerator: freezer above, freezer drawer below, or two doors side by side; upright handles."""
    shape, color, steel = Shape(), tone(rng, ENAMEL, 6), tone(rng, METAL, 6)
    kind = pick(rng, "top", "bottom", "french", "side")
    w = rng.uniform(0.8, 0.95) if kind in ("french", "side") else rng.uniform(0.6, 0.75)
    d, h = rng.uniform(0.64, 0.76), rng.uniform(1.6, 1.85)
    y = -d / 2 + 0.07
    shape.box((-w / 2, y, 0.06), (w / 2, d / 2, h), color * 0.85)
    shape.box((-w / 2 + 0.02, y + 0.01, 0), (w / 2 - 0.02, d / 2 - 0.04, 0.06), DARK)
    split = {"top": h * 0.68, "bottom": h * 0.36, "french": h * 0.36, "side": 0.07}[kind]
    half = 0 if kind in ("french", "side") else None
    panels = [(-w / 2, 0.07, w / 2, split), (-w / 2, split, w / 2, h)] if half is None else \
        [(-w / 2, 0.07, w / 2, split), (-w / 2, split, 0, h), (0, split, w / 2, h)]
    for a, low, b, high in panels:
        if high - low < 0.1:
            continue
        shape.box((a + 0.004, -d / 2, low + 0.006), (b - 0.004, y - 0.008, high - 0.006), color)
        if kind in ("bottom", "french") and low < 0.1:
            handle(shape, 0, -d / 2, high - 0.08, "bar", steel, length=w * 0.5)
            continue
        x = (b - 0.05 if a < -0.01 and b < 0.01 else a + 0.05)
        long = min(0.45, (high - low) * 0.6)
        middle = high - long / 2 - 0.08 if low < 0.1 and kind == "top" else low + long / 2 + 0.08
        handle(shape, x, -d / 2, middle, "bar", steel, upright=True, length=long)
    if half is not None and rng.random() < 0.6:
        shape.box((-w / 4 - 0.1, -d / 2 - 0.006, h * 0.6), (-w / 4 + 0.1, -d / 2, h * 0.8), DARK)
        shape.box((-w / 4 - 0.07, -d / 2 - 0.01, h * 0.76), (-w / 4 + 0.07, -d / 2, h * 0.79), (110, 150, 170))
    return shape.support(-w / 2 + 0.04, -d / 2 + 0.1, w / 2 - 0.04, d / 2 - 0.04, h, 0.5)


def _mini_fridge(rng) -> Shape:
    """A knee- to hip-high refrigerator with one door."""
    shape, color = Shape(), tone(rng, ((236, 236, 233), (40, 40, 43), (180, 182, 186), (170, 45, 45)), 6)
    w, d, h = rng.uniform(0.44, 0.54), rng.uniform(0.45, 0.55), rng.uniform(0.5, 0.86)
    y = -d / 2 + 0.05
    shape.box((-w / 2, y, 0.025), (w / 2, d / 2, h), color * 0.85)
    for x in (-w / 2 + 0.04, w / 2 - 0.04):
        shape.box((x - 0.02, y, 0), (x + 0.02, d / 2 - 0.02, 0.03), DARK)
    split = h * 0.74 if rng.random() < 0.3 else h
    for low, high in ((0.03, split), (split, h)):
        if high > low:
            shape.box((-w / 2, -d / 2, low + 0.005), (w / 2, y - 0.008, high - 0.005), color)
            shape.box(
                (w / 2 - 0.06, -d / 2 - 0.015, high - min(0.2, (high - low) * 0.8)),
                (w / 2 - 0.035, -d / 2, high - 0.03),
                METAL[1],
            )
    shape.box((-w / 2 + 0.05, -d / 2 - 0.003, h - 0.07), (-w / 2 + 0.13, -d / 2, h - 0.045), METAL[0])
    return shape.support(-w / 2 + 0.03, -d / 2 + 0.06, w / 2 - 0.03, d / 2 - 0.03, h, 0.8)


def _oven_door(shape: Shape, x0: float, z0: float, x1: float, z1: float, y: float, color, steel) -> Shape:
    """A drop door with a dark window and a bar handle along its top, 3 cm proud of the plane y."""
    shape.box((x0, y - 0.03, z0), (x1, y, z1), color)
    shape.box((x0 + 0.09, y - 0.034, z0 + 0.08), (x1 - 0.09, y - 0.02, z1 - 0.13), GLASS)
    for x in (x0 + 0.07, x1 - 0.07):
        shape.box((x - 0.01, y - 0.07, z1 - 0.07), (x + 0.01, y - 0.02, z1 - 0.05), steel)
    return shape.box((x0 + 0.04, y - 0.085, z1 - 0.072), (x1 - 0.04, y - 0.06, z1 - 0.048), steel)


def _knobs(shape: Shape, x0: float, x1: float, y: float, z: float, count: int, color) -> Shape:
    """A row of round control knobs on a front."""
    for x in np.linspace(x0, x1, count):
        disc(shape, (x, y - 0.013, z), 0.02, 0.026, color, sections=12)
    return shape


def _stove(rng) -> Shape:
    """A range: four burners on top, an oven door and a drawer below, knobs in front or on a raised back."""
    shape, color, steel = Shape(), tone(rng, ENAMEL, 6), metal(rng)
    w, d, h = rng.uniform(0.58, 0.77), rng.uniform(0.6, 0.66), rng.uniform(0.88, 0.92)
    y = -d / 2 + 0.05
    shape.box((-w / 2, y, 0.03), (w / 2, d / 2, h - 0.02), color * 0.92)
    shape.box((-w / 2 + 0.03, y + 0.03, 0), (w / 2 - 0.03, d / 2 - 0.03, 0.03), DARK)
    ceramic = rng.random() < 0.4
    shape.box((-w / 2, -d / 2 + 0.02, h - 0.025), (w / 2, d / 2, h), GLASS if ceramic else color)
    for x in (-w / 4, w / 4):
        for v in (-d / 4 + 0.03, d / 4 - 0.02):
            r = 0.085 if x * v > 0 else 0.11
            if ceramic:
                disc(shape, (x, v, h + 0.001), r, 0.006, (85, 60, 58), axis="z")
                continue
            disc(shape, (x, v, h + 0.004), r, 0.012, (55, 55, 58), axis="z")
            for a, b in (((-r, -0.01), (r, 0.01)), ((-0.01, -r), (0.01, r))):
                shape.box((x + a[0], v + a[1], h + 0.01), (x + b[0], v + b[1], h + 0.032), (22, 22, 24))
            disc(shape, (x, v, h + 0.012), 0.035, 0.022, METAL[1], axis="z", sections=12)
    shape.box((-w / 2 + 0.01, y - 0.03, 0.05), (w / 2 - 0.01, y, 0.2), color)
    _oven_door(shape, -w / 2 + 0.01, 0.22, w / 2 - 0.01, h - 0.14, y, color, steel)
    if rng.random() < 0.5:
        shape.box((-w / 2, d / 2 - 0.07, h), (w / 2, d / 2, h + 0.16), color)
        _knobs(shape, -w * 0.42, w * 0.42, d / 2 - 0.07, h + 0.09, 6, DARK)
        shape.box((-0.08, d / 2 - 0.074, h + 0.05), (0.08, d / 2 - 0.06, h + 0.13), color * 0.9)
        shape.box((-0.07, d / 2 - 0.078, h + 0.06), (0.07, d / 2 - 0.06, h + 0.12), GLASS)
    else:
        shape.box((-w / 2, y - 0.02, h - 0.13), (w / 2, y, h - 0.025), color * 0.95)
        _knobs(shape, -w * 0.4, w * 0.4, y - 0.02, h - 0.075, 5, DARK)
    return shape


def _oven(rng) -> Shape:
    """A built-in oven, single or double, in a tall or a low kitchen housing."""
    shape, color, steel = Shape(), tone(rng, (*WOOD, *WHITE)), metal(rng)
    face = tone(rng, ((45, 45, 48), (185, 187, 190), (236, 236, 233)), 6)
    w, d = rng.uniform(0.6, 0.72), rng.uniform(0.58, 0.64)
    tall = rng.random() < 0.6
    low, n = (pick(rng, 0.45, 0.7), pick(rng, 1, 2)) if tall else (0.14, 1)
    h, y = (rng.uniform(1.95, 2.15) if tall else 0.9), -d / 2 + 0.04
    shape.box((-w / 2, y + 0.03, 0), (w / 2, d / 2, 0.08), DARK)
    shape.box((-w / 2, y, 0.08), (w / 2, d / 2, h - 0.02), color * 0.9)
    z = low
    for _ in range(n):
        shape.box((-w / 2 + 0.03, y - 0.02, z), (w / 2 - 0.03, y, z + 0.6), face)
        _oven_door(shape, -w / 2 + 0.035, z + 0.01, w / 2 - 0.035, z + 0.47, y - 0.01, face, steel)
        _knobs(shape, -w * 0.36, -w * 0.24, y - 0.02, z + 0.54, 2, METAL[1])
        shape.box((-0.1, y - 0.026, z + 0.51), (0.12, y - 0.01, z + 0.57), (60, 110, 130))
        _knobs(shape, w * 0.24, w * 0.36, y - 0.02, z + 0.54, 2, METAL[1])
        z += 0.62
    if tall:
        doors(shape, -w / 2, 0.09, w / 2, low - 0.02, y, 2, color, "bar", steel)
        doors(shape, -w / 2, z, w / 2, h - 0.01, y, 2, color, "bar", steel, low_handle=True)
        return shape
    shape.box((-w / 2, -d / 2 - 0.01, h - 0.04), (w / 2, d / 2, h), tone(rng, ((70, 70, 72), (205, 200, 190), WOOD[0])))
    return shape.support(-w / 2 + 0.03, -d / 2 + 0.03, w / 2 - 0.03, d / 2 - 0.03, h, 0.5)


def _dishwasher(rng) -> Shape:
    """A hip-high flat door with a control strip, a bar handle and a plinth."""
    shape, color = Shape(), tone(rng, ((185, 187, 190), (236, 236, 233), (45, 45, 48)), 6)
    w, d, h = rng.uniform(0.56, 0.61), rng.uniform(0.56, 0.62), rng.uniform(0.82, 0.87)
    y = -d / 2 + 0.04
    shape.box((-w / 2, y, 0.1), (w / 2, d / 2, h), color * 0.85)
    shape.box((-w / 2 + 0.01, y + 0.05, 0), (w / 2 - 0.01, d / 2, 0.1), DARK)
    shape.box((-w / 2, y - 0.03, 0.11), (w / 2, y, h - 0.13), color)
    strip = pick(rng, GLASS, color * 0.8)
    shape.box((-w / 2, y - 0.035, h - 0.12), (w / 2, y, h - 0.01), strip)
    for x in np.linspace(w * 0.12, w * 0.4, 5):
        shape.box((x - 0.008, y - 0.04, h - 0.07), (x + 0.008, y - 0.02, h - 0.055), (225, 225, 225))
    shape.box((-w * 0.4, y - 0.04, h - 0.08), (-w * 0.24, y - 0.02, h - 0.045), (70, 120, 110))
    if rng.random() < 0.7:
        handle(shape, 0, y - 0.03, h - 0.2, "bar", METAL[0], length=w * 0.8)
    else:
        shape.box((-w * 0.2, y - 0.036, h - 0.17), (w * 0.2, y - 0.01, h - 0.135), DARK)
    shape.box((-w / 2, -d / 2 + 0.02, h - 0.01), (w / 2, d / 2, h + 0.015), color * 0.9)
    return shape.support(-w / 2 + 0.03, -d / 2 + 0.06, w / 2 - 0.03, d / 2 - 0.03, h + 0.015, 0.5)


def _washing_machine(rng) -> Shape:
    """A front loader with a round dark porthole and soap drawer, or a top loader with a lid and a raised console."""
    shape, color = Shape(), tone(rng, ((240, 240, 238), (240, 240, 238), (150, 155, 162), (70, 75, 85)), 5)
    w, d, h = rng.uniform(0.59, 0.69), rng.uniform(0.56, 0.68), rng.uniform(0.84, 0.96)
    shape.box((-w / 2, -d / 2, 0.02), (w / 2, d / 2, h), color)
    shape.box((-w / 2 + 0.03, -d / 2 + 0.03, 0), (w / 2 - 0.03, d / 2 - 0.03, 0.02), DARK)
    if rng.random() < 0.3:
        shape.box((-w * 0.4, -d / 2 + 0.05, h), (w * 0.4, d * 0.28, h + 0.02), color * 0.9)
        shape.box((-w * 0.3, -d / 2 + 0.1, h + 0.015), (w * 0.3, d * 0.2, h + 0.024), (90, 100, 110))
        shape.box((-w / 2, d / 2 - 0.13, h), (w / 2, d / 2, h + 0.15), color * 0.95)
        _knobs(shape, -w * 0.35, w * 0.35, d / 2 - 0.13, h + 0.08, 4, METAL[1])
        return shape
    y, z = -d / 2, h * 0.46
    r = rng.uniform(0.19, 0.23)
    disc(shape, (0, y - 0.005, z), r, 0.05, tone(rng, (*METAL, (235, 235, 235))), sections=32)
    disc(shape, (0, y - 0.02, z), r * 0.72, 0.05, GLASS, sections=28)
    shape.box((r * 0.8, y - 0.045, z - 0.05), (r * 0.98, y - 0.02, z + 0.05), METAL[1])
    shape.box((-w / 2 + 0.005, y - 0.012, h - 0.16), (w / 2 - 0.005, y, h - 0.02), color * 0.88)
    shape.box((-w / 2 + 0.03, y - 0.02, h - 0.145), (-w * 0.15, y, h - 0.04), color)
    disc(shape, (0.02, y - 0.02, h - 0.09), 0.04, 0.03, METAL[0], sections=16)
    shape.box((w * 0.18, y - 0.018, h - 0.12), (w * 0.42, y, h - 0.06), GLASS)
    shape.box((w * 0.2, y - 0.006, 0.05), (w * 0.42, y, 0.14), color * 0.85)
    return shape.support(-w / 2 + 0.03, -d / 2 + 0.03, w / 2 - 0.03, d / 2 - 0.03, h, 0.8)


def _clothes_dryer(rng) -> Shape:
    """A dryer: a large plain door, square or round and pale, no soap drawer, a console behind or a grille below."""
    shape, color = Shape(), tone(rng, ((240, 240, 238), (240, 240, 238), (150, 155, 162), (70, 75, 85)), 5)
    w, d, h = rng.uniform(0.6, 0.7), rng.uniform(0.6, 0.7), rng.uniform(0.86, 0.98)
    y = -d / 2
    shape.box((-w / 2, y, 0.02), (w / 2, d / 2, h), color)
    shape.box((-w / 2 + 0.03, y + 0.03, 0), (w / 2 - 0.03, d / 2 - 0.03, 0.02), DARK)
    if rng.random() < 0.6:
        shape.box((-w * 0.36, y - 0.02, h * 0.36), (w * 0.36, y, h * 0.82), color * 0.82)
        shape.box((-w * 0.33, y - 0.03, h * 0.38), (w * 0.33, y, h * 0.8), color * 0.97)
        shape.box((w * 0.24, y - 0.036, h * 0.52), (w * 0.3, y, h * 0.66), METAL[1])
        shape.box((-w / 2, d / 2 - 0.12, h), (w / 2, d / 2, h + 0.15), color * 0.9)
        _knobs(shape, -w * 0.3, w * 0.3, d / 2 - 0.12, h + 0.08, 3, METAL[1])
        return shape.support(-w / 2 + 0.03, y + 0.03, w / 2 - 0.03, d / 2 - 0.15, h, 0.8)
    disc(shape, (0, y - 0.01, h * 0.52), 0.25, 0.05, METAL[2], sections=32)
    disc(shape, (0, y - 0.02, h * 0.52), 0.21, 0.05, color, sections=28)
    shape.box((-w / 2 + 0.005, y - 0.012, h - 0.13), (w / 2 - 0.005, y, h - 0.02), color * 0.85)
    disc(shape, (w * 0.3, y - 0.02, h - 0.075), 0.04, 0.03, METAL[0], sections=16)
    for z in np.arange(4) * 0.03 + 0.06:
        shape.box((-w * 0.38, y - 0.006, z), (w * 0.1, y, z + 0.014), DARK)
    return shape.support(-w / 2 + 0.03, y + 0.03, w / 2 - 0.03, d / 2 - 0.03, h, 0.8)


def _range_hood(rng) -> Shape:
    """An extractor for the wall: a chimney over a flared or flat canopy, or a slim box, with a dark filter below."""
    shape, color = Shape(), tone(rng, ((185, 187, 190), (185, 187, 190), (236, 236, 233), (45, 45, 48)), 6)
    w, d, kind = rng.uniform(0.58, 0.9), rng.uniform(0.44, 0.52), pick(rng, "flared", "flat", "slim")
    shape.box((-w / 2 + 0.03, -d + 0.03, 0), (w / 2 - 0.03, -0.02, 0.03), (60, 60, 62))
    shape.box((-w / 2, -d, 0.01), (w / 2, 0, 0.07 if kind != "slim" else 0.14), color)
    for x in (-0.09, -0.03, 0.03, 0.09):
        shape.box((x - 0.012, -d - 0.008, 0.03), (x + 0.012, -d, 0.05), DARK)
    if kind == "slim":
        return shape.box((-w / 2 + 0.02, -d * 0.55, 0.14), (w / 2 - 0.02, 0, 0.24), color * 0.92)
    if kind == "flared":
        loft(shape, [(w / 2, d / 2, 0.07, -d / 2), (0.13, 0.135, 0.27, -0.135)], color, exponent=40)
    return shape.box((-0.13, -0.27, 0.06), (0.13, 0, rng.uniform(0.6, 0.85)), color * 0.95)


WET = ("laundry", "bathroom")
KINDS: dict[str, Kind] = {
    **sanitary.KINDS,
    **floor_things.KINDS,
    **machines.KINDS,
    "refrigerator": Kind(_refrigerator, "against_wall", ("kitchen",)),
    "mini fridge": Kind(_mini_fridge, "against_wall", ("bedroom", "office", "kitchen")),
    "stove": Kind(_stove, "against_wall", ("kitchen",)),
    "oven": Kind(_oven, "against_wall", ("kitchen",)),
    "dishwasher": Kind(_dishwasher, "against_wall", ("kitchen",)),
    "washing machine": Kind(_washing_machine, "against_wall", WET),
    "clothes dryer": Kind(_clothes_dryer, "against_wall", WET),
    "range hood": Kind(_range_hood, "wall", ("kitchen",), height=(1.5, 1.65)),
}

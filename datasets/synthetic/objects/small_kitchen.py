"""Builders of vessels and dishes: bottles, dispensers, cups, bowls, plates, trays.

Use: `tabletop.KINDS`, which holds these under their class names.
"""

import numpy as np

from datasets.synthetic.objects.shapes import CERAMIC, WOOD, Shape, pick, tint, vary
from datasets.synthetic.objects.small_parts import BLACK, DARK, PALE, STEEL, Small, hue
from datasets.synthetic.objects.small_prints import lettering


def bottle(rng) -> Shape:
    """A wine, soda, sauce, milk or spray bottle, labelled."""
    style = rng.integers(4)
    if style == 3:
        color, r, h = hue(rng, (0.3, 0.9), (0.6, 1)), rng.uniform(0.04, 0.05), rng.uniform(0.15, 0.19)
        shape = Small().lathe([(0, 0), (r, 0), (r, h * 0.75), (0.016, h), (0, h)], (0, 0, 0), color, sections=14)
        shape.cylinder((0, 0, h), 0.016, 0.03, PALE, sections=10).box(
            (-0.012, -0.06, h + 0.03), (0.012, 0.03, h + 0.06), PALE
        )
        shape.rod((0, -0.035, h + 0.03), (0, -0.045, h - 0.02), 0.006, DARK, sections=6)
        return shape.cylinder((0, 0, h * 0.2), r + 0.002, h * 0.4, vary(rng, PALE, 12), sections=14, solid=False)
    color = tint(
        rng,
        (
            ((40, 70, 44), (60, 36, 26), (24, 24, 28)),
            ((130, 40, 30), (60, 140, 70), (190, 210, 220)),
            ((150, 30, 24), (220, 180, 50), (240, 240, 236), (70, 44, 30)),
        )[style],
        10,
    )
    r, h, neck = ((0.038, 0.3, 0.014), (0.045, 0.29, 0.016), (0.034, 0.2, 0.018))[style]
    r, h = r * rng.uniform(0.9, 1.2), h * rng.uniform(0.85, 1.15)
    low = (0.62, 0.68, 0.6)[style]
    shape = Small().lathe(
        [
            (0, 0),
            (r, 0),
            (r, h * low),
            (r * 0.75, h * (low + 0.1)),
            (neck, h * (low + 0.2)),
            (neck, h * 0.93),
            (0, h * 0.93),
        ],
        (0, 0, 0),
        color,
        sections=16,
    )
    shape.cylinder((0, 0, h * 0.92), neck + 0.004, h * 0.08, hue(rng), sections=12)
    return shape.cylinder((0, 0, h * 0.2), r + 0.002, h * 0.3, hue(rng, (0, 0.8), (0.5, 1)), sections=16, solid=False)


def water_bottle(rng) -> Shape:
    """A sports or steel bottle, straight, with a big cap and a carrying loop; or a clear one with a blue band."""
    r, h, color = rng.uniform(0.032, 0.042), rng.uniform(0.2, 0.27), hue(rng)
    if rng.random() < 0.35:
        clear = np.array((196, 220, 232))
        shape = Small().lathe(
            [
                (0, 0),
                (r, 0.005),
                (r, h * 0.3),
                (r * 0.9, h * 0.36),
                (r, h * 0.42),
                (r, h * 0.7),
                (0.014, h * 0.92),
                (0, h * 0.92),
            ],
            (0, 0, 0),
            clear,
            sections=14,
        )
        shape.cylinder((0, 0, h * 0.45), r + 0.002, h * 0.2, (50, 110, 190), sections=14, solid=False)
        return shape.cylinder((0, 0, h * 0.91), 0.016, 0.025, (240, 240, 245), sections=10)
    body = pick(rng, np.array(STEEL, float), color, color)
    shape = Small().lathe(
        [(0, 0), (r, 0), (r, h * 0.78), (r * 0.7, h * 0.86), (0, h * 0.86)], (0, 0, 0), body, sections=16
    )
    shape.cylinder((0, 0, h * 0.85), r * 0.75, h * 0.13, DARK, sections=14)
    shape.hoop((0, 0, h * 1.02), r * 0.55, 0.007, DARK, turn=(90, (1, 0, 0)), sections=12)
    return shape.cylinder((0, 0, h * 0.3), r + 0.002, h * 0.04, color * 0.5, sections=16, solid=False)


def soap_dispenser(rng) -> Shape:
    """A pump bottle: a body, a collar, a pump head with a beak."""
    color, r, h = (
        pick(rng, np.array(PALE, float), hue(rng), hue(rng), np.array(STEEL, float)),
        rng.uniform(0.032, 0.042),
        rng.uniform(0.11, 0.16),
    )
    shape, pump = Small(), tint(rng, ((240, 240, 240), (190, 192, 196), (40, 40, 44)), 5)
    if rng.random() < 0.4:
        shape.frustum((r * 2, r * 1.6), (r * 1.8, r * 1.4), 0, h, color)
        shape.front(-r * 0.7, h * 0.2, r * 0.7, h * 0.75, -r * 0.82, lettering(rng, 6, 5))
    else:
        shape.lathe(
            [(0, 0), (r, 0), (r * 1.04, h * 0.5), (r * 0.9, h * 0.85), (0.014, h), (0, h)],
            (0, 0, 0),
            color,
            sections=16,
        )
        shape.cylinder((0, 0, h * 0.25), r * 1.05, h * 0.35, hue(rng, (0.1, 0.6), (0.7, 1)), sections=16, solid=False)
    shape.cylinder((0, 0, h), 0.016, 0.018, pump, sections=12).cylinder(
        (0, 0, h + 0.018), 0.007, 0.03, pump, sections=8
    )
    return shape.box((-0.013, -0.055, h + 0.042), (0.013, 0.016, h + 0.06), pump)


def cup(rng) -> Shape:
    """A mug with a handle, a paper cup with a lid and sleeve, a glass, or a cup on a saucer."""
    style = rng.integers(5)
    if style == 3:
        color, h = np.array(pick(rng, (238, 236, 230), (110, 76, 50), (40, 90, 66))), rng.uniform(0.11, 0.15)
        shape = Small().cylinder((0, 0, 0), 0.03, h, color, top=0.042, sections=16)
        shape.cylinder((0, 0, h * 0.35), 0.038, h * 0.4, (160, 116, 76), top=0.042, sections=16)
        return shape.lathe(
            [(0, h), (0.045, h), (0.042, h + 0.014), (0, h + 0.014)], (0, 0, 0), pick(rng, PALE, BLACK), sections=16
        )
    if style == 4:
        r, h = rng.uniform(0.033, 0.042), rng.uniform(0.09, 0.15)
        drink = np.array(pick(rng, (230, 150, 50), (200, 220, 228), (120, 50, 40)))
        shape = Small().vessel([(r * 0.85, 0), (r, h)], 0.004, (196, 214, 220))
        return shape.cylinder((0, 0, 0.004), r * 0.86, h * 0.6, drink, top=r * 0.92, sections=16, solid=False)
    color, r, h = (
        pick(rng, tint(rng, CERAMIC, 5), hue(rng), hue(rng)),
        rng.uniform(0.038, 0.048),
        rng.uniform(0.08, 0.11),
    )
    shape = Small().vessel(
        [(r * pick(rng, 0.8, 1, 1), 0), (r, h * 0.4), (r, h)], 0.005, color, inside=np.array(PALE) * 0.95
    )
    if rng.random() < 0.6:
        shape.cylinder((0, 0, 0.02), r - 0.006, h * 0.65, (70, 44, 30), sections=16, solid=False)
    shape.hoop((r + 0.008, 0, h * 0.52), h * 0.3, 0.007, color * 0.95, turn=(90, (1, 0, 0)), sections=14)
    if rng.random() < 0.4:
        shape.cylinder((0, 0, h * 0.35), r + 0.0015, h * 0.3, hue(rng), sections=16, solid=False)
    if style == 0:
        saucer = Small().lathe(
            [(0, 0), (0.045, 0), (0.075, 0.016), (0.073, 0.02), (0, 0.008)], (0, 0, 0), color, sections=20
        )
        return saucer.merge(shape, at=(0, 0, 0.009))
    return shape


def bowl(rng) -> Shape:
    """A bowl, deep or wide, empty or with fruit or salad."""
    color = pick(rng, tint(rng, CERAMIC, 5), hue(rng), tint(rng, WOOD), np.array(STEEL, float))
    r = rng.uniform(0.075, 0.16)
    h = r * rng.uniform(0.45, 0.75)
    shape = Small().vessel(
        [(r * 0.45, 0), (r * 0.75, h * 0.3), (r * 0.93, h * 0.65), (r, h)],
        0.007,
        color,
        inside=pick(rng, color * 0.85, np.array(PALE) * 0.95),
        sections=24,
    )
    filling = rng.integers(3)
    if filling == 1 and r > 0.1:
        fruit = pick(rng, (220, 130, 30), (190, 40, 40), (120, 170, 50), (235, 205, 60))
        for k in range(6):
            a = k * 1.26
            at = (0, 0, h * 0.85) if k == 5 else (0.5 * r * np.cos(a), 0.5 * r * np.sin(a), h * 0.62)
            shape.sphere(at, 0.036, vary(rng, fruit, 14), subdivisions=1, solid=False)
    elif filling == 2:
        shape.sphere((0, 0, h * 0.55), (r * 0.82, r * 0.82, h * 0.35), hue(rng, (0.4, 0.8), (0.5, 0.9)), solid=False)
    return shape


def plate(rng) -> Shape:
    """A plate with a raised rim, plain, banded, square or piled with others, perhaps with food."""
    color, r = (
        pick(rng, tint(rng, CERAMIC, 5), tint(rng, CERAMIC, 5), hue(rng, (0.2, 0.6), (0.6, 0.95))),
        rng.uniform(0.09, 0.14),
    )
    band = hue(rng) if rng.random() < 0.5 else color * 0.93
    shape, count = Small(), 1 if rng.random() < 0.75 else rng.integers(2, 6)
    for k in range(count):
        z = k * 0.014
        shape.lathe(
            [(0, 0), (r * 0.6, 0), (r, 0.02), (r * 0.98, 0.025), (r * 0.62, 0.011), (0, 0.011)],
            (0, 0, z),
            color,
            sections=28,
        )
        shape.lathe([(r * 0.9, 0.022), (r * 0.985, 0.0265)], (0, 0, z), band, sections=28, solid=False)
    if rng.random() < 0.4:
        for _ in range(4):
            x, y = rng.uniform(-0.35, 0.35, 2) * r
            shape.sphere(
                (x, y, z + 0.018),
                (r * 0.25, r * 0.2, 0.016),
                hue(rng, (0.5, 0.9), (0.4, 0.9)),
                subdivisions=1,
                solid=False,
            )
    return shape


def tray(rng) -> Shape:
    """A serving tray with a raised edge and two grips, rectangular or round."""
    color = pick(rng, tint(rng, WOOD), hue(rng, (0.3, 0.8), (0.3, 0.8)), np.array(STEEL, float), np.array(DARK, float))
    w, d, h = rng.uniform(0.36, 0.5), rng.uniform(0.25, 0.34), rng.uniform(0.035, 0.055)
    if rng.random() < 0.25:
        return Small().vessel([(w * 0.38, 0), (w * 0.42, h)], 0.014, color, inside=color * 0.8, sections=32)
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.014), color * 0.8)
    for x0, y0, x1, y1 in ((-w, -d, w, -d + 0.03), (-w, d - 0.03, w, d), (-w, -d, -w + 0.03, d), (w - 0.03, -d, w, d)):
        shape.box((x0 / 2, y0 / 2, 0), (x1 / 2, y1 / 2, h), color)
    for side in (-1, 1):
        shape.arch(
            (side * (w / 2 - 0.008), -d * 0.2, h), (side * (w / 2 - 0.008), d * 0.2, h), 0.025, 0.008, color * 0.6
        )
    return shape

"""Builders of what stands on kitchen and laundry counters: small machines, kettles, racks, rolls, jugs.

Use: `tabletop.KINDS`, which holds these under their class names.
"""

import numpy as np

from datasets.synthetic.objects.shapes import Shape, pick, tint, vary
from datasets.synthetic.objects.small_parts import BLACK, DARK, GREY, PALE, STEEL, Small, hue
from datasets.synthetic.objects.small_prints import abstract, plain

APPLIANCE = ((36, 36, 40), (196, 198, 202), (232, 230, 226), (160, 40, 40), (150, 190, 190))


def _keys(rng, rows: int, columns: int, ground) -> np.ndarray:
    """A field of small keys as pixels."""
    pixels = plain(rows, columns, ground)
    pixels[1::2, 1::2] = GREY if np.mean(ground) > 128 else PALE
    return pixels


def microwave(rng) -> Shape:
    """A wide box: dark door window with a handle, a key panel with a display or two dials at its right."""
    color = tint(rng, APPLIANCE[:3], 6)
    w, d, h = rng.uniform(0.44, 0.55), rng.uniform(0.33, 0.4), rng.uniform(0.26, 0.31)
    shape, y, split = Small().box((-w / 2, -d / 2, 0.012), (w / 2, d / 2, h), color), -d / 2, w * 0.24
    for x in (-w * 0.42, w * 0.42):
        shape.box((x - 0.02, -d * 0.4, 0), (x + 0.02, d * 0.4, 0.012), DARK)
    shape.box((-w / 2 + 0.006, y - 0.018, 0.02), (split, y, h - 0.008), color * 0.94)
    shape.detail((-w * 0.43, y - 0.022, h * 0.22), (split - 0.055, y - 0.018, h * 0.84), (22, 22, 26))
    shape.box(
        (split - 0.04, y - 0.045, h * 0.18),
        (split - 0.018, y - 0.018, h * 0.88),
        STEEL if color.mean() < 90 else color * 0.7,
    )
    shape.detail((split + 0.006, y - 0.01, 0.02), (w / 2 - 0.006, y, h - 0.008), color * 0.8)
    shape.detail((split + 0.02, y - 0.013, h * 0.78), (w / 2 - 0.02, y - 0.01, h * 0.9), (60, 210, 160))
    if rng.random() < 0.6:
        shape.front(split + 0.02, h * 0.14, w / 2 - 0.02, h * 0.7, y - 0.013, _keys(rng, 9, 7, color * 0.8))
    else:
        for z in (0.3, 0.58):
            shape.dial((split + w / 2) / 2, h * z, 0.028, y - 0.01, 0.02, color * 0.5 + 20)
    return shape


def toaster(rng) -> Shape:
    """Two or four slots in a rounded body, a lever and a dial; toast now and then."""
    color, four = tint(rng, APPLIANCE, 8), rng.random() < 0.3
    w, d, h = rng.uniform(0.26, 0.32), 0.27 if four else rng.uniform(0.15, 0.19), rng.uniform(0.18, 0.21)
    shape = Small().box((-w / 2 + 0.01, -d / 2 + 0.01, 0), (w / 2 - 0.01, d / 2 - 0.01, 0.02), BLACK)
    outline = [
        (-w / 2, 0.02),
        (w / 2, 0.02),
        (w / 2, h - 0.04),
        (w / 2 - 0.04, h),
        (-w / 2 + 0.04, h),
        (-w / 2, h - 0.04),
    ]
    shape.prism(outline, -d / 2, d / 2, color, axis="y")
    for y in (-0.075, 0.075) if four else (0,):
        for slot in (-0.026, 0.026):
            shape.detail((-w * 0.34, y + slot - 0.013, h - 0.005), (w * 0.34, y + slot + 0.013, h + 0.003), BLACK)
            if rng.random() < 0.3:
                shape.box((-w * 0.22, y + slot - 0.009, h), (w * 0.2, y + slot + 0.009, h + 0.045), (190, 130, 70))
        shape.box((w / 2, y - 0.02, h * 0.62), (w / 2 + 0.025, y + 0.02, h * 0.7), BLACK)
        shape.detail((w / 2, y - 0.005, h * 0.2), (w / 2 + 0.003, y + 0.005, h * 0.8), BLACK)
    shape.front(-w * 0.4, h * 0.25, w * 0.4, h * 0.35, -d / 2 - 0.002, plain(1, 4, color * 0.7))
    return shape.rod((w / 2, -d * 0.28, h * 0.3), (w / 2 + 0.015, -d * 0.28, h * 0.3), 0.015, GREY)


def toaster_oven(rng) -> Shape:
    """A low wide oven: glass drop door with a bar across, racks behind, a column of three dials."""
    color = tint(rng, APPLIANCE[:4], 6)
    w, d, h = rng.uniform(0.4, 0.48), rng.uniform(0.29, 0.36), rng.uniform(0.22, 0.27)
    y, split = -d / 2, w * 0.26
    shape = Small().box((-w / 2, y, 0.02), (w / 2, d / 2, h), color)
    for sx in (-1, 1):
        for sy in (-1, 1):
            shape.cylinder((sx * w * 0.44, sy * d * 0.42, 0), 0.014, 0.02, BLACK, sections=8)
    shape.detail((-w / 2 + 0.014, y - 0.012, 0.035), (split - 0.01, y, h - 0.02), (52, 40, 34))
    for z in (0.32, 0.52):
        shape.rod(
            (-w / 2 + 0.02, y - 0.014, h * z),
            (split - 0.016, y - 0.014, h * z),
            0.005,
            (170, 120, 80),
            sections=6,
            solid=False,
        )
    shape.rod((-w * 0.44, y - 0.045, h * 0.82), (split - 0.03, y - 0.045, h * 0.82), 0.011, STEEL)
    for x in (-w * 0.42, split - 0.05):
        shape.rod((x, y, h * 0.82), (x, y - 0.045, h * 0.82), 0.008, STEEL, sections=6)
    shape.detail((split, y - 0.006, 0.03), (w / 2 - 0.008, y, h - 0.01), color * 0.72)
    for z in (0.25, 0.52, 0.79):
        shape.dial((split + w / 2) / 2, h * z, 0.022, y - 0.004, 0.022, PALE if color.mean() < 120 else DARK)
    return shape


def coffee_maker(rng) -> Shape:
    """A drip machine with a glass jug under a filter housing, or a capsule machine with a cup under its spout."""
    color, h = tint(rng, APPLIANCE, 6), rng.uniform(0.29, 0.37)
    w, d = rng.uniform(0.17, 0.22), rng.uniform(0.22, 0.27)
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.03), color * 0.8)
    shape.box((-w / 2, d * 0.12, 0.03), (w / 2, d / 2, h), color)
    if rng.random() < 0.35:
        shape.prism(
            [(-d * 0.42, h * 0.64), (d * 0.14, h * 0.58), (d * 0.14, h), (-d * 0.3, h)],
            -w * 0.38,
            w * 0.38,
            color * 0.9,
            axis="x",
        )
        shape.cylinder((0, -d * 0.24, h * 0.54), 0.014, 0.04, STEEL, sections=10)
        shape.box((-w * 0.1, -d * 0.3, h), (w * 0.1, d * 0.1, h + 0.02), STEEL)
        return shape.cylinder((0, -d * 0.24, 0.03), 0.032, 0.07, hue(rng), top=0.038, sections=14)
    shape.box((-w / 2, -d / 2, h * 0.68), (w / 2, d * 0.12, h), color)
    shape.cylinder((0, -d * 0.18, h * 0.6), w * 0.3, h * 0.1, color * 0.7, top=w * 0.42, sections=16)
    r = min(w * 0.4, d * 0.3)
    shape.lathe([(0, 0), (r, 0), (r * 1.08, h * 0.16), (r, h * 0.2)], (0, -d * 0.18, 0.033), (58, 34, 22), sections=18)
    shape.lathe(
        [(r, h * 0.2), (r * 0.75, h * 0.42), (r * 0.8, h * 0.47), (0, h * 0.47)],
        (0, -d * 0.18, 0.033),
        (190, 205, 210),
        sections=18,
    )
    shape.arch((r * 0.8, -d * 0.18 - 0.02, 0.1), (r * 0.8, -d * 0.24, 0.1), 0.0, 0.01, BLACK, lean=r * 0.9)
    shape.front(-w * 0.3, h * 0.76, w * 0.3, h * 0.9, -d / 2 - 0.002, _keys(rng, 3, 7, color * 0.5))
    return shape.detail((w * 0.34, -d / 2 - 0.01, h * 0.78), (w * 0.42, -d / 2, h * 0.86), (220, 60, 40))


def coffee_kettle(rng) -> Shape:
    """An electric or stove kettle: body, lid with a knob, spout, handle over it or behind."""
    color, r = tint(rng, APPLIANCE, 8), rng.uniform(0.075, 0.095)
    h = r * rng.uniform(1.5, 2.4)
    shape = Small().cylinder((0, 0, 0), r * 1.02, 0.02, DARK)
    shape.lathe(
        [(0, 0.02), (r, 0.02), (r * 1.02, h * 0.25), (r * 0.72, h * 0.95), (0, h)], (0, 0, 0), color, sections=24
    )
    shape.cylinder((0, 0, h * 0.95), r * 0.66, 0.014, color * 0.7).sphere(
        (0, 0, h + 0.016), 0.018, BLACK, subdivisions=1
    )
    if rng.random() < 0.5:
        shape.tube(
            [(-r * 0.85, 0, h * 0.3), (-r * 1.3, 0, h * 0.6), (-r * 1.6, 0, h * 0.95)], 0.014, color * 0.9, sections=8
        )
        return shape.arch((-r * 0.7, 0, h * 0.85), (r * 0.8, 0, h * 0.85), r * 0.95, 0.012, BLACK)
    shape.prism(
        [(-r * 0.6, h * 0.92), (-r * 1.15, h * 0.95), (-r * 0.8, h * 0.6)], -0.025, 0.025, color * 0.85, axis="y"
    )
    return shape.tube(
        [
            (r * 0.7, 0, h * 0.92),
            (r * 1.5, 0, h * 0.92),
            (r * 1.6, 0, h * 0.7),
            (r * 1.3, 0, h * 0.25),
            (r, 0, h * 0.2),
        ],
        0.014,
        BLACK,
        sections=8,
    )


def water_pitcher(rng) -> Shape:
    """A jug with a lip and a handle: glass with water, pottery, or a filter jug with a coloured lid."""
    r, h, style = rng.uniform(0.055, 0.07), rng.uniform(0.2, 0.27), rng.integers(3)
    color = (np.array((196, 216, 224), float), hue(rng, (0.2, 0.7)), np.array((208, 220, 228), float))[style]
    shape = Small().vessel(
        [(r * 0.85, 0), (r * (1.1 if style == 1 else 0.95), h * 0.4), (r * 0.9, h * 0.8), (r, h)],
        0.006,
        color,
        sections=20,
    )
    shape.prism([(-r * 0.8, h), (-r * 1.3, h), (-r * 0.8, h * 0.8)], -0.025, 0.025, color * 0.95, axis="y")
    if style != 1:
        shape.cylinder((0, 0, 0.02), r * 0.86, h * 0.55, (120, 170, 205), top=r * 0.88, sections=20, solid=False)
    if style == 2:
        shape.cylinder((0, 0, h - 0.005), r * 1.03, 0.03, hue(rng), sections=20)
    return shape.tube(
        [(r * 0.85, 0, h * 0.88), (r * 1.65, 0, h * 0.85), (r * 1.7, 0, h * 0.5), (r * 0.95, 0, h * 0.3)],
        0.011,
        color * 0.85,
        sections=8,
    )


def dish_rack(rng) -> Shape:
    """A wire rack on a tray with plates standing in it and a cup."""
    w, d, h = rng.uniform(0.36, 0.48), rng.uniform(0.27, 0.34), rng.uniform(0.11, 0.15)
    wire, drip = (
        tint(rng, ((190, 192, 196), (40, 40, 44), (236, 236, 234), (150, 110, 70)), 6),
        hue(rng, (0.1, 0.5), (0.3, 0.9)),
    )
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.02), drip)
    x, y = w / 2 - 0.01, d / 2 - 0.01
    for z in (0.045, h):
        for a, b in (((-x, -y), (x, -y)), ((x, -y), (x, y)), ((x, y), (-x, y)), ((-x, y), (-x, -y))):
            shape.rod((*a, z), (*b, z), 0.008, wire, sections=6)
    for u in np.linspace(-x, x, 7):
        for v in (-y, y):
            shape.rod((u, v, 0.02), (u, v, h), 0.006, wire, sections=6)
        shape.rod((u, -y, 0.045), (u, y, 0.045), 0.006, wire, sections=6)
    color = pick(rng, np.array(PALE, float), hue(rng, (0.2, 0.6), (0.6, 0.95)))
    for k in range(rng.integers(2, 6)):
        u, r = -x + 0.05 + 0.045 * k, rng.uniform(0.09, 0.11)
        shape.rod((u, 0.02, 0.05 + r), (u + 0.018, 0.02, 0.05 + r), r, color * rng.uniform(0.9, 1), sections=24)
    return shape.cylinder((x - 0.06, -0.02, 0.05), 0.045, 0.09, hue(rng), top=0.036, sections=14)


def paper_towel_roll(rng) -> Shape:
    """A standing kitchen roll with a loose sheet, alone or on a holder with a rod."""
    r, h = rng.uniform(0.05, 0.075), rng.uniform(0.23, 0.28)
    shape, z, white = Small(), 0.0, vary(rng, (242, 241, 236), 4)
    if rng.random() < 0.6:
        stand, z = tint(rng, ((190, 192, 196), (40, 40, 44), (160, 116, 74)), 6), 0.015
        shape.cylinder((0, 0, 0), r * 1.15, z, stand).cylinder((0, 0, z), 0.009, h + 0.05, stand, sections=8)
        shape.sphere((0, 0, h + z + 0.05), 0.016, stand, subdivisions=1)
    shape.cylinder((0, 0, z), r, h, white, sections=24).cylinder(
        (0, 0, z + h - 0.002), 0.022, 0.004, (168, 136, 100), sections=14
    )
    for k in range(3):
        shape.cylinder(
            (0, 0, z + h * (0.2 + 0.28 * k)), r + 0.0015, h * 0.05, white * (0.9, 0.94, 1), sections=24, solid=False
        )
    return shape.box((r * 0.2, -r - 0.005, z), (r + 0.05, -r + 0.005, z + h), white * 0.97, solid=False)


def laundry_detergent(rng) -> Shape:
    """A jug with a moulded handle, bright label and a big cap; or a box of powder."""
    color, w, h = hue(rng, (0.6, 1), (0.5, 1)), rng.uniform(0.17, 0.24), rng.uniform(0.22, 0.3)
    d, other = w * 0.55, hue(rng, (0.6, 1), (0.6, 1))
    if rng.random() < 0.25:
        shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), color)
        shape.front(-w * 0.46, h * 0.3, w * 0.46, h * 0.9, -d / 2 - 0.002, abstract(rng, 10, 8))
        return shape.detail((-w / 2 - 0.002, -d / 2 - 0.002, h * 0.9), (w / 2 + 0.002, d / 2 + 0.002, h), other)
    shape = Small().prism(
        [(-w / 2, 0), (w / 2, 0), (w / 2, h * 0.5), (w * 0.02, h * 0.8), (-w * 0.42, h * 0.8), (-w / 2, h * 0.7)],
        -d / 2,
        d / 2,
        color,
        axis="y",
    )
    shape.cylinder((-w * 0.2, 0, h * 0.78), d * 0.36, h * 0.22, other, sections=16)
    shape.tube(
        [(w * 0.05, 0, h * 0.76), (w * 0.3, 0, h * 0.84), (w * 0.5, 0, h * 0.7), (w * 0.46, 0, h * 0.46)], 0.018, color
    )
    shape.front(-w * 0.42, h * 0.12, w * 0.42, h * 0.45, -d / 2 - 0.002, plain(1, 1, other))
    return shape.front(-w * 0.3, h * 0.2, w * 0.3, h * 0.36, -d / 2 - 0.004, plain(1, 1, PALE))


def case_of_water_bottles(rng) -> Shape:
    """A shrink-wrapped pack of water bottles on a card tray."""
    columns, rows, r, h = rng.integers(4, 7), rng.integers(3, 5), 0.033, rng.uniform(0.19, 0.22)
    w, d, label = columns * 2 * r, rows * 2 * r, np.array(pick(rng, (40, 100, 190), (40, 150, 160), (190, 50, 60)))
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.05), (190, 150, 106))
    shape.box((-w / 2 + 0.004, -d / 2 + 0.004, 0.05), (w / 2 - 0.004, d / 2 - 0.004, h * 0.72), (196, 220, 232))
    for i in range(columns):
        for j in range(rows):
            x, y = (2 * i + 1) * r - w / 2, (2 * j + 1) * r - d / 2
            shape.cylinder((x, y, h * 0.7), r * 0.92, h * 0.22, (206, 226, 236), top=0.013, sections=8, solid=False)
            shape.cylinder((x, y, h * 0.9), 0.014, 0.02, (244, 244, 248), sections=6, solid=False)
            if i in (0, columns - 1) or j in (0, rows - 1):
                shape.cylinder((x, y, 0.03), r, h * 0.68, (186, 212, 226), sections=8, solid=False)
    return shape.box((-w / 2 - 0.003, -d / 2 - 0.003, h * 0.34), (w / 2 + 0.003, d / 2 + 0.003, h * 0.56), label)

"""Builders of tools for the floor, bath and desk: brooms, scales, dumbbells, power strips, paper cutters, dryers.

Use: `tabletop.KINDS`, which holds these under their class names.
"""

import numpy as np

from datasets.synthetic.objects.shapes import WOOD, Shape, pick, tint
from datasets.synthetic.objects.small_parts import BLACK, DARK, GREY, PALE, STEEL, Small, hue
from datasets.synthetic.objects.small_prints import plain


def dumbbell(rng) -> Shape:
    """A lying dumbbell: a grip between hexagonal or round heads, or between plates; or a pair."""
    sides, r, grip = pick(rng, 6, 6, 20), rng.uniform(0.04, 0.075), rng.uniform(0.11, 0.13)
    head, long = pick(rng, np.array(BLACK) + 10.0, hue(rng), np.array(GREY, float)), r * rng.uniform(1.0, 1.5)
    z, both = r * (0.866 if sides == 6 else 1), Small()
    for k in range(pick(rng, 1, 2)):
        one = Small().rod((-grip / 2, 0, z), (grip / 2, 0, z), 0.016, STEEL, sections=12)
        for side in (-1, 1):
            a = grip / 2
            angle = np.arange(sides) * 2 * np.pi / sides
            ring = np.column_stack([r * np.cos(angle), z + r * np.sin(angle)])
            one.prism(ring, *sorted((side * a, side * (a + long))), head, axis="x")
            one.rod((side * (a + long), 0, z), (side * (a + long + 0.003), 0, z), r * 0.5, head * 0.6 + 40, sections=16)
        both.merge(one, at=(0, k * 2.5 * r, 0), yaw=rng.normal(0, 8))
    return both


def plunger(rng) -> Shape:
    """A rubber cup on an upright stick."""
    r, h, rubber = (
        rng.uniform(0.065, 0.085),
        rng.uniform(0.42, 0.56),
        pick(rng, np.array((160, 60, 44.0)), np.array(BLACK) + 8.0),
    )
    shape = Small().lathe(
        [(0, 0), (r, 0), (r * 1.03, 0.02), (r * 0.85, 0.07), (0.03, 0.11), (0.022, 0.14), (0, 0.14)], (0, 0, 0), rubber
    )
    return shape.rod((0, 0, 0.13), (0, 0, h), 0.013, tint(rng, WOOD)).sphere(
        (0, 0, h), 0.015, tint(rng, WOOD), subdivisions=1
    )


def broom(rng) -> Shape:
    """A broom that leans on the wall behind it: long stick, a head with flared bristles, bristles down."""
    h, color, stick = rng.uniform(1.2, 1.45), hue(rng), tint(rng, (*WOOD, (190, 192, 196), (60, 110, 170)), 10)
    w, straw = rng.uniform(0.24, 0.36), pick(rng, (206, 170, 96), (206, 170, 96), (50, 90, 150), (60, 60, 64))
    shape = Small().rod((0, 0, 0.2), (0, 0.12, h), 0.014, stick)
    if rng.random() < 0.5:
        shape.frustum((w, 0.1), (0.06, 0.06), 0, 0.3, straw)
        for z, share in ((0.13, 0.66), (0.2, 0.5)):
            shape.box((-w * share / 2 - 0.01, -0.05, z), (w * share / 2 + 0.01, 0.05, z + 0.014), color)
        return shape.cylinder((0, 0, 0.28), 0.03, 0.05, color, top=0.018, sections=12)
    shape.frustum((w, 0.11), (w * 0.92, 0.06), 0, 0.11, straw)
    for k in np.linspace(-0.42, 0.42, 8):
        shape.detail((w * k - 0.003, -0.058, 0), (w * k + 0.003, 0.058, 0.07), np.array(straw) * 0.7)
    return shape.box((-w * 0.47, -0.035, 0.11), (w * 0.47, 0.035, 0.16), color).cylinder(
        (0, 0, 0.15), 0.025, 0.07, color, sections=12
    )


def dustpan(rng) -> Shape:
    """A flat pan with side walls and a handle at the back, a hand brush in it perhaps."""
    color, w, d = hue(rng), rng.uniform(0.22, 0.3), rng.uniform(0.18, 0.24)
    shape = Small().prism([(-d / 2, 0), (d / 2, 0), (d / 2, 0.03), (-d / 2, 0.012)], -w / 2, w / 2, color, axis="x")
    for side in (-1, 1):
        x = side * w / 2
        shape.prism(
            [(-d / 2, 0.01), (d / 2, 0), (d / 2, 0.09), (d * 0.2, 0.08)],
            *sorted((x, x - side * 0.02)),
            color * 0.85,
            axis="x",
        )
    shape.box((-w / 2, d / 2 - 0.02, 0), (w / 2, d / 2, 0.09), color * 0.85)
    shape.rod((0, d / 2, 0.06), (0, d / 2 + 0.15, 0.1), 0.017, color)
    if rng.random() < 0.6:
        other = hue(rng)
        shape.box((-w * 0.4, -0.01, 0.055), (w * 0.2, 0.035, 0.085), other).box(
            (-w * 0.4, -0.02, 0.025), (w * 0.2, 0.04, 0.055), (60, 60, 64)
        )
        shape.rod((w * 0.2, 0.012, 0.07), (w * 0.62, 0.0, 0.1), 0.012, other)
    return shape


def scale(rng) -> Shape:
    """Bathroom scales: a slab of glass with metal plates and a display, or a mechanical one with a dial."""
    w, d = rng.uniform(0.28, 0.34), rng.uniform(0.27, 0.32)
    color = pick(
        rng, np.array((206, 222, 222.0)), np.array((36, 36, 40.0)), np.array(PALE, float), hue(rng, (0.1, 0.5))
    )
    shape = (
        Small()
        .box((-w / 2, -d / 2, 0.016), (w / 2, d / 2, 0.045), color)
        .box((-w * 0.42, -d * 0.42, 0), (w * 0.42, d * 0.42, 0.016), DARK)
    )
    if rng.random() < 0.5:
        for side in (-1, 1):
            shape.detail((side * w * 0.1, -d * 0.36, 0.045), (side * w * 0.4, d * 0.2, 0.049), STEEL)
        return shape.detail((-w * 0.16, d * 0.28, 0.045), (w * 0.16, d * 0.42, 0.05), (120, 150, 130))
    shape.detail((-w * 0.42, -d * 0.42, 0.045), (w * 0.42, d * 0.1, 0.052), color * 0.5)
    for k in range(5):
        shape.detail(
            (-w * 0.4, -d * 0.38 + k * d * 0.1, 0.052), (w * 0.4, -d * 0.35 + k * d * 0.1, 0.056), color * 0.35
        )
    shape.cylinder((0, d * 0.28, 0.045), w * 0.2, 0.012, STEEL).cylinder((0, d * 0.28, 0.057), w * 0.17, 0.003, PALE)
    return shape.detail((-0.005, d * 0.28, 0.06), (0.005, d * 0.28 + w * 0.15, 0.064), (200, 40, 40))


def power_strip(rng) -> Shape:
    """A long block with a row of sockets, a red switch, a plug or two and a cable."""
    count, color = rng.integers(4, 8), tint(rng, ((238, 238, 234), (238, 238, 234), (40, 40, 44)), 5)
    w, dark = 0.05 * count + 0.06, color * (0.55 if color.mean() > 100 else 2.2)
    shape = Small().box((-w / 2, -0.03, 0), (w / 2, 0.03, 0.04), color)
    for k in range(count):
        x = -w / 2 + 0.07 + 0.05 * k
        shape.cylinder((x, 0, 0.04), 0.02, 0.002, dark, sections=14, solid=False)
        if rng.random() < 0.3:
            shape.box((x - 0.018, -0.018, 0.04), (x + 0.018, 0.018, 0.075), pick(rng, BLACK, PALE))
            shape.tube([(x, 0, 0.07), (x, 0.05, 0.07), (x + 0.02, 0.09, 0.01)], 0.008, BLACK, sections=6, solid=False)
    shape.box((-w / 2 + 0.012, -0.015, 0.04), (-w / 2 + 0.035, 0.015, 0.048), (210, 40, 36))
    t = np.linspace(0, 1, 8)
    return shape.tube(
        np.column_stack([w / 2 + 0.25 * t, 0.06 * np.sin(6 * t), np.full(8, 0.01)]), 0.01, dark * 0.6, sections=6
    )


def paper_cutter(rng) -> Shape:
    """A guillotine: a gridded board with a fence and a long blade arm, raised a little, hinged at its back."""
    w, d, color = (
        rng.uniform(0.3, 0.4),
        rng.uniform(0.34, 0.45),
        tint(rng, (*WOOD[:3], (120, 140, 130), (70, 74, 80)), 8),
    )
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.03), color)
    pixels = plain(17, 15, color * 0.95)
    pixels[::4], pixels[:, ::4] = color * 0.4 + 130, color * 0.4 + 130
    shape.flat(-w * 0.47, -d * 0.45, w * 0.46, d * 0.4, 0.032, pixels)
    shape.box((-w / 2, d / 2 - 0.03, 0.03), (w / 2, d / 2, 0.05), STEEL)
    arm = {"turn": (-rng.uniform(4, 40), (1, 0, 0), (0, d / 2, 0.04))}
    shape.box((w / 2, -d * 0.5, 0.02), (w / 2 + 0.02, d / 2, 0.055), STEEL, **arm)
    return shape.rod((w / 2 + 0.01, -d * 0.5 - 0.12, 0.045), (w / 2 + 0.01, -d * 0.5, 0.045), 0.018, BLACK, **arm)


def hair_dryer(rng) -> Shape:
    """A hair dryer lying on its side: barrel with nozzle, grip, cable."""
    color, r, long = (
        pick(rng, hue(rng), np.array(BLACK) + 12.0, np.array(PALE, float)),
        rng.uniform(0.036, 0.044),
        rng.uniform(0.15, 0.19),
    )
    shape = Small().rod((-long / 2, 0, r), (long / 2, 0, r), r, color, sections=18).sphere((long / 2, 0, r), r, color)
    shape.rod((long / 2 + r * 0.7, 0, r), (long / 2 + r, 0, r), r * 0.7, DARK, sections=16)
    shape.rod((-long / 2 - 0.05, 0, r), (-long / 2, 0, r), r * 0.75, DARK, sections=16)
    shape.rod((long * 0.22, 0, r), (long * 0.36, -0.14, r * 0.7), r * 0.5, color * 0.9, sections=12)
    shape.detail((long * 0.24, -0.085, r * 1.15), (long * 0.33, -0.06, r * 1.35), (200, 60, 50))
    t = np.linspace(0, 1, 8)
    path = np.column_stack([long * 0.36 - 0.14 * t, -0.14 - 0.05 * np.sin(4 * t), 0.01 + 0.014 * (1 - t) ** 4])
    return shape.tube(path, 0.008, BLACK, sections=6, solid=False)

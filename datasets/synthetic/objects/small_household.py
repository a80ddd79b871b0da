"""Builders of small household things: lamps, books, papers, boxes, rolls, ornaments, tools for the floor.

Use: `tabletop.KINDS`, which holds these under their class names.
"""

import numpy as np

from datasets.synthetic.objects.shapes import CERAMIC, METAL, WOOD, Shape, pick, tint, vary
from datasets.synthetic.objects.small_parts import BLACK, CARDBOARD, PALE, STEEL, Small, hue
from datasets.synthetic.objects.small_prints import abstract, any_picture, lettering, plain

SHADES = ((246, 238, 214), (246, 238, 214), (225, 205, 170), (236, 236, 232), (90, 60, 54), (60, 90, 110))


def _shade(shape: Small, rng, r: float, low: float, height: float) -> Small:
    """An open lampshade with a bulb in it, from z = low."""
    color, top = tint(rng, SHADES, 8), r * pick(rng, 0.55, 0.75, 1.0)
    shape.lathe(
        [(r, low), (top, low + height), (top - 0.012, low + height), (r - 0.012, low), (r, low)], (0, 0, 0), color
    )
    shape.rod((-top + 0.01, 0, low + height * 0.9), (top - 0.01, 0, low + height * 0.9), 0.006, METAL[0], sections=6)
    return shape.sphere((0, 0, low + height * 0.5), (0.03, 0.03, 0.045), (255, 244, 200), subdivisions=1)


def lamp(rng) -> Shape:
    """A table lamp with a shade, a jointed desk lamp, or a floor lamp: tripod or arc."""
    style, metal = rng.integers(8), tint(rng, ((190, 192, 196), (40, 40, 44), (190, 150, 80)), 8)
    shape = Small()
    if style < 4:
        h, r = rng.uniform(0.22, 0.36), rng.uniform(0.11, 0.19)
        color = pick(rng, hue(rng, (0.2, 0.8)), tint(rng, WOOD), metal, tint(rng, CERAMIC, 6))
        foot = (
            ((0.07, 0), (0.07, 0.02), (0.02, 0.04), (0.02, h)),
            ((0.05, 0), (0.09, h * 0.3), (0.075, h * 0.6), (0.02, h * 0.8), (0.02, h)),
            ((0.06, 0), (0.06, h * 0.75), (0.02, h * 0.8), (0.02, h)),
            ((0.08, 0), (0.03, h * 0.25), (0.05, h * 0.5), (0.02, h * 0.75), (0.02, h)),
        )
        shape.lathe([(0, 0), *foot[style], (0, h)], (0, 0, 0), color, sections=20)
        shape.cylinder((0, 0, h), 0.009, 0.1, metal, sections=8)
        return _shade(shape, rng, r, h + 0.01, rng.uniform(0.16, 0.24))
    if style < 6:
        color, reach, h = (
            pick(rng, hue(rng), metal, np.array(BLACK, float)),
            rng.uniform(0.14, 0.24),
            rng.uniform(0.3, 0.42),
        )
        shape.cylinder((0, 0, 0), 0.085, 0.022, color)
        shape.tube([(0, 0.03, 0.02), (0, reach * 0.5, h * 0.6), (0, -reach * 0.4, h)], 0.011, color)
        head = {"turn": (35, (1, 0, 0), (0, -reach * 0.4, h))}
        shape.lathe([(0.085, 0), (0.03, 0.09), (0, 0.11)], (0, -reach * 0.4, h - 0.06), color, sections=20, **head)
        return shape.sphere((0, -reach * 0.4, h - 0.04), 0.03, (255, 244, 200), subdivisions=1, **head)
    h = rng.uniform(1.3, 1.55)
    if style == 6:
        color = tint(rng, WOOD) if rng.random() < 0.6 else metal
        for k in range(3):
            a = 2.1 * k + 0.5
            shape.rod((0.36 * np.cos(a), 0.36 * np.sin(a), 0.01), (0.03 * np.cos(a), 0.03 * np.sin(a), h), 0.016, color)
        shape.cylinder((0, 0, h - 0.02), 0.05, 0.04, color)
        return _shade(shape, rng, rng.uniform(0.2, 0.26), h, 0.28)
    shape.cylinder((0.4, 0.4, 0), 0.16, 0.035, metal)
    t = np.linspace(0, 1, 8)
    x = 0.4 * np.cos(np.pi * t**1.5 * 0.5) ** 0.8
    shape.tube(
        np.column_stack([x, x, 0.03 + (h + 0.2) * np.sin(np.pi * (0.5 * t + 0.08 * t**3))]), 0.014, metal, sections=8
    )
    return _shade(shape, rng, 0.19, h - 0.08, 0.2)


def _volume(rng, shape: Small, w: float, d: float, thick: float, z: float, yaw: float) -> Small:
    """A lying book: cover boards, pages set back, the spine at -x."""
    cover, one = hue(rng, (0.3, 0.95), (0.2, 0.9)), Small()
    one.box((-w / 2, -d / 2, 0), (w / 2, d / 2, thick * 0.16), cover).box(
        (-w / 2, -d / 2, thick * 0.84), (w / 2, d / 2, thick), cover
    )
    one.box((-w / 2, -d / 2, 0), (-w / 2 + 0.006, d / 2, thick), cover * 0.85)
    one.box(
        (-w / 2 + 0.006, -d / 2 + 0.005, thick * 0.16), (w / 2 - 0.005, d / 2 - 0.005, thick * 0.84), (238, 232, 214)
    )
    if rng.random() < 0.5:
        one.flat(-w * 0.36, -d * 0.1, w * 0.36, d * 0.34, thick + 0.001, any_picture(rng, 7, 6))
    else:
        one.flat(-w * 0.36, d * 0.12, w * 0.36, d * 0.36, thick + 0.001, lettering(rng, 5, 7, cover, PALE))
    return shape.merge(one, at=(0, 0, z), yaw=yaw)


def book(rng) -> Shape:
    """One lying, one open, a small stack, or a row standing with coloured spines to the front."""
    style, shape = rng.integers(10), Small()
    if style < 2:
        w, d, page = rng.uniform(0.14, 0.21), rng.uniform(0.2, 0.28), (242, 238, 226)
        shape.box((-w - 0.005, -d / 2 - 0.005, 0), (w + 0.005, d / 2 + 0.005, 0.01), hue(rng))
        for side in (-1, 1):
            u = np.linspace(0, 1, 7)
            rise = 0.012 + 0.022 * np.sin(np.pi * u**0.6) * (1 - 0.5 * u)
            shape.prism([(0, 0.008), (side * w, 0.008), *zip(side * w * u, rise)], -d / 2, d / 2, page, axis="y")
            text = lettering(rng, 11, 7, page)
            x, y = np.meshgrid(side * w * (0.1 + 0.8 * np.linspace(0, 1, 8)), np.linspace(d * 0.44, -d * 0.44, 12))
            z = np.interp(abs(x) / w, u, rise) + 0.002
            shape.painted(np.stack([x, y, z], -1), text, solid=False)
        return shape
    if style < 6:
        z, count = 0.0, 1 if style < 4 else rng.integers(2, 7)
        w, d = rng.uniform(0.13, 0.23), rng.uniform(0.19, 0.3)
        for k in range(count):
            thick = rng.uniform(0.02, 0.05)
            _volume(rng, shape, w, d, thick, z, rng.normal(0, 7) if k else 0.0)
            z, w, d = z + thick, w * rng.uniform(0.88, 1), d * rng.uniform(0.88, 1)
        return shape
    x = 0.0
    for _ in range(rng.integers(4, 13)):
        thick, h, d = rng.uniform(0.02, 0.05), rng.uniform(0.17, 0.28), rng.uniform(0.12, 0.18)
        cover = hue(rng, (0.2, 0.95), (0.15, 0.95))
        shape.box((x, -0.09, 0), (x + thick, -0.09 + d, h), cover)
        shape.detail((x + 0.003, -0.085, h), (x + thick - 0.003, -0.094 + d, h + 0.001), (238, 232, 214))
        if rng.random() < 0.7:
            a = h * rng.uniform(0.45, 0.7)
            shape.detail((x + 0.002, -0.092, a), (x + thick - 0.002, -0.09, a + h * 0.16), hue(rng, (0, 0.4), (0.7, 1)))
        x += thick + 0.001
    return shape


def paper(rng) -> Shape:
    """One sheet, or a loose pile, printed or with a picture."""
    shape, count = Small(), rng.integers(1, 6)
    for k in range(count):
        w, d = pick(rng, (0.21, 0.297), (0.21, 0.297), (0.148, 0.21))
        one = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.01), vary(rng, (244, 243, 238), 5))
        pixels = lettering(rng, 15, 8) if rng.random() < 0.7 else any_picture(rng, 12, 8)
        one.flat(-w * 0.43, -d * 0.45, w * 0.43, d * 0.45, 0.0115, pixels)
        shape.merge(one, at=(*rng.normal(0, 0.03 * (k > 0), 2), 0.01 * k), yaw=rng.normal(0, 14) * (k > 0))
    return shape


def box(rng) -> Shape:
    """A cardboard box: taped shut, open with its flaps out, a flat parcel, or a printed carton."""
    style, color = rng.integers(5), vary(rng, CARDBOARD, 5)
    w, d, h = rng.uniform(0.2, 0.5), rng.uniform(0.18, 0.36), rng.uniform(0.14, 0.36)
    shape, tape = Small(), vary(rng, (214, 186, 136), 8)
    if style == 3:
        color = hue(rng, (0.2, 0.9), (0.4, 0.95))
        shape.box((-w / 2, -d / 2, 0), (w / 2, d / 2, h * 0.7), color)
        return shape.front(-w * 0.4, h * 0.1, w * 0.4, h * 0.6, -d / 2 - 0.002, abstract(rng, 8, 12)).flat(
            -w * 0.4, -d * 0.4, w * 0.4, d * 0.4, h * 0.7 + 0.002, lettering(rng, 7, 12, color, PALE)
        )
    if style == 4:
        lid = color * pick(rng, 0.8, 1.0)
        shape.box((-w / 2, -d / 2, 0), (w / 2, d / 2, h * 0.3), color)
        return shape.box((-w / 2 - 0.006, -d / 2 - 0.006, h * 0.2), (w / 2 + 0.006, d / 2 + 0.006, h * 0.32), lid)
    if style < 2:
        shape.box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), color)
        shape.detail((-0.03, -d / 2 - 0.003, h * 0.75), (0.03, d / 2 + 0.003, h + 0.003), tape)
        return shape.front(w * 0.12, h * 0.2, w * 0.42, h * 0.6, -d / 2 - 0.003, lettering(rng, 6, 7))
    t = 0.012
    shape.box((-w / 2, -d / 2, 0), (w / 2, d / 2, t), color * 0.8)
    for side in (-1, 1):
        x, y = side * w / 2, side * d / 2
        shape.box((x - side * t, -d / 2, 0), (x, d / 2, h), color * 0.95).box(
            (-w / 2, y - side * t, 0), (w / 2, y, h), color
        )
        shape.box(
            (-w / 2, y - side * t, h),
            (w / 2, y, h + d * 0.35),
            color * 1.05,
            turn=(-side * rng.uniform(50, 115), (1, 0, 0), (0, y, h)),
        )
        shape.box(
            (x - side * t, -d / 2, h),
            (x, d / 2, h + d * 0.35),
            color * 1.05,
            turn=(side * rng.uniform(40, 115), (0, 1, 0), (x, 0, h)),
        )
    if rng.random() < 0.5:
        shape.box((-w * 0.3, -d * 0.3, t), (w * 0.2, d * 0.2, h * 0.85), hue(rng), solid=False)
    return shape.detail((-w * 0.2, -d / 2 - 0.002, h * 0.3), (w * 0.2, -d / 2, h * 0.5), color * 0.7)


def container(rng) -> Shape:
    """A food tub with a lid, a screw-top jar with contents, or a tin."""
    style, lid = rng.integers(3), hue(rng)
    if style == 0:
        w, d, h, color = (
            rng.uniform(0.13, 0.22),
            rng.uniform(0.1, 0.16),
            rng.uniform(0.07, 0.13),
            vary(rng, (214, 224, 228), 10),
        )
        shape = Small().frustum((w * 0.85, d * 0.85), (w, d), 0, h, color)
        shape.frustum((w * 0.8, d * 1.0), (w * 0.9, d * 1.004), h * 0.15, h * 0.6, hue(rng), solid=False)
        return shape.box((-w / 2 - 0.008, -d / 2 - 0.008, h), (w / 2 + 0.008, d / 2 + 0.008, h + 0.02), lid)
    r, h = rng.uniform(0.04, 0.065), rng.uniform(0.1, 0.22)
    if style == 1:
        inside = pick(rng, (190, 140, 80), (90, 56, 34), (230, 220, 190), (170, 60, 40))
        shape = Small().lathe([(0, 0), (r, 0), (r, h * 0.65)], (0, 0, 0), inside, sections=18)
        shape.lathe([(r, h * 0.65), (r, h * 0.88), (r * 0.85, h)], (0, 0, 0), (206, 220, 224), sections=18)
        return shape.cylinder((0, 0, h), r * 0.92, 0.025, lid, sections=18)
    shape = (
        Small()
        .cylinder((0, 0, 0), r, h, STEEL, sections=18)
        .cylinder((0, 0, h * 0.06), r + 0.002, h * 0.86, lid, sections=18)
    )
    return shape.cylinder((0, 0, h * 0.35), r + 0.004, h * 0.3, hue(rng, (0, 0.4), (0.8, 1)), sections=18, solid=False)


def storage_container(rng) -> Shape:
    """A plastic crate with a lid that clips at both ends, clear or coloured; a few stacked."""
    shape, z = Small(), 0.0
    w, d = rng.uniform(0.34, 0.5), rng.uniform(0.26, 0.36)
    for _ in range(rng.integers(1, 3)):
        h, color, lid = (
            rng.uniform(0.15, 0.26),
            pick(rng, np.array((206, 216, 222.0)), hue(rng, (0.2, 0.7), (0.5, 0.95))),
            hue(rng, (0.3, 0.9)),
        )
        shape.frustum((w * 0.86, d * 0.86), (w, d), z, z + h, color)
        shape.front(-w * 0.34, z + h * 0.2, w * 0.34, z + h * 0.7, -d * 0.5, plain(1, 1, color * 0.82))
        shape.box((-w / 2 - 0.01, -d / 2 - 0.01, z + h), (w / 2 + 0.01, d / 2 + 0.01, z + h + 0.025), lid)
        for side in (-1, 1):
            x = side * (w / 2 + 0.012)
            shape.box((x - 0.01, -0.05, z + h - 0.05), (x + 0.01, 0.05, z + h + 0.025), lid * 0.6)
        z += h + 0.025
    return shape

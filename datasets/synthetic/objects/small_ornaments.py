"""Builders of ornaments and odds and ends: candles, vases, figurines, tissues, toilet rolls, disc cases, gadgets.

Use: `tabletop.KINDS`, which holds these under their class names.
"""

import numpy as np

from datasets.synthetic.objects.shapes import CERAMIC, METAL, WOOD, Shape, pick, tint, vary
from datasets.synthetic.objects.small_parts import BLACK, DARK, PALE, STEEL, Small, hue
from datasets.synthetic.objects.small_prints import abstract, any_picture, plain, weave


def toilet_paper(rng) -> Shape:
    """One standing or lying roll, or a pile of them, with a loose end."""
    r, h, shape = rng.uniform(0.05, 0.062), 0.1, Small()
    white, count = vary(rng, (244, 243, 239), 3), pick(rng, 1, 1, 2, 3)
    if rng.random() < 0.35:
        shape.rod((-h / 2, 0, r), (h / 2, 0, r), r, white, sections=22)
        for side in (-1, 1):
            shape.rod((side * h / 2, 0, r), (side * (h / 2 + 0.002), 0, r), 0.022, (150, 118, 84), sections=14)
        return shape.box((-h / 2, -r - 0.09, 0), (h / 2, -r * 0.3, 0.01), white * 0.97)
    for k in range(count):
        x, y, z = (2.04 * r * (k % 2), 0, 0) if k < 2 else (1.02 * r, 0, h)
        shape.cylinder((x, y, z), r, h, white, sections=22)
        shape.cylinder((x, y, z + h - 0.001), 0.022, 0.003, (150, 118, 84), sections=14)
        shape.box((x - r, y - r - 0.004, z), (x - r * 0.2, y - r * 0.6, z + h), white * 0.95, solid=False)
    return shape


def tissue_box(rng) -> Shape:
    """A printed box, long or cubic, with a slot and a tissue standing out of it."""
    w, d, h = (0.24, 0.12, rng.uniform(0.07, 0.1)) if rng.random() < 0.6 else (0.12, 0.12, 0.13)
    color, shape = hue(rng, (0.2, 0.7), (0.5, 0.95)), Small()
    shape.box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), color)
    pixels = pick(rng, weave, abstract)(rng, 6, 12)
    shape.front(-w / 2, 0, w / 2, h, -d / 2 - 0.002, pixels)
    shape.sphere((0, 0, h), (w * 0.3, d * 0.28, 0.006), DARK, solid=False)
    u, v = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(0, 1, 6))
    for lean in (-0.03, 0.03):
        x = 0.055 * u * (0.5 + 0.6 * v) + 0.01 * np.sin(5 * v + rng.uniform(0, 6))
        y = lean * v + 0.014 * np.sin(4 * u + rng.uniform(0, 6)) * v
        shape.sheet(np.stack([x, y, h + 0.085 * v * (1 - 0.35 * u**2)], -1), (250, 250, 250), solid=False)
    return shape


def candle(rng) -> Shape:
    """A pillar, a jar candle, or a taper on a stick; a wick, a flame now and then."""
    wax, style = hue(rng, (0.05, 0.7), (0.7, 1)), rng.integers(3)
    r, h, shape = rng.uniform(0.03, 0.045), rng.uniform(0.09, 0.18), Small()
    if style == 0:
        shape.cylinder((0, 0, 0), r * 1.6, 0.012, tint(rng, METAL))
        shape.lathe([(0, 0.012), (r, 0.012), (r, h), (r * 0.8, h + 0.004), (0, h - 0.008)], (0, 0, 0), wax, sections=18)
        top = h - 0.008
    elif style == 1:
        top = h * 0.5
        shape.cylinder((0, 0, 0.0), r * 1.1, top, wax, sections=18)
        shape.lathe(
            [(r * 1.12, 0), (r * 1.15, top * 1.6), (r * 1.08, top * 1.6), (r * 1.1, top)],
            (0, 0, 0),
            (214, 224, 226),
            sections=18,
        )
        shape.front(-r * 0.7, top * 0.3, r * 0.7, top * 0.9, -r * 1.15, plain(1, 1, PALE))
    else:
        foot, top = tint(rng, ((200, 160, 80), (190, 192, 196), (60, 50, 46)), 8), h + 0.24
        shape.lathe(
            [
                (0, 0),
                (0.05, 0),
                (0.05, 0.012),
                (0.012, 0.025),
                (0.018, h * 0.5),
                (0.012, h),
                (0.024, h + 0.02),
                (0, h + 0.02),
            ],
            (0, 0, 0),
            foot,
            sections=18,
        )
        shape.cylinder((0, 0, h + 0.02), 0.012, 0.22, wax, top=0.01, sections=12)
    shape.cylinder((0, 0, top), 0.003, 0.014, BLACK, sections=6)
    if rng.random() < 0.4:
        shape.lathe(
            [(0, 0), (0.009, 0.012), (0.004, 0.03), (0, 0.04)],
            (0, 0, top + 0.006),
            (255, 190, 60),
            sections=8,
            solid=False,
        )
    return shape


def decoration(rng) -> Shape:
    """A vase, with dry stalks or not, a figurine, a globe, a small trophy or a framed picture on a strut."""
    style, color = (
        rng.integers(6),
        pick(rng, hue(rng), tint(rng, CERAMIC), tint(rng, ((190, 150, 70), (70, 60, 54)), 10)),
    )
    shape, h = Small(), rng.uniform(0.18, 0.36)
    if style < 2:
        r = h * rng.uniform(0.24, 0.38)
        shape.vessel(
            [(r * 0.55, 0), (r, h * rng.uniform(0.25, 0.6)), (r * 0.4, h * 0.85), (r * 0.55, h)],
            0.006,
            color,
            sections=22,
        )
        shape.lathe([(r * 0.42, h * 0.83), (r * 0.44, h * 0.87)], (0, 0, 0), hue(rng), sections=22, solid=False)
        for _ in range(rng.integers(3, 7) if style else 0):
            tip = (*rng.normal(0, 0.06, 2), h * rng.uniform(1.4, 1.8))
            shape.rod((0, 0, h * 0.7), tip, 0.005, (120, 110, 70), sections=5, solid=False)
            shape.sphere(tip, (0.022, 0.022, 0.032), hue(rng, (0.3, 0.9), (0.6, 1)), subdivisions=1, solid=False)
        return shape
    if style == 2:
        s = h * 0.7
        shape.cylinder((0, 0, 0), s * 0.28, 0.02, DARK).lathe(
            [(s * 0.25, 0.02), (s * 0.12, s * 0.55), (s * 0.17, s * 0.78), (s * 0.06, s * 0.88)],
            (0, 0, 0),
            color,
            sections=16,
        )
        shape.sphere((0, 0, s), s * 0.13, color * 0.9)
        for side in (-1, 1):
            shape.tube(
                [
                    (side * s * 0.15, 0, s * 0.78),
                    (side * s * 0.34, -0.02, s * 0.6),
                    (side * s * 0.2, -s * 0.15, s * 0.5),
                ],
                s * 0.05,
                color,
                sections=6,
            )
        return shape
    if style == 3:
        r = h * 0.36
        shape.cylinder((0, 0, 0), r * 0.7, 0.02, tint(rng, WOOD)).cylinder((0, 0, 0.02), 0.012, 0.04, STEEL, sections=8)
        land = np.array((60, 120, 180.0))
        shape.sphere((0, 0, 0.05 + r), r, land)
        for _ in range(6):
            a, b = rng.uniform(0, 2 * np.pi), rng.uniform(-0.8, 0.8)
            n = np.array((np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)))
            shape.sphere(
                np.array((0, 0, 0.05 + r)) + 0.8 * r * n, 0.32 * r, (110, 150, 70), subdivisions=1, solid=False
            )
        return shape.hoop((0, 0, 0.05 + r), r * 1.1, 0.007, (190, 150, 70), turn=(75, (1, 0, 0)), sections=24)
    if style == 4:
        gold = np.array((212, 168, 60.0))
        shape.box((-0.05, -0.05, 0), (0.05, 0.05, 0.05), DARK).vessel(
            [(0.03, 0), (0.01, 0.04), (0.02, h * 0.3), (0.065, h * 0.5), (0.075, h * 0.75)],
            0.006,
            gold,
            at=(0, 0, 0.05),
        )
        for side in (-1, 1):
            shape.hoop((side * 0.085, 0, 0.05 + h * 0.58), 0.032, 0.006, gold, turn=(90, (1, 0, 0)), sections=12)
        return shape.detail((-0.03, -0.053, 0.012), (0.03, -0.05, 0.038), gold)
    w, back = h * rng.uniform(0.7, 1.2), {"turn": (-12, (1, 0, 0), (0, 0, 0))}
    shape.box((-w / 2, -0.012, 0), (w / 2, 0.012, h), tint(rng, WOOD), **back)
    shape.front(-w / 2 + 0.02, 0.02, w / 2 - 0.02, h - 0.02, -0.014, any_picture(rng, 12, 12), **back)
    return shape.rod((0, 0.03, h * 0.6), (0, h * 0.4, 0.008), 0.009, DARK, sections=6)


def cd_case(rng) -> Shape:
    """A stack of jewel cases with printed fronts, or one open with its disc."""
    w, h = 0.142, 0.125
    shape, count = Small(), rng.integers(1, 8)
    for k in range(count):
        one = Small().box((-w / 2, -h / 2, 0), (w / 2, h / 2, 0.011), vary(rng, (190, 200, 206), 20))
        one.detail((-w / 2 - 0.001, -h / 2 - 0.001, 0.001), (-w / 2 + 0.014, h / 2 + 0.001, 0.0115), BLACK)
        one.flat(-w * 0.38, -h * 0.48, w * 0.49, h * 0.48, 0.0125, any_picture(rng, 8, 8))
        shape.merge(one, at=(0, 0, 0.012 * k), yaw=rng.normal(0, 6) * (k > 0))
    if rng.random() < 0.4:
        z = 0.012 * count + 0.002
        for r, c in ((0.058, (206, 210, 222)), (0.02, (150, 170, 200)), (0.009, BLACK)):
            shape.cylinder((0.005, 0, z), r, 0.003, c, sections=24)
            z += 0.001
    return shape


def gadget(rng) -> Shape:
    """Some odd thing: a modem with aerials, a desk organiser with pens, a jar opener, a puzzle of blocks, a radio."""
    style, color, shape = rng.integers(4), hue(rng), Small()
    if style == 0:
        w, dark = rng.uniform(0.16, 0.24), pick(rng, np.array(BLACK) + 8.0, np.array(PALE, float))
        shape.frustum((w, 0.14), (w * 0.9, 0.11), 0, 0.035, dark)
        for x in (-0.42, 0, 0.42):
            shape.box(
                (w * x - 0.008, 0.05, 0.02),
                (w * x + 0.008, 0.066, 0.17),
                dark * 0.9,
                turn=(x * 25, (0, 1, 0), (w * x, 0, 0)),
            )
        return shape.front(
            -w * 0.3, 0.008, w * 0.3, 0.018, -0.07, plain(1, 9, (60, 220, 90)) * (np.arange(9) % 2)[None, :, None]
        )
    if style == 1:
        shape.vessel([(0.04, 0), (0.042, 0.1)], 0.005, color)
        for _ in range(6):
            a, b = rng.uniform(-0.02, 0.02, 2), rng.uniform(-0.05, 0.05, 2)
            shape.rod((*a, 0.01), (*b, rng.uniform(0.15, 0.19)), 0.006, hue(rng), sections=6, solid=False)
        return shape
    if style == 2:
        for _ in range(rng.integers(4, 9)):
            x, y, s, z = *rng.uniform(-0.06, 0.06, 2), rng.uniform(0.03, 0.05), 0.0
            shape.box((x - s, y - s, z), (x + s, y + s, z + s * pick(rng, 1, 2, 3)), hue(rng))
        return shape
    w, h = rng.uniform(0.18, 0.28), rng.uniform(0.12, 0.17)
    shape.box((-w / 2, -0.04, 0), (w / 2, 0.04, h), color).front(
        -w * 0.45, h * 0.12, 0, h * 0.8, -0.042, plain(7, 7, color * 0.4)
    )
    shape.dial(w * 0.25, h * 0.5, h * 0.2, -0.04, 0.015, PALE).rod(
        (w * 0.4, 0.03, h), (w * 0.55, 0.03, h + 0.2), 0.005, STEEL, sections=6
    )
    return shape.arch((-w * 0.35, 0, h), (w * 0.35, 0, h), 0.04, 0.008, DARK)

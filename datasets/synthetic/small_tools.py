"""Builders of tools, rolls and ornaments: brooms, scales, dumbbells, power strips, candles, vases, tissues.

Use: `tabletop.KINDS`, which holds these under their class names.
"""
import numpy as np

from datasets.synthetic.shapes import CERAMIC, METAL, WOOD, Shape, pick, tint, vary
from datasets.synthetic.small_parts import BLACK, DARK, GREY, PALE, STEEL, Small, hue
from datasets.synthetic.small_prints import abstract, any_picture, plain, weave


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
        shape.sheet(np.stack([x, y, h + 0.085 * v * (1 - 0.35 * u ** 2)], -1), (250, 250, 250), solid=False)
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
        shape.lathe([(r * 1.12, 0), (r * 1.15, top * 1.6), (r * 1.08, top * 1.6), (r * 1.1, top)], (0, 0, 0), (214, 224, 226), sections=18)
        shape.front(-r * 0.7, top * 0.3, r * 0.7, top * 0.9, -r * 1.15, plain(1, 1, PALE))
    else:
        foot, top = tint(rng, ((200, 160, 80), (190, 192, 196), (60, 50, 46)), 8), h + 0.24
        shape.lathe([(0, 0), (0.05, 0), (0.05, 0.012), (0.012, 0.025), (0.018, h * 0.5), (0.012, h), (0.024, h + 0.02), (0, h + 0.02)],
                    (0, 0, 0), foot, sections=18)
        shape.cylinder((0, 0, h + 0.02), 0.012, 0.22, wax, top=0.01, sections=12)
    shape.cylinder((0, 0, top), 0.003, 0.014, BLACK, sections=6)
    if rng.random() < 0.4:
        shape.lathe([(0, 0), (0.009, 0.012), (0.004, 0.03), (0, 0.04)], (0, 0, top + 0.006), (255, 190, 60), sections=8, solid=False)
    return shape


def decoration(rng) -> Shape:
    """A vase, with dry stalks or not, a figurine, a globe, a small trophy or a framed picture on a strut."""
    style, color = rng.integers(6), pick(rng, hue(rng), tint(rng, CERAMIC), tint(rng, ((190, 150, 70), (70, 60, 54)), 10))
    shape, h = Small(), rng.uniform(0.18, 0.36)
    if style < 2:
        r = h * rng.uniform(0.24, 0.38)
        shape.vessel([(r * 0.55, 0), (r, h * rng.uniform(0.25, 0.6)), (r * 0.4, h * 0.85), (r * 0.55, h)], 0.006, color, sections=22)
        shape.lathe([(r * 0.42, h * 0.83), (r * 0.44, h * 0.87)], (0, 0, 0), hue(rng), sections=22, solid=False)
        for _ in range(rng.integers(3, 7) if style else 0):
            tip = (*rng.normal(0, 0.06, 2), h * rng.uniform(1.4, 1.8))
            shape.rod((0, 0, h * 0.7), tip, 0.005, (120, 110, 70), sections=5, solid=False)
            shape.sphere(tip, (0.022, 0.022, 0.032), hue(rng, (0.3, 0.9), (0.6, 1)), subdivisions=1, solid=False)
        return shape
    if style == 2:
        s = h * 0.7
        shape.cylinder((0, 0, 0), s * 0.28, 0.02, DARK).lathe(
            [(s * 0.25, 0.02), (s * 0.12, s * 0.55), (s * 0.17, s * 0.78), (s * 0.06, s * 0.88)], (0, 0, 0), color, sections=16)
        shape.sphere((0, 0, s), s * 0.13, color * 0.9)
        for side in (-1, 1):
            shape.tube([(side * s * 0.15, 0, s * 0.78), (side * s * 0.34, -0.02, s * 0.6), (side * s * 0.2, -s * 0.15, s * 0.5)],
                       s * 0.05, color, sections=6)
        return shape
    if style == 3:
        r = h * 0.36
        shape.cylinder((0, 0, 0), r * 0.7, 0.02, tint(rng, WOOD)).cylinder((0, 0, 0.02), 0.012, 0.04, STEEL, sections=8)
        land = np.array((60, 120, 180.0))
        shape.sphere((0, 0, 0.05 + r), r, land)
        for _ in range(6):
            a, b = rng.uniform(0, 2 * np.pi), rng.uniform(-0.8, 0.8)
            n = np.array((np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)))
            shape.sphere(np.array((0, 0, 0.05 + r)) + 0.8 * r * n, 0.32 * r, (110, 150, 70), subdivisions=1, solid=False)
        return shape.hoop((0, 0, 0.05 + r), r * 1.1, 0.007, (190, 150, 70), turn=(75, (1, 0, 0)), sections=24)
    if style == 4:
        gold = np.array((212, 168, 60.0))
        shape.box((-0.05, -0.05, 0), (0.05, 0.05, 0.05), DARK).vessel(
            [(0.03, 0), (0.01, 0.04), (0.02, h * 0.3), (0.065, h * 0.5), (0.075, h * 0.75)], 0.006, gold, at=(0, 0, 0.05))
        for side in (-1, 1):
            shape.hoop((side * 0.085, 0, 0.05 + h * 0.58), 0.032, 0.006, gold, turn=(90, (1, 0, 0)), sections=12)
        return shape.detail((-0.03, -0.053, 0.012), (0.03, -0.05, 0.038), gold)
    w, back = h * rng.uniform(0.7, 1.2), {"turn": (-12, (1, 0, 0), (0, 0, 0))}
    shape.box((-w / 2, -0.012, 0), (w / 2, 0.012, h), tint(rng, WOOD), **back)
    shape.front(-w / 2 + 0.02, 0.02, w / 2 - 0.02, h - 0.02, -0.014, any_picture(rng, 12, 12), **back)
    return shape.rod((0, 0.03, h * 0.6), (0, h * 0.4, 0.008), 0.009, DARK, sections=6)


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
    r, h, rubber = rng.uniform(0.065, 0.085), rng.uniform(0.42, 0.56), pick(rng, np.array((160, 60, 44.0)), np.array(BLACK) + 8.0)
    shape = Small().lathe([(0, 0), (r, 0), (r * 1.03, 0.02), (r * 0.85, 0.07), (0.03, 0.11), (0.022, 0.14), (0, 0.14)], (0, 0, 0), rubber)
    return shape.rod((0, 0, 0.13), (0, 0, h), 0.013, tint(rng, WOOD)).sphere((0, 0, h), 0.015, tint(rng, WOOD), subdivisions=1)


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
    return shape.box((-w * 0.47, -0.035, 0.11), (w * 0.47, 0.035, 0.16), color).cylinder((0, 0, 0.15), 0.025, 0.07, color, sections=12)


def dustpan(rng) -> Shape:
    """A flat pan with side walls and a handle at the back, a hand brush in it perhaps."""
    color, w, d = hue(rng), rng.uniform(0.22, 0.3), rng.uniform(0.18, 0.24)
    shape = Small().prism([(-d / 2, 0), (d / 2, 0), (d / 2, 0.03), (-d / 2, 0.012)], -w / 2, w / 2, color, axis="x")
    for side in (-1, 1):
        x = side * w / 2
        shape.prism([(-d / 2, 0.01), (d / 2, 0), (d / 2, 0.09), (d * 0.2, 0.08)], *sorted((x, x - side * 0.02)), color * 0.85, axis="x")
    shape.box((-w / 2, d / 2 - 0.02, 0), (w / 2, d / 2, 0.09), color * 0.85)
    shape.rod((0, d / 2, 0.06), (0, d / 2 + 0.15, 0.1), 0.017, color)
    if rng.random() < 0.6:
        other = hue(rng)
        shape.box((-w * 0.4, -0.01, 0.055), (w * 0.2, 0.035, 0.085), other).box((-w * 0.4, -0.02, 0.025), (w * 0.2, 0.04, 0.055), (60, 60, 64))
        shape.rod((w * 0.2, 0.012, 0.07), (w * 0.62, 0.0, 0.1), 0.012, other)
    return shape


def scale(rng) -> Shape:
    """Bathroom scales: a slab of glass with metal plates and a display, or a mechanical one with a dial."""
    w, d = rng.uniform(0.28, 0.34), rng.uniform(0.27, 0.32)
    color = pick(rng, np.array((206, 222, 222.0)), np.array((36, 36, 40.0)), np.array(PALE, float), hue(rng, (0.1, 0.5)))
    shape = Small().box((-w / 2, -d / 2, 0.016), (w / 2, d / 2, 0.045), color).box((-w * 0.42, -d * 0.42, 0), (w * 0.42, d * 0.42, 0.016), DARK)
    if rng.random() < 0.5:
        for side in (-1, 1):
            shape.detail((side * w * 0.1, -d * 0.36, 0.045), (side * w * 0.4, d * 0.2, 0.049), STEEL)
        return shape.detail((-w * 0.16, d * 0.28, 0.045), (w * 0.16, d * 0.42, 0.05), (120, 150, 130))
    shape.detail((-w * 0.42, -d * 0.42, 0.045), (w * 0.42, d * 0.1, 0.052), color * 0.5)
    for k in range(5):
        shape.detail((-w * 0.4, -d * 0.38 + k * d * 0.1, 0.052), (w * 0.4, -d * 0.35 + k * d * 0.1, 0.056), color * 0.35)
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
    return shape.tube(np.column_stack([w / 2 + 0.25 * t, 0.06 * np.sin(6 * t), np.full(8, 0.01)]), 0.01, dark * 0.6, sections=6)


def paper_cutter(rng) -> Shape:
    """A guillotine: a gridded board with a fence and a long blade arm, raised a little, hinged at its back."""
    w, d, color = rng.uniform(0.3, 0.4), rng.uniform(0.34, 0.45), tint(rng, (*WOOD[:3], (120, 140, 130), (70, 74, 80)), 8)
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
    color, r, long = pick(rng, hue(rng), np.array(BLACK) + 12.0, np.array(PALE, float)), rng.uniform(0.036, 0.044), rng.uniform(0.15, 0.19)
    shape = Small().rod((-long / 2, 0, r), (long / 2, 0, r), r, color, sections=18).sphere((long / 2, 0, r), r, color)
    shape.rod((long / 2 + r * 0.7, 0, r), (long / 2 + r, 0, r), r * 0.7, DARK, sections=16)
    shape.rod((-long / 2 - 0.05, 0, r), (-long / 2, 0, r), r * 0.75, DARK, sections=16)
    shape.rod((long * 0.22, 0, r), (long * 0.36, -0.14, r * 0.7), r * 0.5, color * 0.9, sections=12)
    shape.detail((long * 0.24, -0.085, r * 1.15), (long * 0.33, -0.06, r * 1.35), (200, 60, 50))
    t = np.linspace(0, 1, 8)
    path = np.column_stack([long * 0.36 - 0.14 * t, -0.14 - 0.05 * np.sin(4 * t), 0.01 + 0.014 * (1 - t) ** 4])
    return shape.tube(path, 0.008, BLACK, sections=6, solid=False)


def cd_case(rng) -> Shape:
    """A stack of jewel cases with printed fronts, or one open with its disc."""
    w, h = 0.142, 0.125
    shape, count = Small(), rng.integers(1, 8)
    for k in range(count):
        one = Small().box((-w / 2, -h / 2, 0), (w / 2, h / 2, 0.011), vary(rng, (190, 200, 206), 20))
        one.box((-w / 2, -h / 2, 0), (-w / 2 + 0.014, h / 2, 0.0115), BLACK)
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
            shape.box((w * x - 0.008, 0.05, 0.02), (w * x + 0.008, 0.066, 0.17), dark * 0.9, turn=(x * 25, (0, 1, 0), (w * x, 0, 0)))
        return shape.front(-w * 0.3, 0.008, w * 0.3, 0.018, -0.07, plain(1, 9, (60, 220, 90)) * (np.arange(9) % 2)[None, :, None])
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
    shape.box((-w / 2, -0.04, 0), (w / 2, 0.04, h), color).front(-w * 0.45, h * 0.12, 0, h * 0.8, -0.042, plain(7, 7, color * 0.4))
    shape.dial(w * 0.25, h * 0.5, h * 0.2, -0.04, 0.015, PALE).rod((w * 0.4, 0.03, h), (w * 0.55, 0.03, h + 0.2), 0.005, STEEL, sections=6)
    return shape.arch((-w * 0.35, 0, h), (w * 0.35, 0, h), 0.04, 0.008, DARK)

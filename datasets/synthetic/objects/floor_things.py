"""Luggage, plants, people, guitars and other things that stand about: `KINDS` maps a class name to its builder."""
import numpy as np

from datasets.synthetic.objects import bins
from datasets.synthetic.objects.bins import BRIGHT
from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import DARK, disc, leaf, loft, metal, pad, tone
from datasets.synthetic.objects.shapes import FABRIC, METAL, WHITE, Shape, pick, tint, vary

GREEN = ((60, 115, 50), (85, 140, 60), (45, 90, 55), (110, 150, 70))
POTS = ((170, 95, 65), (235, 232, 225), (60, 60, 64), (90, 120, 140), (150, 130, 105))


def _suitcase(rng) -> Shape:
    """A hard trolley case that stands upright: ribbed shell, four wheels, a telescopic handle."""
    shape, color = Shape(), tint(rng, (*BRIGHT, (40, 40, 44), (150, 155, 160), (60, 70, 110)))
    w, d, h = rng.uniform(0.36, 0.5), rng.uniform(0.21, 0.29), rng.uniform(0.5, 0.72)
    shape.cushion((-w / 2, -d / 2, 0.05), (w / 2, d / 2, 0.05 + h), color, exponent=10)
    shape.box((-w / 2 - 0.004, -0.012, 0.07), (w / 2 + 0.004, 0.012, 0.03 + h), color * 0.45)
    for x in np.linspace(-w * 0.36, w * 0.36, 5):
        shape.box((x - 0.016, -d / 2 - 0.008, 0.12), (x + 0.016, -d / 2 + 0.03, h - 0.02), color * 0.88)
    for x in (-w * 0.38, w * 0.38):
        for y in (-d * 0.36, d * 0.36):
            shape.box((x - 0.025, y - 0.025, 0.0), (x + 0.025, y + 0.025, 0.07), DARK)
    up = h + 0.05 + (rng.uniform(0.25, 0.4) if rng.random() < 0.5 else 0.03)
    for x in (-w * 0.22, w * 0.22):
        shape.rod((x, d * 0.38, h - 0.05), (x, d * 0.38, up), 0.011, METAL[1])
    shape.box((-w * 0.25, d * 0.38 - 0.016, up - 0.01), (w * 0.25, d * 0.38 + 0.016, up + 0.022), DARK)
    return shape


def _luggage(rng) -> Shape:
    """Soft luggage: a duffel bag with straps lying on the floor, or a fabric roller with front pockets."""
    shape, color = Shape(), tone(rng, ((45, 48, 55), (60, 75, 105), (120, 50, 45), (85, 95, 65), (120, 90, 60)))
    if rng.random() < 0.55:
        w, d, h = rng.uniform(0.5, 0.7), rng.uniform(0.26, 0.34), rng.uniform(0.26, 0.33)
        shape.cushion((-w / 2, -d / 2, 0), (w / 2, d / 2, h), color, exponent=3.2)
        t = np.linspace(0, np.pi, 9)
        for s in (-1, 1):
            shape.tube(
                np.column_stack([0.14 * np.cos(t), s * (d * 0.28 - 0.06 * np.sin(t)), h - 0.04 + 0.13 * np.sin(t)]),
                0.013,
                color * 0.5,
                8,
                solid=False,
            )
        for x in (-w * 0.2, w * 0.2):
            shape.cushion(
                (x - 0.025, -d / 2 - 0.006, -0.0), (x + 0.025, d / 2 + 0.006, h + 0.006), color * 0.5, exponent=3.2
            )
        shape.box((-w * 0.4, -0.01, h - 0.012), (w * 0.4, 0.01, h + 0.004), color * 0.35)
        return shape
    w, d, h = rng.uniform(0.36, 0.48), rng.uniform(0.22, 0.28), rng.uniform(0.5, 0.68)
    shape.cushion((-w / 2, -d / 2, 0.03), (w / 2, d / 2, 0.03 + h), color, exponent=12)
    shape.cushion((-w * 0.42, -d / 2 - 0.06, 0.07), (w * 0.42, -d / 2 + 0.03, h * 0.5), color * 1.15, exponent=7)
    shape.cushion((-w * 0.42, -d / 2 - 0.04, h * 0.54), (w * 0.42, -d / 2 + 0.03, h * 0.92), color * 1.15, exponent=7)
    for z in (h * 0.44, h * 0.86):
        shape.box((-w * 0.36, -d / 2 - 0.066, z), (w * 0.36, -d / 2, z + 0.016), color * 0.4)
    for x in (-w * 0.36, w * 0.36):
        disc(shape, (x, d * 0.36, 0.04), 0.04, 0.03, DARK, axis="x", sections=12)
        shape.box((x - 0.02, -d * 0.4, 0), (x + 0.02, -d * 0.25, 0.06), DARK)
    t = np.linspace(0, np.pi, 7)
    return shape.tube(np.column_stack([0.08 * np.cos(t), 0 * t, h + 0.02 + 0.045 * np.sin(t)]), 0.013, DARK, 8)


def _pot(shape: Shape, rng, radius: float, h: float) -> Shape:
    """A round or square planter with soil in it."""
    color, square = tone(rng, POTS), rng.random() < 0.25
    exponent, r = (10, radius * 0.85) if square else (2, radius)
    loft(
        shape,
        [(r * rng.uniform(0.65, 0.9), r * 0.75, 0), (r, r, h), (r * 0.88, r * 0.88, h), (r * 0.85, r * 0.85, h * 0.85)],
        color,
        exponent,
    )
    return disc(shape, (0, 0, h * 0.86), r * 0.86, 0.02, (70, 52, 40), axis="z")


def _leaves(
    shape: Shape, rng, root, count: int, length: float, width: float, droop: float, low: float, high: float
) -> Shape:
    """A tuft of leaves all round from one point, rising between two angles in radians."""
    color = tone(rng, GREEN)
    for k in range(count):
        yaw = k * 2.4 + rng.uniform(-0.3, 0.3)
        leaf(shape, root, yaw, rng.uniform(low, high), length * rng.uniform(0.75, 1.1), width * rng.uniform(0.8, 1.2),
             droop * rng.uniform(0.6, 1.2), vary(rng, color, 9))
    return shape


def _plant(rng) -> Shape:
    """A tall plant in a floor pot: a palm, a leafy tree with a trunk, or upright sword leaves."""
    shape, h = Shape(), rng.uniform(0.24, 0.38)
    _pot(shape, rng, rng.uniform(0.15, 0.21), h)
    kind, top = pick(rng, "palm", "tree", "sword"), rng.uniform(1.0, 1.7)
    if kind == "sword":
        return _leaves(shape, rng, (0, 0, h * 0.85), 16, top * 0.62, 0.09, 0.15, 1.25, 1.52)
    if kind == "palm":
        for _ in range(4):
            lean = rng.normal(0, 0.06, 2)
            tip = (*lean, h + (top - h) * rng.uniform(0.25, 0.55))
            shape.rod((lean[0] * 0.2, lean[1] * 0.2, h * 0.8), tip, 0.014, (110, 120, 60))
            _leaves(shape, rng, tip, 8, 0.55, 0.08, 1.6, 0.9, 1.4)
        return shape
    trunk = np.array(((0, 0, h * 0.8), (*rng.normal(0, 0.03, 2), (h + top) / 2), (*rng.normal(0, 0.05, 2), top - 0.1)))
    shape.tube(trunk, 0.02, (105, 80, 55))
    for k in range(16):
        t = rng.uniform(0.35, 1.0)
        point = trunk[1] + (trunk[2] - trunk[1]) * (t * 2 - 1) if t > 0.5 else trunk[0] + (trunk[1] - trunk[0]) * t * 2
        a = k * 2.4
        tip = point + np.array((np.cos(a), np.sin(a), 0.6)) * rng.uniform(0.1, 0.25)
        shape.rod(point, tip, 0.008, (105, 90, 55), sections=5, solid=False)
        _leaves(shape, rng, tip, 6, 0.2, 0.12, 0.9, 0.0, 0.9)
    return shape


def _potted_plant(rng) -> Shape:
    """A small plant for furniture: a leafy tuft, a trailing one, a cactus, or flowers, in a pot of a hand's width."""
    shape, r, h = Shape(), rng.uniform(0.05, 0.09), rng.uniform(0.08, 0.14)
    _pot(shape, rng, r, h)
    root, kind = (0, 0, h * 0.85), pick(rng, "tuft", "tuft", "trailing", "cactus", "flowers")
    if kind == "cactus":
        green = tone(rng, GREEN)
        shape.sphere((0, 0, h + 0.07), (0.04, 0.04, 0.1), green)
        for s in (-1, 1):
            shape.tube([(0, 0, h + 0.06), (s * 0.055, 0, h + 0.075), (s * 0.055, 0, h + 0.13)], 0.018, green)
        return shape
    if kind == "trailing":
        return _leaves(shape, rng, root, 22, 0.2, 0.05, 2.3, 0.5, 1.4)
    _leaves(shape, rng, root, 18, rng.uniform(0.16, 0.26), 0.055, 0.9, 0.7, 1.45)
    if kind == "flowers":
        bloom = tone(rng, ((220, 70, 110), (240, 240, 245), (235, 190, 50), (150, 80, 180), (210, 50, 45)))
        for k in range(6):
            a, lean = k * 2.4, rng.uniform(0.02, 0.08)
            tip = (lean * np.cos(a), lean * np.sin(a), h + rng.uniform(0.16, 0.28))
            shape.rod((0, 0, h * 0.8), tip, 0.006, (80, 120, 60), sections=5, solid=False)
            shape.sphere(tip, (0.03, 0.03, 0.02), bloom, subdivisions=1, solid=False)
    return shape


def _person(rng) -> Shape:
    """A standing figure: shoes, trousers, shorts or skirt, a top, arms hanging or bent, a head with hair."""
    shape, h = Shape(), rng.uniform(1.55, 1.85)
    skin = tone(rng, ((235, 195, 165), (200, 150, 115), (140, 95, 65), (95, 62, 45)), 8)
    top, legs = (
        tint(rng, (*FABRIC, *BRIGHT, (240, 240, 240))),
        tone(rng, ((45, 55, 85), (40, 40, 44), (150, 130, 100), (90, 95, 100))),
    )
    hair = tone(rng, ((35, 28, 25), (90, 60, 38), (190, 155, 95), (130, 128, 125)), 8)
    k, wide, dress = h / 1.75, rng.uniform(0.9, 1.15), rng.random() < 0.2
    bare = dress or rng.random() < 0.2
    for s in (-1, 1):
        x, y = s * 0.095 * k, rng.uniform(-0.08, 0.08)
        pad(shape, (x - 0.05, y - 0.19, 0), (x + 0.05, y + 0.08, 0.09), (50, 45, 42), 3.0)
        shape.cylinder((x, y, 0.06), 0.048 * k, 0.44 * k, skin if bare else legs, top=0.062 * k, sections=12)
        shape.rod((x, y, 0.48 * k), (x * 0.9, 0, 0.88 * k), 0.076 * k * wide, skin if dress else legs, sections=12)
        shoulder = np.array((s * 0.2 * wide, 0.0, 1.4)) * k
        elbow = np.array((s * 0.26 * wide, 0.02, 1.12)) * k
        hand = (
            (elbow + np.array((s * -0.04, -0.24, 0.08)) * k)
            if rng.random() < 0.35
            else elbow + np.array((s * 0.01, -0.07, -0.26)) * k
        )
        shape.rod(shoulder, elbow, 0.05 * k, top, sections=10).sphere(shoulder, 0.058 * k, top)
        shape.sphere(elbow, 0.046 * k, top, subdivisions=1).rod(
            elbow, hand, 0.038 * k, top if rng.random() < 0.5 else skin
        )
        shape.sphere(hand, 0.05 * k, skin, subdivisions=1)
    if dress:
        shape.cylinder((0, 0, 0.5 * k), 0.26 * k, 0.45 * k, top, top=0.15 * k)
    loft(
        shape,
        [
            (0.16 * k * wide, 0.11 * k, 0.8 * k),
            (0.165 * k * wide, 0.12 * k, 0.9 * k),
            (0.145 * k * wide, 0.11 * k, 1.08 * k),
            (0.19 * k * wide, 0.125 * k, 1.32 * k),
            (0.17 * k * wide, 0.09 * k, 1.43 * k),
            (0.06 * k, 0.05 * k, 1.48 * k),
        ],
        top,
        exponent=2.6,
        sections=24,
    )
    loft(
        shape,
        [(0.168 * k * wide, 0.124 * k, 0.78 * k), (0.17 * k * wide, 0.126 * k, 0.93 * k)],
        top * 0.9 if dress else legs,
        exponent=2.6,
        sections=24,
    )
    shape.cylinder((0, 0, 1.44 * k), 0.055 * k, 0.12 * k, skin, sections=12)
    shape.sphere((0, -0.01, 1.63 * k), (0.078 * k, 0.095 * k, 0.115 * k), skin)
    shape.sphere((0, 0.02, 1.665 * k), (0.088 * k, 0.1 * k, 0.095 * k), hair)
    if rng.random() < 0.4:
        shape.cushion((-0.09 * k, 0.02, 1.38 * k), (0.09 * k, 0.12 * k, 1.7 * k), hair, exponent=2.5)
    return shape.box((-0.014, -0.125 * k, 1.6 * k), (0.014, -0.09 * k, 1.635 * k), skin * 0.93)


def _body_outline(width: float, low: float, high: float, sections: int = 20):
    """A closed oval (x, z) between two heights, `width` wide."""
    t = np.arange(sections) * 2 * np.pi / sections
    return np.column_stack([width / 2 * np.cos(t), (low + high) / 2 + (high - low) / 2 * np.sin(t)])


def _guitar(rng) -> Shape:
    """An acoustic or electric guitar upright on a small stand, leaning back."""
    shape, tilt = Shape(), (-10, (1, 0, 0), (0, 0, 0.1))
    wood = tone(rng, ((205, 150, 85), (150, 85, 45), (215, 180, 125), (40, 35, 35), (170, 35, 35), (50, 90, 150)))
    electric, z = rng.random() < 0.35, 0.12
    depth = 0.045 if electric else rng.uniform(0.085, 0.11)
    wide = rng.uniform(0.78, 0.88) if electric else rng.uniform(0.92, 1.08)
    for width, low, high in ((0.38, z, z + 0.28), (0.24, z + 0.16, z + 0.36), (0.29, z + 0.26, z + 0.48)):
        shape.prism(_body_outline(width * wide, low, high), -depth, 0, wood, axis="y", turn=tilt)
    if electric:
        shape.box((-0.07, -depth - 0.006, z + 0.1), (0.07, -depth, z + 0.36), (240, 238, 230), turn=tilt)
        for v in (0.14, 0.22, 0.3):
            shape.box((-0.045, -depth - 0.012, z + v), (0.045, -depth, z + v + 0.02), (30, 30, 32), turn=tilt)
    else:
        disc(shape, (0, -depth - 0.001, z + 0.3), 0.052, 0.006, (25, 18, 15), turn=tilt)
        shape.box((-0.07, -depth - 0.01, z + 0.11), (0.07, -depth, z + 0.13), (60, 35, 25), turn=tilt)
    shape.box((-0.028, -depth - 0.012, z + 0.36), (0.028, -depth + 0.02, z + 0.84), (70, 45, 30), turn=tilt)
    shape.box((-0.04, -depth, z + 0.83), (0.04, -depth + 0.02, z + 1.0), wood * 0.6, turn=tilt)
    for v in (0.86, 0.91, 0.96):
        shape.box((-0.062, -depth, z + v), (0.062, -depth + 0.018, z + v + 0.016), METAL[2], turn=tilt)
    for x, y in ((-0.16, -0.17), (0.16, -0.17), (0, 0.22)):
        shape.rod((x, y, 0.012), (0, 0.05, 0.34), 0.012, DARK)
    for x in (-0.1, 0.1):
        shape.rod((x, 0.05, 0.115), (x, -0.15, 0.115), 0.014, DARK)
    return shape.rod((-0.1, 0.05, 0.115), (0.1, 0.05, 0.115), 0.014, DARK)


def _guitar_case(rng) -> Shape:
    """A black or brown case in the outline of a guitar, standing on its broad end, with latches and a handle."""
    shape, color = Shape(), tone(rng, ((32, 32, 35), (32, 32, 35), (85, 55, 38), (70, 75, 80)), 6)
    d, s = rng.uniform(0.12, 0.15), rng.uniform(0.95, 1.08)
    z = 0.0
    for width, low, high in ((0.43, z, 0.34), (0.33, 0.18, 0.44), (0.35, 0.3, 0.58)):
        shape.prism(_body_outline(width * s, low * s, high * s), -d / 2, d / 2, color, axis="y")
    shape.prism(
        [(-0.1 * s, 0.5 * s), (0.1 * s, 0.5 * s), (0.07 * s, 0.85 * s), (-0.07 * s, 0.85 * s)],
        -d / 2,
        d / 2,
        color,
        axis="y",
    )
    shape.prism(
        [(-0.07 * s, 0.82 * s), (0.07 * s, 0.82 * s), (0.09 * s, 1.08 * s), (-0.09 * s, 1.08 * s)],
        -d / 2,
        d / 2,
        color,
        axis="y",
    )
    shape.box((-0.14, -d / 2, 0), (0.14, d / 2, 0.03), color)
    for x, v in ((0.21, 0.17), (-0.21, 0.17), (0.17, 0.44), (-0.17, 0.44), (0.085, 0.7)):
        shape.box(
            (x * s - 0.018, -0.03, v * s - 0.02),
            (x * s + 0.018, 0.03, v * s + 0.02),
            METAL[2] if rng.random() < 0.8 else (190, 160, 80),
        )
    x = 0.2 * s
    shape.tube(
        [(x - 0.04, 0, 0.24 * s), (x + 0.035, 0, 0.26 * s), (x + 0.035, 0, 0.36 * s), (x - 0.04, 0, 0.38 * s)],
        0.013,
        color * 0.6,
    )
    return shape.prism(_body_outline(0.26 * s, 0.06 * s, 0.28 * s), -d / 2 - 0.008, -d / 2, color * 1.35 + 6, axis="y")


def _ironing_board(rng) -> Shape:
    """A long board with one pointed end on crossed legs, or folded and leaning upright."""
    board, cloth, steel = Shape(), tint(rng, (*FABRIC, *BRIGHT, (200, 205, 215))), metal(rng)
    w, d, h = rng.uniform(1.1, 1.35), rng.uniform(0.32, 0.4), rng.uniform(0.8, 0.92)
    a, b = w / 2, d / 2
    outline = [
        (-a, -b),
        (a * 0.45, -b),
        (a * 0.75, -b * 0.75),
        (a * 0.95, -b * 0.35),
        (a, 0),
        (a * 0.95, b * 0.35),
        (a * 0.75, b * 0.75),
        (a * 0.45, b),
        (-a, b),
    ]
    if rng.random() < 0.3:
        turned = [(v, u + a) for u, v in outline]
        board.prism(turned, -0.03, 0.005, cloth, axis="y", turn=(-5, (1, 0, 0), (0, 0, 0)))
        for x in (-0.1, 0.1):
            board.rod((x, 0.025, 0.12), (x, 0.025, w * 0.85), 0.012, steel, turn=(-5, (1, 0, 0), (0, 0, 0)))
        return board
    board.prism(outline, h - 0.035, h, cloth)
    for y, lean in ((-0.05, 1), (0.05, -1)):
        board.rod((lean * w * 0.3, y, 0.02), (-lean * w * 0.25, y, h - 0.03), 0.014, steel)
    for x, z, half in (
        (w * 0.3, 0.014, 0.2),
        (-w * 0.3, 0.014, 0.2),
        (w * 0.25, h - 0.045, 0.08),
        (-w * 0.25, h - 0.045, 0.08),
    ):
        board.rod((x, -half, z), (x, half, z), 0.013, steel)
    return board.support(-a + 0.05, -b + 0.05, a * 0.4, b - 0.05, h, 0.8)


def _column(rng) -> Shape:
    """A column from floor to ceiling height, round or square, with a base and a capital or plain."""
    shape, color, r = Shape(), tone(rng, (*WHITE, (190, 185, 175), (150, 150, 148)), 6), rng.uniform(0.14, 0.26)
    h = 2.6
    if rng.random() < 0.5:
        shape.cylinder((0, 0, 0), r, h, color, sections=28)
        if rng.random() < 0.6:
            shape.cylinder((0, 0, 0), r * 1.25, 0.12, color * 0.95, top=r * 1.1, sections=28)
            shape.cylinder((0, 0, h - 0.14), r * 1.08, 0.14, color * 0.95, top=r * 1.3, sections=28)
        return shape
    shape.box((-r, -r, 0), (r, r, h), color)
    shape.box((-r - 0.015, -r - 0.015, 0), (r + 0.015, r + 0.015, 0.1), color * 0.9)
    if rng.random() < 0.5:
        shape.box((-r - 0.03, -r - 0.03, h - 0.1), (r + 0.03, r + 0.03, h), color * 0.95)
    return shape


SURFACES = (
    "table",
    "desk",
    "nightstand",
    "dresser",
    "end table",
    "coffee table",
    "shelf",
    "bookshelf",
    "cabinet",
    "tv stand",
    "dining table",
    "counter",
    "kitchen counter",
    "stand",
    "fireplace",
    "windowsill",
)
KINDS: dict[str, Kind] = {
    **bins.KINDS,
    "suitcase": Kind(_suitcase, "floor", ("bedroom", "hallway", "living")),
    "luggage": Kind(_luggage, "on", ("bedroom", "hallway", "living"), ("floor", "bed", "bench")),
    "plant": Kind(_plant, "floor", ("living", "office", "hallway", "bedroom", "classroom")),
    "potted plant": Kind(
        _potted_plant, "on", ("living", "office", "kitchen", "bedroom", "bathroom", "classroom"), SURFACES
    ),
    "person": Kind(_person, "floor", ("living", "kitchen", "office", "classroom", "hallway", "bedroom")),
    "guitar": Kind(_guitar, "floor", ("living", "bedroom")),
    "guitar case": Kind(_guitar_case, "against_wall", ("living", "bedroom", "hallway")),
    "ironing board": Kind(_ironing_board, "floor", ("laundry", "bedroom")),
    "column": Kind(_column, "floor", ("hallway", "office", "classroom", "living")),
}

"""Bins, baskets, hampers, tubs, crates and buckets of a synthetic scene: `KINDS` maps a class name to its builder."""
import numpy as np

from datasets.synthetic.objects.kinds import ROOMS, Kind
from datasets.synthetic.objects.parts import DARK, disc, hoop, loft, ring, tone, vessel
from datasets.synthetic.objects.shapes import FABRIC, METAL, PLASTIC, WHITE, WOOD, Shape, pick, tint

BLUE = ((35, 85, 165), (50, 110, 190))
BRIGHT = ((190, 60, 45), (40, 90, 160), (225, 160, 40), (60, 130, 80), (120, 70, 140), (210, 120, 150))
WICKER = ((165, 120, 70), (190, 150, 100), (120, 85, 50))


def _trash_can(rng) -> Shape:
    """A household can: a steel pedal bin with a domed lid, or an open tapered wastebasket with a liner's edge."""
    shape, r = Shape(), rng.uniform(0.12, 0.17)
    if rng.random() < 0.5:
        color, h = tone(rng, (*METAL, *METAL, *PLASTIC, *WHITE), 6), rng.uniform(0.38, 0.62)
        shape.cylinder((0, 0, 0), r, 0.03, DARK).cylinder((0, 0, 0.03), r * 0.98, h - 0.03, color)
        shape.lathe(
            [(0, 0), (r, 0), (r, 0.02), (r * 0.8, 0.05), (0, 0.065)],
            (0, 0, h),
            DARK if rng.random() < 0.5 else color * 0.9,
        )
        return shape.box((-0.05, -r - 0.05, 0.005), (0.05, -r + 0.02, 0.028), DARK)
    color, h = tint(rng, (*PLASTIC, (120, 90, 60), *FABRIC[1:4])), rng.uniform(0.27, 0.42)
    vessel(shape, (r * 0.78, r * 0.78), (r, r), h, color)
    ring(shape, (0, 0, h), r, 0.011, color * 0.85, axis="z")
    if rng.random() < 0.6:
        liner = tone(rng, (*WHITE, (50, 50, 54)))
        loft(
            shape,
            [
                (r + 0.012, r + 0.012, h - 0.09),
                (r + 0.014, r + 0.014, h + 0.012),
                (r - 0.02, r - 0.02, h + 0.012),
                (r - 0.03, r - 0.03, h * 0.3),
            ],
            liner,
            caps=False,
        )
    return shape


def _trash_bin(rng) -> Shape:
    """A large refuse bin: a wheeled one with a hinged lid, or a tall box with a swinging flap."""
    shape, color = Shape(), tone(rng, ((70, 75, 72), (45, 80, 55), (45, 45, 48), (120, 95, 70), (185, 180, 165)), 8)
    w, d = rng.uniform(0.19, 0.26), rng.uniform(0.17, 0.26)
    if rng.random() < 0.5:
        h = rng.uniform(0.75, 1.0)
        loft(shape, [(w * 0.8, d * 0.75, 0.04), (w, d, h), (w, d, h + 0.01)], color, exponent=7)
        shape.prism(
            [(-d - 0.03, h), (d + 0.03, h), (d + 0.03, h + 0.07), (-d, h + 0.03)],
            -w - 0.02,
            w + 0.02,
            color * 0.85,
            axis="x",
        )
        shape.rod((-w * 0.8, d + 0.06, h - 0.02), (w * 0.8, d + 0.06, h - 0.02), 0.015, color * 0.8)
        for x in (-w, w):
            disc(shape, (x * 0.95, d * 0.75, 0.09), 0.09, 0.04, DARK, axis="x")
            shape.box((x * 0.8 - 0.01, d - 0.02, h - 0.035), (x * 0.8 + 0.01, d + 0.07, h - 0.005), color * 0.8)
        return shape.box((-w * 0.6, -d * 0.72, 0), (w * 0.6, -d * 0.4, 0.05), color * 0.8)
    h = rng.uniform(0.6, 0.8)
    loft(shape, [(w * 0.78, d * 0.78, 0), (w, d, h)], color, exponent=7)
    shape.box((-w - 0.01, -d - 0.01, h), (w + 0.01, d + 0.01, h + 0.03), color * 0.8)
    shape.prism(
        [(-d, h + 0.03), (d, h + 0.03), (d * 0.55, h + 0.2), (-d * 0.55, h + 0.2)], -w, w, color * 0.9, axis="x"
    )
    return shape.box((-w * 0.75, -d * 0.79, h + 0.06), (w * 0.75, -d * 0.7, h + 0.17), color * 0.55,
                     turn=(-24, (1, 0, 0), (0, -d * 0.79, h + 0.12)))


def _recycling_bin(rng) -> Shape:
    """A blue bin with a white mark: a tub, or a tall one whose lid has a slot or round holes."""
    shape, color = Shape(), tone(rng, (*BLUE, *BLUE, (60, 140, 75)), 8)
    w, d, tall = rng.uniform(0.18, 0.25), rng.uniform(0.13, 0.2), rng.random() < 0.6
    h = rng.uniform(0.6, 0.8) if tall else rng.uniform(0.34, 0.42)
    vessel(shape, (w * 0.82, d * 0.82), (w, d), h, color, exponent=7)
    shape.box((-w - 0.008, -d - 0.008, h - 0.04), (w + 0.008, -d + 0.012, h - 0.01), color * 0.85)
    slope, front = 0.18 * d / h, -d * 0.91
    middle, size = h * 0.52, min(h * 0.2, 0.09)
    for k in range(3):
        a = np.pi / 2 + k * 2 * np.pi / 3
        c = np.array((size * 0.62 * np.cos(a), size * 0.62 * np.sin(a)))
        tangent = np.array((-np.sin(a), np.cos(a))) * size * 0.5
        ends = [c - tangent, c + tangent]
        shape.rod(*[(x, front - slope * z * 1.0, middle + z) for x, z in ends], 0.014, (240, 242, 240), sections=6)
    if tall:
        shape.box((-w - 0.01, -d - 0.01, h), (w + 0.01, d + 0.01, h + 0.03), color * 0.9)
        if rng.random() < 0.5:
            shape.box((-w * 0.7, -0.035, h + 0.026), (w * 0.7, 0.035, h + 0.034), (12, 14, 18))
        else:
            disc(shape, (0, 0, h + 0.031), 0.075, 0.008, (12, 14, 18), axis="z")
    return shape


def _bin(rng) -> Shape:
    """An open rectangular plastic waste bin with a thick rim."""
    shape, color = Shape(), tone(rng, ((60, 62, 66), (150, 152, 150), (95, 75, 60), (200, 198, 190), (40, 40, 43)), 8)
    w, d, h = rng.uniform(0.15, 0.21), rng.uniform(0.11, 0.16), rng.uniform(0.32, 0.55)
    vessel(shape, (w * 0.8, d * 0.8), (w, d), h, color, exponent=6)
    hoop(shape, w + 0.012, d + 0.012, h - 0.035, h + 0.006, color * 0.85, 6.0, 0.032)
    for z in np.arange(0.25, 0.8, 0.18) if rng.random() < 0.5 else ():
        f = 0.8 + 0.2 * z
        shape.box((-w * f * 0.98, -d * f - 0.006, z * h), (w * f * 0.98, -d * f + 0.01, z * h + 0.015), color * 0.8)
    return shape


def _lattice(shape: Shape, w: float, d: float, h: float, color, flare: float = 1.0, step: float = 0.055) -> Shape:
    """Upright slats around a rectangle, half sizes w, d, that widen by `flare` to the rim; bottom and rim closed."""
    shape.box((-w / flare, -d / flare, 0), (w / flare, d / flare, 0.02), color)
    around = [(x, s * d) for s in (-1, 1) for x in np.arange(-w, w + 1e-6, 2 * w / round(2 * w / step))]
    around += [(s * w, y) for s in (-1, 1) for y in np.arange(-d, d + 1e-6, 2 * d / round(2 * d / step))[1:-1]]
    for x, y in around:
        shape.rod((x / flare, y / flare, 0.01), (x, y, h), 0.011, color, sections=4)
    for z in (0.04, h * 0.5):
        f = (1 / flare) + (1 - 1 / flare) * z / h
        hoop(shape, w * f + 0.01, d * f + 0.01, z, z + 0.02, color, 16.0, 0.02, sections=16)
    return hoop(shape, w + 0.02, d + 0.02, h - 0.03, h, color, 10.0, 0.032)


def _laundry_basket(rng) -> Shape:
    """A wide plastic basket with openings all round and handles at the ends, often with clothes in it."""
    shape, color = Shape(), tone(rng, (*WHITE, *WHITE, *BLUE, (150, 190, 160), (170, 170, 175)), 8)
    w, d, h = rng.uniform(0.26, 0.33), rng.uniform(0.18, 0.23), rng.uniform(0.24, 0.34)
    _lattice(shape, w, d, h, color, 1.18)
    for s in (-1, 1):
        shape.box((s * (w + 0.01), -0.07, h - 0.02), (s * (w + 0.055), 0.07, h + 0.004), color * 0.85)
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(-0.4, 0.4) * w, rng.uniform(-0.3, 0.3) * d
        shape.cushion((x - w * 0.45, y - d * 0.55, h * 0.45), (x + w * 0.45, y + d * 0.55, h * rng.uniform(0.85, 1.1)),
                      tint(rng, FABRIC), exponent=2.5, solid=False)
    return shape


def _laundry_hamper(rng) -> Shape:
    """A waist-high hamper: wicker with a lid, or a fabric bag in a folding frame."""
    shape, h = Shape(), rng.uniform(0.55, 0.72)
    w, d = rng.uniform(0.18, 0.23), rng.uniform(0.15, 0.19)
    if rng.random() < 0.5:
        color = tone(rng, (*WICKER, *WHITE))
        for k, z in enumerate(np.linspace(0, h, 10)[:-1]):
            shade = color * (0.85 if k % 2 else 1.05)
            grow = 0.9 + 0.1 * z / h
            loft(shape, [(w * grow, d * grow, z), (w * grow, d * grow, z + h / 9)], shade, exponent=5, sections=24)
        loft(
            shape,
            [(w + 0.015, d + 0.015, h), (w + 0.015, d + 0.015, h + 0.03), (w * 0.7, d * 0.7, h + 0.05)],
            color,
            exponent=5,
        )
        return shape.box((-0.04, -d - 0.03, h + 0.005), (0.04, -d, h + 0.03), color * 0.6)
    cloth, wood = tint(rng, (*FABRIC, *WHITE)), tone(rng, WOOD)
    vessel(shape, (w, d), (w, d), h, cloth, exponent=10, at=(0, 0, 0.0))
    for x in (-w - 0.012, w + 0.012):
        for s in (-1, 1):
            shape.rod((x, -s * d, 0.012), (x, s * d, h + 0.04), 0.012, wood)
    for y in (-d, d):
        shape.rod((-w - 0.012, y, h + 0.03), (w + 0.012, y, h + 0.03), 0.012, wood)
    return shape.box((-w * 0.6, -d - 0.004, h * 0.45), (w * 0.6, -d + 0.01, h * 0.6), cloth * 0.7)


def _basket(rng) -> Shape:
    """A woven basket with banded sides and an arched or two side handles."""
    shape, color = Shape(), tone(rng, WICKER)
    w, h = rng.uniform(0.13, 0.2), rng.uniform(0.13, 0.24)
    d, exponent = w * rng.uniform(0.75, 1), pick(rng, 2.0, 5.0)
    n = int(h / 0.03)
    for k in range(n):
        a, b = 0.8 + 0.2 * k / n, 0.8 + 0.2 * (k + 1) / n
        shade, bulge = color * (1.1 if k % 2 else 0.82), 0.004 * (k % 2)
        z0, z1 = h * k / n, h * (k + 1) / n
        band = [(w * a + bulge, d * a + bulge, z0), (w * b + bulge, d * b + bulge, z1),
                (w * b - 0.02, d * b - 0.02, z1), (w * a - 0.02, d * a - 0.02, z0 + (0.02 if k == 0 else 0))]
        loft(shape, band if k == 0 else [*band, band[0]], shade, exponent, sections=28, caps=k == 0)
    if rng.random() < 0.5:
        t = np.linspace(0, np.pi, 11)
        shape.tube(
            np.column_stack([(w - 0.008) * np.cos(t), 0 * t, h - 0.02 + h * rng.uniform(0.7, 1.0) * np.sin(t)]),
            0.012,
            color * 0.9,
            8,
        )
    else:
        t = np.linspace(0, np.pi, 7)
        for s in (-1, 1):
            shape.tube(
                np.column_stack([0 * t + s * (w - 0.005), 0.06 * np.cos(t), h - 0.01 + 0.06 * np.sin(t)]),
                0.011,
                color * 0.7,
                8,
            )
    return shape


def _storage_bin(rng) -> Shape:
    """A plastic tub with a lid of another colour and clips at its ends."""
    shape = Shape()
    color = tint(rng, ((215, 222, 226), (215, 222, 226), (120, 125, 130), *BRIGHT[:4]), 8)
    w, d, h = rng.uniform(0.18, 0.3), rng.uniform(0.13, 0.2), rng.uniform(0.16, 0.36)
    loft(shape, [(w * 0.86, d * 0.86, 0), (w * 0.97, d * 0.97, h)], color, exponent=8)
    lid = tint(rng, (*BRIGHT, *WHITE, *PLASTIC))
    loft(
        shape,
        [(w, d, h - 0.01), (w, d, h + 0.025), (w * 0.85, d * 0.85, h + 0.025), (w * 0.83, d * 0.83, h + 0.015)],
        lid,
        exponent=8,
    )
    for s in (-1, 1):
        shape.box((s * w * 0.94, -0.045, h - 0.07), (s * (w + 0.022), 0.045, h + 0.02), lid * 0.8)
    for x in (-w * 0.5, 0, w * 0.5):
        shape.box((x - 0.012, -d * 0.96, h * 0.15), (x + 0.012, -d * 0.8, h * 0.9), color * 0.93)
    return shape.support(-w * 0.8, -d * 0.75, w * 0.8, d * 0.75, h + 0.025, 0.3)


def _crate(rng) -> Shape:
    """A milk crate of plastic lattice, or an open box of wooden slats."""
    shape, w, h = Shape(), rng.uniform(0.15, 0.22), rng.uniform(0.24, 0.32)
    d = w * rng.uniform(0.75, 1)
    if rng.random() < 0.5:
        color = tint(rng, (*BRIGHT[:4], (40, 40, 43)))
        _lattice(shape, w, d, h, color, 1.0, 0.07)
        for x in (-w, w - 0.02):
            for y in (-d, d - 0.02):
                shape.box((x, y, 0), (x + 0.02, y + 0.02, h), color)
        return shape
    wood = tone(rng, (WOOD[0], WOOD[2], WOOD[1]))
    shape.box((-w, -d, 0), (w, d, 0.02), wood)
    for x in (-w, w - 0.025):
        for y in (-d, d - 0.025):
            shape.box((x, y, 0), (x + 0.025, y + 0.025, h), wood * 0.85)
    for z in np.linspace(0.0, h - 0.07, 3):
        slat = wood * rng.uniform(0.9, 1.1)
        for y in (-d - 0.02, d):
            shape.box((-w, y, z), (w, y + 0.02, z + 0.065), slat)
        for x in (-w - 0.02, w):
            shape.box((x, -d - 0.02, z), (x + 0.02, d + 0.02, z + 0.065), slat)
    return shape


def _bucket(rng) -> Shape:
    """A conical pail with a rim and a wire bail, raised or hanging down."""
    shape, color = Shape(), tint(rng, (*BRIGHT[:4], METAL[0], (235, 235, 232), (235, 120, 40)))
    r, h = rng.uniform(0.13, 0.17), rng.uniform(0.25, 0.36)
    vessel(shape, (r * 0.74, r * 0.74), (r, r), h, color)
    ring(shape, (0, 0, h - 0.01), r + 0.004, 0.011, color * 0.85, axis="z")
    t = np.linspace(0, np.pi, 11)
    lift = np.radians(pick(rng, 90, 60, -35))
    arc = np.column_stack(
        [
            (r + 0.015) * np.cos(t),
            -(r + 0.015) * np.sin(t) * np.cos(lift),
            h - 0.03 + (r + 0.02) * np.sin(t) * np.sin(lift),
        ]
    )
    shape.tube(arc, 0.01, METAL[1], 6, solid=False)
    return shape.rod(arc[4], arc[6], 0.016, color * 0.6, solid=False)


BOARDS = ("floor", "shelf", "rack", "bookshelf", "storage organizer", "cart")
KINDS: dict[str, Kind] = {
    "trash can": Kind(_trash_can, "floor", ROOMS),
    "trash bin": Kind(_trash_bin, "against_wall", ("kitchen", "hallway", "classroom", "office", "laundry")),
    "recycling bin": Kind(_recycling_bin, "against_wall", ("office", "classroom", "kitchen", "hallway")),
    "bin": Kind(_bin, "floor", ("office", "classroom", "bedroom", "bathroom", "hallway")),
    "laundry hamper": Kind(_laundry_hamper, "against_wall", ("laundry", "bathroom", "bedroom")),
    "laundry basket": Kind(
        _laundry_basket, "on", ("laundry", "bedroom", "bathroom"), ("floor", "bed", "clothes dryer", "washing machine")
    ),
    "basket": Kind(
        _basket, "on", ("living", "bathroom", "kitchen", "bedroom", "laundry"), (*BOARDS, "coffee table", "counter")
    ),
    "storage bin": Kind(_storage_bin, "on", ("laundry", "bedroom", "office", "classroom"), BOARDS),
    "crate": Kind(_crate, "on", ("kitchen", "laundry", "office", "classroom", "hallway"), BOARDS),
    "bucket": Kind(_bucket, "floor", ("laundry", "bathroom", "kitchen")),
}

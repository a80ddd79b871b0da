"""Bathroom fixtures and dispensers of a synthetic scene: `KINDS` maps a class name to builder and place."""
import numpy as np

from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import DARK, basin, disc, faucet, handle, hoop, loft, metal, tone
from datasets.synthetic.objects.shapes import CERAMIC, METAL, WHITE, WOOD, Shape, pick


def _toilet(rng) -> Shape:
    """A bowl on a foot with seat and tank; the lid is down, or up against the tank."""
    shape, white = Shape(), tone(rng, (*CERAMIC, *CERAMIC, (225, 215, 195)), 4)
    w, seat, tank = rng.uniform(0.18, 0.2), rng.uniform(0.38, 0.43), rng.uniform(0.74, 0.84)
    y, length = -0.1, rng.uniform(0.23, 0.26)
    loft(
        shape,
        [
            (0.11, 0.2, 0, 0.08),
            (0.1, 0.17, 0.12, 0.08),
            (0.14, 0.2, seat * 0.65, 0.02),
            (w, length, seat - 0.03),
            (w, length, seat),
            (w - 0.05, length - 0.06, seat),
            (w - 0.08, length - 0.1, seat - 0.12),
        ],
        white,
        at=(0, y, 0),
    )
    shape.box((-0.1, 0.1, 0), (0.1, 0.27, seat), white)
    lid = tone(rng, (*CERAMIC, *CERAMIC, *CERAMIC, WOOD[1], (60, 60, 64)), 4)
    if rng.random() < 0.55:
        loft(shape, [(w, length, seat + 0.012), (w, length, seat + 0.05), (w * 0.8, length * 0.8, seat + 0.06)], lid,
             exponent=2.3, at=(0, y + 0.01, 0))
    else:
        hoop(shape, w, length, seat, seat + 0.025, lid, wall=0.06, at=(0, y, 0))
        shape.prism([(w * c * 0.95, seat + 0.22 + 0.21 * s) for c, s in zip(np.cos(np.arange(20) * np.pi / 10),
                                                                              np.sin(np.arange(20) * np.pi / 10))],
                    0.095, 0.12, lid, axis="y", turn=(-6, (1, 0, 0), (0, 0.1, seat)))
    half = rng.uniform(0.18, 0.23)
    shape.box((-half, 0.15, seat - 0.02), (half, 0.33, tank), white)
    shape.box((-half - 0.01, 0.14, tank), (half + 0.01, 0.335, tank + 0.03), white * 0.97)
    if rng.random() < 0.5:
        shape.box((-half + 0.02, 0.12, tank - 0.07), (-half + 0.1, 0.15, tank - 0.05), METAL[0])
    else:
        disc(shape, (0, 0.24, tank + 0.03), 0.025, 0.012, METAL[0], axis="z", sections=12)
    return shape.support(-half + 0.02, 0.16, half - 0.02, 0.31, tank + 0.03, 0.4)


def _bathtub(rng) -> Shape:
    """A built-in tub with a panelled front, or a free-standing oval one; a tap at one end."""
    shape, white, steel = Shape(), tone(rng, CERAMIC, 4), metal(rng)
    w, d, h = rng.uniform(1.5, 1.75), rng.uniform(0.7, 0.82), rng.uniform(0.5, 0.6)
    a, b = w / 2, d / 2
    if rng.random() < 0.65:
        loft(
            shape,
            [(a, b, 0), (a, b, h), (a - 0.07, b - 0.07, h), (a - 0.14, b - 0.13, 0.18), (a - 0.2, b - 0.18, 0.14)],
            white,
            exponent=12,
            sections=48,
        )
        shape.box(
            (-a + 0.06, -b - 0.006, 0.06), (a - 0.06, -b + 0.01, h - 0.08), tone(rng, (*WHITE, (180, 190, 195)), 5)
        )
    else:
        loft(
            shape,
            [
                (a * 0.75, b * 0.7, 0),
                (a * 0.85, b * 0.85, h * 0.4),
                (a, b, h + 0.03),
                (a - 0.03, b - 0.03, h + 0.05),
                (a - 0.06, b - 0.06, h + 0.03),
                (a * 0.8, b * 0.72, 0.25),
                (a * 0.7, b * 0.55, 0.13),
            ],
            white,
            exponent=2.5,
            sections=48,
        )
    x = -a + 0.1
    shape.tube(
        [(-a + 0.035, 0, h), (-a + 0.035, 0, h + 0.14), (x + 0.08, 0, h + 0.14), (x + 0.08, 0, h + 0.09)], 0.014, steel
    )
    for y in (-0.09, 0.09):
        shape.cylinder((-a + 0.035, y, h), 0.022, 0.06, steel, sections=10)
    return disc(shape, (-a * 0.45, 0, 0.15), 0.03, 0.012, METAL[1], axis="z", sections=12)


def _sink(rng) -> Shape:
    """A wash basin on a pedestal, on a bracket column, or a utility tub on legs; a tap at its back."""
    shape, white, steel, h = Shape(), tone(rng, CERAMIC, 4), metal(rng), rng.uniform(0.8, 0.88)
    kind = pick(rng, "pedestal", "pedestal", "square", "tub")
    w, d = rng.uniform(0.46, 0.62), rng.uniform(0.4, 0.48)
    a, b = w / 2, d / 2
    if kind == "tub":
        for x in (-a + 0.04, a - 0.04):
            for y in (-b + 0.04, b - 0.04):
                shape.cylinder((x, y, 0), 0.018, h - 0.3, METAL[1], sections=8)
        basin(shape, -a, -b, a, b, h, 0.32, white, 0.03)
        shape.box((-a, b - 0.08, h - 0.05), (a, b, h), white)
        faucet(shape, 0, b - 0.04, h, steel, 0.16, 0.14)
        return shape
    exponent = 2.4 if kind == "pedestal" else 9
    loft(shape, [(0.1, 0.09, h - 0.2, 0.05), (a * 0.8, b * 0.8, h - 0.13), (a, b, h - 0.03), (a, b, h),
                 (a - 0.04, b - 0.07, h, -0.03), (a * 0.6, b * 0.55, h - 0.11, -0.03)], white, exponent)
    shape.box((-a * 0.85, b - 0.1, h - 0.1), (a * 0.85, b, h + 0.012), white)
    shape.lathe(
        [(0, 0), (0.13, 0), (0.12, 0.04), (0.075, 0.2), (0.07, 0.5), (0.1, h - 0.18), (0, h - 0.18)],
        (0, 0.06, 0),
        white,
    )
    disc(shape, (0, -0.03, h - 0.105), 0.025, 0.012, METAL[1], axis="z", sections=12)
    faucet(shape, 0, b - 0.05, h + 0.01, steel, 0.13, rng.uniform(0.1, 0.16))
    return shape


def _shower(rng) -> Shape:
    """A stall in a corner: tray, tiled back and side, framed panes, a mixer, a rail and a head."""
    shape, steel, white = Shape(), metal(rng), tone(rng, CERAMIC, 4)
    w, d, h = rng.uniform(0.82, 1.1), rng.uniform(0.8, 0.95), rng.uniform(1.95, 2.1)
    a, b = w / 2, d / 2
    tile = tone(rng, (*WHITE, (190, 205, 210), (205, 195, 175), (140, 160, 165)), 6)
    shape.box((-a, -b, 0), (a, b, 0.06), white)
    for low, high in (
        ((-a, -b), (a, -b + 0.05)),
        ((-a, b - 0.05), (a, b)),
        ((-a, -b), (-a + 0.05, b)),
        ((a - 0.05, -b), (a, b)),
    ):
        shape.box((*low, 0.05), (*high, 0.12), white)
    disc(shape, (0, 0, 0.062), 0.045, 0.012, METAL[0], axis="z", sections=14)
    shape.box((-a, b - 0.02, 0.1), (a, b, h), tile).box((-a, -b, 0.1), (-a + 0.02, b, h), tile)
    for z in np.arange(0.4, h, 0.3):
        shape.box((-a + 0.015, b - 0.024, z), (a, b - 0.01, z + 0.012), tile * 0.82)
    glass = tone(rng, ((200, 218, 222), (215, 225, 222)), 5)
    for x, y in ((-a + 0.015, -b + 0.015), (0, -b + 0.015), (a - 0.015, -b + 0.015), (a - 0.015, b - 0.015)):
        shape.box((x - 0.015, y - 0.015, 0.1), (x + 0.015, y + 0.015, h), steel)
    shape.box((-a, -b, h - 0.03), (a, -b + 0.03, h), steel).box((a - 0.03, -b, h - 0.03), (a, b, h), steel)
    shape.box((a - 0.025, -b, 0.12), (a - 0.005, b, h - 0.02), glass)
    if rng.random() < 0.6:
        shape.box((0, -b + 0.005, 0.12), (a, -b + 0.025, h - 0.02), glass)
    handle(shape, 0.06 if rng.random() < 0.5 else -0.04, -b, 1.05, "bar", steel, upright=True, length=0.25)
    shape.rod((-0.1, b - 0.05, 0.95), (-0.1, b - 0.05, h - 0.12), 0.012, steel)
    shape.box((-0.2, b - 0.07, 1.0), (0.0, b - 0.02, 1.05), steel)
    shape.rod((-0.1, b - 0.05, h - 0.14), (-0.1, b - 0.25, h - 0.06), 0.012, steel)
    return disc(shape, (-0.1, b - 0.27, h - 0.08), 0.08, 0.025, steel, axis="z")


def _paper_towel_dispenser(rng) -> Shape:
    """A flat wall box with a dark slot below and a towel hanging out of it."""
    shape, color = Shape(), tone(rng, ((240, 240, 238), (160, 162, 166), (60, 62, 66), (90, 110, 130)), 6)
    w, h, d = rng.uniform(0.26, 0.34), rng.uniform(0.32, 0.42), rng.uniform(0.12, 0.2)
    if rng.random() < 0.5:
        shape.box((-w / 2, -d, 0.08), (w / 2, 0, h), color)
    else:
        shape.prism(
            [(0, 0.08), (-d * 0.7, 0.08), (-d, 0.16), (-d, h - 0.08), (-d * 0.75, h), (0, h)],
            -w / 2,
            w / 2,
            color,
            axis="x",
        )
    shape.box((-w / 2 + 0.03, -d - 0.004, h * 0.4), (w / 2 - 0.03, -d + 0.01, h * 0.75), color * 0.75)
    shape.box((-w * 0.4, -d * 0.6, 0.06), (w * 0.4, -d * 0.25, 0.085), DARK)
    shape.box((-w * 0.35, -d * 0.5, 0), (w * 0.35, -d * 0.5 + 0.02, 0.08), (246, 244, 236))
    return disc(shape, (0, -d, h - 0.05), 0.015, 0.014, METAL[1], sections=10)


def _toilet_paper_dispenser(rng) -> Shape:
    """A round jumbo-roll case, or a case for two rolls side by side, with paper at the opening below."""
    shape, color = Shape(), tone(rng, ((60, 62, 66), (235, 235, 232), (160, 162, 166)), 6)
    d, r = rng.uniform(0.1, 0.14), rng.uniform(0.12, 0.16)
    z = r + 0.04
    if rng.random() < 0.6:
        disc(shape, (0, -d / 2, z), r, d, color, sections=32)
        disc(shape, (0, -d, z), r * 0.35, 0.014, color * 0.7 + 20)
        shape.box((-0.02, -d - 0.004, z - r * 0.85), (0.02, -d, z - r * 0.4), (245, 245, 242))
        shape.box((-r * 0.5, -d, 0.05), (r * 0.5, 0, 0.08), color * 0.8)
    else:
        shape.cushion((-0.15, -d, 0.05), (0.15, 0, 0.2), color, exponent=8)
        for x in (-0.07, 0.07):
            disc(shape, (x, -d * 0.55, 0.09), 0.05, d * 0.85, (246, 245, 240), sections=18)
    return shape.box((-0.05, -d * 0.6, 0), (0.05, -d * 0.6 + 0.02, 0.08), (246, 245, 240))


def _fire_extinguisher(rng) -> Shape:
    """A red bottle on a wall bracket with a valve, a lever, a black hose and a label."""
    shape, red = Shape(), tone(rng, ((200, 28, 30),), 8)
    r, h = rng.uniform(0.06, 0.09), rng.uniform(0.34, 0.48)
    y = -r - 0.02
    shape.lathe(
        [(0, 0), (r, 0.01), (r, h - 0.07), (r * 0.5, h - 0.01), (0.022, h + 0.01), (0, h + 0.01)], (0, y, 0), red
    )
    shape.lathe([(r + 0.002, h * 0.35), (r + 0.002, h * 0.65)], (0, y, 0), (235, 230, 215), sections=20)
    shape.box((-0.03, -0.02, h * 0.2), (0.03, 0, h * 0.95), METAL[1])
    shape.cylinder((0, y, h), 0.018, 0.05, METAL[0], sections=10)
    shape.box((-0.015, y - 0.12, h + 0.04), (0.015, y + 0.03, h + 0.06), DARK)
    shape.box((-0.015, y - 0.1, h + 0.075), (0.015, y + 0.03, h + 0.095), DARK, turn=(-12, (1, 0, 0), (0, y, h + 0.07)))
    shape.tube(
        [(0.01, y, h + 0.03), (r + 0.03, y, h), (r + 0.035, y, h * 0.6), (r + 0.02, y - 0.01, h * 0.3)], 0.012, DARK
    )
    return shape.cylinder((r + 0.02, y - 0.01, h * 0.12), 0.025, h * 0.2, DARK, top=0.014, sections=10)


def _projector_screen(rng) -> Shape:
    """A white sheet with a black border hanging from a round or square case, a bar at its foot."""
    shape = Shape()
    w = rng.uniform(1.5, 2.4)
    h = w * rng.uniform(0.58, 0.72)
    case = tone(rng, (*WHITE, (40, 40, 42)), 6)
    shape.box((-w / 2, -0.05, 0.03), (w / 2, -0.03, h), (28, 28, 30))
    shape.box((-w / 2 + 0.05, -0.054, 0.08), (w / 2 - 0.05, -0.045, h - 0.08), tone(rng, ((246, 246, 246),), 3))
    shape.rod((-w / 2, -0.04, 0.02), (w / 2, -0.04, 0.02), 0.02, (30, 30, 32))
    shape.box((-0.03, -0.045, -0.0), (0.03, -0.035, 0.02), (30, 30, 32))
    if rng.random() < 0.5:
        return shape.box((-w / 2 - 0.05, -0.1, h - 0.02), (w / 2 + 0.05, 0, h + 0.09), case)
    return shape.rod((-w / 2 - 0.05, -0.055, h + 0.03), (w / 2 + 0.05, -0.055, h + 0.03), 0.052, case, sections=16)


KINDS: dict[str, Kind] = {
    "toilet": Kind(_toilet, "against_wall", ("bathroom",)),
    "bathtub": Kind(_bathtub, "against_wall", ("bathroom",)),
    "sink": Kind(_sink, "against_wall", ("bathroom", "laundry", "classroom")),
    "shower": Kind(_shower, "against_wall", ("bathroom",)),
    "paper towel dispenser": Kind(
        _paper_towel_dispenser, "wall", ("bathroom", "classroom", "kitchen"), height=(1.0, 1.35)
    ),
    "toilet paper dispenser": Kind(_toilet_paper_dispenser, "wall", ("bathroom",), height=(0.55, 0.8)),
    "fire extinguisher": Kind(
        _fire_extinguisher, "wall", ("hallway", "office", "classroom", "kitchen"), height=(0.1, 1.0)
    ),
    "projector screen": Kind(_projector_screen, "wall", ("classroom", "office"), height=(0.8, 1.1)),
}

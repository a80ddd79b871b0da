"""Office machines, radiators, fans and cleaners of a synthetic scene: `KINDS` maps a class name to its builder."""
import numpy as np

from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import DARK, disc, loft, ring, tone
from datasets.synthetic.objects.shapes import METAL, WHITE, Shape, pick


def _copier(rng) -> Shape:
    """An office copier that stands on the floor: paper drawers, output bay, scanner lid, tilted panel, side tray."""
    shape, color = Shape(), tone(rng, ((225, 224, 218), (200, 202, 205), (90, 92, 96)), 6)
    dark = tone(rng, ((60, 64, 70), (40, 40, 44)), 5)
    w, d, h = rng.uniform(0.56, 0.68), rng.uniform(0.58, 0.68), rng.uniform(0.95, 1.15)
    y, cut = -d / 2, h - 0.28
    shape.box((-w / 2 + 0.02, y + 0.03, 0), (w / 2 - 0.02, d / 2 - 0.02, 0.05), DARK)
    shape.box((-w / 2, y, 0.04), (w / 2, d / 2, cut), color)
    trays = np.linspace(0.08, cut - 0.14, int(rng.integers(3, 5)))
    for z0, z1 in zip(trays[:-1], trays[1:]):
        shape.box((-w / 2 + 0.01, y - 0.015, z0 + 0.008), (w / 2 - 0.01, y, z1 - 0.008), color * 0.94)
        shape.box((-0.1, y - 0.02, z1 - 0.05), (0.1, y, z1 - 0.025), dark)
    shape.box((-w / 2 + 0.005, y - 0.01, cut - 0.13), (w / 2 - 0.005, y, cut - 0.01), dark)
    shape.box((-w / 2, d / 2 - 0.16, cut), (w / 2, d / 2, h - 0.1), color)
    shape.box((-w / 2, y, cut), (-w / 2 + 0.1, d / 2, h - 0.1), color)
    shape.box((-w / 2 + 0.12, y + 0.06, cut), (w / 2 - 0.06, d / 2 - 0.2, cut + 0.02), (245, 245, 242))
    shape.box((-w / 2, y, h - 0.11), (w / 2, d / 2, h - 0.05), dark)
    shape.cushion((-w / 2 + 0.01, y + 0.06, h - 0.05), (w / 2 - 0.01, d / 2, h + 0.08), color, exponent=12)
    shape.box((-0.02, y - 0.13, h - 0.1), (w / 2, y + 0.02, h - 0.07), dark, turn=(18, (1, 0, 0), (0, y, h - 0.08)))
    shape.box((0.04, y - 0.1, h - 0.07), (w / 2 - 0.08, y - 0.01, h - 0.064), (120, 165, 190),
              turn=(18, (1, 0, 0), (0, y, h - 0.08)))
    if rng.random() < 0.6:
        shape.box((w / 2, y + 0.1, cut - 0.18), (w / 2 + 0.28, d / 2 - 0.1, cut - 0.155), dark,
                  turn=(-20, (0, 1, 0), (w / 2, 0, cut - 0.16)))
    return shape


def _printer(rng) -> Shape:
    """A desktop printer: a rounded box with a paper slot, an output tray with a sheet, a panel, maybe a rear feed."""
    shape, color = Shape(), tone(rng, ((225, 224, 218), (50, 50, 54), (150, 152, 156)), 6)
    w, d, h = rng.uniform(0.36, 0.48), rng.uniform(0.3, 0.42), rng.uniform(0.16, 0.32)
    y, slot = -d / 2, h * 0.35
    shape.box((-w / 2, y + 0.02, 0), (w / 2, d / 2, h * 0.9), color)
    shape.box((-w / 2 + 0.01, y + 0.03, h * 0.9), (w / 2 - 0.01, d / 2 - 0.01, h), color * 0.8)
    shape.box((-w * 0.36, y + 0.01, slot), (w * 0.36, y + 0.04, slot + 0.07), (20, 20, 22))
    shape.box((-w * 0.33, y - 0.14, slot - 0.02), (w * 0.33, y + 0.03, slot), color * 0.7)
    shape.box((-w * 0.26, y - 0.1, slot), (w * 0.26, y + 0.03, slot + 0.006), (248, 248, 246))
    shape.box((w * 0.12, y + 0.01, h * 0.72), (w * 0.45, y + 0.03, h * 0.86), (60, 100, 120))
    if rng.random() < 0.5:
        shape.box((-w * 0.3, d / 2 - 0.05, h * 0.9), (w * 0.3, d / 2 - 0.02, h + 0.15), color * 0.75,
                  turn=(-14, (1, 0, 0), (0, d / 2, h)))
        shape.box((-w * 0.26, d / 2 - 0.06, h * 0.9), (w * 0.26, d / 2 - 0.05, h + 0.2), (248, 248, 246),
                  turn=(-14, (1, 0, 0), (0, d / 2, h)))
    return shape


def _computer_tower(rng) -> Shape:
    """A PC case: drive bays, power button and grille on its front, sometimes a coloured light strip."""
    shape, color = Shape(), tone(rng, ((35, 35, 38), (35, 35, 38), (200, 198, 190), (225, 225, 228)), 5)
    w, d, h = rng.uniform(0.17, 0.22), rng.uniform(0.4, 0.5), rng.uniform(0.36, 0.48)
    y = -d / 2
    shape.box((-w / 2, y + 0.02, 0.015), (w / 2, d / 2, h), color)
    for v in (y + 0.06, d / 2 - 0.06):
        shape.box((-w / 2 + 0.01, v - 0.02, 0), (w / 2 - 0.01, v + 0.02, 0.02), DARK)
    shape.box((-w / 2 + 0.004, y, 0.02), (w / 2 - 0.004, y + 0.025, h - 0.004), color * 0.8)
    for k in range(int(rng.integers(1, 4))):
        shape.box(
            (-w / 2 + 0.02, y - 0.004, h - 0.07 - 0.05 * k),
            (w / 2 - 0.02, y + 0.01, h - 0.035 - 0.05 * k),
            color * 1.25 + 15,
        )
    disc(shape, (0, y - 0.004, h * 0.5), 0.016, 0.012, pick(rng, (90, 160, 230), METAL[2]), sections=12)
    for z in np.arange(4) * 0.03 + 0.06:
        shape.box((-w / 2 + 0.03, y - 0.003, z), (w / 2 - 0.03, y + 0.01, z + 0.013), METAL[1])
    shape.box((-w * 0.35, d / 2 - 0.005, h * 0.5), (w * 0.35, d / 2 + 0.004, h * 0.8), METAL[0])
    return shape.support(-w / 2 + 0.02, y + 0.05, w / 2 - 0.02, d / 2 - 0.05, h, 0.3)


def _water_cooler(rng) -> Shape:
    """A waist-high dispenser with two taps over a drip tray and a blue bottle on top."""
    shape, color = Shape(), tone(rng, ((240, 240, 238), (45, 45, 48), (185, 187, 190)), 6)
    w, d, h = rng.uniform(0.3, 0.36), rng.uniform(0.3, 0.36), rng.uniform(0.92, 1.05)
    y = -d / 2
    shape.box((-w / 2, y, 0), (w / 2, d / 2, h * 0.62), color)
    shape.box((-w / 2, y + 0.1, h * 0.6), (w / 2, d / 2, h * 0.86), (60, 62, 66))
    shape.box((-w / 2, y, h * 0.84), (w / 2, d / 2, h), color)
    shape.box((-w * 0.4, y - 0.02, h * 0.6), (w * 0.4, y + 0.1, h * 0.63), METAL[1])
    for x, tap in ((-0.06, (200, 40, 40)), (0.06, (50, 90, 200))):
        shape.box((x - 0.018, y + 0.02, h * 0.76), (x + 0.018, y + 0.11, h * 0.82), tap)
    shape.box((-w * 0.35, y - 0.005, 0.1), (w * 0.35, y, h * 0.5), color * 0.94)
    r = 0.135
    if rng.random() < 0.8:
        blue = tone(rng, ((120, 175, 215), (90, 150, 205), (170, 205, 225)), 8)
        shape.lathe([(0, 0), (0.05, 0), (0.06, 0.04), (r, 0.1), (r, 0.2), (r - 0.01, 0.22), (r, 0.24), (r, 0.36),
                     (r - 0.03, 0.4), (0, 0.4)], (0, 0, h), blue)
    return shape


def _machine(rng) -> Shape:
    """A vending machine with rows of goods behind its front, or a drinks machine with a panel and an outlet."""
    shape, color = Shape(), tone(rng, ((190, 35, 40), (40, 70, 150), (45, 45, 50), (215, 215, 212)), 8)
    w, d, h = rng.uniform(0.75, 1.0), rng.uniform(0.65, 0.85), rng.uniform(1.65, 1.9)
    y = -d / 2
    shape.box((-w / 2 + 0.03, y + 0.04, 0), (w / 2 - 0.03, d / 2 - 0.02, 0.06), DARK)
    shape.box((-w / 2, y, 0.05), (w / 2, d / 2, h), color)
    split = w * 0.22
    if rng.random() < 0.6:
        shape.box((-w / 2 + 0.05, y - 0.01, 0.5), (split, y, h - 0.08), (28, 30, 36))
        for z in np.arange(0.58, h - 0.2, 0.2):
            shape.box((-w / 2 + 0.06, y - 0.02, z - 0.03), (split - 0.01, y, z - 0.005), METAL[0])
            for x in np.arange(-w / 2 + 0.08, split - 0.07, 0.1):
                shape.box((x, y - 0.022, z), (x + 0.065, y, z + rng.uniform(0.09, 0.14)), rng.uniform(40, 240, 3))
        shape.box((-w / 2 + 0.08, y - 0.015, 0.2), (split - 0.03, y, 0.38), (18, 18, 20))
    else:
        shape.box(
            (-w / 2 + 0.05, y - 0.012, h * 0.55),
            (w / 2 - 0.05, y, h - 0.1),
            tone(rng, ((235, 225, 200), (150, 90, 50), (60, 130, 190))),
        )
        shape.box((-0.13, y - 0.015, h * 0.3), (0.13, y, h * 0.48), (18, 18, 20))
        shape.box((-0.13, y - 0.05, h * 0.28), (0.13, y, h * 0.3), METAL[0])
    shape.box((split + 0.06, y - 0.015, h * 0.5), (w / 2 - 0.05, y, h * 0.72), METAL[0])
    shape.box((split + 0.08, y - 0.02, h * 0.64), (w / 2 - 0.07, y, h * 0.7), (60, 150, 110))
    for k in range(6):
        x, z = split + 0.09 + 0.045 * (k % 3), h * 0.53 + 0.06 * (k // 3)
        shape.box((x, y - 0.022, z), (x + 0.028, y, z + 0.035), (60, 60, 64))
    return shape


def _radiator(rng) -> Shape:
    """A row of columns, or a ribbed panel, on feet, with a pipe and a valve at one end."""
    shape, color = Shape(), tone(rng, (*WHITE, *WHITE, (150, 150, 148)), 6)
    w, h, y = rng.uniform(0.6, 1.4), rng.uniform(0.5, 0.75), 0.0
    if rng.random() < 0.5:
        n = int(w / 0.065)
        d = rng.uniform(0.1, 0.16)
        for x in np.linspace(-w / 2 + 0.025, w / 2 - 0.025, n):
            for v in (-d / 2 + 0.02, d / 2 - 0.02):
                shape.box((x - 0.018, v - 0.018, 0.1), (x + 0.018, v + 0.018, h), color)
        for z in (0.12, h - 0.06):
            shape.box((-w / 2, -d / 2 + 0.01, z), (w / 2, d / 2 - 0.01, z + 0.04), color)
    else:
        d = rng.uniform(0.08, 0.12)
        shape.box((-w / 2, -d / 2, 0.1), (w / 2, d / 2, h), color)
        for x in np.arange(-w / 2 + 0.04, w / 2 - 0.02, 0.05):
            shape.box((x - 0.012, -d / 2 - 0.014, 0.14), (x + 0.012, -d / 2, h - 0.04), color * 0.93)
        shape.box((-w / 2 + 0.02, -d / 2 + 0.02, h), (w / 2 - 0.02, d / 2 - 0.02, h + 0.012), color * 0.6)
    for x in (-w / 2 + 0.08, w / 2 - 0.08):
        shape.box((x - 0.02, -d / 2 + 0.01, 0), (x + 0.02, d / 2 - 0.01, 0.11), color)
    shape.tube([(w / 2 - 0.02, y, 0.14), (w / 2 + 0.05, y, 0.14), (w / 2 + 0.05, y, 0)], 0.012, METAL[0])
    return shape.cylinder((w / 2 + 0.05, y, 0.14), 0.022, 0.07, METAL[2] if rng.random() < 0.5 else DARK, sections=10)


def _vacuum_cleaner(rng) -> Shape:
    """An upright cleaner with bag and handle, or a canister on wheels with a hose and a wand."""
    shape, color = Shape(), tone(rng, ((180, 40, 45), (50, 90, 160), (90, 60, 130), (60, 62, 66), (90, 150, 70)))
    if rng.random() < 0.6:
        tilt, h = (-rng.uniform(6, 14), (1, 0, 0), (0, 0.05, 0.1)), rng.uniform(1.05, 1.2)
        shape.cushion((-0.16, -0.2, 0.0), (0.16, 0.1, 0.12), color, exponent=5)
        shape.box((-0.15, -0.205, 0.0), (0.15, -0.18, 0.035), DARK)
        shape.cushion((-0.1, -0.04, 0.1), (0.1, 0.14, 0.72), color * 0.75, exponent=4, turn=tilt)
        shape.cylinder((0, 0.01, 0.16), 0.09, 0.26, (170, 180, 190), turn=tilt)
        shape.rod((0, 0.07, 0.65), (0, 0.07, h - 0.06), 0.017, METAL[1], turn=tilt)
        shape.tube([(0, 0.07, h - 0.08), (0, 0.07, h), (0, -0.04, h - 0.04)], 0.02, DARK, turn=tilt)
        for x in (-0.14, 0.14):
            disc(shape, (x, 0.08, 0.05), 0.05, 0.03, DARK, axis="x", sections=14)
        return shape
    shape.cushion((-0.15, -0.05, 0.03), (0.15, 0.35, 0.27), color, exponent=3.5)
    shape.box((-0.05, 0.05, 0.25), (0.05, 0.25, 0.285), DARK)
    for x in (-0.15, 0.15):
        disc(shape, (x, 0.26, 0.08), 0.08, 0.04, DARK, axis="x", sections=16)
    angle = np.linspace(0, np.pi, 9)
    hose = np.column_stack([0.2 * np.sin(angle) * 0.9, -0.05 - 0.3 * (angle / np.pi), 0.15 + 0.75 * (angle / np.pi)])
    shape.tube(hose, 0.022, (70, 70, 74), 8, solid=False)
    tip = hose[-1]
    shape.rod(tip, (0, -0.62, 0.06), 0.018, METAL[0])
    return shape.box((-0.14, -0.7, 0), (0.14, -0.58, 0.05), DARK)


def _fan(rng) -> Shape:
    """A standing fan: round caged blades on a post with a foot, a box fan on the floor, or a slim tower."""
    shape, color = Shape(), tone(rng, ((235, 235, 232), (45, 45, 48), (150, 152, 156)), 6)
    kind = pick(rng, "stand", "stand", "box", "tower")
    if kind == "tower":
        h, r = rng.uniform(0.8, 1.05), rng.uniform(0.09, 0.12)
        shape.cylinder((0, 0, 0), 0.15, 0.03, color * 0.8)
        loft(shape, [(r, r, 0.03), (r, r, h - 0.02), (r * 0.8, r * 0.8, h)], color)
        for x in (-0.05, -0.02, 0.01, 0.04):
            shape.box((x, -r - 0.004, 0.15), (x + 0.014, -r + 0.03, h - 0.12), (40, 40, 44))
        return shape
    if kind == "box":
        half = rng.uniform(0.23, 0.28)
        for a, b in (((-half, 0.02), (half, 0.06)), ((-half, 2 * half), (half, 2 * half + 0.04))):
            shape.box((a[0], -0.06, a[1]), (b[0], 0.06, b[1]), color)
        for x in (-half, half - 0.03):
            shape.box((x, -0.06, 0.02), (x + 0.03, 0.06, 2 * half + 0.04), color)
        for x in (-half * 0.7, half * 0.7):
            shape.box((x - 0.02, -0.1, 0), (x + 0.02, 0.1, 0.025), color)
        radius, middle = half - 0.04, half + 0.04
    else:
        radius, middle = rng.uniform(0.19, 0.23), rng.uniform(1.0, 1.2)
        shape.lathe([(0, 0), (0.2, 0), (0.2, 0.02), (0.04, 0.06), (0, 0.06)], (0, 0, 0), color)
        shape.cylinder((0, 0.05, 0.04), 0.016, middle - 0.08, METAL[0], sections=10)
        shape.cushion((-0.06, 0.01, middle - 0.09), (0.06, 0.16, middle + 0.07), color, exponent=3)
    for y in (-0.06, 0.05):
        ring(shape, (0, y, middle), radius, 0.011, color)
    for r in (radius * 0.4, radius * 0.7):
        ring(shape, (0, -0.07, middle), r, 0.009, color)
    for a in np.arange(8) * np.pi / 8:
        arm = np.array((np.cos(a), 0, np.sin(a))) * radius
        shape.rod(np.array((0, -0.07, middle)) - arm, np.array((0, -0.07, middle)) + arm, 0.005, color, 5)
    blade = tone(rng, ((90, 140, 190), (60, 60, 64), (200, 205, 210)), 8)
    for k in range(4):
        shape.box((-0.045, -0.03, middle + 0.02), (0.045, -0.01, middle + radius * 0.9), blade,
                  turn=(90 * k + 20, (0, 1, 0), (0, 0, middle)))
    return disc(shape, (0, -0.06, middle), 0.04, 0.05, color * 0.8)


KINDS: dict[str, Kind] = {
    "copier": Kind(_copier, "against_wall", ("office", "hallway", "classroom")),
    "printer": Kind(_printer, "on", ("office", "classroom", "bedroom"),
                    ("desk", "table", "file cabinet", "cabinet", "stand", "counter", "cart")),
    "computer tower": Kind(_computer_tower, "on", ("office", "bedroom", "classroom"), ("floor", "desk", "table")),
    "water cooler": Kind(_water_cooler, "against_wall", ("office", "hallway", "kitchen", "classroom")),
    "machine": Kind(_machine, "against_wall", ("hallway", "office", "laundry")),
    "radiator": Kind(_radiator, "against_wall", ("living", "bedroom", "bathroom", "office", "classroom", "hallway")),
    "vacuum cleaner": Kind(_vacuum_cleaner, "floor", ("living", "laundry", "hallway", "bedroom")),
    "fan": Kind(_fan, "floor", ("bedroom", "living", "office")),
}

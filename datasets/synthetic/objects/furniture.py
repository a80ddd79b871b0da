"""Furniture of a synthetic scene: tables and single pieces here, seats, beds and storage from their own modules.

`KINDS` maps a ScanNet200 class name to how it is built and where it stands: `KINDS["desk"].build(rng)`.
"""
import numpy as np

from datasets.synthetic.objects import seating, storage
from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import DARK, carcass, disc, drawers, handle_style, legs, metal, ring, tone
from datasets.synthetic.objects.shapes import METAL, WHITE, WOOD, Shape, pick, tint

TOPS = (*WOOD, *WOOD, *WHITE, (70, 70, 74))
PAINTS = ((190, 40, 35), (40, 80, 150), (35, 35, 38), (230, 200, 60), (70, 140, 90), (225, 225, 222))


def _round_table(shape: Shape, radius: float, h: float, color, frame, pedestal: bool) -> Shape:
    """A round top on a turned column with a foot plate, or on four legs."""
    disc(shape, (0, 0, h - 0.015), radius, 0.03, color, axis="z", sections=36)
    if pedestal:
        foot = radius * 0.6
        shape.lathe([(0, 0), (foot, 0), (foot, 0.02), (0.05, 0.06), (0.035, h / 2), (0.05, h - 0.06), (0.09, h - 0.03),
                     (0, h - 0.03)], (0, 0, 0), frame)
    else:
        legs(shape, radius * 1.45, radius * 1.45, h - 0.03, frame, "taper", 0.05)
    r = radius * 0.66
    return shape.support(-r, -r, r, r, h, 1.2)


def _plain_table(shape: Shape, w: float, d: float, h: float, color, frame, style: str, leg: float, top: float,
                 apron: float) -> Shape:
    """A rectangular top on legs with a rail below it."""
    legs(shape, w * 0.97, d * 0.95, h - top, frame, style, leg)
    if apron:
        x, y = w * 0.97 / 2 - leg, d * 0.95 / 2 - leg
        for s in (-1, 1):
            shape.box((-x, s * y - 0.011, h - top - apron), (x, s * y + 0.011, h - top), frame)
            shape.box((s * x - 0.011, -y, h - top - apron), (s * x + 0.011, y, h - top), frame)
    shape.box((-w / 2, -d / 2, h - top), (w / 2, d / 2, h), color)
    return shape.support(-w / 2 + 0.04, -d / 2 + 0.04, w / 2 - 0.04, d / 2 - 0.04, h, 1.2)


def _table(rng) -> Shape:
    """A work or meeting table: a plain top on steel or wooden legs, a folding table, or a round pedestal table."""
    shape, color, h = Shape(), tone(rng, TOPS), rng.uniform(0.70, 0.76)
    if rng.random() < 0.25:
        return _round_table(shape, rng.uniform(0.38, 0.6), h, color, metal(rng), True)
    frame, w, d = pick(rng, metal(rng), metal(rng), color * 0.85), rng.uniform(0.9, 1.8), rng.uniform(0.6, 0.85)
    if rng.random() < 0.25:
        for s in (-1, 1):
            x = s * (w / 2 - 0.2)
            shape.box((x - 0.02, -d / 2 + 0.04, 0), (x + 0.02, d / 2 - 0.04, 0.03), frame)
            for y in (-d / 4, d / 4):
                shape.rod((x, y, 0.02), (x, y, h - 0.03), 0.016, frame)
            shape.rod((x, 0, h * 0.55), (x - s * 0.22, 0, h - 0.04), 0.012, frame)
        shape.box((-w / 2, -d / 2, h - 0.04), (w / 2, d / 2, h), color)
        return shape.support(-w / 2 + 0.04, -d / 2 + 0.04, w / 2 - 0.04, d / 2 - 0.04, h, 1.2)
    return _plain_table(shape, w, d, h, color, frame, pick(rng, "square", "round", "sled"), rng.uniform(0.035, 0.05),
                        0.03, pick(rng, 0.0, 0.05))


def _dining_table(rng) -> Shape:
    """A large wooden table: thick legs and apron, trestle ends, or a big round top."""
    shape, wood, h = Shape(), tone(rng, WOOD), rng.uniform(0.73, 0.78)
    kind = pick(rng, "legs", "trestle", "round")
    if kind == "round":
        return _round_table(shape, rng.uniform(0.55, 0.72), h, wood, wood * 0.9, rng.random() < 0.6)
    w, d = rng.uniform(1.4, 2.2), rng.uniform(0.82, 1.0)
    frame = wood * 0.9 if rng.random() < 0.7 else tone(rng, WHITE)
    if kind == "legs":
        return _plain_table(
            shape, w, d, h, wood, frame, pick(rng, "square", "taper"), rng.uniform(0.075, 0.1), 0.04, 0.1
        )
    for x in (-w * 0.34, w * 0.34):
        shape.box((x - 0.05, -d * 0.36, 0), (x + 0.05, d * 0.36, 0.07), frame)
        shape.box((x - 0.04, -d * 0.34, h - 0.11), (x + 0.04, d * 0.34, h - 0.04), frame)
        shape.box((x - 0.04, -0.08, 0.05), (x + 0.04, 0.08, h - 0.06), frame)
    shape.box((-w * 0.34, -0.03, 0.25), (w * 0.34, 0.03, 0.34), frame)
    return _plain_table(shape, w, d, h, wood, frame, "none", 0.05, 0.045, 0.0)


def _coffee_table(rng) -> Shape:
    """A low table for in front of a couch, with an under-shelf, panel sides or a round top."""
    shape, color, h = Shape(), tone(rng, TOPS), rng.uniform(0.36, 0.46)
    if rng.random() < 0.3:
        return _round_table(shape, rng.uniform(0.35, 0.48), h, color, pick(rng, metal(rng), color * 0.85), False)
    w, d = rng.uniform(0.85, 1.3), rng.uniform(0.48, 0.7)
    style = pick(rng, "square", "panel", "sled", "taper")
    frame = metal(rng) if style == "sled" else color * 0.9
    if style in ("square", "panel") and rng.random() < 0.7:
        shape.box((-w / 2 + 0.06, -d / 2 + 0.05, 0.12), (w / 2 - 0.06, d / 2 - 0.05, 0.145), color * 0.95)
        shape.support(-w / 2 + 0.1, -d / 2 + 0.08, w / 2 - 0.1, d / 2 - 0.08, 0.145, h - 0.2)
    return _plain_table(shape, w, d, h, color, frame, style, rng.uniform(0.05, 0.07), 0.04, 0.0)


def _end_table(rng) -> Shape:
    """A small side table, as wide as it is high: round or square, one level or two."""
    shape, color, h = Shape(), tone(rng, TOPS), rng.uniform(0.5, 0.63)
    if rng.random() < 0.4:
        return _round_table(shape, rng.uniform(0.21, 0.28), h, color, pick(rng, metal(rng), color * 0.85),
                            rng.random() < 0.5)
    w, d = rng.uniform(0.38, 0.55), rng.uniform(0.38, 0.5)
    if rng.random() < 0.5:
        shape.box((-w / 2 + 0.03, -d / 2 + 0.03, 0.15), (w / 2 - 0.03, d / 2 - 0.03, 0.172), color)
        shape.support(-w / 2 + 0.08, -d / 2 + 0.06, w / 2 - 0.08, d / 2 - 0.06, 0.172, h - 0.25)
    return _plain_table(shape, w, d, h, color, color * 0.9, pick(rng, "square", "taper", "splayed"), 0.04, 0.025,
                        pick(rng, 0.0, 0.06))


def _desk(rng) -> Shape:
    """A work desk: drawer pedestal at one side or both, a modesty panel at the back, sometimes a hutch.

    The sitter's side is the front (-y).
    """
    shape, color, steel, style = Shape(), tone(rng, (*WOOD, *WHITE, (80, 80, 84))), metal(rng), handle_style(rng)
    w, d, h = rng.uniform(1.1, 1.7), rng.uniform(0.58, 0.78), rng.uniform(0.71, 0.76)
    pw, y = rng.uniform(0.36, 0.44), -d / 2 + 0.04
    sides = (pick(rng, -1, 1),) if w < 1.45 or rng.random() < 0.5 else (-1, 1)
    front = color * rng.uniform(0.9, 1.15)
    for s in sides:
        a, b = sorted((s * (w / 2 - 0.02), s * (w / 2 - 0.02 - pw)))
        shape.box((a, y, 0), (b, d / 2 - 0.03, h - 0.03), color * 0.9)
        drawers(shape, a, 0.05, b, h - 0.03, y, int(rng.integers(2, 5)), 1, front, style, steel)
    if len(sides) == 1:
        x = -sides[0] * (w / 2 - 0.035)
        if rng.random() < 0.5:
            shape.box((x - 0.015, -d / 2 + 0.04, 0), (x + 0.015, d / 2 - 0.02, h - 0.03), color * 0.9)
        else:
            for v in (-d / 2 + 0.06, d / 2 - 0.06):
                shape.box((x - 0.025, v - 0.025, 0), (x + 0.025, v + 0.025, h - 0.03), steel)
    if rng.random() < 0.75:
        shape.box((-w / 2 + 0.03, d / 2 - 0.06, h * 0.35), (w / 2 - 0.03, d / 2 - 0.035, h - 0.03), color * 0.9)
    shape.box((-w / 2, -d / 2, h - 0.03), (w / 2, d / 2, h), color)
    back = 0.0
    if rng.random() < 0.25:
        back, top = 0.26, h + rng.uniform(0.35, 0.55)
        carcass(shape, (-w / 2 + 0.02, d / 2 - back, h), (w / 2 - 0.02, d / 2, top), color * 0.95)
        shape.support(-w / 2 + 0.05, d / 2 - back + 0.01, w / 2 - 0.05, d / 2 - 0.03, h + 0.022, top - h - 0.05)
        shape.support(-w / 2 + 0.05, d / 2 - back + 0.02, w / 2 - 0.05, d / 2 - 0.02, top, 0.6)
    return shape.support(-w / 2 + 0.04, -d / 2 + 0.04, w / 2 - 0.04, d / 2 - 0.03 - back, h, 1.0)


def _divider(rng) -> Shape:
    """An office partition of framed fabric panels on feet, or a folding screen."""
    shape, color = Shape(), tone(rng, ((120, 130, 140), (150, 140, 120), (90, 110, 130), *WHITE))
    n, h = int(rng.integers(2, 5)), rng.uniform(1.3, 1.8)
    if rng.random() < 0.4:
        wood, each = tone(rng, WOOD), rng.uniform(0.42, 0.5)
        dx, dy = each * 0.92, each * 0.38
        for k in range(n):
            x0, sign = (k - n / 2) * dx, 1 if k % 2 else -1
            turn = (np.degrees(np.arctan2(sign * dy, dx)), (0, 0, 1), (x0 + dx / 2, 0, 0))
            a, b = x0 + dx / 2 - each / 2, x0 + dx / 2 + each / 2
            shape.box((a, -0.015, 0), (a + 0.03, 0.015, h), wood, turn=turn)
            shape.box((b - 0.03, -0.015, 0), (b, 0.015, h), wood, turn=turn)
            for z in (0.06, h * 0.5, h - 0.04):
                shape.box((a, -0.014, z), (b, 0.014, z + 0.04), wood, turn=turn)
            shape.box((a + 0.02, -0.01, 0.08), (b - 0.02, 0.01, h - 0.02), color, turn=turn)
        return shape
    each, frame = rng.uniform(0.6, 0.9), metal(rng)
    n = min(n, 3)
    w = n * each
    for k in range(n):
        a = -w / 2 + k * each
        shape.box((a, -0.025, 0.08), (a + each, 0.025, h), frame)
        shape.box((a + 0.025, -0.033, 0.12), (a + each - 0.025, 0.033, h - 0.03), color)
    for x in (-w / 2 + 0.04, w / 2 - 0.04):
        shape.box((x - 0.03, -0.22, 0), (x + 0.03, 0.22, 0.025), frame)
        shape.box((x - 0.025, -0.025, 0), (x + 0.025, 0.025, 0.1), frame)
    return shape


def _coat_rack(rng) -> Shape:
    """A post on a foot with hooks around its head."""
    shape, color = Shape(), tone(rng, (*WOOD, *METAL))
    h, r = rng.uniform(1.6, 1.85), rng.uniform(0.2, 0.26)
    shape.cylinder((0, 0, 0.03), 0.024, h - 0.03, color, sections=12)
    if rng.random() < 0.5:
        shape.lathe([(0, 0), (r, 0), (r, 0.025), (0.04, 0.06), (0, 0.06)], (0, 0, 0), color)
    else:
        for a in np.arange(4) * np.pi / 2 + 0.4:
            shape.tube([(1.2 * r * np.cos(a), 1.2 * r * np.sin(a), 0.016), (0, 0, 0.22)], 0.016, color)
    for k in range(8):
        a = k * np.pi / 4
        z = h - 0.1 - 0.28 * (k % 2)
        c, s = np.cos(a), np.sin(a)
        shape.tube([(0, 0, z), (0.13 * c, 0.13 * s, z + 0.02), (0.18 * c, 0.18 * s, z + 0.11)], 0.012, color, 8)
        shape.sphere((0.18 * c, 0.18 * s, z + 0.12), 0.02, color, subdivisions=1)
    return shape.sphere((0, 0, h), 0.035, color)


def _keys(shape: Shape, w: float, y0: float, y1: float, z: float) -> Shape:
    """White keys in a row with black ones in groups of two and three, 2 cm above z."""
    shape.box((-w / 2, y0, z), (w / 2, y1, z + 0.02), (242, 240, 232))
    count = int(w / 0.0335)
    for k in range(count):
        if k % 7 in (0, 1, 3, 4, 5):
            x = -w / 2 + (k + 1) * w / count
            shape.box((x - 0.008, (y0 + y1) / 2 - 0.02, z + 0.02), (x + 0.008, y1, z + 0.034), (25, 25, 28))
    return shape


def _piano(rng) -> Shape:
    """An upright piano: tall case, keyboard on brackets with a lid behind, pedals below."""
    shape, color = Shape(), tone(rng, ((28, 26, 28), (60, 32, 22), (105, 62, 36), (232, 230, 226)), 6)
    w, h, key = rng.uniform(1.42, 1.52), rng.uniform(1.1, 1.3), 0.66
    shape.box((-w / 2, 0, 0), (w / 2, 0.3, h), color)
    shape.box((-w / 2 - 0.01, -0.02, h), (w / 2 + 0.01, 0.31, h + 0.03), color * 1.1)
    shape.box((-w / 2, -0.3, key - 0.05), (w / 2, 0, key), color)
    for s in (-1, 1):
        x = s * (w / 2 - 0.04)
        shape.box((x - 0.04, -0.3, key - 0.05), (x + 0.04, 0.02, key + 0.1), color)
        shape.box((x - 0.035, -0.29, 0), (x + 0.035, -0.21, key), color)
        shape.box((x - 0.04, -0.3, 0), (x + 0.04, 0.02, 0.08), color)
    _keys(shape, w - 0.18, -0.27, -0.1, key)
    shape.box((-w / 2 + 0.08, -0.09, key), (w / 2 - 0.08, -0.02, key + 0.13), color * 0.9)
    shape.box((-0.35, -0.05, key + 0.2), (0.35, 0.0, key + 0.23), color * 1.2)
    shape.box((-w / 2 + 0.12, -0.012, 0.12), (w / 2 - 0.12, 0, key - 0.1), color * 1.25)
    for x in (-0.08, 0, 0.08):
        shape.box((x - 0.015, -0.12, 0.04), (x + 0.015, 0.01, 0.06), (200, 165, 80))
    return shape.support(-w / 2 + 0.05, 0.03, w / 2 - 0.05, 0.28, h + 0.03, 0.8)


def _keyboard_piano(rng) -> Shape:
    """An electronic keyboard on a crossed or a panel stand."""
    shape, color = Shape(), tone(rng, ((35, 35, 38), (60, 60, 66), (215, 215, 215)), 6)
    w, d, h = rng.uniform(0.95, 1.38), rng.uniform(0.28, 0.36), rng.uniform(0.7, 0.78)
    if rng.random() < 0.6:
        for y, lean in ((-0.05, 1), (0.05, -1)):
            shape.rod((-lean * 0.32, y, 0.03), (lean * 0.32, y, h - 0.02), 0.018, METAL[1])
        for x in (-0.32, 0.32):
            for z in (0.018, h - 0.02):
                shape.rod((x, -0.19, z), (x, 0.19, z), 0.018, METAL[1])
    else:
        for x in (-w / 2 + 0.05, w / 2 - 0.05):
            shape.box((x - 0.015, -d / 2, 0), (x + 0.015, d / 2, 0.03), color)
            shape.box((x - 0.015, -0.07, 0), (x + 0.015, 0.07, h), color)
        shape.box((-w / 2 + 0.05, 0.04, h * 0.3), (w / 2 - 0.05, 0.06, h * 0.45), color)
    shape.box((-w / 2, -d / 2, h), (w / 2, d / 2, h + 0.07), color)
    _keys(shape, w - 0.1, -d / 2 + 0.015, -d / 2 + 0.16, h + 0.07)
    shape.box((-0.08, 0.05, h + 0.07), (0.08, 0.11, h + 0.078), (120, 170, 190))
    for x in (-w / 2 + 0.12, w / 2 - 0.12):
        disc(shape, (x, 0.07, h + 0.075), 0.05, 0.012, (70, 70, 74), axis="z", sections=14)
    if rng.random() < 0.4:
        shape.box((-0.22, d / 2 - 0.03, h + 0.07), (0.22, d / 2, h + 0.27), color * 1.1,
                  turn=(-15, (1, 0, 0), (0, d / 2, h + 0.07)))
    return shape


def _music_stand(rng) -> Shape:
    """A tripod with a post and a tilted desk for sheets, a ledge at its foot."""
    shape, color = Shape(), tone(rng, ((35, 35, 38), (60, 60, 64), (120, 122, 126)), 6)
    h, w = rng.uniform(1.0, 1.3), rng.uniform(0.42, 0.52)
    for a in np.arange(3) * 2 * np.pi / 3 + 0.5:
        c, s = np.cos(a), np.sin(a)
        shape.rod((0.26 * c, 0.26 * s, 0.011), (0, 0, 0.32), 0.012, color)
        shape.rod((0.15 * c, 0.15 * s, 0.13), (0, 0, 0.1), 0.01, color)
    shape.cylinder((0, 0, 0.08), 0.014, h - 0.05, color, sections=10)
    tilt = (-rng.uniform(18, 32), (1, 0, 0), (0, -0.02, h))
    shape.box((-w / 2, -0.03, h - 0.1), (w / 2, -0.01, h + 0.23), color, turn=tilt)
    shape.box((-w / 2, -0.08, h - 0.12), (w / 2, -0.01, h - 0.1), color, turn=tilt)
    if rng.random() < 0.5:
        for x in (-0.11, 0.11):
            shape.box((x - 0.1, -0.034, h - 0.09), (x + 0.1, -0.03, h + 0.19), (240, 238, 230), turn=tilt)
    return shape


def _ladder(rng) -> Shape:
    """A stepladder, standing open, of three to seven steps."""
    shape, color = Shape(), tone(rng, ((195, 198, 200), (220, 130, 40), (200, 180, 60), *WOOD[:1]))
    n, w = int(rng.integers(3, 8)), rng.uniform(0.42, 0.52)
    h, spread = n * 0.25, n * 0.25 * rng.uniform(0.28, 0.36)
    for s in (-1, 1):
        low, high = s * w / 2, s * w * 0.4
        shape.rod((low, -spread, 0.01), (high, -0.06, h), 0.022, color, sections=6)
        shape.rod((low, spread, 0.01), (high, 0.06, h), 0.018, METAL[2], sections=6)
    for k in range(1, n):
        t = k / n
        y, half = -spread + (spread - 0.06) * t, w / 2 - 0.1 * w * t
        shape.box((-half, y - 0.03, t * h - 0.02), (half, y + 0.07, t * h + 0.008), color * 0.85)
    for t in (0.2, 0.75):
        shape.box(
            (-w * 0.44, spread * (1 - t) - 0.01, t * h - 0.015),
            (w * 0.44, spread * (1 - t) + 0.015, t * h + 0.015),
            METAL[2],
        )
    return shape.box((-w * 0.43, -0.11, h - 0.01), (w * 0.43, 0.11, h + 0.03), tint(rng, PAINTS))


def _fireplace(rng) -> Shape:
    """A mantelpiece around a dark firebox with a raised hearth."""
    shape, color = Shape(), tone(rng, ((230, 228, 222), (150, 75, 55), (140, 135, 128), (110, 72, 48)))
    w, h, d = rng.uniform(1.15, 1.6), rng.uniform(1.0, 1.25), rng.uniform(0.3, 0.4)
    ow, oh = w * rng.uniform(0.5, 0.6), h * rng.uniform(0.55, 0.65)
    inside, stone = (45, 40, 38), tone(rng, ((60, 58, 56), (170, 160, 150), (140, 72, 55)))
    shape.box((-w / 2, -d / 2, 0), (-ow / 2, d / 2, h), color).box((ow / 2, -d / 2, 0), (w / 2, d / 2, h), color)
    shape.box((-ow / 2, -d / 2, oh), (ow / 2, d / 2, h), color)
    shape.box((-ow / 2, d / 2 - 0.05, 0), (ow / 2, d / 2, oh), inside).box(
        (-ow / 2, -d / 2, 0), (ow / 2, d / 2, 0.06), stone
    )
    for s in (-1, 1):
        a, b = sorted((s * ow / 2, s * (ow / 2 + 0.09)))
        shape.box((a, -d / 2 - 0.02, 0), (b, -d / 2, oh), stone)
        shape.box((s * ow / 2 - 0.01, -d / 2, 0.06), (s * ow / 2 + 0.01, d / 2, oh), inside)
    shape.box((-ow / 2 - 0.09, -d / 2 - 0.02, oh), (ow / 2 + 0.09, -d / 2, oh + 0.1), stone)
    shape.box((-w / 2 - 0.06, -d / 2 - 0.09, h), (w / 2 + 0.06, d / 2, h + 0.06), color * 0.95)
    shape.box((-w / 2, -d / 2 - 0.35, 0), (w / 2, -d / 2, 0.05), stone)
    for x in (-0.12, 0.05):
        shape.rod((x - 0.12, -0.02, 0.12), (x + 0.16, 0.04, 0.13), 0.05, (95, 65, 45), solid=False)
    for x in np.linspace(-ow / 2, ow / 2, 8)[1:-1] if rng.random() < 0.5 else ():
        shape.box((x - 0.01, -d / 2 - 0.01, 0.06), (x + 0.01, -d / 2 + 0.01, oh * 0.45), DARK)
    return shape.support(-w / 2, -d / 2 - 0.05, w / 2, d / 2 - 0.03, h + 0.06, 0.8)


def _bicycle(rng) -> Shape:
    """Two wheels along x, a diamond or step-through frame, saddle, handlebar and pedals."""
    shape, color = Shape(), tint(rng, PAINTS)
    r = rng.uniform(0.29, 0.34)
    base, tyre = 3.15 * r, (30, 30, 32)
    rear, front = np.array((-base / 2, 0, r)), np.array((base / 2, 0, r))
    crank, seat, head = (
        np.array((-0.08, 0, r * 0.85)),
        np.array((-0.24, 0, r + 0.42)),
        np.array((base / 2 - 0.2, 0, r + 0.44)),
    )
    for hub in (rear, front):
        ring(shape, hub, r - 0.018, 0.018, tyre, sections=28)
        shape.sphere(hub, 0.03, METAL[0], subdivisions=1)
        for a in np.arange(6) * np.pi / 6:
            arm = np.array((np.cos(a), 0, np.sin(a))) * (r - 0.02)
            shape.rod(hub - arm, hub + arm, 0.004, METAL[2], sections=5)
    step = rng.random() < 0.4
    top = crank + (seat - crank) * (0.5 if step else 0.92)
    lower = head - (0.04, 0, 0.14)
    for a, b in ((crank, seat), (top, head - (0, 0, 0.03) if not step else lower), (crank, lower), (crank, rear),
                 (crank + (seat - crank) * 0.9, rear), (lower, head + (0, 0, 0.05))):
        shape.rod(a, b, 0.018, color)
    for y in (-0.04, 0.04):
        shape.rod(lower + (0, y, 0), front + (0, y, 0), 0.013, color)
    post = seat + (-0.03, 0, 0.13)
    shape.rod(seat, post, 0.013, METAL[0])
    shape.cushion(post + (-0.14, -0.07, -0.01), post + (0.13, 0.07, 0.05), tyre, exponent=2.5)
    bar = head + (0.02, 0, 0.14)
    shape.rod(head, bar, 0.014, METAL[0])
    shape.tube(
        [bar + (-0.14, -0.28, 0.02), bar + (0, -0.17, 0), bar + (0, 0.17, 0), bar + (-0.14, 0.28, 0.02)],
        0.013,
        METAL[1],
    )
    for s in (-1, 1):
        shape.rod(bar + (-0.14, s * 0.28, 0.02), bar + (-0.04, s * 0.2, 0.005), 0.018, tyre)
        tip = crank + (s * 0.15, s * 0.07, -s * 0.05)
        shape.rod(crank + (0, s * 0.05, 0), tip, 0.012, METAL[1])
        shape.box(tip - (0.05, 0.03, 0.012), tip + (0.05, 0.05, 0.012), tyre)
    disc(shape, crank + (0, -0.045, 0), 0.09, 0.015, METAL[1])
    if rng.random() < 0.4:
        basket = bar + (0.17, 0, -0.2)
        shape.box(basket - (0.12, 0.16, 0), basket + (0.12, 0.16, 0.02), METAL[1])
        for y in (-0.16, 0.14):
            shape.box(basket + (-0.12, y, 0), basket + (0.12, y + 0.02, 0.2), METAL[1])
        for x in (-0.12, 0.1):
            shape.box(basket + (x, -0.16, 0), basket + (x + 0.02, 0.16, 0.2), METAL[1])
    return shape


KINDS: dict[str, Kind] = {
    **seating.KINDS,
    **storage.KINDS,
    "table": Kind(_table, "floor", ("office", "classroom", "living", "kitchen")),
    "dining table": Kind(_dining_table, "floor", ("kitchen", "living")),
    "coffee table": Kind(_coffee_table, "floor", ("living",), near=("couch",)),
    "end table": Kind(_end_table, "against_wall", ("living", "bedroom"), near=("couch", "armchair")),
    "desk": Kind(_desk, "against_wall", ("office", "classroom", "bedroom")),
    "divider": Kind(_divider, "floor", ("office", "classroom", "living")),
    "coat rack": Kind(_coat_rack, "floor", ("hallway", "office", "living", "bedroom")),
    "piano": Kind(_piano, "against_wall", ("living", "classroom")),
    "keyboard piano": Kind(_keyboard_piano, "against_wall", ("living", "bedroom", "classroom")),
    "music stand": Kind(_music_stand, "floor", ("living", "classroom", "bedroom")),
    "ladder": Kind(_ladder, "floor", ("laundry", "hallway", "office")),
    "fireplace": Kind(_fireplace, "against_wall", ("living",)),
    "bicycle": Kind(_bicycle, "against_wall", ("hallway", "living", "office", "laundry")),
}

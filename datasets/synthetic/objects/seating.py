"""Seats and beds of a synthetic scene: `KINDS` maps a class name to how it is built and where it stands."""
import numpy as np

from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import DARK, legs, metal, pad, ring, star_base, tone
from datasets.synthetic.objects.shapes import FABRIC, PLASTIC, WHITE, WOOD, Shape, pick, tint, vary

BRIGHT = ((190, 60, 45), (40, 90, 160), (225, 160, 40), (60, 130, 80), (50, 50, 55), (225, 225, 220))


def _back(shape: Shape, style: str, width: float, y: float, low: float, high: float, color, lean: float) -> Shape:
    """A chair's back between two heights, leaning away from the seat by `lean` degrees."""
    turn = (-lean, (1, 0, 0), (0, y, low))
    half = width / 2
    if style == "panel":
        return shape.box((-half, y - 0.025, low + 0.12), (half, y, high), color, turn=turn)
    if style == "pad":
        return shape.cushion((-half, y - 0.06, low + 0.04), (half, y, high), color, exponent=6, turn=turn)
    for x in (-half + 0.018, half - 0.018):
        shape.box((x - 0.018, y - 0.035, low), (x + 0.018, y, high), color, turn=turn)
    shape.box((-half, y - 0.03, high - 0.07), (half, y, high), color, turn=turn)
    if style == "slats":
        for x in np.linspace(-half, half, 7)[1:-1]:
            shape.box((x - 0.012, y - 0.028, low), (x + 0.012, y - 0.006, high - 0.06), color, turn=turn)
        return shape
    for z in np.linspace(low + 0.1, high - 0.07, 4)[:-1]:
        shape.box((-half, y - 0.028, z), (half, y - 0.006, z + 0.045), color, turn=turn)
    return shape


def _chair(rng) -> Shape:
    """Four legs, a seat and a back, no arms: wooden, upholstered, or a plastic shell on steel."""
    shape, kind = Shape(), pick(rng, "slats", "ladder", "panel", "pad", "shell")
    w, d, seat, top = rng.uniform(0.40, 0.50), rng.uniform(0.40, 0.48), rng.uniform(0.43, 0.48), rng.uniform(0.80, 1.02)
    if kind == "shell":
        color, steel = tint(rng, BRIGHT), metal(rng)
        legs(shape, w, d, seat, steel, pick(rng, "splayed", "round", "sled"), 0.03)
        shape.cushion((-w / 2, -d / 2, seat - 0.03), (w / 2, d / 2, seat + 0.025), color, exponent=5)
        shape.cushion((-w / 2, d / 2 - 0.06, seat), (w / 2, d / 2 - 0.02, top - 0.05), color, exponent=4,
                      turn=(-12, (1, 0, 0), (0, d / 2, seat)))
    else:
        wood = tone(rng, WOOD) if rng.random() < 0.8 else tone(rng, ((45, 40, 40), *WHITE))
        legs(shape, w, d, seat - 0.02, wood, pick(rng, "square", "round", "taper", "splayed"), rng.uniform(0.035, 0.05))
        if kind == "pad" or rng.random() < 0.3:
            shape.box((-w / 2, -d / 2, seat - 0.05), (w / 2, d / 2, seat - 0.01), wood)
            cover = tint(rng, FABRIC)
            shape.cushion((-w / 2, -d / 2, seat - 0.03), (w / 2, d / 2, seat + 0.04), cover, exponent=8)
        else:
            cover = wood
            shape.box((-w / 2, -d / 2, seat - 0.03), (w / 2, d / 2, seat), wood)
        if rng.random() < 0.4:
            for y in (-d / 2 + 0.045, d / 2 - 0.045):
                shape.box((-w / 2 + 0.04, y - 0.012, 0.18), (w / 2 - 0.04, y + 0.012, 0.205), wood)
        if kind == "panel":
            for x in (-w / 2 + 0.06, w / 2 - 0.06):
                shape.box((x - 0.018, d / 2 - 0.035, seat - 0.02), (x + 0.018, d / 2 - 0.01, top - 0.05), wood,
                          turn=(-rng.uniform(5, 6), (1, 0, 0), (0, d / 2, seat)))
        _back(shape, kind, w, d / 2, seat, top, cover if kind == "pad" else wood, rng.uniform(5, 11))
    return shape.support(-w / 2 + 0.04, -d / 2 + 0.03, w / 2 - 0.04, d / 2 - 0.1, seat + 0.03, 0.5)


def _office_chair(rng) -> Shape:
    """A swivel chair on a castor star, with arms or without, low or high back."""
    shape, cover, frame = (
        Shape(),
        tint(rng, (*PLASTIC[:2], *PLASTIC[:1] * 4, *FABRIC), 8),
        tone(rng, (DARK, (150, 152, 156))),
    )
    seat, w, d = rng.uniform(0.46, 0.55), rng.uniform(0.46, 0.54), rng.uniform(0.44, 0.5)
    star_base(shape, 0.31, seat - 0.04, frame)
    shape.box((-0.12, -0.12, seat - 0.07), (0.12, 0.14, seat - 0.03), DARK)
    shape.cushion((-w / 2, -d / 2, seat - 0.04), (w / 2, d / 2, seat + 0.05), cover, exponent=5)
    high = rng.uniform(0.35, 0.75)
    lift = 0.16 if high < 0.55 else 0.06
    turn = (-rng.uniform(4, 12), (1, 0, 0), (0, d / 2, seat))
    bw = w * rng.uniform(0.85, 1)
    shape.box((-0.04, d / 2 + 0.01, seat - 0.05), (0.04, d / 2 + 0.035, seat + lift + 0.15), DARK, turn=turn)
    shape.box((-0.04, 0.1, seat - 0.06), (0.04, d / 2 + 0.035, seat - 0.035), DARK)
    shape.cushion((-bw / 2, d / 2 - 0.06, seat + lift), (bw / 2, d / 2 + 0.02, seat + lift + high), cover, exponent=4,
                  turn=turn)
    if rng.random() < 0.3:
        shape.cushion((-0.14, d / 2 - 0.04, seat + lift + high), (0.14, d / 2 + 0.02, seat + lift + high + 0.15), cover,
                      turn=turn)
    if rng.random() < 0.7:
        for s in (-1, 1):
            x = s * (w / 2 + 0.03)
            shape.tube([(s * 0.12, 0.03, seat - 0.05), (x, 0.03, seat - 0.05), (x, 0.03, seat + 0.19)], 0.015, frame)
            shape.box((x - 0.03, -0.14, seat + 0.18), (x + 0.03, 0.12, seat + 0.21), DARK)
    return shape.support(-w / 2 + 0.06, -d / 2 + 0.04, w / 2 - 0.06, d / 2 - 0.1, seat + 0.05, 0.5)


def _armchair(rng) -> Shape:
    """A padded chair with open wooden or slim padded arms and visible legs; sometimes with wings."""
    shape, cover, wood = Shape(), tint(rng, FABRIC), tone(rng, WOOD)
    kind = pick(rng, "wood", "wing", "tub")
    w, d, seat, top = rng.uniform(0.62, 0.74), rng.uniform(0.62, 0.74), rng.uniform(0.40, 0.46), rng.uniform(0.82, 1.05)
    if kind == "wood":
        legs(shape, w, d, 0.3, wood, "square", 0.05)
        for s in (-1, 1):
            x = s * (w / 2 - 0.045)
            for y in (-d / 2 + 0.045, d / 2 - 0.045):
                shape.box((x - 0.022, y - 0.022, 0), (x + 0.022, y + 0.022, 0.62), wood)
            shape.box((x - 0.035, -d / 2, 0.61), (x + 0.035, d / 2, 0.645), wood)
        shape.box((-w / 2 + 0.06, -d / 2 + 0.03, 0.27), (w / 2 - 0.06, d / 2 - 0.03, 0.31), wood)
        inner, low = w / 2 - 0.08, 0.3
    else:
        legs(shape, w * 0.95, d * 0.95, 0.16, wood, pick(rng, "taper", "splayed"), 0.045)
        shape.box((-w / 2 + 0.03, -d / 2 + 0.03, 0.15), (w / 2 - 0.03, d / 2 - 0.03, 0.29), cover)
        inner, low = w / 2 - 0.1, 0.27
        for s in (-1, 1):
            x = s * (w / 2 - 0.05)
            pad(shape, (x - 0.055, -d / 2, 0.16), (x + 0.055, d / 2, rng.uniform(0.6, 0.64)), cover, round_off=0.05)
            if kind == "wing":
                shape.cushion((x - 0.05, d / 2 - 0.28, 0.55), (x + 0.04, d / 2 + 0.02, top), cover, exponent=4,
                              turn=(-8, (1, 0, 0), (0, d / 2, 0.4)))
    seat_color = cover if rng.random() < 0.7 else tint(rng, FABRIC)
    shape.cushion((-inner, -d / 2 + 0.01, low), (inner, d / 2 - 0.06, seat + 0.02), seat_color, exponent=6)
    shape.cushion((-inner, d / 2 - 0.2, seat - 0.06), (inner, d / 2 - 0.04, top if kind != "tub" else 0.78), cover,
                  exponent=5, turn=(-10, (1, 0, 0), (0, d / 2, seat)))
    return shape.support(-inner + 0.04, -d / 2 + 0.05, inner - 0.04, d / 2 - 0.24, seat + 0.02, 0.5)


def _sofa(rng, seats: int) -> Shape:
    """A sofa of some seats with block arms down to the base."""
    shape, cover = Shape(), tint(rng, FABRIC)
    each, arm, d = rng.uniform(0.56, 0.68), rng.uniform(0.12, 0.24), rng.uniform(0.82, 0.98)
    seat, top, foot = rng.uniform(0.40, 0.46), rng.uniform(0.74, 0.92), pick(rng, 0.04, 0.08, 0.13)
    w, high = seats * each + 2 * arm, rng.uniform(0.56, 0.66)
    if rng.random() < 0.3:
        cover = vary(rng, pick(rng, (85, 52, 36), (40, 34, 32), (205, 195, 180)), 8)
    legs(shape, w * 0.97, d * 0.95, foot + 0.02, tone(rng, WOOD), pick(rng, "square", "taper"), 0.055)
    shape.box((-w / 2 + 0.02, -d / 2 + 0.03, foot), (w / 2 - 0.02, d / 2 - 0.02, seat - 0.12), cover)
    soft = pick(rng, 0.03, 0.08)
    for s in (-1, 1):
        x = s * (w / 2 - arm / 2)
        pad(shape, (x - arm / 2, -d / 2, foot), (x + arm / 2, d / 2, high), cover, 12.0, soft)
    pad(shape, (-w / 2, d / 2 - 0.24, foot), (w / 2, d / 2, top - 0.04), cover, 12.0)
    soft_color = cover * 1.06 if rng.random() < 0.8 else tint(rng, FABRIC)
    one = rng.random() < 0.2
    n, width = (1, seats * each) if one else (seats, each)
    for k in range(n):
        x = -seats * each / 2 + (k + 0.5) * width
        pad(shape, (x - width / 2, -d / 2 + 0.02, seat - 0.13), (x + width / 2, d / 2 - 0.2, seat + 0.02), soft_color)
    for k in range(n):
        x = -seats * each / 2 + (k + 0.5) * width
        shape.cushion((x - width / 2, d / 2 - 0.36, seat), (x + width / 2, d / 2 - 0.16, top), soft_color, exponent=5,
                      turn=(-8, (1, 0, 0), (x, d / 2 - 0.3, seat)))
    inner = seats * each / 2
    return shape.support(-inner + 0.03, -d / 2 + 0.06, inner - 0.03, d / 2 - 0.38, seat + 0.02, 0.6)


def _couch(rng) -> Shape:
    """A sofa of two to four seats, sometimes with a chaise at one end."""
    shape = _sofa(rng, int(rng.integers(2, 4)))
    if rng.random() < 0.25:
        (x0, y0, _), (x1, _, _) = shape.bounds
        color = shape.colors[-1]
        a, b = (x0, x0 + 0.75) if rng.random() < 0.5 else (x1 - 0.75, x1)
        long = Shape().merge(shape, (0, 0.3, 0))
        long.box((a + 0.02, y0 - 0.35, 0), (b - 0.02, y0 + 0.4, 0.28), color)
        pad(long, (a, y0 - 0.36, 0.25), (b, y0 + 0.42, 0.44), color)
        return long.support(a + 0.05, y0 - 0.3, b - 0.05, y0 + 0.25, 0.44, 0.6)
    return shape


def _stool(rng) -> Shape:
    """A small seat without a back: round on wooden legs, a bar stool with a foot ring, or a swivel stool."""
    shape, kind = Shape(), pick(rng, "wood", "bar", "swivel", "step")
    top, r = rng.uniform(0.42, 0.5), rng.uniform(0.15, 0.19)
    color = tint(rng, (*WOOD, *FABRIC))
    if kind == "swivel":
        star_base(shape, 0.25, top - 0.06, metal(rng))
        shape.lathe([(0, 0), (r, 0.01), (r, 0.06), (0, 0.08)], (0, 0, top - 0.08), color)
    elif kind == "step":
        w = 2.2 * r
        legs(shape, w, w * 0.8, top - 0.02, color, pick(rng, "square", "panel"), 0.04)
        shape.box((-w / 2, -w * 0.4, top - 0.03), (w / 2, w * 0.4, top), color)
    else:
        top = rng.uniform(0.62, 0.76) if kind == "bar" else top
        frame = tone(rng, WOOD) if kind == "wood" else metal(rng)
        for a in np.arange(4 if kind == "bar" else 3) * (np.pi / 2 if kind == "bar" else 2 * np.pi / 3) + 0.8:
            c, s = np.cos(a), np.sin(a)
            shape.rod((r * 1.15 * c, r * 1.15 * s, 0.004), (r * 0.7 * c, r * 0.7 * s, top - 0.02), 0.017, frame)
        if kind == "bar":
            ring(shape, (0, 0, 0.24), r * 1.0, 0.011, frame, axis="z")
        shape.lathe([(0, 0), (r, 0), (r * 1.02, 0.03), (0, 0.045)], (0, 0, top - 0.04), color)
    return shape.support(-r * 0.6, -r * 0.6, r * 0.6, r * 0.6, top, 1.0)


def _bench(rng) -> Shape:
    """A long low seat for several: boards or a pad, with a back or without."""
    shape, wood = Shape(), tone(rng, WOOD)
    w, d, h = rng.uniform(0.95, 1.6), rng.uniform(0.34, 0.44), rng.uniform(0.42, 0.48)
    legs(shape, w * 0.96, d, h - 0.03, pick(rng, wood, metal(rng)), pick(rng, "square", "panel", "sled"), 0.06)
    if rng.random() < 0.5:
        for y in np.linspace(-d / 2, d / 2, 4)[:-1]:
            shape.box((-w / 2, y + 0.008, h - 0.035), (w / 2, y + d / 3 - 0.008, h), wood)
    else:
        shape.box((-w / 2, -d / 2, h - 0.045), (w / 2, d / 2, h - 0.01), wood)
        shape.box((-w / 2 + 0.01, -d / 2 + 0.01, h - 0.012), (w / 2 - 0.01, d / 2 - 0.01, h + 0.03), tint(rng, FABRIC))
    if rng.random() < 0.35:
        for x in (-w * 0.44, 0, w * 0.44):
            shape.box((x - 0.025, d / 2 - 0.04, h - 0.03), (x + 0.025, d / 2 - 0.01, 0.85), wood)
        for z in (0.58, 0.72):
            shape.box((-w / 2, d / 2 - 0.065, z), (w / 2, d / 2 - 0.04, z + 0.1), wood)
    return shape.support(-w / 2 + 0.03, -d / 2 + 0.02, w / 2 - 0.03, d / 2 - 0.08, h + 0.03, 1.0)


def _ottoman(rng) -> Shape:
    """An upholstered low block or drum."""
    shape, cover = Shape(), tint(rng, FABRIC)
    w, h = rng.uniform(0.42, 0.75), rng.uniform(0.34, 0.45)
    d = rng.uniform(0.42, 0.55)
    kind = pick(rng, "block", "drum", "legs")
    if kind == "drum":
        r = d / 2
        shape.lathe([(0, 0), (r * 0.95, 0), (r, 0.05), (r, h - 0.08)], (0, 0, 0), cover)
        shape.lathe(
            [(0, 0), (r * 1.02, 0.01), (r * 1.02, 0.05), (r * 0.9, 0.08), (0, 0.085)], (0, 0, h - 0.085), cover * 0.85
        )
        return shape.support(-r * 0.6, -r * 0.6, r * 0.6, r * 0.6, h, 1.0)
    foot = 0.12 if kind == "legs" else 0.03
    legs(shape, w * 0.95, d * 0.95, foot + 0.02, tone(rng, WOOD), "taper", 0.045)
    shape.box((-w / 2 + 0.01, -d / 2 + 0.01, foot), (w / 2 - 0.01, d / 2 - 0.01, h - 0.1), cover)
    shape.cushion((-w / 2, -d / 2, h - 0.14), (w / 2, d / 2, h), cover * 1.05, exponent=8)
    for x in (-w / 5, w / 5):
        shape.sphere((x, 0, h), (0.018, 0.018, 0.008), cover * 0.6, subdivisions=1)
    return shape.support(-w / 2 + 0.06, -d / 2 + 0.06, w / 2 - 0.06, d / 2 - 0.06, h, 1.0)


def _seat(rng) -> Shape:
    """A row of shell seats on a beam, as in a waiting room or lecture hall."""
    shape, color, steel = Shape(), tint(rng, BRIGHT), metal(rng)
    n, pitch, h = int(rng.integers(2, 4)), rng.uniform(0.52, 0.6), rng.uniform(0.42, 0.46)
    w = n * pitch
    shape.box((-w / 2 + 0.1, -0.03, h - 0.1), (w / 2 - 0.1, 0.03, h - 0.04), steel)
    for x in (-w / 2 + 0.25, w / 2 - 0.25):
        shape.box((x - 0.03, -0.03, 0.02), (x + 0.03, 0.03, h - 0.05), steel)
        shape.box((x - 0.03, -0.26, 0), (x + 0.03, 0.26, 0.03), steel)
    tip_up = rng.random() < 0.35
    for k in range(n):
        x = -w / 2 + (k + 0.5) * pitch
        half = pitch * 0.44
        if tip_up:
            pad(
                shape,
                (x - half, 0.0, h - 0.02),
                (x + half, 0.06, h + 0.38),
                color * 0.9,
                turn=(-6, (1, 0, 0), (x, 0.1, h)),
            )
        else:
            pad(shape, (x - half, -0.24, h - 0.04), (x + half, 0.2, h + 0.02), color, 6.0)
            shape.support(x - half + 0.04, -0.2, x + half - 0.04, 0.1, h + 0.02, 0.4)
        shape.cushion((x - half, 0.15, h + 0.03), (x + half, 0.2, h + 0.42), color, exponent=6,
                      turn=(-12, (1, 0, 0), (x, 0.18, h)))
    return shape


def _folded_chair(rng) -> Shape:
    """A folding chair folded flat, standing upright a little inclined."""
    flat, color, steel = Shape(), tint(rng, (*PLASTIC, *WOOD, *BRIGHT[:2])), metal(rng)
    w, h = rng.uniform(0.42, 0.48), rng.uniform(0.9, 1.02)
    turn = (-4, (1, 0, 0), (0, 0.0, 0))
    for x in (-w / 2 + 0.012, w / 2 - 0.012):
        flat.rod((x, 0.0, 0.01), (x, 0.0, h), 0.012, steel, turn=turn)
        flat.rod((x * 0.86, 0.035, 0.01), (x * 0.86, 0.035, h * 0.72), 0.012, steel, turn=turn)
    flat.rod((-w / 2, 0, h), (w / 2, 0, h), 0.013, steel, turn=turn)
    flat.rod((-w * 0.43, 0.035, 0.12), (w * 0.43, 0.035, 0.12), 0.012, steel, turn=turn)
    flat.box((-w / 2, -0.02, h - 0.24), (w / 2, 0.005, h - 0.04), color, turn=turn)
    flat.box((-w / 2 + 0.03, -0.05, 0.3), (w / 2 - 0.03, -0.015, 0.68), color, turn=turn)
    return flat


def _bed(rng) -> Shape:
    """A frame with a headboard, a mattress in its sheet and a cover folded over the foot part."""
    shape = Shape()
    w, d = pick(rng, 0.95, 1.25, 1.45, 1.65), rng.uniform(1.95, 2.1)
    base, top, head = rng.uniform(0.24, 0.34), rng.uniform(0.48, 0.6), rng.uniform(0.85, 1.25)
    frame = tint(rng, (*WOOD, *FABRIC, (60, 60, 64)))
    legs(shape, w, d, base, frame, "square", 0.07)
    shape.box((-w / 2, -d / 2, base - 0.14), (w / 2, d / 2, base), frame)
    if rng.random() < 0.4:
        shape.box((-w / 2 + 0.02, -d / 2 + 0.02, 0.02), (w / 2 - 0.02, d / 2 - 0.02, base - 0.1), frame * 0.9)
    style = pick(rng, "panel", "bars", "padded")
    y = d / 2
    if style == "padded":
        shape.cushion((-w / 2 - 0.03, y, base - 0.1), (w / 2 + 0.03, y + 0.12, head), frame, exponent=14)
    elif style == "panel":
        shape.box((-w / 2 - 0.02, y, 0), (w / 2 + 0.02, y + 0.05, head), frame)
        shape.box((-w / 2 + 0.08, y - 0.012, head - 0.35), (w / 2 - 0.08, y, head - 0.06), frame * 1.12)
    else:
        for x in np.linspace(-w / 2, w / 2, 9):
            shape.rod((x, y + 0.025, 0 if abs(x) > w * 0.49 else base), (x, y + 0.025, head), 0.02, frame)
        shape.box((-w / 2 - 0.02, y, head - 0.03), (w / 2 + 0.02, y + 0.05, head + 0.02), frame)
    if rng.random() < 0.3:
        shape.box((-w / 2 - 0.02, -y - 0.05, 0), (w / 2 + 0.02, -y, base + 0.25), frame)
    m = w / 2 - 0.02
    shape.cushion((-m, -d / 2 + 0.01, base - 0.02), (m, d / 2 - 0.01, top), tone(rng, WHITE, 8), exponent=16)
    fold = rng.uniform(0.25, 0.75)
    cover = tint(rng, (*FABRIC, (215, 210, 205), (150, 175, 200), (200, 150, 160)))
    end = d / 2 - fold
    shape.cushion((-w / 2 - 0.03, -d / 2 - 0.02, base - 0.1), (w / 2 + 0.03, end, top + 0.03), cover, exponent=16)
    shape.cushion(
        (-w / 2 - 0.03, end - 0.2, top - 0.03), (w / 2 + 0.03, end + 0.03, top + 0.05), cover * 1.15, exponent=10
    )
    return shape.support(-w / 2 + 0.1, -d / 2 + 0.15, w / 2 - 0.1, d / 2 - 0.05, top + 0.03, 1.2)


def _mattress(rng) -> Shape:
    """A bare mattress lying on the floor, or standing on its long edge, with quilting lines and a piped edge."""
    shape, color = Shape(), tone(rng, (*WHITE, (200, 210, 225), (225, 215, 190)), 8)
    w, d, h = pick(rng, 0.9, 1.2, 1.4), rng.uniform(1.88, 2.0), rng.uniform(0.16, 0.26)
    band = tone(rng, ((110, 130, 165), (150, 150, 150), (190, 170, 140)))
    low, high = np.array((-w / 2, -d / 2, 0)), np.array((w / 2, d / 2, h))
    standing = rng.random() < 0.35

    def turn(p):
        return np.array((p[1], p[2] - h / 2, p[0] + w / 2)) if standing else np.asarray(p)

    shape.cushion(turn(low), turn(high), color, exponent=20)
    for z in (h * 0.12, h * 0.76):
        shape.cushion(turn((low[0] - 0.006, low[1] - 0.006, z)),
                      turn((high[0] + 0.006, high[1] + 0.006, z + 0.025)), band, exponent=24)
    for x in np.linspace(-w / 2, w / 2, 6)[1:-1]:
        for z in (0.0, h - 0.005):
            shape.box(turn((x - 0.012, low[1] + 0.08, z - 0.002)), turn((x + 0.012, high[1] - 0.08, z + 0.007)),
                      color * 0.86)
    lift = -shape.bounds[0, 2]
    out = Shape().merge(shape, (0, 0, lift))
    return out if standing else out.support(-w / 2 + 0.1, -d / 2 + 0.1, w / 2 - 0.1, d / 2 - 0.1, h + lift, 1.5)


TABLES = ("dining table", "table", "desk")
KINDS: dict[str, Kind] = {
    "chair": Kind(_chair, "floor", ("living", "kitchen", "office", "classroom", "bedroom"), near=TABLES),
    "office chair": Kind(_office_chair, "floor", ("office", "classroom", "bedroom"), near=("desk",)),
    "armchair": Kind(_armchair, "floor", ("living", "bedroom", "office"), near=("coffee table",)),
    "sofa chair": Kind(lambda rng: _sofa(rng, 1), "floor", ("living", "hallway"), near=("coffee table",)),
    "couch": Kind(_couch, "against_wall", ("living", "office")),
    "stool": Kind(_stool, "floor", ("kitchen", "living", "bathroom", "classroom", "laundry"),
                  near=("counter", "kitchen counter", "table")),
    "bench": Kind(_bench, "against_wall", ("hallway", "classroom", "living", "bedroom")),
    "ottoman": Kind(_ottoman, "floor", ("living", "bedroom"), near=("couch", "sofa chair", "armchair")),
    "seat": Kind(_seat, "against_wall", ("hallway", "classroom", "office")),
    "folded chair": Kind(_folded_chair, "against_wall", ("classroom", "laundry", "office", "hallway")),
    "bed": Kind(_bed, "against_wall", ("bedroom",)),
    "mattress": Kind(_mattress, "against_wall", ("bedroom",)),
}

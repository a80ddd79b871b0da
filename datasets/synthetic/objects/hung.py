"""Everything that hangs on walls and ceilings of a synthetic scene: small fixtures here, the rest from beside.

`KINDS` maps a class name to builder and place. Wall things have their back at y = 0 and face -y; ceiling things have
their base at z = 0 and touch the ceiling with their highest solid part.
"""
import numpy as np

from datasets.synthetic.objects import ceiling_things, wall_boards, wall_fixtures, wall_prints
from datasets.synthetic.objects.kinds import ROOMS, Kind
from datasets.synthetic.objects.parts import metal, tone
from datasets.synthetic.objects.shapes import WHITE, pick
from datasets.synthetic.objects.small_parts import BLACK, GREY, Small, hue, kinds
from datasets.synthetic.objects.small_prints import weave

IVORY = ((240, 240, 236), (232, 226, 208), (245, 245, 245))


def _light_switch(rng) -> Small:
    """A plate with one to three rockers or toggles, or with a dimmer knob."""
    shape, white, count = Small(), tone(rng, IVORY, 4), int(rng.integers(1, 4))
    w, h, style = 0.035 + 0.046 * count, rng.uniform(0.085, 0.125), pick(rng, "rocker", "toggle", "dimmer")
    shape.box((-w / 2, -0.02, 0), (w / 2, 0, h), white)
    for k in range(count):
        x = (k - (count - 1) / 2) * 0.046
        if style == "toggle":
            shape.detail((x - 0.01, -0.022, h * 0.35), (x + 0.01, -0.02, h * 0.65), white * 0.7)
            shape.detail((x - 0.006, -0.038, h * 0.48), (x + 0.006, -0.02, h * 0.62), white)
        elif style == "dimmer":
            shape.dial(x, h / 2, 0.02, -0.02, 0.02, white * 0.88)
        else:
            shape.detail((x - 0.019, -0.022, h * 0.2), (x + 0.019, -0.02, h * 0.8), white * 0.7)
            shape.detail((x - 0.017, -0.028, h * 0.23), (x + 0.017, -0.02, h * 0.77), white,
                         turn=(pick(rng, -5, 5), (1, 0, 0), (0, -0.02, h / 2)))
    return shape


def _power_outlet(rng) -> Small:
    """A plate with two American sockets one above the other, or a row of round European ones."""
    shape, white = Small(), tone(rng, IVORY, 4)
    if rng.random() < 0.5:
        count = int(rng.integers(1, 3))
        w, h = 0.075 * count, 0.118
        shape.box((-w / 2, -0.02, 0), (w / 2, 0, h), white)
        for k in range(count):
            for z in (0.035, 0.083):
                x = (k - (count - 1) / 2) * 0.072
                shape.detail((x - 0.018, -0.024, z - 0.016), (x + 0.018, -0.02, z + 0.016), white * 0.86)
                for dx in (-0.008, 0.008):
                    shape.detail((x + dx - 0.002, -0.026, z), (x + dx + 0.002, -0.02, z + 0.01), BLACK)
                shape.dial(x, z - 0.008, 0.003, -0.02, 0.006, BLACK, sections=6)
        return shape
    count = int(rng.integers(1, 4))
    shape.box((-0.041 * count, -0.022, 0), (0.041 * count, 0, 0.082), white)
    for k in range(count):
        x = (2 * k - count + 1) * 0.0385
        shape.dial(x, 0.041, 0.028, -0.02, 0.005, white * 0.72, sections=20)
        for dx in (-0.01, 0.01):
            shape.dial(x + dx, 0.041, 0.004, -0.02, 0.007, BLACK, sections=6)
    return shape


def _drape(shape: Small, rng, width: float, top: float, y: float, front: float, back: float, pixels) -> Small:
    """A cloth laid over a rod at height `top`: `front` and `back` are how far it hangs on the two sides."""
    u = np.linspace(-1, 1, 15)
    for side, length in ((-1, front), (1, back)):
        t = np.array([0, 0.02, *np.linspace(0.06, 1, 18)])[:, None]
        wave = 0.006 * np.sin(u * rng.uniform(5, 9) + rng.uniform(0, 6)) * t
        grid = np.stack(np.broadcast_arrays(u * width / 2 * (1 - 0.05 * t), y + side * (0.022 * t ** 0.3) + wave,
                                            top + 0.02 - length * t + 0.004 * u), -1)
        shape.painted(grid, pixels if side < 0 else pixels[::-1])
    return shape


def _towel(rng) -> Small:
    """A towel over a rod on two posts, through a ring, or gathered on a hook."""
    shape, steel, style = Small(), metal(rng), pick(rng, "rod", "rod", "ring", "hook")
    cloth = weave(rng, 19, 14, hue(rng, (0.05, 0.6), (0.4, 0.95)))
    cloth[-3] = cloth[-3] * 0.7 + 70 * (cloth.mean() < 128)
    if style == "rod":
        w, length = rng.uniform(0.45, 0.7), rng.uniform(0.4, 0.65)
        shape.rod((-w / 2, -0.07, length), (w / 2, -0.07, length), 0.011, steel)
        for x in (-w / 2, w / 2):
            shape.rod((x, -0.08, length), (x, 0, length), 0.013, steel)
            shape.rod((x, -0.015, length), (x, 0, length), 0.025, steel)
        return _drape(shape, rng, w * rng.uniform(0.55, 0.9), length, -0.07, length, length * rng.uniform(0.6, 0.95),
                      cloth)
    length, t = rng.uniform(0.4, 0.7), np.linspace(0, 1, 20)[:, None]
    if style == "ring":
        shape.hoop((0, -0.05, length + 0.03), 0.085, 0.009, steel, turn=(90, (1, 0, 0)))
        shape.rod((0, -0.055, length + 0.11), (0, 0, length + 0.11), 0.02, steel)
        return _drape(shape, rng, 0.2, length - 0.05, -0.05, length - 0.05, length * 0.7, cloth)
    a = np.linspace(0, 2 * np.pi, 25)
    r = 0.018 + rng.uniform(0.05, 0.08) * t ** 0.7
    folds = 1 + 0.28 * np.cos(5 * a) * t ** 0.5
    shape.painted(np.stack(np.broadcast_arrays(1.3 * r * folds * np.cos(a), -0.075 + 0.7 * r * folds * np.sin(a),
                                               length * (1 - t) + 0.03 * np.cos(2 * a) * t), -1),
                  np.repeat(cloth, 2, axis=1)[:, :24] * (0.85 + 0.15 * np.cos(5 * a[:-1]))[:, None])
    shape.rod((0, -0.02, length + 0.02), (0, 0, length + 0.02), 0.025, steel)
    return shape.tube([(0, 0, length + 0.02), (0, -0.07, length), (0, -0.09, length + 0.04)], 0.01, steel, sections=6)


def _vent(rng) -> Small:
    """A grille of slats across or upright, of one or two fields, or an eggcrate."""
    shape, style = Small(), pick(rng, "across", "across", "upright", "crate")
    w, h = pick(rng, (0.35, 0.2), (0.6, 0.3), (0.3, 0.3), (0.5, 0.5), (0.75, 0.2)) * np.array(rng.uniform(0.85, 1.15))
    white = tone(rng, (*WHITE, (175, 176, 178), (205, 195, 175)), 6)
    wall_boards.framed(shape, w, h, 0.025, 0.028, white, (62, 62, 64))
    if style != "upright":
        for z in np.arange(0.04, h - 0.03, 0.026 if style == "across" else 0.04):
            shape.detail((-w / 2 + 0.02, -0.026, z), (w / 2 - 0.02, -0.012, z + 0.014), white * 0.94)
    if style != "across":
        for x in np.arange(-w / 2 + 0.04, w / 2 - 0.03, 0.026 if style == "upright" else 0.04):
            shape.detail((x, -0.025, 0.02), (x + 0.013, -0.012, h - 0.02), white * 0.9)
    elif w > 0.5:
        shape.detail((-0.012, -0.028, 0.02), (0.012, -0.01, h - 0.02), white)
    for x in (-w / 2 + 0.0125, w / 2 - 0.0125):
        shape.dial(x, h / 2, 0.006, -0.028, 0.004, GREY, sections=6)
    return shape


def _fire_alarm(rng) -> Small:
    """A red pull station, a strobe with a horn, a red bell, or a white smoke detector."""
    shape, red, style = Small(), tone(rng, ((198, 26, 30),), 8), pick(rng, "pull", "strobe", "bell", "smoke")
    if style == "pull":
        w, h, d = rng.uniform(0.09, 0.13), rng.uniform(0.12, 0.16), rng.uniform(0.035, 0.06)
        shape.box((-w / 2, -d, 0), (w / 2, 0, h), red)
        shape.detail((-w * 0.4, -d - 0.004, h * 0.72), (w * 0.4, -d, h * 0.9), (245, 245, 242))
        shape.detail((-w * 0.4, -d - 0.018, h * 0.36), (w * 0.4, -d, h * 0.56), (245, 245, 242))
        return shape.detail((-w * 0.12, -d - 0.022, h * 0.14), (w * 0.12, -d, h * 0.5), (245, 245, 242))
    if style == "strobe":
        color = red if rng.random() < 0.65 else tone(rng, WHITE, 4)
        w, h = rng.uniform(0.11, 0.14), rng.uniform(0.13, 0.2)
        shape.box((-w / 2, -0.05, 0), (w / 2, 0, h), color)
        shape.detail((-0.025, -0.075, h * 0.45), (0.025, -0.05, h * 0.92), (225, 230, 235))
        for z in np.arange(0.014, h * 0.38, 0.014):
            shape.detail((-w * 0.35, -0.052, z), (w * 0.35, -0.05, z + 0.006), color * 0.4)
        return shape
    r = rng.uniform(0.07, 0.11)
    color = red if style == "bell" else tone(rng, WHITE, 4)
    profile = [(0, 0), (r, 0), (r, 0.012), (r * 0.8, 0.04), (r * 0.35, 0.055), (0, 0.058)]
    shape.lathe(profile, (0, 0, 0), color, turn=(90, (1, 0, 0), (0, 0, 0)), sections=20)
    shape.dial(0, 0, r * 0.18, -0.055, 0.01, (235, 230, 220) if style == "bell" else (200, 60, 60), sections=10)
    if style == "bell":
        shape.box((-0.025, -0.04, -r - 0.035), (0.025, 0, -r + 0.02), red * 0.8)
    return shape


KINDS: dict[str, Kind] = {
    **wall_prints.KINDS, **wall_boards.KINDS, **wall_fixtures.KINDS, **ceiling_things.KINDS,
    **kinds({
        "light switch": Kind(_light_switch, "wall", ROOMS, height=(1.0, 1.25)),
        "power outlet": Kind(_power_outlet, "wall", ROOMS, height=(0.2, 0.45)),
        "towel": Kind(_towel, "wall", ("bathroom", "kitchen", "laundry"), height=(0.7, 1.0)),
        "vent": Kind(_vent, "wall", ROOMS, height=(1.6, 2.0)),
        "fire alarm": Kind(_fire_alarm, "wall", ("hallway", "office", "classroom", "laundry", "living"),
                           height=(1.3, 2.1)),
    }),
}

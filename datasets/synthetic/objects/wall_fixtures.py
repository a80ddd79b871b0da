"""Fixtures screwed to walls: grab bars, holders, dispensers, lamps, letter boxes, ledges and wardrobe rods.

`KINDS` maps a class name to builder and place; the back of everything lies at y = 0, the front faces -y.
"""
import numpy as np

from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import metal, tone
from datasets.synthetic.objects.shapes import CERAMIC, METAL, WHITE, WOOD, pick, vary
from datasets.synthetic.objects.small_parts import BLACK, DARK, PALE, STEEL, Small, hue, kinds
from datasets.synthetic.objects.small_prints import lettering

BRASS = (185, 150, 85)
WARM = ((255, 244, 214), (250, 248, 238), (255, 236, 190))


def _handicap_bar(rng) -> Small:
    """A grab bar on round flanges: level, sloping, L-shaped, or a hinged loop beside a toilet."""
    steel, style = tone(rng, ((190, 193, 197), (170, 173, 178), (236, 236, 234)), 6), rng.integers(4)
    long, out, r, shape = rng.uniform(0.5, 0.95), 0.075, 0.018, Small()
    if style == 3:
        rise = rng.uniform(0.16, 0.22)
        shape.box((-0.05, -0.02, -0.04), (0.05, 0, rise + 0.05), steel)
        return shape.tube([(0, 0, 0), (0, -0.6, 0), (0, -0.66, rise / 2), (0, -0.6, rise), (0, 0, rise)], r, steel)
    slope = long * rng.uniform(0.5, 0.9) if style == 1 else 0.0
    path = [(-long / 2, -out, 0), (long / 2, -out, slope)]
    if style == 2:
        path.append((long / 2, -out, rng.uniform(0.4, 0.65)))
    shape.tube(path, r, steel)
    for x, _, z in path if style == 2 else (path[0], path[-1]):
        shape.rod((x, -out, z), (x, 0, z), r, steel).sphere((x, -out, z), r, steel, subdivisions=1)
        shape.rod((x, -0.015, z), (x, 0, z), 0.04, steel, sections=16)
    return shape


def _soap_dish(rng) -> Small:
    """A shallow tray on the wall with a cake of soap: ceramic with a grip, metal wire, or glass on a bracket."""
    style = rng.integers(3)
    soap = vary(rng, pick(rng, (240, 236, 210), (235, 190, 200), (170, 215, 180), (250, 225, 130)), 6)
    w, d, shape = rng.uniform(0.13, 0.17), rng.uniform(0.09, 0.11), Small()
    if style == 0:
        glaze = tone(rng, (*CERAMIC, (226, 214, 190), (170, 200, 205)), 6)
        shape.box((-w / 2, -0.02, -0.03), (w / 2, 0, 0.08), glaze).box((-w / 2, -d, 0), (w / 2, 0, 0.02), glaze)
        shape.box((-w / 2, -d, 0.01), (w / 2, -d + 0.015, 0.035), glaze)
        for x in (-w / 2, w / 2 - 0.015):
            shape.box((x, -d, 0.01), (x + 0.015, 0, 0.035), glaze)
    elif style == 1:
        steel = metal(rng)
        for y in np.linspace(-d, -0.01, 6):
            shape.rod((-w / 2, y, 0.01), (w / 2, y, 0.01), 0.005, steel, sections=6, solid=False)
        for x in (-w / 2, w / 2):
            shape.tube([(x, -0.005, 0.09), (x, -0.005, 0.01), (x, -d, 0.01), (x, -d, 0.035)], 0.006, steel, sections=6)
        shape.rod((-w / 2, -d, 0.035), (w / 2, -d, 0.035), 0.006, steel)
        shape.box((-w / 2, -0.015, 0.07), (w / 2, 0, 0.1), steel)
    else:
        steel, r = metal(rng), rng.uniform(0.052, 0.066)
        shape.rod((0, -0.015, 0), (0, 0, 0), 0.028, steel, sections=14).rod((0, -0.06, 0), (0, 0, 0), 0.01, steel)
        shape.hoop((0, -0.095, 0), r * 0.82, 0.007, steel)
        glass = tone(rng, ((200, 220, 222), *CERAMIC, (150, 190, 200)), 6)
        shape.vessel([(r * 0.6, 0), (r, 0.028)], 0.006, glass, at=(0, -0.095, 0.002))
        return shape.cushion((-0.03, -0.115, 0.01), (0.03, -0.075, 0.036), soap, exponent=3, solid=False)
    return shape.cushion((-w * 0.28, -d * 0.8, 0.018), (w * 0.28, -d * 0.25, 0.048), soap, exponent=3)


def _toilet_paper_holder(rng) -> Small:
    """A roll on a rod: between two posts, on an open hook, or under a metal hood, with a hanging sheet."""
    steel, style, r, w = metal(rng), rng.integers(3), rng.uniform(0.045, 0.06), 0.1
    y, white, shape = -0.085, tone(rng, WHITE, 4), Small()
    shape.rod((-w / 2, y, 0), (w / 2, y, 0), r, white, sections=20)
    for x in (-1, 1):
        shape.rod((x * w / 2, y, 0), (x * (w / 2 + 0.002), y, 0), 0.021, (160, 120, 80), sections=12, solid=False)
    shape.box((-w / 2, y - r - 0.002, -r - rng.uniform(0.02, 0.08)), (w / 2, y - r + 0.006, 0), white * 0.97)
    if style == 0:
        for x in (-w / 2 - 0.02, w / 2 + 0.02):
            shape.rod((x, y - 0.01, 0), (x, 0, 0), 0.013, steel)
            shape.rod((x, -0.012, 0), (x, 0, 0), 0.027, steel, sections=14)
        return shape.rod((-w / 2 - 0.02, y, 0), (w / 2 + 0.02, y, 0), 0.01, steel)
    if style == 1:
        shape.rod((w / 2 + 0.025, -0.012, 0), (w / 2 + 0.025, 0, 0), 0.03, steel, sections=14)
        a, b = w / 2 + 0.025, -w / 2 - 0.03
        return shape.tube([(a, 0, 0), (a, y, 0), (b, y, 0), (b, y, 0.025)], 0.009, steel)
    shape.box((-w / 2 - 0.012, -0.012, -0.05), (w / 2 + 0.012, 0, r + 0.03), steel)
    shape.box((-w / 2 - 0.012, y - r * 0.8, r + 0.006), (w / 2 + 0.012, 0, r + 0.03), steel)
    return shape.rod((-w / 2 - 0.012, y, 0), (w / 2 + 0.012, y, 0), 0.011, steel)


def _toilet_seat_cover_dispenser(rng) -> Small:
    """A flat wide case with a curved opening from which a white paper tongue hangs."""
    color = tone(rng, ((190, 193, 197), (238, 238, 236), (60, 62, 66), (205, 206, 208)), 6)
    w, h, d = rng.uniform(0.39, 0.44), rng.uniform(0.26, 0.31), rng.uniform(0.045, 0.06)
    shape = Small().box((-w / 2, -d, 0), (w / 2, 0, h), color)
    t = np.linspace(np.pi, 2 * np.pi, 13)
    mouth = np.column_stack([w * 0.33 * np.cos(t), h * 0.8 + h * 0.5 * np.sin(t)])
    shape.prism(mouth, -d - 0.003, -d + 0.01, (30, 30, 32), axis="y", solid=False)
    tongue = np.column_stack([w * 0.26 * np.cos(t), h * 0.72 + h * 0.36 * np.sin(t)])
    shape.prism(tongue, -d - 0.012, -d, PALE, axis="y", solid=False)
    if rng.random() < 0.6:
        shape.front(-w * 0.2, 0.01, w * 0.2, h * 0.2, -d - 0.003, lettering(rng, 4, 14, color, (50, 70, 140)))
    return shape.detail((-w * 0.46, -d - 0.004, h * 0.86), (w * 0.46, -d, h * 0.89), color * 0.75)


def _light(rng) -> Small:
    """A wall lamp: a cone shade on an arm, up and down light, globe, half bowl, or bulbs in a row over a mirror."""
    steel, warm, style = pick(rng, np.array(BRASS), metal(rng), np.array(DARK)), tone(rng, WARM, 4), rng.integers(5)
    shape = Small()
    if style == 0:
        r, h = rng.uniform(0.07, 0.11), rng.uniform(0.13, 0.19)
        shape.rod((0, -0.02, 0), (0, 0, 0), 0.05, steel, sections=16)
        shape.tube([(0, 0, 0), (0, -0.13, 0), (0, -0.13, 0.06)], 0.01, steel)
        return shape.lathe([(r, 0.04), (r * 0.6, 0.04 + h)], (0, -0.13, 0), warm).lathe(
            [(0, 0.045), (r, 0.045)], (0, -0.13, 0), (255, 250, 225), solid=False)
    if style == 1:
        w, h = rng.uniform(0.08, 0.13), rng.uniform(0.16, 0.3)
        shape.box((-w / 2, -0.02, h * 0.2), (w / 2, 0, h * 0.8), steel)
        shape.box((-w / 2, -0.11, 0.01), (w / 2, -0.02, h - 0.01), steel)
        for z in (0, h - 0.012):
            shape.detail((-w * 0.42, -0.1, z), (w * 0.42, -0.03, z + 0.012), warm)
        return shape
    if style == 2:
        r = rng.uniform(0.07, 0.1)
        shape.rod((0, -0.02, 0), (0, 0, 0), 0.055, steel, sections=16).rod((0, -0.06, 0), (0, 0, 0), 0.013, steel)
        shape.rod((0, -0.075, 0), (0, -0.055, 0), 0.045, steel, sections=14)
        return shape.sphere((0, -0.06 - r * 0.95, 0), r, warm)
    if style == 3:
        w, h = rng.uniform(0.12, 0.18), rng.uniform(0.12, 0.18)
        t = np.linspace(np.pi, 2 * np.pi, 12)
        for (a, b), (z0, z1), color in (((w, 0.11), (0.02, h), warm), ((w * 0.6, 0.07), (0, 0.03), steel)):
            shape.prism(np.column_stack([a * np.cos(t), b * np.sin(t)]), z0, z1, color)
        return shape.detail((-w * 0.9, -0.05, h), (w * 0.9, 0, h + 0.004), (255, 252, 235))
    n, step = int(rng.integers(3, 6)), rng.uniform(0.13, 0.17)
    shape.box((-n * step / 2, -0.04, 0.02), (n * step / 2, 0, 0.11), steel)
    for k in range(n):
        x = (k - (n - 1) / 2) * step
        shape.rod((x, -0.055, 0.065), (x, -0.04, 0.065), 0.028, steel * 0.8, sections=12)
        shape.sphere((x, -0.1, 0.065), 0.05, warm, subdivisions=2)
    return shape


def _mailbox(rng) -> Small:
    """A house box with a flap, a block of locked boxes, or open pigeonholes with letters."""
    style, shape = rng.integers(3), Small()
    color = tone(rng, ((60, 64, 70), (176, 178, 182), (40, 60, 110), (150, 36, 36), (60, 90, 66), BRASS), 10)
    if style == 0:
        w, h, d = rng.uniform(0.26, 0.38), rng.uniform(0.3, 0.42), rng.uniform(0.1, 0.16)
        shape.box((-w / 2, -d, 0), (w / 2, 0, h * 0.82), color)
        shape.prism([(0, h * 0.82), (-d, h * 0.82), (0, h)], -w / 2, w / 2, color * 0.85, axis="x")
        shape.detail((-w * 0.38, -d - 0.008, h * 0.62), (w * 0.38, -d, h * 0.76), color * 0.7)
        shape.detail((-w * 0.3, -d - 0.01, h * 0.61), (w * 0.3, -d - 0.004, h * 0.625), BLACK)
        shape.dial(0, h * 0.2, 0.014, -d, 0.008, STEEL).front(-w * 0.22, h * 0.32, w * 0.22, h * 0.48, -d - 0.003,
                                                              lettering(rng, 4, 10))
        if rng.random() < 0.6:
            shape.box((-w * 0.2, -d * 0.75, h * 0.85), (w * 0.15, -d * 0.6, h + 0.05), PALE)
        return shape
    columns, rows = int(rng.integers(3, 6)), int(rng.integers(3, 6))
    cw, ch, d = rng.uniform(0.13, 0.24), rng.uniform(0.11, 0.15), rng.uniform(0.12, 0.3)
    w, h = columns * cw, rows * ch
    if style == 1:
        shape.box((-w / 2 - 0.02, -d, 0), (w / 2 + 0.02, 0, h + 0.04), color * 0.8)
    else:
        color = tone(rng, WOOD)
        shape.box((-w / 2 - 0.02, -0.02, 0), (w / 2 + 0.02, 0, h + 0.04), color * 0.7)
        for z in np.arange(rows + 1) * ch:
            shape.box((-w / 2 - 0.02, -d, z), (w / 2 + 0.02, 0, z + 0.02), color)
        for x in np.linspace(-w / 2 - 0.02, w / 2, columns + 1):
            shape.box((x, -d, 0), (x + 0.02, 0, h + 0.02), color)
    for i in range(columns):
        for j in range(rows):
            x, z = -w / 2 + (i + 0.5) * cw, 0.02 + (j + 0.5) * ch
            if style == 1:
                shape.detail((x - cw * 0.45, -d - 0.01, z - ch * 0.44), (x + cw * 0.45, -d, z + ch * 0.44), color)
                shape.detail((x - cw * 0.3, -d - 0.013, z + ch * 0.16), (x + cw * 0.3, -d, z + ch * 0.32), PALE)
                shape.dial(x + cw * 0.28, z - ch * 0.15, 0.01, -d - 0.01, 0.006, DARK, sections=8)
            elif rng.random() < 0.6:
                low = z - ch / 2 + 0.012
                shape.detail((x - cw * 0.34, -d + 0.015, low), (x + cw * 0.3, -0.03, low + rng.uniform(0.02, ch * 0.6)),
                             vary(rng, pick(rng, PALE, PALE, (220, 200, 150), hue(rng)), 8))
    return shape


def _ledge(rng) -> Small:
    """A long narrow shelf of stone, wood or plaster, moulded below or on a boxed-in wall foot."""
    long, d, color = rng.uniform(0.9, 2.2), rng.uniform(0.1, 0.18), tone(rng, (*WHITE, *WOOD[:3], (170, 168, 164)), 8)
    style, thick, shape = rng.integers(3), rng.uniform(0.03, 0.05), Small()
    below = 0.0 if style == 0 else rng.uniform(0.05, 0.09) if style == 1 else rng.uniform(0.2, 0.4)
    if style == 1:
        shape.prism([(0, 0), (-d * 0.2, 0), (-d * 0.85, below), (0, below)],
                    -long / 2 + 0.02, long / 2 - 0.02, color * 0.92, axis="x")
    elif style == 2:
        shape.box((-long / 2 + 0.01, -d + 0.025, 0), (long / 2 - 0.01, 0, below), tone(rng, WHITE, 6))
    shape.box((-long / 2, -d, below), (long / 2, 0, below + thick), color)
    return shape.support(-long / 2 + 0.03, -d + 0.01, long / 2 - 0.03, -0.01, below + thick, 0.4)


def _closet_rod(rng) -> Small:
    """A rod on two brackets, usually with empty hangers, sometimes with a shelf board on top."""
    long, out, shape = rng.uniform(0.8, 1.5), rng.uniform(0.24, 0.3), Small()
    steel, top = tone(rng, (*METAL, WOOD[0]), 8), rng.uniform(0.1, 0.16)
    shape.rod((-long / 2, -out, 0), (long / 2, -out, 0), 0.017, steel, sections=12)
    for x in (-long * 0.46, long * 0.46):
        shape.box((x - 0.012, -0.02, -0.08), (x + 0.012, 0, top), PALE)
        shape.rod((x, -0.01, -0.06), (x, -out, top * 0.5), 0.01, PALE)
        shape.rod((x, -0.01, top - 0.01), (x, -out, top - 0.01), 0.01, PALE)
        shape.rod((x, -out, 0), (x, -out, top - 0.01), 0.01, PALE)
    if rng.random() < 0.4:
        shape.box((-long / 2, -out - 0.03, top), (long / 2, 0, top + 0.025), tone(rng, (*WHITE, *WOOD[:3]), 6))
    for x in rng.uniform(-long * 0.42, long * 0.42, rng.integers(0, 6)):
        color, z = pick(rng, np.array(STEEL), np.array(BLACK), np.array(WOOD[0]), hue(rng)), -0.06
        shape.tube([(x, -out, 0.025), (x, -out - 0.02, 0.01), (x, -out, z)], 0.005, STEEL, sections=5, solid=False)
        ends = [(x, -out - 0.2, z - 0.1), (x, -out, z), (x, min(-out + 0.2, -0.02), z - 0.1)]
        shape.tube(ends, 0.009, color, sections=6).rod(ends[0], ends[2], 0.007, color, sections=6)
    return shape


KINDS: dict[str, Kind] = kinds({
    "handicap bar": Kind(_handicap_bar, "wall", ("bathroom",), height=(0.7, 0.85)),
    "soap dish": Kind(_soap_dish, "wall", ("bathroom",), height=(0.95, 1.3)),
    "toilet paper holder": Kind(_toilet_paper_holder, "wall", ("bathroom",), height=(0.55, 0.75)),
    "toilet seat cover dispenser": Kind(_toilet_seat_cover_dispenser, "wall", ("bathroom",), height=(0.95, 1.25)),
    "light": Kind(_light, "wall", ("living", "bedroom", "bathroom", "hallway", "kitchen"), height=(1.6, 1.95)),
    "mailbox": Kind(_mailbox, "wall", ("hallway", "office"), height=(0.9, 1.15)),
    "ledge": Kind(_ledge, "wall", ("living", "bathroom", "hallway", "office", "bedroom", "classroom"),
                  height=(0.7, 1.2)),
    "closet rod": Kind(_closet_rod, "wall", ("bedroom", "hallway", "laundry"), height=(1.5, 1.75)),
})

"""What hangs from a ceiling: lights, fluorescent tubes, pipes and projectors.

`KINDS` maps a class name to builder and place; the base is at z = 0, and the highest solid part touches the ceiling.
"""
import numpy as np

from datasets.synthetic.objects.kinds import ROOMS, Kind
from datasets.synthetic.objects.parts import metal, tone
from datasets.synthetic.objects.shapes import METAL, WHITE, pick
from datasets.synthetic.objects.small_parts import BLACK, DARK, GREY, STEEL, Small, hue, kinds

WARM = ((255, 244, 214), (252, 250, 240), (255, 238, 196))


def _ceiling_light(rng) -> Small:
    """A flush dome, a recessed-looking panel, a troffer with louvres, a pendant shade, a globe, or three spots."""
    warm, steel, style, shape = tone(rng, WARM, 3), metal(rng), rng.integers(6), Small()
    if style == 0:
        r, h = rng.uniform(0.15, 0.26), rng.uniform(0.08, 0.12)
        shape.lathe([(0, 0), (r * 0.55, h * 0.1), (r * 0.85, h * 0.4), (r * 0.95, h * 0.75), (0, h * 0.75)],
                    (0, 0, 0), warm)
        return shape.cylinder((0, 0, h * 0.75), r, h * 0.25, steel, sections=24)
    if style in (1, 2):
        w, d, h = pick(rng, 0.6, 1.2), pick(rng, 0.3, 0.6), rng.uniform(0.05, 0.09)
        shape.box((-w / 2, -d / 2, 0.012), (w / 2, d / 2, h), tone(rng, WHITE, 4))
        shape.detail((-w / 2 + 0.03, -d / 2 + 0.03, 0.006), (w / 2 - 0.03, d / 2 - 0.03, 0.02), warm)
        if style == 2:
            for x in np.linspace(-w / 2, w / 2, max(int(w / 0.1), 3)):
                shape.detail((x - 0.006, -d / 2, 0), (x + 0.006, d / 2, 0.012), GREY)
            shape.detail((-w / 2, -0.012, 0), (w / 2, 0.012, 0.012), GREY)
        return shape
    if style == 5:
        long = rng.uniform(0.5, 0.8)
        shape.box((-long / 2, -0.03, 0.13), (long / 2, 0.03, 0.16), steel)
        for x in (-long * 0.4, 0, long * 0.4):
            tip = np.array((x + rng.uniform(-0.05, 0.05), rng.uniform(-0.09, 0.09), 0.0))
            shape.rod((x, 0, 0.1), (x, 0, 0.13), 0.01, steel).rod(tip, (x, 0, 0.11), 0.04, steel, sections=14)
            shape.rod(tip - ((x, 0, 0.11) - tip) * 0.03, tip, 0.034, warm, sections=14, solid=False)
        return shape
    drop, r = rng.uniform(0.3, 0.6), rng.uniform(0.13, 0.22)
    h = r * rng.uniform(0.8, 1.2)
    if style == 3:
        shade = tone(rng, (*WARM, (40, 40, 44), (170, 60, 50), (70, 110, 110)), 6)
        shape.lathe([(r, 0), (r * 0.75, h * 0.5), (r * 0.3, h)], (0, 0, 0), shade)
        shape.sphere((0, 0, h * 0.35), 0.045, warm, subdivisions=1)
        shape.lathe([(0, h), (r * 0.3, h)], (0, 0, 0), shade)
    else:
        h = 2 * r
        shape.sphere((0, 0, r), r, warm).cylinder((0, 0, h - 0.03), 0.05, 0.05, steel)
    shape.rod((0, 0, h - 0.01), (0, 0, h + drop), 0.01, BLACK)
    return shape.cylinder((0, 0, h + drop - 0.025), 0.06, 0.025, steel)


def _tube(rng) -> Small:
    """One or two bare fluorescent tubes on a narrow batten with end sockets."""
    long, count, white = rng.uniform(0.6, 1.5), int(rng.integers(1, 3)), tone(rng, WHITE, 4)
    gap, shape = 0.05 * (count - 1), Small()
    shape.box((-long / 2, -0.025 - gap * 0.6, 0.045), (long / 2, 0.025 + gap * 0.6, 0.095), white)
    for y in (-gap, gap)[:count] if count > 1 else (0.0,):
        shape.rod((-long / 2 + 0.02, y, 0.019), (long / 2 - 0.02, y, 0.019), 0.019, (252, 252, 248), sections=12)
        for x in (-long / 2 + 0.012, long / 2 - 0.012):
            shape.box((x - 0.012, y - 0.016, 0), (x + 0.012, y + 0.016, 0.06), white * 0.75)
            inner = x - np.sign(x) * 0.035
            shape.rod((x, y, 0.019), (inner, y, 0.019), 0.0195, STEEL, sections=12, solid=False)
    return shape


def _pipe(rng) -> Small:
    """One to three pipes in hangers below the ceiling, with couplings; some with a bend and a valve wheel."""
    color = tone(rng, (*METAL, (172, 108, 66), (236, 236, 232), (170, 44, 40), (70, 70, 74)), 8)
    long, count, drop = rng.uniform(1.0, 2.4), int(rng.integers(1, 4)), rng.uniform(0.08, 0.2)
    shape, y, widths = Small(), 0.0, rng.uniform(0.02, 0.06, count)
    top, low = drop + 2 * widths.max(), widths.max()
    for k, r in enumerate(widths):
        y += (r + widths[k - 1] + 0.05) if k else 0.0
        shape.rod((-long / 2, y, low), (long / 2, y, low), r, color, sections=14)
        for x in (-long * 0.33, long * 0.33):
            shape.rod((x, y, low), (x, y, top), 0.008, DARK, sections=6)
            shape.rod((x - 0.012, y, low), (x + 0.012, y, low), r + 0.007, DARK, sections=14)
        for x in rng.uniform(-long * 0.45, long * 0.45, 2):
            shape.rod((x - 0.03, y, low), (x + 0.03, y, low), r + 0.01, color * 0.8, sections=14)
    r = widths[0]
    if rng.random() < 0.5:
        end = long / 2 + 0.08
        shape.tube([(long / 2, 0, low), (end, 0, low), (end, -rng.uniform(0.3, 0.7), low)], r, color, sections=14)
    if rng.random() < 0.4:
        shape.rod((0, 0, low), (0, -r - 0.08, low), 0.014, color)
        shape.hoop((0, -r - 0.08, low), 0.05, 0.008, (190, 40, 36), turn=(90, (1, 0, 0)))
        shape.rod((-0.05, -r - 0.08, low), (0.05, -r - 0.08, low), 0.006, (190, 40, 36), sections=6)
    return shape


def _projector(rng) -> Small:
    """A flat case with a lens in its front and louvred sides, hung from a pole with a ceiling plate."""
    color = tone(rng, ((238, 238, 235), (238, 238, 235), (40, 40, 44), (150, 152, 156)), 6)
    w, d, h, pole = rng.uniform(0.28, 0.42), rng.uniform(0.22, 0.32), rng.uniform(0.09, 0.14), rng.uniform(0.12, 0.4)
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), color)
    x, r = w * pick(rng, -0.25, 0.0, 0.25), h * 0.36
    shape.dial(x, h / 2, r, -d / 2, 0.03, DARK).dial(x, h / 2, r * 0.78, -d / 2 - 0.03, 0.004, (70, 90, 150))
    for z in np.linspace(h * 0.2, h * 0.8, 4):
        for side in (-1, 1):
            shape.detail((side * w / 2, -d * 0.35, z - 0.006),
                         (side * (w / 2 + 0.003), d * 0.35, z + 0.006), color * 0.45)
    shape.dial(-x if x else w * 0.35, h * 0.75, 0.008, -d / 2, 0.004, hue(rng, (0.8, 1), (0.8, 1)), sections=8)
    for angle in np.radians((45, 135, 225, 315)):
        shape.rod((0, 0, h + 0.035), (w * 0.35 * np.cos(angle), d * 0.4 * np.sin(angle), h), 0.01, BLACK, sections=6)
    steel = pick(rng, np.array((236, 236, 233)), np.array(DARK), np.array(STEEL))
    shape.rod((0, 0, h), (0, 0, h + pole), 0.02, steel, sections=12)
    return shape.box((-0.08, -0.08, h + pole - 0.015), (0.08, 0.08, h + pole), steel)


KINDS: dict[str, Kind] = kinds({
    "ceiling light": Kind(_ceiling_light, "ceiling", ROOMS),
    "tube": Kind(_tube, "ceiling", ("office", "classroom", "laundry", "hallway", "kitchen")),
    "pipe": Kind(_pipe, "ceiling", ("laundry", "bathroom", "hallway", "kitchen", "classroom")),
    "projector": Kind(_projector, "ceiling", ("classroom", "office", "living")),
})

"""What hangs on a wall to be looked at: pictures, posters, mirrors, clocks, calendars and signs.

`KINDS` maps a class name to builder and place; the back of everything lies at y = 0, the front faces -y.
"""
import numpy as np

from datasets.synthetic.objects.kinds import ROOMS, Kind
from datasets.synthetic.objects.parts import disc, loft, tone
from datasets.synthetic.objects.shapes import METAL, WHITE, WOOD, pick
from datasets.synthetic.objects.small_parts import BLACK, PALE, STEEL, Small, hue, kinds
from datasets.synthetic.objects.small_prints import any_picture, bill, cells, landscape, lettering, plain, portrait
from datasets.synthetic.objects.wall_boards import framed

GOLD = ((190, 150, 80), (165, 125, 60))


def _picture(rng) -> Small:
    """A framed motif with or without a mount, a bare canvas, a round picture, or a set of two or three."""
    style = pick(rng, "framed", "framed", "mounted", "mounted", "canvas", "round", "set")
    frame = tone(rng, pick(rng, WOOD, ((30, 30, 32),), WHITE, GOLD), 10)
    depth, border = rng.uniform(0.022, 0.04), rng.uniform(0.02, 0.06)
    w, h = np.array(pick(rng, (0.75, 0.55), (0.5, 0.68), (0.55, 0.55), (1.1, 0.6))) * rng.uniform(0.55, 1.25)
    shape = Small()
    if style == "round":
        r = min(w, h) * 0.45
        loft(shape, [(r, r, 0), (r, r, depth)], frame, sections=28, turn=(90, (1, 0, 0), (0, 0, 0)))
        for k, band in enumerate(any_picture(rng, 12, 1)[:, 0]):
            disc(shape, (0, -depth - 0.002 - 0.001 * k, 0), (r - border * 0.6) * (1 - k / 12), 0.004, band,
                 sections=20, solid=False)
        return shape
    if style == "canvas":
        shape.box((-w / 2, -depth, 0), (w / 2, 0, h), (225, 220, 208))
        return shape.front(-w / 2, 0, w / 2, h, -depth - 0.002, any_picture(rng, *cells(w, h)))
    count = rng.integers(2, 4) if style == "set" else 1
    mount = rng.uniform(0.06, 0.13) * min(w, h) * 1.4 if style == "mounted" else 0.0
    w, h = (w * 0.6, h * 0.6) if style == "set" else (w, h)
    for k in range(count):
        one = framed(Small(), w, h, border, depth, frame, (244, 242, 234))
        a, b = w / 2 - border - mount, border + mount
        one.front(-a, b, a, h - b, -depth * 0.6 - 0.003, any_picture(rng, *cells(2 * a, h - 2 * b)))
        shape.merge(one, ((w + 0.06) * k, 0, 0))
    return shape


def _poster(rng) -> Small:
    """A sheet of paper held flat, taped at its corners, or hung from two rods; some framed thin in black."""
    shape = Small()
    w = rng.uniform(0.4, 0.9)
    h = w * (rng.uniform(1.3, 1.55) if rng.random() < 0.75 else rng.uniform(0.6, 0.75))
    print_ = pick(rng, bill, bill, bill, landscape, portrait, lettering)(rng, *cells(w, h, 0.024, 36))
    style = pick(rng, "taped", "rods", "framed", "bare")
    shape.box((-w / 2, -0.02, 0), (w / 2, 0, h), (240, 238, 230))
    shape.front(-w / 2, 0, w / 2, h, -0.022, print_)
    if style == "rods":
        for z in (0, h):
            shape.rod((-w / 2 - 0.02, -0.018, z), (w / 2 + 0.02, -0.018, z), 0.014, tone(rng, WOOD))
    elif style == "framed":
        framed(shape, w, h, 0.018, 0.028, BLACK, PALE)
    elif style == "taped":
        tape = hue(rng, (0.1, 0.5), (0.7, 0.95))
        for x in (-w / 2, w / 2):
            for z in (0, h):
                shape.detail((x - 0.03, -0.025, z - 0.012), (x + 0.03, -0.018, z + 0.012), tape)
    return shape


def _mirror(rng) -> Small:
    """Square, tall, round, oval or arched glass in a frame of wood, gold or metal, or with a bare bevelled edge."""
    shape, style = Small(), pick(rng, "square", "square", "tall", "round", "oval", "arch", "bare")
    glass = tone(rng, ((186, 200, 206), (170, 186, 194), (200, 212, 214)), 6)
    frame = tone(rng, pick(rng, WOOD, GOLD, METAL, WHITE, ((30, 30, 32),)), 10)
    border, depth = rng.uniform(0.025, 0.07), rng.uniform(0.025, 0.045)
    if style in ("round", "oval"):
        r = rng.uniform(0.22, 0.4)
        s = r * (1.0 if style == "round" else rng.uniform(1.3, 1.5))
        turn = (90, (1, 0, 0), (0, 0, 0))
        loft(shape, [(r, s, 0), (r, s, depth * 0.6), (r - border * 0.5, s - border * 0.5, depth),
                     (r - border, s - border, depth * 0.6)], frame, sections=36, turn=turn)
        loft(shape, [(r - border, s - border, 0.005), (r - border, s - border, depth * 0.6 + 0.003)], glass,
             sections=36, turn=turn, solid=False)
        return _gleam(rng, shape, r * 0.7, s * 1.2, -depth * 0.6 - 0.006, glass, -s * 0.6)
    w, h = (rng.uniform(0.35, 0.5), rng.uniform(1.1, 1.4)) if style == "tall" else rng.uniform(0.5, 1.05, 2)
    if style == "arch":
        w, h = rng.uniform(0.45, 0.7), rng.uniform(0.75, 1.1)
        t = np.linspace(0, np.pi, 13)
        for color, edge, y in ((frame, 0.0, depth), (glass, border, depth + 0.004)):
            r = w / 2 - edge
            arc = [(r * np.cos(a), h - w / 2 + r * np.sin(a)) for a in t]
            shape.prism([(-r, edge), (r, edge), *arc], -y, 0, color, axis="y")
        return _gleam(rng, shape, w * 0.55, h * 0.6, -depth - 0.008, glass, h * 0.12)
    if style == "bare":
        shape.box((-w / 2, -0.02, 0), (w / 2, 0, h), glass * 0.8)
        shape.box((-w / 2 + 0.02, -0.024, 0.02), (w / 2 - 0.02, 0, h - 0.02), glass)
        return _gleam(rng, shape, w * 0.7, h * 0.8, -0.028, glass, h * 0.1)
    framed(shape, w, h, border, depth, frame, glass)
    return _gleam(rng, shape, w * 0.6, h * 0.75, -depth * 0.6 - 0.004, glass, h * 0.12)


def _gleam(rng, shape: Small, width: float, height: float, y: float, glass, z: float) -> Small:
    """Two slanting bright bands on glass, as reflections are drawn."""
    x = rng.uniform(-0.2, 0.1) * width
    for shift, thick in ((0, 0.12), (0.18, 0.05)):
        u = np.array([[0, thick], [0.35, 0.35 + thick]]) * width + x + (shift - 0.25) * width
        grid = np.stack([u, np.full((2, 2), y), np.array([[z, z], [z + height, z + height]])], -1)
        shape.sheet(grid, np.clip(np.asarray(glass) + 34, 0, 250), solid=False)
    return shape


def _clock(rng) -> Small:
    """A round, square or sunburst face with hour marks and two hands."""
    shape, style = Small(), pick(rng, "round", "round", "round", "square", "sunburst")
    r, depth = rng.uniform(0.12, 0.2), rng.uniform(0.03, 0.05)
    case = tone(rng, pick(rng, ((30, 30, 32),), WOOD, METAL, WHITE, ((170, 40, 40),)), 10)
    face = np.array(pick(rng, (244, 243, 238), (244, 243, 238), (236, 226, 200), (40, 42, 46)), float)
    ink = (240, 240, 236) if face[0] < 100 else (25, 25, 28)
    if style == "square":
        shape.box((-r, -depth, -r), (r, 0, r), case)
        shape.box((-r + 0.018, -depth - 0.003, -r + 0.018), (r - 0.018, 0, r - 0.018), face)
    else:
        shape.dial(0, 0, r, 0, depth, case, sections=32, solid=True)
        shape.dial(0, 0, r - rng.uniform(0.014, 0.028), 0, depth + 0.004, face, sections=32)
    if style == "sunburst":
        for k in range(12):
            s, c = np.sin(k * np.pi / 6), np.cos(k * np.pi / 6)
            shape.rod((r * s, -0.015, r * c), (r * 1.7 * s, -0.015, r * 1.7 * c), 0.01, case, sections=6)
    y = -depth - 0.006
    for k in range(12):
        mark = (0.02, 0.012) if k % 3 == 0 else (0.012, 0.006)
        shape.detail((-mark[1] / 2, y, r * 0.82 - mark[0]), (mark[1] / 2, y + 0.004, r * 0.82), ink,
                     turn=(30 * k, (0, 1, 0), (0, 0, 0)))
    hour, minute = rng.uniform(0, 360, 2)
    shape.detail((-0.007, y - 0.003, -0.02), (0.007, y, r * 0.45), ink, turn=(hour, (0, 1, 0), (0, 0, 0)))
    shape.detail((-0.005, y - 0.006, -0.02), (0.005, y - 0.003, r * 0.68), ink, turn=(minute, (0, 1, 0), (0, 0, 0)))
    return shape.dial(0, 0, 0.01, y, 0.01, (170, 40, 40), sections=8)


def _calendar(rng) -> Small:
    """A picture above a grid of days on a spiral, or a year planner of twelve months."""
    shape, w, accent = Small(), rng.uniform(0.26, 0.42), hue(rng, (0.6, 1), (0.5, 0.85))
    if rng.random() < 0.25:
        w, h = w * 2, w * 1.2
        page = plain(26, 36, PALE)
        page[0:2] = accent
        for r in range(3, 26, 8):
            for c in range(1, 36, 9):
                page[r, c:c + 7] = accent
                page[r + 1:r + 6, c:c + 7] = 215
                page[r + 2:r + 6:2, c:c + 7:2] = 110
        shape.box((-w / 2, -0.02, 0), (w / 2, 0, h), PALE)
        return shape.front(-w / 2, 0, w / 2, h, -0.022, page)
    h = w * rng.uniform(0.75, 1.0)
    shape.box((-w / 2, -0.02, 0), (w / 2, 0, 2 * h), PALE)
    shape.front(-w / 2 + 0.01, h + 0.01, w / 2 - 0.01, 2 * h - 0.02, -0.022, landscape(rng, 16, 18))
    page = plain(16, 22, (246, 245, 240))
    page[1:3, 2:14] = accent
    page[4:15:2, 1:21:3] = (70, 72, 80)
    page[4:15:2, 19:21] = (190, 60, 60)
    shape.front(-w / 2, 0, w / 2, h - 0.008, -0.022, page)
    for x in np.linspace(-w / 2 + 0.02, w / 2 - 0.02, 11):
        shape.detail((x - 0.004, -0.032, h - 0.012), (x + 0.004, -0.018, h + 0.012), (60, 62, 66))
    return shape.dial(0, 2 * h, 0.012, 0, 0.03, STEEL, sections=8)


def _sign(rng) -> Small:
    """A room plate, a lit exit sign, a pictogram, a warning triangle, a no-entry disc, or an arrow."""
    shape, style = Small(), pick(rng, "plate", "exit", "person", "warning", "stop", "arrow")
    color = tone(rng, ((30, 70, 150), (25, 120, 60), (150, 30, 35), (50, 52, 56)), 12)
    white, y = np.array([246, 246, 242.0]), -0.026
    if style == "exit":
        w, h, depth = rng.uniform(0.28, 0.4), rng.uniform(0.15, 0.2), rng.uniform(0.03, 0.07)
        shape.box((-w / 2, -depth, 0), (w / 2, 0, h), PALE)
        ground, ink = pick(rng, ((20, 140, 70), white), (white, (200, 30, 30)))
        page = plain(9, 21, ground)
        letters = ("111 101 010 111", "100 101 010 010", "111 010 010 010", "100 101 010 010", "111 101 010 010")
        for row, line in enumerate(letters):
            page[row + 2, [3 + c for c, bit in enumerate(line) if bit == "1"]] = ink
        return shape.front(-w / 2 + 0.008, 0.008, w / 2 - 0.008, h - 0.008, -depth - 0.002, page)
    if style == "warning":
        s = rng.uniform(0.16, 0.28)
        for k, (ink, grow) in enumerate((((30, 30, 30), 1.0), ((245, 205, 40), 0.8))):
            outline = [(-s * grow, -s * 0.58 * grow), (s * grow, -s * 0.58 * grow), (0, s * 1.15 * grow)]
            shape.prism(outline, -0.02 - 0.004 * k, 0, ink, axis="y")
        shape.detail((-0.014, y - 0.002, -s * 0.1), (0.014, -0.02, s * 0.5), (30, 30, 30))
        return shape.detail((-0.014, y - 0.002, -s * 0.32), (0.014, -0.02, -s * 0.18), (30, 30, 30))
    if style == "stop":
        r = rng.uniform(0.12, 0.2)
        shape.dial(0, 0, r, 0, 0.022, (195, 30, 35), sections=28, solid=True)
        if rng.random() < 0.5:
            return shape.detail((-r * 0.7, y, -r * 0.16), (r * 0.7, -0.02, r * 0.16), white)
        shape.dial(0, 0, r * 0.8, 0, 0.025, white, sections=28)
        shape.detail((-r * 0.5, -0.029, -r * 0.08), (r * 0.5, -0.02, r * 0.08), (40, 40, 44))
        return shape.detail((-r * 0.9, -0.032, -r * 0.1), (r * 0.9, -0.02, r * 0.1), (195, 30, 35),
                            turn=(45, (0, 1, 0), (0, 0, 0)))
    if style == "plate":
        w, h = rng.uniform(0.18, 0.4), rng.uniform(0.12, 0.24)
        shape.box((-w / 2, -0.022, 0), (w / 2, 0, h), color)
        for z, length in ((h * 0.7, 0.6), (h * 0.42, 0.8), (h * 0.2, 0.5)):
            x = -w * 0.42
            while x < w * (length - 0.42):
                word = rng.uniform(0.02, 0.06)
                shape.front(x, z - h * 0.06, min(x + word, w * 0.44), z + h * 0.06, y, plain(1, 1, white))
                x += word + 0.012
        return shape
    w, h = rng.uniform(0.18, 0.28), rng.uniform(0.2, 0.32)
    shape.box((-w / 2, -0.022, 0), (w / 2, 0, h), color)
    if style == "arrow":
        side = pick(rng, -1, 1)
        shape.detail((-w * 0.36, y, h * 0.44), (w * 0.36, -0.02, h * 0.56), white)
        outline = [(side * w * 0.42, h * 0.5), (side * w * 0.05, h * 0.78), (side * w * 0.05, h * 0.22)]
        return shape.prism(outline, y, -0.02, white, axis="y", solid=False)
    shape.dial(0, h * 0.82, h * 0.08, -0.02, -y - 0.02, white, sections=14)
    shape.detail((-w * 0.14, y, h * 0.36), (w * 0.14, -0.02, h * 0.7), white)
    if rng.random() < 0.5:
        skirt = [(-w * 0.28, h * 0.3), (w * 0.28, h * 0.3), (w * 0.12, h * 0.62), (-w * 0.12, h * 0.62)]
        shape.prism(skirt, y - 0.001, -0.02, white, axis="y", solid=False)
    for x in (-0.08, 0.08):
        shape.detail((w * x - w * 0.045, y, h * 0.1), (w * x + w * 0.045, -0.02, h * 0.4), white)
        shape.detail((w * x * 2.6 - w * 0.035, y, h * 0.4), (w * x * 2.6 + w * 0.035, -0.02, h * 0.7), white)
    return shape


KINDS: dict[str, Kind] = kinds({
    "picture": Kind(_picture, "wall", ROOMS, height=(1.1, 1.6)),
    "poster": Kind(_poster, "wall", ("bedroom", "office", "classroom", "hallway", "living"), height=(0.8, 1.2)),
    "mirror": Kind(_mirror, "wall", ("bathroom", "bedroom", "hallway", "living"), height=(0.95, 1.15)),
    "clock": Kind(_clock, "wall", ("classroom", "office", "kitchen", "living", "hallway", "bedroom"),
                  height=(1.7, 2.0)),
    "calendar": Kind(_calendar, "wall", ("office", "kitchen", "classroom", "hallway"), height=(1.1, 1.5)),
    "sign": Kind(_sign, "wall", ("hallway", "office", "classroom", "laundry", "bathroom"), height=(1.4, 1.9)),
})

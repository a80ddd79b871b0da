"""Boards on a wall: white, black, cork and others, with what is written on, pinned to or hung from them.

`KINDS` maps a class name to builder and place; the back of everything lies at y = 0, the front faces -y.
"""
import numpy as np

from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.parts import ring, tone
from datasets.synthetic.objects.shapes import WHITE, WOOD, pick, vary
from datasets.synthetic.objects.small_parts import GREY, PALE, STEEL, Small, hue, kinds
from datasets.synthetic.objects.small_prints import any_picture, cells, lettering, plain

ALUMINIUM = ((188, 190, 194), (165, 167, 172))


def framed(shape: Small, width: float, height: float, border: float, depth: float, frame, panel) -> Small:
    """A panel of width x height metres, base at z = 0, in four bars `border` wide that stand `depth` off the wall."""
    a = width / 2
    shape.box((-a + 0.005, -depth * 0.6, 0.005), (a - 0.005, 0, height - 0.005), panel)
    for low, high in (((-a, 0), (a, border)), ((-a, height - border), (a, height)),
                      ((-a, border), (-a + border, height - border)), ((a - border, border), (a, height - border))):
        shape.box((low[0], -depth, low[1]), (high[0], 0, high[1]), frame)
    return shape


def marks(rng: np.random.Generator, shape: Small, low, high, y: float, inks, size: float = 0.022) -> Small:
    """Handwriting in front of the plane `y`: rows of words, and a circle or a box with an arrow, within low, high."""
    (x0, z0), (x1, z1) = low, high
    ink = pick(rng, *inks)
    z, left = z1 - rng.uniform(0.05, 0.15), x0 + rng.uniform(0.03, 0.2) * (x1 - x0)
    for _ in range(rng.integers(3, 9)):
        x, end = left, left + rng.uniform(0.3, 0.8) * (x1 - left)
        while x < end and z - size > z0:
            word = rng.uniform(0.04, 0.14)
            if x + word < x1 - 0.03:
                shape.front(x, z - size, x + word, z, y, plain(1, 1, ink))
            x += word + 0.025
        z -= size * rng.uniform(2.2, 3.0)
        ink = pick(rng, *inks) if rng.random() < 0.3 else ink
    if rng.random() < 0.6:
        r = min(x1 - x0, z1 - z0) * rng.uniform(0.1, 0.16)
        x, z = x1 - 1.6 * r, z0 + 1.8 * r
        if rng.random() < 0.5:
            ring(shape, (x, y, z), r, 0.007, ink, solid=False)
        else:
            framed_lines = ((x - r, z - r, x + r, z - r + 0.014), (x - r, z + r - 0.014, x + r, z + r),
                            (x - r, z - r, x - r + 0.014, z + r), (x + r - 0.014, z - r, x + r, z + r))
            for a, b, c, d in framed_lines:
                shape.front(a, b, c, d, y, plain(1, 1, ink))
    return shape


def _tray(rng, shape: Small, width: float, color, things, eraser) -> Small:
    """A ledge under a board with pens or chalk on it and an eraser."""
    a = width / 2
    shape.box((-a, -0.09, -0.03), (a, 0, -0.01), color).box((-a, -0.09, -0.03), (a, -0.075, 0.005), color)
    for _ in range(rng.integers(2, 6)):
        x, tip = rng.uniform(-a * 0.85, a * 0.7), pick(rng, *things)
        shape.rod((x, -0.05, 0.0), (x + rng.uniform(0.09, 0.13), -0.05 + rng.uniform(-0.01, 0.01), 0.0), 0.01, tip,
                  sections=6, solid=False)
    x = rng.uniform(-a * 0.6, a * 0.6)
    return shape.detail((x, -0.065, -0.01), (x + 0.13, -0.015, 0.03), eraser)


def _whiteboard(rng) -> Small:
    """A white panel in an aluminium frame, with writing and a tray with pens."""
    w, h = rng.uniform(0.9, 2.4), rng.uniform(0.75, 1.2)
    frame, white = tone(rng, ALUMINIUM, 6), tone(rng, ((246, 247, 248),), 3)
    shape, inks = framed(Small(), w, h, 0.025, 0.028, frame, white), ((30, 60, 160), (170, 30, 40), (35, 35, 40),
                                                                     (30, 120, 70))
    if rng.random() < 0.75:
        for k in range(1 + (w > 1.5)):
            x = -w / 2 + 0.06 + k * w / 2
            marks(rng, shape, (x, 0.08), (x + w / (2 if w > 1.5 else 1) - 0.12, h - 0.05), -0.02, inks)
    for x in (-w / 2, w / 2):
        for z in (0, h):
            shape.detail((x - 0.02, -0.032, z - 0.02), (x + 0.02, 0, z + 0.02), (90, 92, 96))
    return _tray(rng, shape, w * rng.uniform(0.4, 0.95), frame, inks, (50, 70, 130))


def _blackboard(rng) -> Small:
    """A dark green or black panel in a wooden frame, chalk writing, a tray with chalk and a sponge."""
    w, h = rng.uniform(1.2, 2.7), rng.uniform(0.9, 1.25)
    wood, slate = tone(rng, WOOD, 10), tone(rng, ((36, 66, 52), (30, 56, 46), (38, 40, 42)), 5)
    shape = framed(Small(), w, h, rng.uniform(0.04, 0.06), 0.035, wood, slate)
    if rng.random() < 0.4:
        shape.detail((-0.012, -0.03, 0.04), (0.012, 0, h - 0.04), wood)
    chalk = ((225, 226, 222), (225, 226, 222), (230, 215, 130))
    for k in range(2):
        x = -w / 2 + 0.1 + k * w / 2
        marks(rng, shape, (x, 0.1), (x + w / 2 - 0.2, h - 0.08), -0.025, chalk)
    return _tray(rng, shape, w, wood, ((240, 240, 236), (235, 200, 90)), (190, 160, 90))


def _papers(rng, shape: Small, width: float, height: float, y: float, count: int) -> Small:
    """Sheets, notes and photographs pinned in front of the plane `y`, some askew."""
    for k in range(count):
        w, h = pick(rng, (0.21, 0.29), (0.21, 0.29), (0.29, 0.21), (0.15, 0.1), (0.09, 0.09))
        x, z = rng.uniform(-0.46, 0.46) * (width - w - 0.1), 0.05 + rng.random() * max(height - h - 0.1, 0.01)
        front = y - 0.002 * (k + 1)
        if w < 0.1:
            print_ = plain(1, 1, pick(rng, (245, 225, 90), (240, 140, 170), (140, 205, 235), (160, 220, 130)))
        elif h < 0.15:
            print_ = any_picture(rng, 5, 7)
        else:
            paper = pick(rng, (244, 243, 238), (244, 243, 238), (250, 232, 150), (190, 220, 240), (240, 190, 190))
            print_ = lettering(rng, 11, 6, paper)
        turn = (rng.normal(0, 4), (0, 1, 0), (x, front, z + h))
        shape.front(x - w / 2, z, x + w / 2, z + h, front, print_, turn=turn)
        shape.dial(x, z + h - 0.014, 0.01, front, 0.012, hue(rng, (0.8, 1), (0.6, 0.9)), sections=6)
    return shape


def _bulletin_board(rng) -> Small:
    """Cork, or sometimes felt, in a frame, with papers pinned on it."""
    w, h = rng.uniform(0.7, 1.6), rng.uniform(0.55, 1.1)
    cork = tone(rng, ((190, 142, 92), (176, 128, 80), (190, 142, 92), (70, 90, 130)), 8)
    shape = framed(Small(), w, h, rng.uniform(0.022, 0.045), 0.03, tone(rng, pick(rng, WOOD, ALUMINIUM), 10), cork)
    rows, columns = cells(w, h, 0.07, 18)
    grain = np.clip(plain(rows, columns, cork) + rng.normal(0, 9, (rows, columns, 1)), 0, 255)
    shape.front(-w / 2 + 0.02, 0.02, w / 2 - 0.02, h - 0.02, -0.02, grain)
    return _papers(rng, shape, w, h, -0.021, int(rng.integers(4, 6 + int(6 * w * h))))


def _board(rng) -> Small:
    """A perforated board with tools, a chart board with a table of numbers, a plain panel, or a key board."""
    style = pick(rng, "pegs", "chart", "chart", "panel", "keys")
    w, h = rng.uniform(0.6, 1.4), rng.uniform(0.5, 1.0)
    shape, color = Small(), tone(rng, (*WHITE, (200, 165, 120), (150, 155, 160)), 8)
    if style == "chart":
        framed(shape, w, h, 0.02, 0.026, tone(rng, (*ALUMINIUM, *WOOD), 8), PALE)
        rows, columns = int(rng.integers(6, 12)), int(rng.integers(5, 9))
        chart = vary(rng, PALE, 4) + np.zeros((2 * rows + 1, 3 * columns, 3))
        chart[::2], chart[:2] = chart[::2] * 0.88, hue(rng)
        for r in range(3, 2 * rows, 2):
            filled = rng.random(columns) < 0.6
            for c in np.flatnonzero(filled):
                chart[r, 3 * c:3 * c + 2] = hue(rng, (0.4, 0.8), (0.6, 0.9))
        return shape.front(-w / 2 + 0.02, 0.02, w / 2 - 0.02, h - 0.02, -0.019, chart)
    shape.box((-w / 2, -0.022, 0), (w / 2, 0, h), color)
    if style == "panel":
        for x in (-w / 2 + 0.04, w / 2 - 0.04):
            for z in (0.04, h - 0.04):
                shape.dial(x, z, 0.01, -0.022, 0.008, GREY, sections=8)
        return shape
    if style == "keys":
        for x in np.arange(-w / 2 + 0.08, w / 2 - 0.04, 0.1):
            for z in np.arange(0.18, h - 0.03, 0.16):
                shape.detail((x - 0.008, -0.04, z), (x + 0.008, -0.02, z + 0.012), GREY)
                if rng.random() < 0.6:
                    shape.detail((x - 0.012, -0.04, z - 0.07), (x + 0.012, -0.03, z), hue(rng, (0.3, 0.9)))
        return shape
    for x in np.arange(-w / 2 + 0.05, w / 2 - 0.02, 0.07):
        for z in np.arange(0.05, h - 0.02, 0.07):
            shape.front(x - 0.008, z - 0.008, x + 0.008, z + 0.008, -0.024, plain(1, 1, color * 0.35))
    for x in np.arange(-w / 2 + 0.12, w / 2 - 0.08, 0.16):
        top, length, grip = h * rng.uniform(0.75, 0.92), h * rng.uniform(0.3, 0.55), hue(rng, (0.6, 1))
        shape.detail((x - 0.012, -0.045, top - length), (x + 0.012, -0.022, top), STEEL)
        shape.detail((x - 0.02, -0.055, top - length), (x + 0.02, -0.022, top - length * 0.55), grip)
        if rng.random() < 0.5:
            shape.detail((x - 0.055, -0.05, top - 0.035), (x + 0.055, -0.022, top), (90, 92, 98))
    return shape


KINDS: dict[str, Kind] = kinds({
    "whiteboard": Kind(_whiteboard, "wall", ("office", "classroom", "hallway"), height=(0.75, 1.0)),
    "blackboard": Kind(_blackboard, "wall", ("classroom",), height=(0.75, 0.95)),
    "bulletin board": Kind(_bulletin_board, "wall", ("office", "classroom", "hallway", "kitchen"), height=(1.0, 1.3)),
    "board": Kind(_board, "wall", ("office", "classroom", "laundry", "hallway"), height=(0.9, 1.3)),
})

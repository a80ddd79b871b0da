"""Builders of small electrical things: screens, keyboards, telephones, speakers, clocks, dryers, gadgets.

Use: `tabletop.KINDS`, which holds these under their class names.
"""

import numpy as np
import trimesh

from datasets.synthetic.objects.shapes import PLASTIC, WOOD, Shape, pick, tint
from datasets.synthetic.objects.small_parts import BLACK, DARK, GREY, PALE, STEEL, Small, hue
from datasets.synthetic.objects.small_prints import cells, plain, screen

CASES = ((30, 30, 34), (30, 30, 34), (60, 62, 66), (196, 198, 202), (228, 226, 218))


def monitor(rng) -> Shape:
    """A computer screen on a foot (flat, round, V-shaped), or an old deep one."""
    color, w = tint(rng, CASES, 5), rng.uniform(0.44, 0.68)
    if rng.random() < 0.1:
        w, h = 0.42, 0.36
        shape = Small().frustum((0.26, 0.26), (0.22, 0.22), 0, 0.04, color * 0.8, at=(0, 0.1))
        shape.box((-w / 2, -0.17, 0.04), (w / 2, -0.02, 0.04 + h), color)
        shape.prism([(-0.2, 0.06), (0.2, 0.06), (0.2, 0.38), (-0.2, 0.38)], -0.02, 0.12, color * 0.9, axis="y")
        shape.box((-0.13, 0.12, 0.1), (0.13, 0.22, 0.33), color * 0.85)
        return shape.front(-w / 2 + 0.04, 0.09, w / 2 - 0.04, 0.36, -0.172, screen(rng, 14, 16))
    h, foot = w * rng.uniform(0.54, 0.66), rng.uniform(0.09, 0.16)
    shape = Small().box((-w / 2, -0.02, foot), (w / 2, 0.012, foot + h), color)
    shape.box((-w * 0.3, 0.012, foot + h * 0.2), (w * 0.3, 0.035, foot + h * 0.8), color * 0.85)
    edge = rng.uniform(0.01, 0.025)
    shape.front(
        -w / 2 + edge,
        foot + edge * 1.6,
        w / 2 - edge,
        foot + h - edge,
        -0.022,
        screen(rng, *cells(w, h, 0.03), off=0.3),
    )
    steel, style = tint(rng, ((40, 40, 44), (190, 192, 196)), 5), rng.integers(3)
    shape.box((-0.03, 0.02, 0.015), (0.03, 0.05, foot + h * 0.4), steel)
    if style == 0:
        return shape.box((-w * 0.2, -0.11, 0), (w * 0.2, 0.1, 0.018), steel)
    if style == 1:
        return shape.cylinder((0, 0, 0), 0.12, 0.02, steel, top=0.1)
    for side in (-1, 1):
        shape.rod((0, 0.04, 0.014), (side * w * 0.24, -0.12, 0.014), 0.014, steel)
    return shape


def tv(rng) -> Shape:
    """A flat television on two feet or a plate, or an old tube set."""
    if rng.random() < 0.12:
        w, h, color = rng.uniform(0.5, 0.7), rng.uniform(0.42, 0.55), tint(rng, ((46, 46, 50), (150, 152, 156)), 6)
        shape = (
            Small()
            .box((-w / 2, -0.22, 0), (w / 2, -0.06, h), color)
            .box((-w * 0.4, -0.06, 0.02), (w * 0.4, 0.1, h * 0.88), color * 0.85)
            .box((-w * 0.28, 0.1, 0.04), (w * 0.28, 0.22, h * 0.7), color * 0.8)
        )
        for x in (-0.3, 0.3):
            shape.detail((w * x - 0.06, -0.226, 0.02), (w * x + 0.06, -0.22, 0.06), color * 0.5)
        return shape.front(-w / 2 + 0.05, 0.09, w / 2 - 0.05, h - 0.04, -0.224, screen(rng, 16, 20, 0.7))
    w = rng.uniform(0.62, 1.15)
    h, foot, color = w * 0.575, rng.uniform(0.05, 0.08), tint(rng, ((24, 24, 27), (24, 24, 27), (90, 92, 96)), 4)
    shape = Small().box((-w / 2, -0.02, foot), (w / 2, 0.02, foot + h), color)
    shape.box((-w * 0.36, 0.02, foot + 0.04), (w * 0.36, 0.055, foot + h * 0.6), color * 0.8)
    shape.front(
        -w / 2 + 0.015, foot + 0.025, w / 2 - 0.015, foot + h - 0.015, -0.022, screen(rng, *cells(w, h, 0.04), off=0.65)
    )
    if rng.random() < 0.5:
        for x in (-w * 0.36, w * 0.36):
            shape.rod((x, 0.01, foot + 0.01), (x, -0.11, 0.01), 0.011, color).rod(
                (x, 0.01, foot + 0.01), (x, 0.11, 0.01), 0.011, color
            )
        return shape
    shape.box((-0.05, -0.015, 0.01), (0.05, 0.03, foot + 0.02), color * 0.9)
    return shape.box((-w * 0.24, -0.12, 0), (w * 0.24, 0.12, 0.02), color * 0.9)


def keyboard(rng) -> Shape:
    """A flat keyboard with a field of keys, with or without a number pad."""
    w, d = pick(rng, (0.44, 0.14), (0.45, 0.16), (0.36, 0.13), (0.29, 0.115))
    body, light = tint(rng, ((34, 34, 38), (34, 34, 38), (200, 202, 206), (232, 230, 224)), 6), rng.random() < 0.2
    key = body * 0.55 + 120 if light else body * (0.72 if body.mean() > 100 else 1) + (0 if body.mean() > 100 else 26)
    shape = Small().prism([(-d / 2, 0), (d / 2, 0), (d / 2, 0.03), (-d / 2, 0.018)], -w / 2, w / 2, body, axis="x")
    columns = int(w / 0.0145) | 1
    pixels = plain(11, columns, body * 0.6)
    pixels[1::2, 1::2] = key
    pixels[9, columns // 5 : columns // 2] = key
    pixels[1, 1] = hue(rng) if rng.random() < 0.4 else key
    if w > 0.4:
        pixels[:, int(columns * 0.74)] = body
    a, z = d * 0.42, 0.019
    y = np.linspace(a, -a, 12)[:, None] * np.ones(columns + 1)
    x = np.linspace(-w * 0.475, w * 0.475, columns + 1) * np.ones((12, 1))
    shape.painted(np.stack([x, y, z + 0.007 + 0.012 * (y / d + 0.42)], -1), pixels, solid=False)
    return shape.box((-w * 0.475, -a, 0.012), (w * 0.475, a, 0.022), body * 0.6)


def mouse(rng) -> Shape:
    """A computer mouse: rounded back, wheel, two buttons; a cable now and then."""
    color, long = tint(rng, CASES, 6), rng.uniform(0.1, 0.125)
    w, h = long * 0.6, long * 0.36
    shape = (
        Small()
        .add(_hump(w, long, h), color)
        .detail((-0.003, -0.004 + long * 0.1, h * 0.8), (0.003, long * 0.42, h * 0.9), color * 0.5)
    )
    shape.rod((-0.005, long * 0.27, h * 0.78), (0.005, long * 0.27, h * 0.78), 0.009, hue(rng), sections=8, solid=False)
    if rng.random() < 0.5:
        shape.tube(
            [(0, long * 0.48, 0.006), (0.01, long * 0.48 + 0.06, 0.006), (0.04, long * 0.48 + 0.11, 0.006)],
            0.006,
            BLACK,
            sections=6,
            solid=False,
        )
    return shape


def _hump(w: float, long: float, h: float) -> trimesh.Trimesh:
    """A rounded hump with a flat foot."""
    mesh = trimesh.creation.icosphere(subdivisions=2)
    v = np.asarray(mesh.vertices)
    v = v / (np.abs(v) ** 2.8).sum(1, keepdims=True) ** (1 / 2.8)
    mesh.vertices = np.column_stack([v[:, 0] * w / 2, v[:, 1] * long / 2, v[:, 2].clip(0) * h])
    return mesh


def laptop(rng) -> Shape:
    """A laptop, open at some angle, seldom closed."""
    color = tint(rng, ((178, 180, 184), (60, 62, 66), (34, 34, 38), (225, 224, 222)), 6)
    w = rng.uniform(0.3, 0.38)
    d = w * 0.69
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.02), color)
    if rng.random() < 0.12:
        shape.box((-w / 2, -d / 2, 0.02), (w / 2, d / 2, 0.034), color * 0.95)
        return shape.detail((-0.03, -0.03, 0.034), (0.03, 0.03, 0.036), color * 0.6 + 60)
    keys = plain(7, 15, color * 0.7)
    keys[::2, ::2] = BLACK if color.mean() > 90 else GREY
    shape.flat(-w * 0.45, -d * 0.08, w * 0.45, d * 0.42, 0.022, keys)
    shape.detail((-w * 0.13, -d * 0.44, 0.02), (w * 0.13, -d * 0.16, 0.022), color * 0.8)
    hinge = {"turn": (-rng.uniform(8, 35), (1, 0, 0), (0, d / 2, 0.02))}
    shape.box((-w / 2, d / 2 - 0.008, 0.02), (w / 2, d / 2 + 0.008, d), color, **hinge)
    return shape.front(
        -w / 2 + 0.012, 0.035, w / 2 - 0.012, d - 0.01, d / 2 - 0.01, screen(rng, 12, 18, off=0.3), **hinge
    )


def speaker(rng) -> Shape:
    """A loudspeaker box with cones, a tall one, a soundbar-like one, or a round portable one."""
    color, style = tint(rng, (*PLASTIC[:2], WOOD[1], (30, 30, 32), (220, 220, 218)), 6), rng.integers(4)
    cone = np.array(BLACK) + 14 if color.mean() > 60 else np.array((110, 112, 118))
    if style == 3:
        r, h = rng.uniform(0.045, 0.07), rng.uniform(0.12, 0.2)
        shape = Small().cylinder((0, 0, 0), r, h, color * 0.8, sections=20)
        shape.cylinder((0, 0, h), r * 0.95, 0.012, hue(rng), sections=20)
        return shape.cylinder((0, 0, h * 0.1), r + 0.003, 0.012, STEEL, sections=20)
    w, h = (
        (rng.uniform(0.16, 0.22), rng.uniform(0.27, 0.38))
        if style
        else (rng.uniform(0.09, 0.12), rng.uniform(0.18, 0.24))
    )
    d = w * rng.uniform(0.95, 1.25)
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), color)
    shape.box((-w / 2 + 0.008, -d / 2 - 0.012, 0.008), (w / 2 - 0.008, -d / 2, h - 0.008), color * 0.75)
    for z, r in ((h * 0.35, w * 0.38), (h * 0.78, w * 0.2)):
        shape.dial(0, z, r, -d / 2 - 0.012, 0.008, cone)
        shape.dial(0, z, r * 0.75, -d / 2 - 0.016, 0.008, cone * 0.6)
        shape.sphere((0, -d / 2 - 0.024, z), (r * 0.34, 0.01, r * 0.34), cone * 1.3, subdivisions=1, solid=False)
    return shape


def telephone(rng) -> Shape:
    """A desk telephone: sloping body, handset on a cradle at the left, keys, display, curly cord."""
    color, w, d = (
        tint(rng, ((40, 40, 44), (40, 40, 44), (205, 200, 190), (150, 40, 40)), 6),
        rng.uniform(0.18, 0.23),
        0.2,
    )
    shape = Small().prism([(-d / 2, 0), (d / 2, 0), (d / 2, 0.085), (-d / 2, 0.03)], -w / 2, w / 2, color, axis="x")
    tilt = {"turn": (np.degrees(np.arctan2(0.055, d)), (1, 0, 0), (0, -d / 2, 0.03))}
    keys = plain(9, 7, color * 0.85)
    keys[1::2, 1::2] = PALE if color.mean() < 90 else DARK
    shape.flat(-w * 0.12, -d * 0.42, w * 0.44, d * 0.12, 0.033, keys, **tilt)
    shape.box((-w * 0.12, d * 0.17, 0.03), (w * 0.44, d * 0.42, 0.036), (150, 180, 160), solid=False, **tilt)
    x, dark = -w * 0.32, color * (0.75 if color.mean() > 60 else 1.5)
    shape.box((x - 0.02, -d * 0.42, 0.062), (x + 0.02, d * 0.5, 0.085), dark, **tilt)
    for y in (-d * 0.38, d * 0.44):
        shape.box((x - 0.027, y - 0.028, 0.034), (x + 0.027, y + 0.028, 0.085), dark, **tilt)
    t = np.linspace(0, 1, 9)
    path = np.column_stack([-w / 2 - 0.03 * np.sin(np.pi * t), -d * 0.3 + d * 0.6 * t, np.full(9, 0.01)])
    return shape.tube(path, 0.008, BLACK, sections=6, solid=False)


def headphones(rng) -> Shape:
    """Headphones lying on their side, or standing: two padded cups and a band."""
    color, r = pick(rng, np.array(BLACK) + 10.0, np.array(PALE, float), hue(rng)), rng.uniform(0.075, 0.09)
    t = np.linspace(0, np.pi, 12)
    up = rng.random() < 0.5
    shape = Small().tube(
        np.column_stack([r * np.cos(t), np.zeros(12), 0.05 + r * 1.25 * np.sin(t)]), 0.012, color, sections=8
    )
    for side in (-1, 1):
        shape.rod((side * (r - 0.022), 0, 0.042), (side * r, 0, 0.042), 0.041, BLACK, sections=16)
        shape.rod((side * r, 0, 0.042), (side * (r + 0.022), 0, 0.042), 0.038, color * 0.8, sections=16)
    if up:
        return shape
    laid = Small()
    return laid.add(
        trimesh.Trimesh(shape.vertices, shape.faces, process=False), shape.colors, turn=(90, (1, 0, 0), (0, 0, 0))
    )


def alarm_clock(rng) -> Shape:
    """A digital block with glowing figures, or a round clock on feet with two bells."""
    if rng.random() < 0.5:
        w, d, h, color = rng.uniform(0.13, 0.2), 0.09, rng.uniform(0.07, 0.1), tint(rng, (*PLASTIC, WOOD[1]), 6)
        shape = Small().frustum((w, d), (w * 0.92, d * 0.7), 0, h, color)
        glow = np.array(pick(rng, (255, 60, 50), (90, 255, 120), (120, 200, 255)))
        pixels = plain(7, 19, (16, 16, 18))
        for x in (1, 5, 11, 15):
            shown = rng.random(7) < 0.75
            for on, rows, columns in zip(
                shown,
                (slice(1, 2), slice(3, 4), slice(5, 6), slice(1, 4), slice(3, 6), slice(1, 4), slice(3, 6)),
                ((0, 3), (0, 3), (0, 3), (0, 1), (0, 1), (2, 3), (2, 3)),
            ):
                if on:
                    pixels[rows, x + columns[0] : x + columns[1]] = glow
        pixels[[2, 4], 9] = glow
        return shape.front(-w * 0.44, h * 0.15, w * 0.44, h * 0.88, -d / 2 - 0.002, pixels).detail(
            (-w * 0.25, -0.02, h), (w * 0.25, 0.02, h + 0.008), color * 0.6
        )
    r, color = rng.uniform(0.045, 0.065), hue(rng) if rng.random() < 0.6 else np.array(STEEL)
    shape, z = Small(), r + 0.02
    shape.rod((0, -0.025, z), (0, 0.025, z), r, color, sections=24)
    shape.dial(0, z, r * 0.86, -0.025, 0.003, PALE, 24)
    for angle, share in ((rng.uniform(0, 6.3), 0.45), (rng.uniform(0, 6.3), 0.7)):
        shape.rod(
            (0, -0.031, z),
            (share * r * np.sin(angle), -0.031, z + share * r * np.cos(angle)),
            0.004,
            BLACK,
            sections=6,
            solid=False,
        )
    for side in (-1, 1):
        shape.rod((side * r * 0.6, 0, z - r * 0.6), (side * r * 0.85, 0, 0.006), 0.007, STEEL, sections=6)
        shape.sphere((side * r * 0.55, 0, z + r * 1.02), (r * 0.4, r * 0.4, r * 0.32), STEEL, subdivisions=1)
    return shape.arch((-r * 0.5, 0, z + r * 1.2), (r * 0.5, 0, z + r * 1.2), 0.025, 0.005, DARK)

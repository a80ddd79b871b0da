"""Builders of soft and worn things: bedding, clothes, bags, shoes, hats, mats, toys and balls.

Use: `tabletop.KINDS`, which holds these under their class names.
"""
import numpy as np
import trimesh

from datasets.synthetic.objects.parts import pad
from datasets.synthetic.objects.shapes import FABRIC, Shape, pick, tint, vary
from datasets.synthetic.objects.small_parts import BLACK, BROWN, CARDBOARD, DARK, PALE, STEEL, Small, hue
from datasets.synthetic.objects.small_prints import plain, weave

LEATHER = ((92, 54, 32), (40, 34, 32), (160, 100, 60), (150, 40, 48), (205, 180, 150), (60, 70, 100))


def pillow(rng) -> Shape:
    """A bed pillow, mostly white or pale."""
    base = vary(rng, pick(rng, (240, 238, 232), (240, 238, 232), (205, 215, 228), (228, 210, 205), (150, 160, 175)), 8)
    pixels = plain(12, 18, base) if rng.random() < 0.7 else weave(rng, 12, 18, base)
    return Small().pad(rng.uniform(0.58, 0.8), rng.uniform(0.38, 0.5), rng.uniform(0.13, 0.2), pixels)


def cushion(rng) -> Shape:
    """A square scatter cushion, printed, lying or leaning back; or a round one."""
    size, height = rng.uniform(0.36, 0.5), rng.uniform(0.12, 0.18)
    if rng.random() < 0.2:
        color = hue(rng)
        shape = Small().lathe([(0, 0), (size / 2.4, 0.02), (size / 2, height / 2), (size / 2.4, height - 0.01),
                               (0, height - 0.03)], (0, 0, 0), color)
        return shape.sphere((0, 0, height - 0.03), (0.03, 0.03, 0.02), color * 0.6, subdivisions=1)
    turn = {"turn": (-pick(rng, 60, 70, 75), (-1, 0, 0), (0, 0, 0))} if rng.random() < 0.6 else {}
    return Small().pad(size, size, height, weave(rng, 14, 14, hue(rng, (0.4, 0.95), (0.3, 0.95))), pinch=0.1, **turn)


def blanket(rng) -> Shape:
    """A blanket folded in layers, or spread flat with ripples and a folded-back strip."""
    base = tint(rng, FABRIC, 25)
    shape = Small()
    if rng.random() < 0.5:
        width, depth, layers = rng.uniform(0.4, 0.6), rng.uniform(0.3, 0.45), rng.integers(3, 6)
        thick = rng.uniform(0.03, 0.05)
        for k in range(layers):
            z, inset = k * thick, rng.uniform(0, 0.015)
            shape.box((-width / 2 + inset, -depth / 2 + 0.01, z), (width / 2 - inset, depth / 2, z + thick * 0.85),
                      base * rng.uniform(0.85, 1.05))
            shape.rod((-width / 2 + inset, -depth / 2 + 0.01, z + thick / 2),
                      (width / 2 - inset, -depth / 2 + 0.01, z + thick / 2), thick * 0.47,
                       base * (0.9 if k % 2 else 1.1))
        return shape.spread(rng, width, depth, 0.02, weave(rng, 14, 16, base), at=(0, 0, layers * thick - 0.01))
    width, depth = rng.uniform(0.8, 1.4), rng.uniform(0.6, 1.1)
    shape.spread(rng, width, depth, rng.uniform(0.03, 0.06), weave(rng, 22, 24, base))
    return shape.spread(rng, width * 0.98, depth * 0.22, 0.09, plain(8, 20, base * 0.7 + 60), at=(0, depth * 0.38, 0))


def clothes(rng) -> Shape:
    """A crumpled heap of garments, or a pile of folded shirts."""
    colors = [tint(rng, FABRIC, 30) if rng.random() < 0.6 else hue(rng) for _ in range(rng.integers(2, 5))]
    shape = Small()
    if rng.random() < 0.7:
        width = rng.uniform(0.35, 0.75)
        shape.heap(rng, width, width * rng.uniform(0.6, 0.9), rng.uniform(0.1, 0.22), colors)
        return shape.rod((-width * 0.3, -0.1, 0.03), (width * 0.1, -width * 0.36, 0.03), 0.03, colors[0] * 0.9)
    for k in range(rng.integers(4, 8)):
        w, d, z = rng.uniform(0.26, 0.31), rng.uniform(0.22, 0.27), k * 0.035
        color = colors[k % len(colors)] * rng.uniform(0.8, 1.1)
        pad(shape, (-w / 2, -d / 2, z), (w / 2, d / 2, z + 0.036), color)
    return shape.hoop((0, 0.04, z + 0.036), 0.05, 0.01, color * 0.7)


def jacket(rng) -> Shape:
    """A jacket laid out on its back: body, two sleeves, collar, zip and pockets."""
    base, half = tint(rng, ((40, 44, 58), (70, 80, 56), (120, 40, 40), (96, 70, 48), (30, 30, 32), (60, 90, 140))), 0.24
    half, long, lining = rng.uniform(0.22, 0.27), rng.uniform(0.58, 0.75), hue(rng, (0.1, 0.6), (0.4, 0.9))
    shape = Small().cushion((-half, -long / 2, 0), (half, long / 2, 0.1), base, exponent=6)
    for side in (-1, 1):
        spread = rng.uniform(0.16, 0.3)
        shoulder, hand = (side * half * 0.85, long * 0.4, 0.055), (side * (half + spread), -long * 0.36, 0.045)
        shape.rod(shoulder, hand, 0.065, base * 0.92, sections=12).sphere(shoulder, 0.067, base * 0.92)
        shape.rod(np.array(hand) * 0.96 + (0, 0.01, 0.002), hand, 0.068, base * 0.6, sections=12)
        shape.box((side * 0.07, -long * 0.3, 0.09), (side * 0.17, -long * 0.2, 0.104), base * 0.75)
        shape.prism([(side * 0.01, long * 0.32), (side * 0.12, long * 0.46), (side * 0.05, long * 0.49)], 0.08, 0.115,
                    base * 0.7)
    shape.hoop((0, long * 0.47, 0.075), 0.085, 0.028, base * 0.8).sphere((0, long * 0.46, 0.08),
                                                           (0.07, 0.06, 0.02), lining)
    return shape.detail((-0.012, -long * 0.48, 0.08), (0.012, long * 0.34, 0.106), STEEL)


def bag(rng) -> Shape:
    """A tote with two handles, a duffel, or a tied plastic bag."""
    color, style = hue(rng, (0.15, 0.9), (0.25, 0.95)), rng.integers(3)
    shape = Small()
    if style == 0:
        w, d, h = rng.uniform(0.3, 0.42), rng.uniform(0.1, 0.17), rng.uniform(0.3, 0.4)
        shape.frustum((w * 0.85, d), (w, d * 0.6), 0, h, color)
        shape.detail((-w * 0.46, -d * 0.22, h - 0.02), (w * 0.46, d * 0.22, h + 0.003), color * 0.35)
        shape.front(-w * 0.25, h * 0.25, w * 0.25, h * 0.7, -d / 2 - 0.002, weave(rng, 8, 8))
        for y in (-d * 0.28, d * 0.28):
            shape.arch((-w * 0.22, y, h - 0.01), (w * 0.22, y, h - 0.01), rng.uniform(0.1, 0.2), 0.011, color * 0.55)
        return shape
    if style == 1:
        long, r = rng.uniform(0.45, 0.65), rng.uniform(0.13, 0.17)
        shape.cushion((-long / 2, -r, 0), (long / 2, r, 1.75 * r), color, exponent=3.2)
        shape.detail((-long * 0.38, -0.012, 1.72 * r), (long * 0.38, 0.012, 1.77 * r), color * 0.4)
        for x in (-long * 0.2, long * 0.2):
            shape.hoop((x, 0, 0.875 * r), 0.93 * r, 0.014, color * 0.5, turn=(90, (0, 1, 0)), stretch=(0.9, 1.08, 1))
        for y in (-0.05, 0.05):
            shape.arch((-long * 0.2, y, 1.7 * r), (long * 0.2, y, 1.7 * r), 0.09, 0.012, color * 0.5)
        return shape
    color = vary(rng, pick(rng, (240, 240, 240), (250, 225, 80), (90, 160, 110), (60, 60, 62)), 10)
    r, h = rng.uniform(0.13, 0.18), rng.uniform(0.24, 0.32)
    shape.heap(rng, 2.4 * r, 1.8 * r, h * 0.9, [color, color * 0.93]).lathe(
        [(r * 0.5, h * 0.6), (0.04, h * 0.92), (0.05, h)], (0, 0, 0), color * 0.95, sections=10)
    for side in (-1, 1):
        shape.arch((side * 0.02, -0.01, h - 0.01), (side * 0.1, 0.01, h - 0.01), 0.09, 0.012, color)
    return shape


def paper_bag(rng) -> Shape:
    """A kraft or white carrier of paper, open at the top, with creased sides and cord handles."""
    color = vary(rng, pick(rng, CARDBOARD, CARDBOARD, (235, 230, 220), (200, 90, 80)), 10)
    w, d, h = rng.uniform(0.24, 0.34), rng.uniform(0.11, 0.17), rng.uniform(0.28, 0.42)
    shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.02), color)
    for y in (-d / 2, d / 2):
        shape.box((-w / 2, y - 0.004, 0), (w / 2, y + 0.004, h), color)
        if h < 0.36:
            shape.arch((-w * 0.2, y, h - 0.02), (w * 0.2, y, h - 0.02), 0.11, 0.007, color * 0.6)
    for x in (-1, 1):
        for y in (-1, 1):
            outer, crease = np.array([x * w / 2, y * d / 2]), np.array([x * (w / 2 - 0.03), 0])
            grid = [[(*outer, 0), (*(0.8 * outer + 0.2 * crease), 0)], [(*outer, h), (*crease, h)]]
            shape.sheet(grid, color * 0.85, solid=False)
    if rng.random() < 0.7:
        logo = hue(rng)
        shape.dial(0, h * 0.5, w * 0.22, -d / 2 - 0.004, 0.003, logo).detail(
            (-w * 0.3, -d / 2 - 0.007, h * 0.2), (w * 0.3, -d / 2, h * 0.26), logo * 0.6)
    return shape


def purse(rng) -> Shape:
    """A lady's handbag: leather, a flap, a clasp and one stiff handle."""
    color, metal = tint(rng, LEATHER), (214, 180, 90)
    w, d, h = rng.uniform(0.22, 0.32), rng.uniform(0.09, 0.13), rng.uniform(0.15, 0.22)
    shape = Small().frustum((w, d), (w * rng.uniform(0.7, 0.9), d * 0.5), 0, h, color)
    shape.prism([(-w * 0.4, h + 0.004), (w * 0.4, h + 0.004), (w * 0.43, h * 0.55),
                 (0, h * 0.4), (-w * 0.43, h * 0.55)],
                -d / 2 - 0.004, -d * 0.2, color * 0.72, axis="y")
    shape.dial(0, h * 0.5, 0.016, -d / 2 - 0.003, 0.012, metal)
    for x in (-1, 1):
        shape.hoop((x * w * 0.3, 0, h), 0.016, 0.005, metal, turn=(90, (1, 0, 0)), sections=10)
    return shape.arch((-w * 0.3, 0, h), (w * 0.3, 0, h), rng.uniform(0.1, 0.19), 0.01, color * 0.75)


def backpack(rng) -> Shape:
    """A rucksack: body, front pocket, side pockets, zips, grab loop, and straps behind."""
    color = tint(rng, ((34, 36, 42), (40, 60, 110), (150, 40, 44), (60, 90, 64), (110, 110, 116), (190, 120, 40)))
    other = color * 0.6 if rng.random() < 0.6 else hue(rng)
    w, d, h = rng.uniform(0.29, 0.35), rng.uniform(0.15, 0.2), rng.uniform(0.42, 0.52)
    shape = Small().cushion((-w / 2, -d / 2, 0), (w / 2, d / 2, h), color, exponent=4)
    pad(shape, (-w * 0.38, -d / 2 - 0.06, 0.02), (w * 0.38, -d * 0.2, h * 0.52), other)
    shape.detail((-w * 0.3, -d / 2 - 0.063, h * 0.42), (w * 0.3, -d / 2 - 0.02, h * 0.445), STEEL)
    shape.hoop((0, -d * 0.12, h * 0.5), h * 0.47, 0.007, BLACK, turn=(90, (1, 0, 0)), stretch=(w / h, 1, 1))
    shape.arch((-0.05, d * 0.2, h - 0.01), (0.05, d * 0.2, h - 0.01), 0.05, 0.011, BLACK)
    for x in (-1, 1):
        shape.lathe([(0, 0), (0.04, 0), (0.05, h * 0.3)], (x * (w / 2 - 0.01), 0, 0.02), other, sections=10)
        shape.tube([(x * w * 0.2, d / 2 - 0.02, h * 0.9), (x * w * 0.26, d / 2 + 0.05, h * 0.6),
                    (x * w * 0.36, d / 2 - 0.01, h * 0.12)], 0.017, color * 0.5, sections=6)
    return shape


def shoe(rng) -> Shape:
    """A pair: trainers, leather shoes, boots or slippers, one of them perhaps askew."""
    style, color = rng.integers(4), tint(rng, LEATHER)
    long, wide = rng.uniform(0.24, 0.31), rng.uniform(0.09, 0.11)
    if style == 0:
        color = pick(rng, np.array(PALE), hue(rng), hue(rng), np.array(DARK))
    sole = (235, 235, 230) if style == 0 else (44, 34, 28)
    both = Small()
    for side in (-1, 1):
        t = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        outline = np.column_stack([wide / 2 * np.sin(t) * (1 - 0.16 * np.cos(t)), -long / 2 * np.cos(t)])
        shoe = Small().prism(outline, 0, 0.03, sole)
        shoe.sphere((0, -long * 0.2, 0.03), (wide * 0.46, long * 0.29, 0.05), color)
        if style == 3:
            shoe.sphere((0, -long * 0.2, 0.03), (wide * 0.5, long * 0.25, 0.06), color * 1.1)
            shoe.prism(outline * 0.9, 0.03, 0.037, vary(rng, color + 60, 3))
        else:
            rise = rng.uniform(0.16, 0.28) if style == 2 else 0.085
            ankle = [(wide * 0.46, 0.02), (wide * 0.42, rise * 0.6), (wide * 0.4, rise)]
            back = Small().lathe(ankle, (0, 0, 0), color, sections=14).lathe(
                [(0, rise * 0.8), (wide * 0.3, rise * 0.8), (wide * 0.4, rise)], (0, 0, 0), color * 0.35, sections=14)
            shoe.merge(back, at=(0, long * 0.26, 0)).merge(back, at=(0, long * 0.12, 0)) if style != 2 else shoe.merge(
                back, at=(0, long * 0.24, 0))
            for k in range(3):
                y = -long * (0.02 + 0.06 * k)
                shoe.rod((-wide * 0.25, y, 0.083 - 0.004 * k), (wide * 0.25, y, 0.083 - 0.004 * k), 0.005,
                         sole if style == 0 else color * 0.4, sections=6, solid=False)
        if style == 0:
            shoe.rod((-wide * 0.47, 0.02, 0.05), (wide * 0.47, 0.02, 0.05), 0.012, hue(rng), sections=6, solid=False)
        both.merge(shoe, at=(side * wide * 0.62, rng.uniform(-0.05, 0.05), 0), yaw=rng.uniform(-12, 12))
    return both


def hat(rng) -> Shape:
    """A baseball cap, a brimmed straw or felt hat, or a knitted bobble hat."""
    color, style, r = hue(rng, (0.3, 0.9), (0.25, 0.9)), rng.integers(3), rng.uniform(0.085, 0.1)
    dome = [(r, 0), (r * 0.99, r * 0.4), (r * 0.8, r * 0.85), (r * 0.4, r * 1.15), (0, r * 1.2)]
    shape = Small()
    if style == 0:
        shape.lathe(dome, (0, 0, 0), color, sections=20).sphere((0, 0, r * 1.2), 0.01, color * 0.6, subdivisions=1)
        t = np.linspace(np.pi, 2 * np.pi, 12)
        shape.prism(np.column_stack([r * 0.95 * np.cos(t), r * 1.9 * np.sin(t)]), 0, 0.014, color * 0.7)
        return shape.dial(0, r * 0.5, r * 0.3, -r * 0.9, 0.014, PALE)
    if style == 1:
        color, brim = tint(rng, ((222, 190, 130), (110, 80, 56), (52, 50, 54),
                                 (236, 226, 204))), r * rng.uniform(1.7, 2.2)
        shape.lathe([(0, 0), (brim, 0.012), (brim, 0.024), (r, 0.016), (r * 0.92, r), (r * 0.6, r * 1.2),
                     (0, r * 1.05)], (0, 0, 0), color, sections=28)
        return shape.lathe([(r + 0.004, 0.016), (r, 0.05)], (0, 0, 0), hue(rng, value=(0.1, 0.6)), sections=28)
    shape.lathe(dome, (0, 0, 0.02), color, sections=20)
    shape.lathe([(r * 1.06, 0), (r * 1.1, 0.025), (r * 1.04, 0.055)], (0, 0, 0), color * 0.7, sections=20)
    return shape.sphere((0, 0, r * 1.4 + 0.02), 0.032, vary(rng, PALE), subdivisions=2)


def mat(rng) -> Shape:
    """A door mat, bath mat (some oval) or exercise mat, 2 cm thick."""
    style = rng.integers(4)
    if style == 0:
        w, d, color = rng.uniform(1.6, 1.85), rng.uniform(0.58, 0.66), hue(rng, (0.4, 0.8), (0.4, 0.85))
        shape = Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.018), color)
        return shape.rod((w / 2 - 0.02, -d / 2, 0.035), (w / 2 - 0.02, d / 2, 0.035), 0.035, color * 0.85)
    w, d = rng.uniform(0.55, 0.95), rng.uniform(0.38, 0.6)
    base = np.array(pick(rng, (120, 95, 64), (84, 84, 88))) if style == 1 else hue(rng, (0.1, 0.6), (0.5, 0.95))
    pixels = weave(rng, 20, 28, base)
    pixels[[0, -1]], pixels[:, [0, -1]] = base * 0.6, base * 0.6
    if style == 1:
        pixels[8:12, 6:22] = base * 0.3
        pixels[8:12, 7:22:3] = base
    if style < 3:
        return Small().box((-w / 2, -d / 2, 0), (w / 2, d / 2, 0.02), base * 0.7).flat(
            -w / 2, -d / 2, w / 2, d / 2, 0.022, pixels)
    shape = Small()
    for k, share in enumerate((1, 0.8, 0.6, 0.4)):
        color = base * (1 if k % 2 else 0.65)
        mesh = trimesh.creation.cylinder(radius=0.5, height=0.018 + 0.002 * k, sections=32)
        mesh.apply_scale((w * share, d * share, 1))
        mesh.apply_translation((0, 0, 0.009 + 0.001 * k))
        shape.add(mesh, color)
    return shape


def stuffed_animal(rng) -> Shape:
    """A sitting bear, rabbit or cat of plush."""
    color, s = tint(rng, ((150, 104, 66), (214, 190, 160), (120, 120, 126), (230, 160, 180),
                         (90, 66, 52))), rng.uniform(0.8, 1.5)
    pale, kind = color * 0.4 + 140, rng.integers(3)
    shape = Small().sphere((0, 0, 0.09 * s), np.array((0.075, 0.065, 0.09)) * s, color)
    shape.sphere((0, -0.022 * s, 0.085 * s), np.array((0.05, 0.05, 0.06)) * s, pale)
    shape.sphere((0, -0.01 * s, 0.21 * s), np.array((0.065, 0.06, 0.058)) * s, color)
    shape.sphere((0, -0.06 * s, 0.195 * s), np.array((0.03, 0.025, 0.024)) * s, pale, subdivisions=1)
    shape.sphere((0, -0.085 * s, 0.202 * s), 0.009 * s, BLACK, subdivisions=1)
    for side in (-1, 1):
        shape.sphere((side * 0.027 * s, -0.062 * s, 0.225 * s), 0.009 * s, BLACK, subdivisions=1)
        shape.rod((side * 0.05 * s, -0.01, 0.03 * s), (side * 0.085 * s, -0.12 * s, 0.03 * s), 0.03 * s, color)
        shape.sphere((side * 0.085 * s, -0.125 * s, 0.033 * s), 0.034 * s, pale, subdivisions=1)
        shape.rod((side * 0.06 * s, -0.01 * s, 0.145 * s), (side * 0.1 * s, -0.055 * s, 0.085 * s), 0.022 * s, color)
        shape.sphere((side * 0.1 * s, -0.055 * s, 0.085 * s), 0.026 * s, color, subdivisions=1)
        if kind == 0:
            shape.sphere((side * 0.052 * s, 0, 0.258 * s), (0.024 * s, 0.014 * s, 0.024 * s),
                         color * 0.8, subdivisions=1)
        elif kind == 1:
            shape.sphere((side * 0.032 * s, 0, 0.31 * s), (0.016 * s, 0.011 * s, 0.065 * s), color * 0.9)
        else:
            shape.prism([(side * 0.015 * s, 0.255 * s), (side * 0.06 * s, 0.24 * s), (side * 0.05 * s, 0.3 * s)],
                        -0.015 * s, 0.01 * s, color * 0.8, axis="y")
    return shape


def ball(rng) -> Shape:
    """A football, basketball, tennis ball, beach ball or gymnastics ball."""
    style = rng.integers(5)
    r = (0.11, 0.12, 0.035, rng.uniform(0.13, 0.18), rng.uniform(0.27, 0.36))[style]
    ball = trimesh.creation.icosphere(subdivisions=3)
    c = ball.triangles_center / np.linalg.norm(ball.triangles_center, axis=1, keepdims=True)
    base = (np.array(PALE), vary(rng, (214, 112, 50), 12), np.array((205, 230, 70)), np.array(PALE), hue(rng))[style]
    colors = np.tile(base, (len(c), 1)).astype(float)
    if style == 0:
        colors[(c @ trimesh.creation.icosahedron().vertices.T).max(1) > 0.93] = pick(rng, np.array(BLACK), hue(rng))
    elif style == 1:
        colors[(abs(c[:, 0]) < 0.06) | (abs(c[:, 2]) < 0.06) |
               (abs(abs(c[:, 0]) - 0.66 + 0.3 * c[:, 2] ** 2) < 0.06)] = BROWN
    elif style == 2:
        colors[abs(c[:, 2] - 0.45 * np.sin(2 * np.arctan2(c[:, 1], c[:, 0]))) < 0.08] = PALE
    elif style == 3:
        wheel = [hue(rng, (0.7, 1), (0.7, 1)) for _ in range(3)]
        slice_ = (np.arctan2(c[:, 1], c[:, 0]) / (np.pi / 3)).astype(int) + 3
        for k in range(3):
            colors[slice_ % 6 == 2 * k] = wheel[k]
    ball.apply_scale(r)
    return Small().add(ball, colors)

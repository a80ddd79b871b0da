"""Parts that many large objects share: legs, carcasses, door and drawer fronts, basins, lofted bodies, discs, leaves.

Every function adds to the shape it is given (metres, z up, front to -y) and returns it.
"""
import numpy as np
import trimesh

from datasets.synthetic.objects.shapes import METAL, Shape, pick

LEGS = ("square", "round", "taper", "splayed", "sled")
HANDLES = ("bar", "knob", "groove")
DARK = (38, 38, 42)


def legs(shape: Shape, width: float, depth: float, height: float, color, style: str, size: float = 0.045) -> Shape:
    """Legs from the floor to `height` under a top of width x depth; style: one of `LEGS`, "panel" or "none"."""
    x, y, half = width / 2 - size, depth / 2 - size, size / 2
    if style == "none":
        return shape
    if style in ("panel", "sled"):
        for sx in (-x, x):
            if style == "panel":
                shape.box((sx - half, -y, 0), (sx + half, y, height), color)
                continue
            shape.box((sx - half, -y - half, 0), (sx + half, y + half, size), color)
            for sy in (-y, y):
                shape.box((sx - half, sy - half, 0), (sx + half, sy + half, height), color)
        return shape
    for sx in (-x, x):
        for sy in (-y, y):
            if style == "square":
                shape.box((sx - half, sy - half, 0), (sx + half, sy + half, height), color)
            elif style == "splayed":
                shape.rod((sx, sy, 0.006), (sx * 0.72, sy * 0.72, height), half, color)
            else:
                shape.cylinder(
                    (sx, sy, 0), half * (0.55 if style == "taper" else 1), height, color, top=half, sections=12
                )
    return shape


def castors(shape: Shape, width: float, depth: float, color=DARK, radius: float = 0.03) -> Shape:
    """Four wheels of the given radius under the corners of width x depth."""
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (width / 2 - radius), sy * (depth / 2 - radius)
            disc(shape, (x, y, radius), radius, 0.025, color, axis="x", sections=12)
    return shape


def star_base(shape: Shape, radius: float, height: float, color, arms: int = 5) -> Shape:
    """The castor star and column of a swivel chair, up to `height`."""
    for k in range(arms):
        a = 2 * np.pi * k / arms + 0.3
        tip = (radius * np.cos(a), radius * np.sin(a))
        shape.rod((0, 0, 0.12), (*tip, 0.075), 0.02, color)
        shape.sphere((*tip, 0.03), 0.03, DARK, subdivisions=1)
    shape.cylinder((0, 0, 0.09), 0.035, height * 0.55, DARK, sections=12)
    return shape.cylinder((0, 0, 0.1), 0.025, height - 0.1, METAL[0], sections=12)


def disc(shape: Shape, center, radius: float, thickness: float, color, axis: str = "y", sections: int = 20,
         **options) -> Shape:
    """A flat round plate about `center`, its axis along x, y or z."""
    mesh = trimesh.creation.cylinder(radius=radius, height=thickness, sections=sections)
    if axis != "z":
        turn = (90, (1, 0, 0)) if axis == "y" else (90, (0, 1, 0))
        mesh.apply_transform(trimesh.transformations.rotation_matrix(np.radians(turn[0]), turn[1]))
    mesh.apply_translation(center)
    return shape.add(mesh, color, **options)


def ring(shape: Shape, center, radius: float, thickness: float, color, axis: str = "y", sections: int = 24,
         **options) -> Shape:
    """A torus about `center`: radius to the middle of the bar, bar of radius `thickness`."""
    mesh = trimesh.creation.torus(radius, thickness, major_sections=sections, minor_sections=8)
    if axis != "z":
        along = (1, 0, 0) if axis == "y" else (0, 1, 0)
        mesh.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, along))
    mesh.apply_translation(center)
    return shape.add(mesh, color, **options)


def loft(shape: Shape, rings, color, exponent: float = 2.0, at=(0, 0, 0), sections: int = 32, caps: bool = True,
         **options) -> Shape:
    """A closed skin through superelliptic rings [(half width, half depth, z, y shift = 0), ...], in order.

    Rings that go up outside and down again inside make an open vessel. exponent 2 is an ellipse, 6 a rounded box.
    caps False leaves both ends open: with the first ring repeated at the end this makes a hoop.
    """
    angle = np.linspace(0, 2 * np.pi, sections, endpoint=False) + np.pi / sections
    c, s = np.cos(angle), np.sin(angle)
    u = np.sign(c) * np.abs(c) ** (2 / exponent)
    v = np.sign(s) * np.abs(s) ** (2 / exponent)
    rows = [np.column_stack([r[0] * u, r[1] * v + (r[3] if len(r) > 3 else 0), np.full(sections, r[2])]) for r in rings]
    centers = [rows[0].mean(0)[None], rows[-1].mean(0)[None]] if caps else []
    vertices = np.concatenate([*rows, *centers]) + at
    i, j = np.arange(sections), (np.arange(sections) + 1) % sections
    faces = []
    for k in range(len(rings) - 1):
        a, b = k * sections, (k + 1) * sections
        faces += [np.column_stack([a + i, a + j, b + j]), np.column_stack([a + i, b + j, b + i])]
    last, center = (len(rings) - 1) * sections, len(rings) * sections
    if caps:
        faces += [np.column_stack([j, i, np.full(sections, center)])]
        faces += [np.column_stack([last + i, last + j, np.full(sections, center + 1)])]
    return shape.add(trimesh.Trimesh(vertices, np.concatenate(faces), process=False), color, **options)


def hoop(shape: Shape, x: float, y: float, low: float, high: float, color, exponent: float = 2.0,
         wall: float = 0.024, **options) -> Shape:
    """A band round an opening: outer half sizes x, y, between two heights, `wall` thick, open through."""
    rings = [(x, y, low), (x, y, high), (x - wall, y - wall, high), (x - wall, y - wall, low), (x, y, low)]
    return loft(shape, rings, color, exponent, caps=False, **options)


def pad(shape: Shape, low, high, color, exponent: float = 9.0, round_off: float = 0.03,
        **options) -> Shape:
    """A cushion with rounded edges and few faces (about 250), for pieces that have many."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    (x, y, z), r = (high - low) / 2, round_off
    r = min(r, x / 2, y / 2, z / 2)
    rings = [(x - r, y - r, -z), (x, y, r - z), (x, y, z - r), (x - r * 0.7, y - r * 0.7, z - r * 0.25),
             (x * 0.6, y * 0.6, z)]
    return loft(shape, rings, color, exponent, at=(low + high) / 2, sections=24, **options)


def vessel(shape: Shape, bottom, top, height: float, color, wall: float = 0.02, exponent: float = 2.0,
           at=(0, 0, 0)) -> Shape:
    """An open bin: half sizes (x, y) of its bottom and of its rim, walls `wall` thick."""
    (bx, by), (tx, ty) = bottom, top
    return loft(shape, [(bx, by, 0), (tx, ty, height), (tx - wall, ty - wall, height),
                        (bx - wall, by - wall, wall)], color, exponent, at)


def carcass(shape: Shape, low, high, color, back=None, board: float = 0.022) -> Shape:
    """A cabinet body open to the front: sides, top, bottom and a back (of another colour if given)."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    shape.box(low, (x0 + board, y1, z1), color).box((x1 - board, y0, z0), high, color)
    shape.box(low, (x1, y1, z0 + board), color).box((x0, y0, z1 - board), high, color)
    return shape.box((x0, y1 - board, z0), high, color if back is None else back)


def boards(shape: Shape, low, high, levels, color, board: float = 0.022, columns: int = 1) -> Shape:
    """Shelf boards at heights `levels` between two corners, split by upright partitions; each bay is a support.

    The floor of the body (z of `low`) and each level carry things up to the next level.
    """
    (x0, y0, z0), (x1, y1, z1) = low, high
    edges = np.linspace(x0, x1, columns + 1)
    for x in edges[1:-1]:
        shape.box((x - board / 2, y0, z0), (x + board / 2, y1, z1), color)
    for level in levels:
        shape.box((x0, y0, level - board), (x1, y1, level), color)
    for level, above in zip([z0, *levels], [*levels, z1 + board]):
        for a, b in zip(edges[:-1], edges[1:]):
            shape.support(a + 0.02, y0, b - 0.02, y1 - 0.02, level, above - board - level)
    return shape


def handle(shape: Shape, x: float, y: float, z: float, style: str, color, upright: bool = False,
           length: float = 0.12) -> Shape:
    """A bar, knob or dark groove on a front whose surface is at `y`, centred at x, z."""
    half = length / 2
    dx, dz = (0, half) if upright else (half, 0)
    if style == "bar":
        return shape.box((x - dx - 0.01, y - 0.03, z - dz - 0.01), (x + dx + 0.01, y, z + dz + 0.01), color)
    if style == "knob":
        return shape.sphere((x, y - 0.016, z), 0.02, color, subdivisions=1)
    return shape.box((x - dx - 0.01, y - 0.003, z - dz - 0.01), (x + dx + 0.01, y, z + dz + 0.01), DARK)


def drawers(shape: Shape, x0: float, z0: float, x1: float, z1: float, y: float, rows: int, columns: int, color,
            style: str, metal, gap: float = 0.012) -> Shape:
    """A grid of drawer fronts, 2 cm proud of the plane `y`, each with a handle."""
    xs, zs = np.linspace(x0, x1, columns + 1), np.linspace(z0, z1, rows + 1)
    for a, b in zip(xs[:-1], xs[1:]):
        for c, d in zip(zs[:-1], zs[1:]):
            shape.box((a + gap, y - 0.02, c + gap), (b - gap, y, d - gap), color)
            handle(shape, (a + b) / 2, y - 0.02, (c + d) / 2 + (d - c) * 0.12, style, metal,
                   length=min(0.16, (b - a) * 0.4))
    return shape


def doors(shape: Shape, x0: float, z0: float, x1: float, z1: float, y: float, columns: int, color, style: str, metal,
          panel=None, low_handle: bool = False, gap: float = 0.01) -> Shape:
    """A row of doors, 2 cm proud of the plane `y`, handles where pairs meet; `panel` colours a sunken middle."""
    xs = np.linspace(x0, x1, columns + 1)
    for k, (a, b) in enumerate(zip(xs[:-1], xs[1:])):
        shape.box((a + gap, y - 0.02, z0 + gap), (b - gap, y, z1 - gap), color)
        if panel is not None and b - a > 0.2:
            shape.box((a + 0.06, y - 0.024, z0 + 0.06), (b - 0.06, y, z1 - 0.06), panel)
        side = b - 0.05 if k % 2 == 0 else a + 0.05
        middle = (z0 + z1) / 2
        if low_handle:
            middle = z0 + 0.12
        elif z1 < 1.1:
            middle = z1 - 0.13
        handle(shape, side, y - (0.024 if panel is not None else 0.02), middle, style, metal, upright=True)
    return shape


def basin(shape: Shape, x0: float, y0: float, x1: float, y1: float, z: float, depth: float, color,
          wall: float = 0.02) -> Shape:
    """A rectangular bowl whose rim is at height z: four walls and a bottom, with a drain."""
    shape.box((x0, y0, z - depth), (x1, y1, z - depth + wall), color)
    for a, b in (((x0, y0), (x0 + wall, y1)), ((x1 - wall, y0), (x1, y1)),
                 ((x0, y0), (x1, y0 + wall)), ((x0, y1 - wall), (x1, y1))):
        shape.box((*a, z - depth), (*b, z), color)
    return disc(shape, ((x0 + x1) / 2, (y0 + y1) / 2, z - depth + wall + 0.002), 0.03, 0.004, METAL[1], axis="z")


def frame_top(shape: Shape, low, high, hole, color) -> Shape:
    """A worktop slab with a rectangular hole (x0, y0, x1, y1)."""
    (ax, ay, az), (bx, by, bz) = low, high
    x0, y0, x1, y1 = hole
    shape.box((ax, ay, az), (bx, y0, bz), color).box((ax, y1, az), (bx, by, bz), color)
    return shape.box((ax, y0, az), (x0, y1, bz), color).box((x1, y0, az), (bx, y1, bz), color)


def faucet(shape: Shape, x: float, y: float, z: float, color, reach: float = 0.13, height: float = 0.16) -> Shape:
    """A tap that stands at x, y, z and reaches to the front (-y)."""
    shape.cylinder((x, y, z), 0.025, 0.03, color, sections=12)
    return shape.tube([(x, y, z), (x, y, z + height), (x, y - reach, z + height), (x, y - reach, z + height - 0.04)],
                      0.012, color, sections=8)


def leaf(shape: Shape, root, yaw: float, rise: float, length: float, width: float, droop: float, color,
         steps: int = 6) -> Shape:
    """A leaf from `root` towards `yaw` radians: starts upwards at `rise` radians and bends down by `droop`."""
    t = np.linspace(0, 1, steps)
    pitch = rise - droop * t
    step = length / (steps - 1)
    out = np.concatenate([[0], np.cumsum(np.cos(pitch[:-1]) * step)])
    up = np.concatenate([[0], np.cumsum(np.sin(pitch[:-1]) * step)])
    half = width / 2 * np.sin(np.pi * np.clip(0.12 + 0.86 * t, 0, 1))
    c, s = np.cos(yaw), np.sin(yaw)
    grid = [np.column_stack([root[0] + c * out - s * side * half, root[1] + s * out + c * side * half,
                             root[2] + up + 0.12 * np.abs(side) * half]) for side in (-1, 0, 1)]
    return shape.sheet(np.stack(grid, 1), color, solid=False)


def tone(rng: np.random.Generator, palette, amount: float = 14.0) -> np.ndarray:
    """One of a palette's colours, lighter or darker but of nearly the same hue: wood stays wood, white stays white."""
    color = palette[rng.integers(len(palette))]
    return np.clip(np.asarray(color, float) + rng.normal(0, amount) + rng.normal(0, amount * 0.3, 3), 5, 250)


def metal(rng: np.random.Generator) -> np.ndarray:
    """A colour of steel or of dark metal, for handles, frames and taps."""
    return tone(rng, METAL, 8)


def handle_style(rng: np.random.Generator) -> str:
    """One of `HANDLES`."""
    return pick(rng, *HANDLES)

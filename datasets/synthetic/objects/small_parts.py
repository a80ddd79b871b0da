"""What the builders of small objects share: a Shape with printed faces, pads, heaps and handles, and lists of carriers.

Use: `Small().box(...).front(...)`; `kinds({...})` moves every built object to the place its frame asks for.
"""
import colorsys
from dataclasses import replace
from functools import partial

import numpy as np
import trimesh

from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.shapes import Shape

DESKS = ("desk", "table", "file cabinet")
TABLES = ("table", "coffee table", "dining table", "end table")
COUNTERS = ("kitchen counter", "counter")
SHELVES = ("shelf", "bookshelf", "cabinet", "dresser")
BEDSIDE = ("nightstand", "dresser", "end table")
BATH = ("bathroom vanity", "bathroom counter", "counter")
SEATS = ("couch", "armchair", "sofa chair", "chair")
BLACK, DARK, GREY, PALE, STEEL = (26, 26, 30), (58, 60, 64), (140, 142, 146), (232, 232, 228), (186, 190, 196)
BROWN, CARDBOARD = (112, 72, 42), (190, 148, 100)


class Small(Shape):
    """A Shape with the parts that small and printed things need. Pixels are float (R, C, 3), row 0 at the top."""

    def detail(self, low, high, color, **options) -> "Small":
        """A box that is only looked at, and takes no part in collisions."""
        return self.box(low, high, color, **{"solid": False, **options})

    def painted(self, grid, pixels, **options) -> "Small":
        """A sheet through grid (R + 1, C + 1, 3) with pixels (R, C, 3) as the colours of its cells."""
        return self.sheet(grid, np.tile(np.reshape(pixels, (-1, 3)), (2, 1)), **options)

    def front(self, x0: float, z0: float, x1: float, z1: float, y: float, pixels, **options) -> "Small":
        """An upright printed rectangle that faces -y."""
        rows, columns = np.shape(pixels)[:2]
        x, z = np.meshgrid(np.linspace(x0, x1, columns + 1), np.linspace(z1, z0, rows + 1))
        return self.painted(np.stack([x, np.full_like(x, y), z], -1), pixels, **{"solid": False, **options})

    def flat(self, x0: float, y0: float, x1: float, y1: float, z: float, pixels, **options) -> "Small":
        """A lying printed rectangle, its top row at y1."""
        rows, columns = np.shape(pixels)[:2]
        x, y = np.meshgrid(np.linspace(x0, x1, columns + 1), np.linspace(y1, y0, rows + 1))
        return self.painted(np.stack([x, y, np.full_like(x, z)], -1), pixels, **{"solid": False, **options})

    def pad(self, width: float, depth: float, height: float, pixels, at=(0, 0, 0), pinch: float = 0.06,
            **options) -> "Small":
        """A stuffed square with sharp seams, the way a pillow is, lying with its base at about `at`."""
        rows, columns = np.shape(pixels)[:2]
        u, v = np.meshgrid(np.linspace(-1, 1, columns + 1), np.linspace(1, -1, rows + 1))
        thick = ((1 - u ** 2) * (1 - v ** 2)).clip(0) ** 0.38
        x, y = width / 2 * u * (1 - pinch * (1 - v ** 2)), depth / 2 * v * (1 - pinch * (1 - u ** 2))
        for sign, share in ((1, 0.6), (-1, 0.4)):
            z = height * (0.4 + sign * share * thick)
            self.painted(np.stack([x, y, z], -1) + at, pixels, **options)
        return self

    def heap(self, rng, width: float, depth: float, height: float, colors, at=(0, 0, 0)) -> "Small":
        """A crumpled heap of cloth: an uneven outline, folds, and a patch for each of `colors` (K, 3)."""
        angle, ring = np.meshgrid(np.linspace(0, 2 * np.pi, 33), np.linspace(0.02, 1, 13))
        edge = 1 + sum(rng.uniform(0.04, 0.14) * np.cos(k * angle + rng.uniform(0, 6)) for k in (2, 3, 5))
        x, y = width / 2 * ring * edge * np.cos(angle) / 1.1, depth / 2 * ring * edge * np.sin(angle) / 1.1
        folds = sum(np.sin(rng.normal(0, 22) * x + rng.normal(0, 22) * y + rng.uniform(0, 6)) for _ in range(5)) / 5
        z = height * (1 - ring ** 2.5) * (0.75 + 0.5 * folds).clip(0.2) + 0.02 * (ring < 1)
        center = np.stack([x, y], -1)[:-1, :-1]
        seeds = rng.uniform(-0.35, 0.35, (len(colors), 2)) * (width, depth)
        owner = np.linalg.norm(center[:, :, None] - seeds, axis=-1).argmin(-1)
        shade = 1 + 0.3 * folds[:-1, :-1, None]
        return self.painted(np.stack([x, y, z], -1) + at, np.asarray(colors, float)[owner] * shade)

    def spread(self, rng, width: float, depth: float, height: float, pixels, at=(0, 0, 0)) -> "Small":
        """A cloth spread flat with a few ripples, its edge at the base."""
        rows, columns = np.shape(pixels)[:2]
        u, v = np.meshgrid(np.linspace(-1, 1, columns + 1), np.linspace(1, -1, rows + 1))
        ripple = sum(np.sin(rng.normal(0, 4) * u + rng.normal(0, 4) * v + rng.uniform(0, 6)) for _ in range(4)) / 4
        z = height * ((1 - u ** 8) * (1 - v ** 8)) * (0.7 + 0.4 * ripple)
        x = width / 2 * (u + 0.02 * ripple)
        return self.painted(np.stack([x, depth / 2 * (v + 0.03 * ripple), z], -1) + at, pixels)

    def frustum(self, low, high, z0: float, z1: float, color, at=(0, 0), **options) -> "Small":
        """A box whose foot is low = (width, depth) and whose top is high = (width, depth)."""
        corners = [(at[0] + i * w / 2, at[1] + j * d / 2, z)
                   for (w, d), z in ((low, z0), (high, z1)) for i in (-1, 1) for j in (-1, 1)]
        return self.add(trimesh.convex.convex_hull(np.array(corners)), color, **options)

    def vessel(self, outline, thickness: float, color, inside=None, at=(0, 0, 0), sections: int = 16) -> "Small":
        """An open bowl or cup: outline [(radius, height), ...] up to the rim, with a wall `thickness` m thick."""
        top = outline[-1][1]
        inner = [(max(r - thickness, 0.002), max(z, thickness) if z < top else top) for r, z in outline]
        self.lathe([(0, outline[0][1]), *outline, inner[-1]], at, color, sections=sections)
        return self.lathe([(0, thickness), *inner], at, color if inside is None else inside, sections=sections,
                          solid=False)

    def hoop(self, center, radius: float, thickness: float, color, turn: tuple = (), sections: int = 16,
             stretch=(1, 1, 1), **options) -> "Small":
        """A ring lying in the xy plane about `center`; turn = (degrees, axis) tips it first, about its centre."""
        mesh = trimesh.creation.torus(radius, thickness, major_sections=sections, minor_sections=6)
        mesh.apply_scale(stretch)
        mesh.apply_translation(center)
        return self.add(mesh, color, turn=(*turn, center) if turn else (), **options)

    def arch(self, left, right, rise: float, radius: float, color, lean: float = 0.0, **options) -> "Small":
        """A handle: a half ellipse from `left` to `right`, `rise` m up (and `lean` m along -y) at its middle."""
        t = np.linspace(0, np.pi, 9)[:, None]
        left, right = np.asarray(left, float), np.asarray(right, float)
        path = (left + right) / 2 + (left - right) / 2 * np.cos(t) + np.sin(t) * (0, -lean, rise)
        return self.tube(path, radius, color, sections=6, **options)

    def dial(self, x: float, z: float, radius: float, y: float, depth: float, color, sections: int = 16,
             **options) -> "Small":
        """A disc on a front: from y out to y - depth, towards the viewer."""
        return self.rod((x, y, z), (x, y - depth, z), radius, color, sections=sections, **{"solid": False, **options})

    def settled(self, hung: bool = False) -> "Small":
        """Moved so that the base is at z = 0 and the footprint is centred, or, hung, the back is at y = 0."""
        points = self.vertices
        low, high = points.min(0), points.max(0)
        shift = -np.array([(low[0] + high[0]) / 2, high[1] if hung else (low[1] + high[1]) / 2, low[2]])
        self._vertices = [v + shift for v in self._vertices]
        self._boxes = [b + np.tile(shift, 2) for b in self._boxes]
        for s in self.supports:
            s.x0, s.x1, s.y0, s.y1 = s.x0 + shift[0], s.x1 + shift[0], s.y0 + shift[1], s.y1 + shift[1]
            s.z += shift[2]
        return self


def _built(build, hung: bool, rng: np.random.Generator) -> Small:
    return build(rng).settled(hung)


def settled_builder(build, hung: bool = False):
    """The builder, followed by `Small.settled`; unlike a closure it can be sent to another process."""
    return partial(_built, build, hung)


def kinds(table: dict[str, Kind]) -> dict[str, Kind]:
    """The table with each builder settled for its place."""
    return {name: replace(kind, build=settled_builder(kind.build, kind.place == "wall"))
            for name, kind in table.items()}


def hue(rng: np.random.Generator, saturation=(0.4, 0.9), value=(0.35, 0.9)) -> np.ndarray:
    """Any colour of the wheel, float (3,) in 0..255."""
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))) * 255

"""Coloured triangle meshes put together from primitives: what every object of a synthetic scene is made of.

Local frame, metres: x width, y depth, z up; the footprint is centred on the origin, the base lies at z = 0, and the
front faces -y. What hangs on a wall has its back at y = 0. Build with `Shape().box(...).cylinder(...)`.
"""
from dataclasses import dataclass

import numpy as np
import trimesh

Color = tuple[int, int, int]


@dataclass
class Support:
    """A horizontal rectangle on which small things can stand: x0 y0 x1 y1 (m), its height z, free height above it."""
    x0: float
    y0: float
    x1: float
    y1: float
    z: float
    clearance: float


class Shape:
    """A growing mesh with a colour per face, and a box per part for collision tests.

    vertices (V, 3) float64 m, faces (F, 3) int64, colors (F, 3) uint8, clear (F,) bool faces of glass, boxes (P, 6)
    x0 y0 z0 x1 y1 z1 of each part, supports: the surfaces that carry other things. place, height: where it goes, if
    not where its kind does.
    """

    def __init__(self):
        self._vertices, self._faces, self._colors, self._clear, self._boxes = [], [], [], [], []
        self._count = 0
        self.supports: list[Support] = []
        self.place: str | None = None
        self.height: tuple[float, float] | None = None

    vertices = property(lambda self: np.concatenate(self._vertices))
    faces = property(lambda self: np.concatenate(self._faces))
    colors = property(lambda self: np.concatenate(self._colors))
    clear = property(lambda self: np.concatenate(self._clear))
    boxes = property(lambda self: np.array(self._boxes))

    @property
    def bounds(self) -> np.ndarray:
        """(2, 3) lowest and highest corner, m."""
        return np.stack([self.boxes[:, :3].min(0), self.boxes[:, 3:].max(0)])

    def add(self, mesh: trimesh.Trimesh, color, turn: tuple = (), solid: bool = True, clear=False) -> "Shape":
        """Add a mesh in one colour (3,) or with one per face (F, 3).

        turn: (degrees, axis, point) rotates it first. solid False leaves it out of collision tests (leaves, cloth).
        clear: of glass, one for all or one per face.
        """
        vertices = np.asarray(mesh.vertices, float)
        if turn:
            degrees, axis, point = turn
            matrix = trimesh.transformations.rotation_matrix(np.radians(degrees), axis, point)
            vertices = trimesh.transform_points(vertices, matrix)
        self._vertices.append(vertices)
        self._faces.append(np.asarray(mesh.faces) + self._count)
        self._count += len(vertices)
        self._colors.append(np.broadcast_to(np.clip(color, 0, 255).astype(np.uint8), (len(mesh.faces), 3)))
        self._clear.append(np.broadcast_to(clear, len(mesh.faces)))
        if solid:
            self._boxes.append(np.concatenate([vertices.min(0), vertices.max(0)]))
        return self

    def mesh(self) -> trimesh.Trimesh:
        """All of it as one mesh, without colours."""
        return trimesh.Trimesh(self.vertices, self.faces, process=False)

    def move(self, by) -> "Shape":
        """Move all that is there by (3,) m."""
        by = np.asarray(by, float)
        self._vertices = [vertices + by for vertices in self._vertices]
        self._boxes = [box + np.tile(by, 2) for box in self._boxes]
        self.supports = [Support(s.x0 + by[0], s.y0 + by[1], s.x1 + by[0], s.y1 + by[1], s.z + by[2], s.clearance)
                         for s in self.supports]
        return self

    def add_boxes(self, boxes: np.ndarray) -> None:
        """Boxes (P, 6) for collision tests, of a mesh that was added without."""
        self._boxes.extend(boxes)

    def box(self, low, high, color, **options) -> "Shape":
        """An axis-aligned box from corner `low` to corner `high`."""
        low, high = np.minimum(low, high), np.maximum(low, high)
        mesh = trimesh.creation.box(extents=np.maximum(high - low, 1e-3))
        mesh.apply_translation((low + high) / 2)
        return self.add(mesh, color, **options)

    def cylinder(self, at, radius: float, height: float, color, top: float | None = None, sections: int = 20,
                 **options) -> "Shape":
        """An upright cylinder, or a truncated cone with top radius `top`, whose base is centred at `at`."""
        top = radius if top is None else top
        return self.lathe([(0, 0), (radius, 0), (top, height), (0, height)], at, color, sections=sections, **options)

    def lathe(self, profile, at, color, sections: int = 24, **options) -> "Shape":
        """The surface that a profile [(radius, height), ...], from low to high, makes about the z axis through `at`."""
        mesh = trimesh.creation.revolve(np.asarray(profile, float), sections=sections)
        mesh.apply_translation(at)
        return self.add(mesh, color, **options)

    def sphere(self, center, radii, color, subdivisions: int = 2, **options) -> "Shape":
        """A ball, or an ellipsoid with three radii."""
        mesh = trimesh.creation.icosphere(subdivisions=subdivisions)
        mesh.apply_scale(np.broadcast_to(np.asarray(radii, float), 3))
        mesh.apply_translation(center)
        return self.add(mesh, color, **options)

    def cushion(self, low, high, color, exponent: float = 4.0, **options) -> "Shape":
        """A box with soft edges: a superellipsoid; a higher exponent is boxier."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        mesh = trimesh.creation.icosphere(subdivisions=3)
        v = np.asarray(mesh.vertices)
        v = v / (np.abs(v) ** exponent).sum(1, keepdims=True) ** (1 / exponent)
        mesh.vertices = (low + high) / 2 + v * (high - low) / 2
        return self.add(mesh, color, **options)

    def rod(self, start, end, radius: float, color, sections: int = 10, **options) -> "Shape":
        """A straight round bar between two points."""
        mesh = trimesh.creation.cylinder(radius=radius, segment=[start, end], sections=sections)
        return self.add(mesh, color, **options)

    def tube(self, path, radius: float, color, sections: int = 10, **options) -> "Shape":
        """A round bar along a path of points (M, 3), with balls at the bends."""
        path = np.asarray(path, float)
        for start, end in zip(path[:-1], path[1:]):
            self.rod(start, end, radius, color, sections, **options)
        for bend in path[1:-1]:
            self.sphere(bend, radius, color, subdivisions=1, **options)
        return self

    def prism(self, outline, low: float, high: float, color, axis: str = "z", **options) -> "Shape":
        """A convex outline [(u, v), ...] drawn out from `low` to `high` along an axis.

        (u, v) is (x, y) for axis z, (x, z) for axis y and (y, z) for axis x.
        """
        outline = np.asarray(outline, float)
        order = {"z": (0, 1, 2), "y": (0, 2, 1), "x": (2, 0, 1)}[axis]
        corners = [np.column_stack([outline, np.full(len(outline), level)])[:, order] for level in (low, high)]
        mesh = trimesh.convex.convex_hull(np.concatenate(corners))
        return self.add(mesh, color, **options)

    def sheet(self, grid, color, **options) -> "Shape":
        """A thin surface through a grid of points (R, C, 3): cloth, paper, leaves. Seen from both sides."""
        grid = np.asarray(grid, float)
        rows, columns = grid.shape[:2]
        index = np.arange(rows * columns).reshape(rows, columns)
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
        faces = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
        return self.add(trimesh.Trimesh(grid.reshape(-1, 3), faces, process=False), color, **options)

    def merge(self, other: "Shape", at=(0, 0, 0), yaw: float = 0.0) -> "Shape":
        """Add another shape, turned by `yaw` degrees about its own z axis and moved to `at`; its supports too."""
        matrix = trimesh.transformations.rotation_matrix(np.radians(yaw), (0, 0, 1))
        for vertices, faces, colors, clear in zip(other._vertices, other._faces, other._colors, other._clear):
            mesh = trimesh.Trimesh(trimesh.transform_points(vertices, matrix) + at, faces - faces.min(), process=False)
            self.add(mesh, colors, clear=clear)
        if yaw % 360 == 0:
            for s in other.supports:
                self.supports.append(Support(s.x0 + at[0], s.y0 + at[1], s.x1 + at[0], s.y1 + at[1], s.z + at[2],
                                             s.clearance))
        return self

    def support(self, x0: float, y0: float, x1: float, y1: float, z: float, clearance: float = 2.0) -> "Shape":
        """Say that small things can stand on this rectangle."""
        self.supports.append(Support(x0, y0, x1, y1, z, clearance))
        return self


def vary(rng: np.random.Generator, color, amount: float = 18.0) -> np.ndarray:
    """A colour near the given one, float (3,) in 0..255."""
    return np.clip(np.asarray(color, float) + rng.normal(0, amount, 3), 5, 250)


def pick(rng: np.random.Generator, *choices):
    """One of the choices, each as likely."""
    return choices[rng.integers(len(choices))]


WOOD = ((176, 130, 84), (140, 96, 58), (205, 170, 125), (95, 62, 40), (222, 198, 160))
METAL = ((160, 162, 166), (70, 72, 76), (200, 202, 205))
WHITE = ((236, 236, 232), (225, 222, 214))
CERAMIC = ((240, 240, 238),)
PLASTIC = ((40, 40, 44), (90, 92, 96), (200, 200, 200))
FABRIC = ((110, 60, 55), (70, 90, 120), (150, 140, 125), (90, 110, 80), (60, 60, 70), (190, 175, 150), (160, 60, 70))


def tint(rng: np.random.Generator, palette, amount: float = 14.0) -> np.ndarray:
    """One of a palette's colours, a little varied, float (3,) in 0..255."""
    return vary(rng, palette[rng.integers(len(palette))], amount)

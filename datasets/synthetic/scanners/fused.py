"""A room as a scan of it: depth frames of a hand-held camera fused to one surface, coloured and labelled.

`scan(rng, room, placed)`, as `scanner.scan`. Frames are rendered (Open3D's RaycastingScene), spoilt as a sensor spoils
them (sensor.py), and fused in a truncated signed distance field at poses that drift (path.py); what comes out of that
is meshed. Rounded edges, lost thin things, holes, double walls and floaters follow by themselves.
"""
import numpy as np
from scipy.spatial import cKDTree

from datasets.label_sets import load_label_set
from datasets.synthetic.collision import Placed
from datasets.synthetic.rooms import Room
from datasets.synthetic.scanner import LAMPS
from datasets.synthetic.scanners.casting import Caster
from datasets.synthetic.scanners.field import Field
from datasets.synthetic.scanners.path import drifted, hand_held
from datasets.synthetic.scanners.sensor import Exposure, measured_depth
from datasets.synthetic.scanners.textures import Textures

PIXELS = (240, 180)
FOCAL = 217.0  # pixels: 58 degrees across
FRAMES = (130, 190)
VOXEL = 0.02  # m
LEAST_VIEWS = 2.0  # frames that must have seen a surface
UNLABELLED = 0.07  # m from the nearest true surface, beyond which a point has no label
BEFORE_SHELL = 0.012  # m by which a thing may be farther than wall or floor and still give the label
SHELL = {"wall", "floor", "ceiling"}
SMALL_PART = 40  # triangles; smaller pieces of the mesh are left out
SEE_THROUGH = 0.35  # share of the panes that a depth camera looks through
BRIGHTNESS = (80.0, 140.0)  # mean of a scan's colours
SAMPLED = 97  # a frame's pixels for each one that is remembered where it truly lies
AROUND = 9  # vertices whose median light one gets: the nearest true surface may be the inside of an edge
SKY = np.array([225.0, 235.0, 245.0])


def scan(rng: np.random.Generator, room: Room, placed: list[Placed]) -> tuple[np.ndarray, ...]:
    """Scan a furnished room.

    Returns points (N, 3) float32 m, colors (N, 3) uint8, labels (N,) int32 raw ids, 0 for unlabelled, instances (N,)
    int32 from 1, 0 for none, in a random order. An instance is one object, numbered as in `room.pieces + placed`.
    """
    pieces = room.pieces + placed
    surface = Surface(rng, pieces)
    vertices, colors, normals, drift = fuse(rng, surface, room, placed)
    place = vertices - drift
    owner, turned = surface.owner_of(place, normals)
    near = cKDTree(vertices).query(vertices, k=AROUND)[1]
    colors = colors * np.median(light(rng, surface, place, turned, room, placed)[near], axis=1)
    colors *= np.clip(rng.uniform(*BRIGHTNESS) / max(colors.mean(), 1.0), 0.7, 1.8)  # the camera's own choice
    colors = 255 * np.clip(colors / 255, 0, 1) ** rng.uniform(0.85, 1.15)
    scannet200 = load_label_set()
    raw = scannet200.ids[scannet200.indices([piece.name for piece in pieces], "scanner")]
    labels = np.where(owner >= 0, raw[owner], 0)
    order = rng.permutation(len(vertices))
    return (vertices[order].astype(np.float32), np.clip(colors, 0, 255).astype(np.uint8)[order],
            labels.astype(np.int32)[order], (owner + 1).astype(np.int32)[order])


class Surface:
    """All of a room: triangles (F, 3, 3), colors (F, 3), owner (F,) row of `pieces`, and rays against them."""

    def __init__(self, rng: np.random.Generator, pieces: list[Placed]):
        self.pieces = pieces
        self.triangles = np.concatenate([p.world(p.shape.vertices)[p.shape.faces] for p in pieces])
        self.colors = np.concatenate([p.shape.colors for p in pieces]).astype(float)
        sizes = [len(p.shape.faces) for p in pieces]
        self.owner = np.repeat(np.arange(len(pieces)), sizes)
        edges = self.triangles[:, 1:] - self.triangles[:, :1]
        self.normals = np.cross(edges[:, 0], edges[:, 1])
        self.normals /= np.linalg.norm(self.normals, axis=1, keepdims=True) + 1e-12
        self.textures = Textures(rng, pieces)
        clear = np.concatenate([p.shape.clear for p in pieces])
        through = np.array([rng.random() < SEE_THROUGH for _ in pieces])
        self.seen = np.flatnonzero(~(clear & through[self.owner]))  # panes looked through are not there
        # How often a surface gives no depth: panes, mirrors, screens.
        lost = np.array([{"mirror": 0.75, "shower door": 0.6, "tv": 0.35, "monitor": 0.3}.get(p.name, 0.0)
                         for p in pieces]) * rng.uniform(0.4, 1.2, len(pieces))
        panes = rng.uniform(0.1, 0.8, len(pieces))  # glass that is dusty, or has night or a blind behind it, is seen
        self.shiny = np.maximum(lost[self.owner], clear * panes[self.owner])
        self.rays = Caster(self.triangles[self.seen])
        self.shell = np.array([p.name in SHELL for p in pieces])[self.owner]
        self.near = [(rows, Caster(self.triangles[rows])) for rows in
                     (self.seen[self.shell[self.seen]], self.seen[~self.shell[self.seen]]) if len(rows)]

    def owner_of(self, points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The piece (N,) whose surface is nearest to points (N, 3), -1 beyond UNLABELLED, and its normal there (N, 3),
        turned to the side of `normals`.

        A thing on a wall is taken before the wall: people label all of a poster.
        """
        (rows, caster), *things = self.near
        _, distance, face = caster.nearest(points)
        face = rows[face]
        for rows, caster in things:
            _, other_distance, other_face = caster.nearest(points)
            thing = other_distance < distance + BEFORE_SHELL
            distance, face = np.where(thing, other_distance, distance), np.where(thing, rows[other_face], face)
        owner = np.where(distance < UNLABELLED, self.owner[face], -1)
        true = self.normals[face]
        return owner, true * np.where(np.einsum("ij,ij->i", true, normals) < 0, -1.0, 1.0)[:, None]


def fuse(rng: np.random.Generator, surface: Surface, room: Room, placed: list[Placed]) -> tuple[np.ndarray, ...]:
    """Vertices (N, 3) m, colours (N, 3) float 0..255 and unit normals (N, 3) of the fused mesh, and drift (N, 3) m: how
    far from the true place the poses that saw a vertex have put it."""
    width, height = PIXELS
    v, u = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    rays = np.stack([(u - width / 2 + 0.5) / FOCAL, (v - height / 2 + 0.5) / FOCAL, np.ones_like(u)], -1).reshape(-1, 3)
    stretch = np.linalg.norm(rays, axis=1)
    field = Field(PIXELS, FOCAL, VOXEL)
    true = hand_held(rng, room, placed, int(rng.integers(*FRAMES)))
    believed = drifted(rng, true, rng.lognormal(-0.1, 0.5))
    pixels, believed_points, drifts = np.arange(width * height), [], []
    exposure, quality = Exposure(rng, (height, width)), rng.lognormal(0.1, 0.25)
    for k in range(len(true.position)):
        directions = rays @ true.rotation[k]
        depth, face, normal = surface.rays.cast(true.position[k], directions)
        hit = face >= 0
        face = surface.seen[face[hit]]
        color = np.tile(SKY, (len(rays), 1))
        points = true.position[k] + depth[hit, None] * directions[hit]
        color[hit] = surface.colors[face] * surface.textures.factor(face, points)
        cosine, dark, shiny = np.zeros(len(rays)), np.full(len(rays), 255.0), np.zeros(len(rays))
        cosine[hit] = np.abs(np.einsum("ij,ij->i", normal[hit], directions[hit])) / stretch[hit]
        dark[hit], shiny[hit] = color[hit].mean(1), surface.shiny[face]
        shape = (height, width)
        seen = measured_depth(rng, depth.reshape(shape), cosine.reshape(shape), dark.reshape(shape),
                              shiny.reshape(shape), quality)
        some = pixels[k % SAMPLED::SAMPLED]
        some = some[seen.ravel()[some] > 0]
        ahead = depth[some, None] * rays[some]
        believed_points.append(believed.position[k] + ahead @ believed.rotation[k])
        drifts.append(believed_points[-1] - (true.position[k] + ahead @ true.rotation[k]))
        field.add(seen, exposure.image(color.reshape(height, width, 3)), believed.rotation[k], believed.position[k])
    vertices, colors, normals = field.mesh(LEAST_VIEWS, SMALL_PART)
    near = cKDTree(np.concatenate(believed_points)).query(vertices, k=8)[1]
    return vertices, colors, normals, np.concatenate(drifts)[near].mean(1)


def light(rng: np.random.Generator, surface: Surface, points: np.ndarray, normals: np.ndarray, room: Room,
          placed: list[Placed]) -> np.ndarray:
    """(N, 3) by which light multiplies colours: the room's, less in corners; windows' and lamps' with shadows."""
    start = points + 0.03 * normals
    open_sky = np.zeros(len(points))
    beams = 6
    for _ in range(beams):  # how much within 0.6 m hides the room's light
        beam = rng.normal(size=(len(points), 3))
        beam = normals + beam / np.linalg.norm(beam, axis=1, keepdims=True) * 0.95
        open_sky += ~surface.rays.blocked(start, 0.6 * beam)
    ambient = rng.uniform(0.38, 0.62)
    result = np.repeat((ambient + 0.08 * normals[:, 2:]) * (0.55 + 0.45 * open_sky[:, None] / beams), 3, axis=1)
    lamps = list(room.lights)
    for lamp in placed:
        if lamp.name in LAMPS and rng.random() < 0.5:
            hangs = lamp.position[2] > 1.5
            z = lamp.position[2] + (-0.1 if hangs else lamp.shape.vertices[:, 2].max() + 0.05)
            lamps.append((*lamp.position[:2], z, rng.uniform(0.3, 0.7)))
    for *position, power in lamps:
        beam = np.array(position) + rng.normal(0, 0.1, (len(points), 3)) - points  # soft shadows
        distance = np.linalg.norm(beam, axis=1)
        facing = np.clip(np.einsum("ij,ij->i", beam, normals) / (distance + 1e-9), 0, 1)
        share = power * facing / (1 + (distance / 2.0) ** 2)
        lit = np.flatnonzero(share > 0.03)
        share[lit] *= np.where(surface.rays.blocked(start[lit], 0.97 * (beam[lit] - 0.03 * normals[lit])), 0.25, 1.0)
        warm = rng.uniform(-0.08, 0.16)
        result += share[:, None] * np.array([1 + warm, 1.0, 1 - warm])
    return np.clip(result, 0.12, 1.35)

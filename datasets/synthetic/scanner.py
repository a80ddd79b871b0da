"""What a hand-held depth camera sees of a room: points of visible surfaces, with their colours as it lights them.

`scan(rng, room, placed)` casts rays from places along a walk through the room (embree), adds depth noise and uneven
light, and keeps one hit in every cell of 2 cm. What no view reaches stays a hole.
"""
import numpy as np
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from datasets.label_sets import load_label_set
from datasets.synthetic.collision import Placed, extents, upright_boxes
from datasets.synthetic.rooms import Room

SPACING = 0.02  # m
FIELD_OF_VIEW = (58.0, 45.0)  # degrees, a structured-light depth camera
PIXELS = (200, 154)
REACH = (0.25, 4.5)  # m, nearest and farthest depth
NOISE = 0.0005  # standard deviation of the depth per squared metre: 2 mm at 2 m, 8 mm at 4 m (structured light)
GRAZING = 0.12  # cosine below which a surface gives no depth
LAMPS = {"lamp", "ceiling light", "light"}


def scan(rng: np.random.Generator, room: Room, placed: list[Placed]) -> tuple[np.ndarray, ...]:
    """Scan a furnished room.

    Returns points (N, 3) float32 m, colors (N, 3) uint8, labels (N,) int32 raw ids, instances (N,) int32 from 1, in a
    random order. An instance is one object or one piece of the room, numbered as in `room.pieces + placed`.
    """
    pieces = room.pieces + placed
    triangles, tint, owner = [], [], []
    for number, piece in enumerate(pieces):
        triangles.append(piece.world(piece.shape.vertices)[piece.shape.faces])
        tint.append(piece.shape.colors)
        owner.append(np.full(len(piece.shape.faces), number))
    triangles, tint, owner = (np.concatenate(part) for part in (triangles, tint, owner))  # (F, 3, 3), (F, 3), (F,)
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    mesh = trimesh.Trimesh(triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3), process=False)
    rays = RayMeshIntersector(mesh, scale_to_box=False)

    lamps = list(room.lights)
    for lamp in placed:
        if lamp.name in LAMPS:  # beyond its shade: above a standing one, below a hanging one
            hangs = lamp.position[2] > 1.5
            z = lamp.position[2] + (-0.1 if hangs else lamp.shape.bounds[1, 2] + 0.05)
            lamps.append((*lamp.position[:2], z, rng.uniform(0.3, 0.7)))
    places = walk(rng, room, placed)
    views = [(place, heading) for place in places for heading in headings(rng, place, room)] + peeks(room)
    parts = []
    for place, heading in views:
        directions, edge = camera(rng, heading)
        face = rays.intersects_first(np.broadcast_to(place, directions.shape), directions)
        hit = np.flatnonzero(face >= 0)
        face, ray = face[hit], directions[hit]
        facing = np.einsum("ij,ij->i", ray, normal[face])
        depth = np.einsum("ij,ij->i", triangles[face, 0] - place, normal[face]) / np.where(facing, facing, 1e-9)
        keep = (np.abs(facing) > GRAZING) & (depth > REACH[0]) & (depth < REACH[1])
        face, ray, depth, facing, hit = face[keep], ray[keep], depth[keep], facing[keep], hit[keep]
        gain = rng.normal(1.0, 0.08) * (1 - 0.28 * edge[hit] ** 2)  # exposure of this view, vignetting
        balance = rng.normal(1.0, 0.025, 3)
        depth = depth + rng.normal(0, NOISE, len(depth)) * depth ** 2
        parts.append((place + depth[:, None] * ray, face, depth, gain[:, None] * balance,
                      (1.01 - edge[hit]) ** 2, normal[face] * -np.sign(facing)[:, None]))
    points, face, depth, gain, weight, facing = (np.concatenate(column) for column in zip(*parts))
    chosen, gain = thin(points, depth, gain, weight)
    points, face, facing = points[chosen], face[chosen], facing[chosen]
    light = illumination(rays, triangles[:, 0], normal, points, facing, lamps) * gain  # (N, 3)
    colors = tint[face] * light + rng.normal(0, 4.0, (len(points), 3)) + rng.normal(0, 3.0, (len(points), 1))
    scannet200 = load_label_set()
    raw = scannet200.ids[scannet200.indices([piece.name for piece in pieces], "scanner")]
    return (points.astype(np.float32), np.clip(colors, 0, 255).astype(np.uint8), raw[owner[face]],
            (owner[face] + 1).astype(np.int32))


def walk(rng: np.random.Generator, room: Room, placed: list[Placed]) -> np.ndarray:
    """Eye positions (V, 3) m, 1.3 to 1.75 m high, spread over the floor that a person can stand on."""
    places = int(np.clip(3 + room.width * room.depth / 5, 5, 7))
    boxes = [upright_boxes(p.shape.boxes, p.position, p.yaw) for p in room.pieces + placed
             if len(p.shape.boxes) and p.name != "wall"]
    blocks = extents(np.concatenate(boxes)) if boxes else np.zeros((0, 6))
    blocks = blocks[(blocks[:, 2] < 1.9) & (blocks[:, 5] > 0.25)]
    inset = min(0.35, 0.2 * min(room.width, room.depth))
    spots = rng.uniform((inset, inset), (room.width - inset, room.depth - inset), (400, 2))
    if room.notch:
        spots = spots[(spots[:, 0] < room.notch[0] - inset) | (spots[:, 1] < room.notch[1] - inset)]
    away = np.maximum(blocks[None, :, :2] - spots[:, None], spots[:, None] - blocks[None, :, 3:5])  # (S, B, 2)
    clear = np.maximum(away, 0).max(-1).min(1, initial=1.0)
    order = np.argsort(-np.minimum(clear, 0.25), kind="stable")
    spots = spots[order[:max(places, int((clear > 0.12).sum()))]]
    chosen = [0]
    for _ in range(min(places, len(spots)) - 1):  # farthest next
        gap = np.linalg.norm(spots[:, None] - spots[None, chosen], axis=-1).min(1)
        chosen.append(int(gap.argmax()))
    return np.column_stack([spots[chosen], rng.uniform(1.3, 1.75, len(chosen))])


def headings(rng: np.random.Generator, place: np.ndarray, room: Room) -> list[tuple[float, float]]:
    """Directions (azimuth, elevation, radians) in which the camera is held at a place: around, mostly a bit down."""
    inwards = np.arctan2(room.depth / 2 - place[1], room.width / 2 - place[0])
    around = inwards + np.array([-0.7, 0.0, 0.7, 3.1, 0.3, 0.0]) + rng.normal(0, 0.25, 6)
    held = list(zip(around, np.radians(rng.normal((-24, -14, -24, -28, -48, 30), 8))))
    return held if rng.random() < 0.3 else held[:-1]  # the ceiling is looked at now and then


def peeks(room: Room) -> list[tuple[np.ndarray, tuple[float, float]]]:
    """A view (place, heading) into each bathroom stall from its door: the walk passes by."""
    return [(piece.world(np.array([[0.0, piece.shape.bounds[0, 1] + 0.12, 1.65]]))[0],
             (piece.yaw + np.pi / 2, np.radians(-35))) for piece in room.pieces if piece.name == "bathroom stall"]


def camera(rng: np.random.Generator, heading: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (P, 3) through jittered pixels of a camera so held, and each one's distance from the centre."""
    columns, rows = PIXELS
    u, v = np.meshgrid((np.arange(columns) + 0.5) / columns * 2 - 1, (np.arange(rows) + 0.5) / rows * 2 - 1)
    u = u.ravel() + rng.uniform(-1, 1, u.size) / columns
    v = v.ravel() + rng.uniform(-1, 1, v.size) / rows
    azimuth, elevation = heading
    ahead = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
    half = np.tan(np.radians(FIELD_OF_VIEW) / 2)
    directions = ahead + u[:, None] * half[0] * right + v[:, None] * half[1] * np.cross(right, ahead)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True), np.hypot(u, v) / np.sqrt(2)


def thin(points: np.ndarray, depth: np.ndarray, gain: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One point for each cell of SPACING: indices (M,) of those seen from nearest, and the cells' mean gain (M, 3).

    Fusion does the same: the nearest view weighs most in the surface, colours are averaged with `weight` (N,), which
    is low at an image's edge so that views blend.
    """
    cells = np.rint(points / SPACING).astype(np.int64) + (1 << 15)  # the floor lies in the middle of its cells
    key = (cells[:, 0] << 40) | (cells[:, 1] << 20) | cells[:, 2]
    order = np.lexsort((depth, key))
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    weight = weight[order, None]
    mean = np.add.reduceat(gain[order] * weight, starts) / np.add.reduceat(weight, starts)
    return order[starts], mean


def illumination(rays: RayMeshIntersector, corner: np.ndarray, normal: np.ndarray, points: np.ndarray,
                 facing: np.ndarray, lamps: list) -> np.ndarray:
    """Light (N, 1) on points (N, 3) whose surface faces `facing` (N, 3): ambient, and each lamp's share unless hidden.

    corner, normal: (F, 3) a corner and the normal of each triangle; lamps: rows x y z power.
    """
    light = 0.47 + 0.10 * facing[:, 2]
    for *position, power in lamps:
        beam = np.array(position) - points
        distance = np.linalg.norm(beam, axis=1)
        beam /= distance[:, None] + 1e-9
        share = power * np.clip(np.einsum("ij,ij->i", beam, facing), 0, 1) / (1 + (distance / 2.0) ** 2)
        lit = np.flatnonzero(share > 0.03)
        start, toward = points[lit] + 0.02 * facing[lit], beam[lit]
        blocker = rays.intersects_first(start, toward)
        slope = np.einsum("ij,ij->i", toward, normal[blocker])
        reach = np.einsum("ij,ij->i", corner[blocker] - start, normal[blocker]) / np.where(slope, slope, 1e-9)
        hidden = (blocker >= 0) & (reach < distance[lit])
        light[lit] += share[lit] * np.where(hidden, 0.25, 1.0)
    return np.clip(light, 0.2, 1.1)[:, None]

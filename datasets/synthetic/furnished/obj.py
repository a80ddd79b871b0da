"""Reads an OBJ model with its MTL materials and textures out of a zip archive: triangles with a colour each.

`read_obj(archive, "scopia/bed1/bed1.obj", presets)`; presets: colours of materials that no MTL file gives.
"""
import io
import posixpath
import zipfile
from dataclasses import dataclass

import numpy as np
from PIL import Image

GREY = (0.7, 0.7, 0.7, 1.0)


@dataclass
class Mesh:
    """triangles (F, 3, 3) in the file's units, y up; uv (F, 3, 2); material (F,) rows of `materials`."""
    triangles: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    materials: list[dict]  # {"name", "color" (r g b a) 0..1, "texture": (H, W, 3) uint8 or None}


def read_obj(archive: zipfile.ZipFile, path: str, presets: dict[str, tuple]) -> Mesh:
    """A model of an archive. Raises ValueError where it has no faces."""
    vertices, texture_points, corners, groups, names = [], [], [], [], {}
    current, libraries = 0, []
    names["default"] = 0
    for line in archive.read(path).decode("latin-1").splitlines():
        word = line.split()
        if not word:
            continue
        if word[0] == "v":
            vertices.append(word[1:4])
        elif word[0] == "vt":
            texture_points.append(word[1:3])
        elif word[0] == "f":
            ring = [_corner(c, len(vertices), len(texture_points)) for c in word[1:]]
            for k in range(1, len(ring) - 1):
                corners.append((*ring[0], *ring[k], *ring[k + 1]))
                groups.append(current)
        elif word[0] == "usemtl":
            current = names.setdefault(" ".join(word[1:]), len(names))
        elif word[0] == "mtllib":
            libraries.append(" ".join(word[1:]))
    if not corners:
        raise ValueError(f"{path}: has no faces")
    points = np.array(vertices, float)
    plane = np.array(texture_points, float) if texture_points else np.zeros((1, 2))
    corners = np.array(corners).reshape(-1, 3, 2)
    found = {}
    for library in libraries:
        found |= _read_mtl(archive, posixpath.join(posixpath.dirname(path), library))
    materials = [found.get(name) or {"name": name, "color": presets.get(name, GREY), "texture": None}
                 for name in names]
    return Mesh(points[corners[..., 0]], plane[np.minimum(corners[..., 1], len(plane) - 1)], np.array(groups),
                materials)


def _corner(text: str, vertices: int, texture_points: int) -> tuple[int, int]:
    """"7/3/1" as indices from 0 of vertex and texture point; negative ones count from the last."""
    part = text.split("/")
    v = int(part[0])
    t = int(part[1]) if len(part) > 1 and part[1] else 1
    return (v - 1 if v > 0 else vertices + v), max(t - 1 if t > 0 else texture_points + t, 0)


def _read_mtl(archive: zipfile.ZipFile, path: str) -> dict[str, dict]:
    materials, current = {}, None
    try:
        text = archive.read(path).decode("latin-1")
    except KeyError:
        return {}
    for line in text.splitlines():
        word = line.split()
        if not word:
            continue
        if word[0] == "newmtl":
            current = {"name": " ".join(word[1:]), "color": GREY, "texture": None}
            materials[current["name"]] = current
        elif current is None:
            continue
        elif word[0] == "Kd":
            current["color"] = (*(float(w) for w in word[1:4]), current["color"][3])
        elif word[0] in ("d", "Tr") and len(word) > 1:
            alpha = float(word[-1]) if word[0] == "d" else 1 - float(word[-1])
            current["color"] = (*current["color"][:3], alpha)
        elif word[0] == "map_Kd":
            current["texture"] = _texture(archive, posixpath.join(posixpath.dirname(path), word[-1]))
    return materials


def _texture(archive: zipfile.ZipFile, path: str) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(archive.read(posixpath.normpath(path)))) as image:
            image.thumbnail((256, 256))  # vertices of a scan lie 2 cm apart: finer is lost
            return np.asarray(image.convert("RGB"))
    except (KeyError, OSError):
        return None


def face_colors(mesh: Mesh) -> np.ndarray:
    """(F, 3) uint8: each triangle's material, or its texture in the triangle's middle."""
    base = np.array([m["color"][:3] for m in mesh.materials])
    colors = np.clip(base[mesh.material] * 255, 0, 255)
    for k, material in enumerate(mesh.materials):
        if material["texture"] is not None:
            rows = np.flatnonzero(mesh.material == k)
            height, width = material["texture"].shape[:2]
            u, v = (mesh.uv[rows].mean(1) % 1.0).T
            colors[rows] = material["texture"][np.minimum(((1 - v) * height).astype(int), height - 1),
                                               np.minimum((u * width).astype(int), width - 1)]
    return colors.astype(np.uint8)


def split_textured(mesh: Mesh, longest: float, most: int = 40_000) -> Mesh:
    """Split triangles with a texture until no edge is longer than `longest`, or there are `most` triangles."""
    textured = np.array([m["texture"] is not None for m in mesh.materials])
    triangles, uv, material = mesh.triangles, mesh.uv, mesh.material
    for _ in range(6):
        edges = np.linalg.norm(triangles - np.roll(triangles, -1, axis=1), axis=2).max(1)
        big = (edges > longest) & textured[material]
        if not big.any() or len(triangles) + 3 * big.sum() > most:
            break
        parts = []
        for values in (triangles, uv):
            a, b, c = np.moveaxis(values[big], 1, 0)
            ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
            quarters = [np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
            parts.append(np.concatenate([values[~big], *quarters]))
        triangles, uv = parts
        material = np.concatenate([material[~big], *[material[big]] * 4])
    return Mesh(triangles, uv, material, mesh.materials)

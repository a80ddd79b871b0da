"""glTF, .glb and .gltf, by trimesh: all nodes one after the other, where the scene puts them; metres, y up."""
import json
import logging
from pathlib import Path

import numpy as np

from datasets.scans.textures import Paint
from datasets.scans.vertices import Vertices


def read_gltf(path: Path) -> Vertices:
    """Vertices, faces, vertex colours or textures. Raises ValueError, one line."""
    import trimesh  # here: it takes a second, and only meshes need it
    _check_header(path)
    level = logging.getLogger("trimesh").level
    logging.getLogger("trimesh").setLevel(logging.CRITICAL)
    try:
        scene = trimesh.load(path, process=False, force="scene")
        parts = [_part(trimesh, scene, node) for node in scene.graph.nodes_geometry]
    except Exception as error:  # of many kinds, for damaged files
        raise ValueError(f"{path}: truncated or damaged: {' '.join(str(error or type(error)).split())[:200]}") from None
    finally:
        logging.getLogger("trimesh").setLevel(level)
    parts = [part for part in parts if part is not None and len(part["points"])]
    if not parts:
        raise ValueError(f"{path}: holds no mesh and no points")
    starts = np.cumsum([0] + [len(part["points"]) for part in parts])
    columns = dict(zip("xyz", np.ascontiguousarray(np.concatenate([part["points"] for part in parts]).T)))
    vertices = Vertices(columns, up="y", unit="m")
    vertices.faces = np.concatenate([part["faces"] + start for part, start in zip(parts, starts)])
    if all(part["colors"] is not None for part in parts):
        colors = np.concatenate([part["colors"] for part in parts])
        columns |= {name: np.ascontiguousarray(colors[:, i]) for i, name in enumerate(("red", "green", "blue"))}
    elif any(part["image"] is not None or part["base"] is not None for part in parts):
        vertices.paint = _paint(parts)
    for name in set.intersection(*(set(part["attributes"]) for part in parts)):
        columns[name.lstrip("_").lower()] = np.concatenate([part["attributes"][name] for part in parts])
    return vertices


def _check_header(path: Path) -> None:
    """Refuse what promises more than the file and its buffers hold, before anybody makes room for it."""
    data = path.read_bytes()
    if path.suffix.lower() == ".glb":
        if data[:4] != b"glTF" or len(data) < 20:
            raise ValueError(f"{path}: not a glTF file")
        length = int.from_bytes(data[12:16], "little")
        if int.from_bytes(data[8:12], "little") > len(data) or 20 + length > len(data):
            raise ValueError(f"{path}: truncated: its header promises {int.from_bytes(data[8:12], 'little')} bytes, "
                             f"file has {len(data)}")
        data = data[20:20 + length]
    try:
        tree = json.loads(data)
        buffers = sum(int(buffer["byteLength"]) for buffer in tree.get("buffers", []))
        counts = [int(accessor["count"]) for accessor in tree.get("accessors", [])]
        nodes = len(tree.get("nodes", []))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: truncated or damaged: {' '.join(repr(error).split())[:120]}") from None
    total = sum(file.stat().st_size for file in path.parent.iterdir() if file.is_file()) \
        if path.suffix.lower() == ".gltf" else path.stat().st_size
    if max(counts, default=0) > buffers or buffers > total or min(counts, default=0) < 0 or nodes > 10**6:
        raise ValueError(f"{path}: damaged: promises {max(counts, default=0)} values in {buffers} bytes, "
                         f"which are not there")


def _part(trimesh, scene, node: str) -> dict | None:
    matrix, name = scene.graph[node]
    geometry = scene.geometry[name]
    if not isinstance(geometry, (trimesh.Trimesh, trimesh.PointCloud)):
        return None
    points = np.asarray(geometry.vertices, np.float64)
    part = {"points": points @ matrix[:3, :3].T + matrix[:3, 3], "faces": np.empty((0, 3), np.int64), "colors": None,
            "image": None, "base": None, "uvs": None, "attributes": {}}
    if isinstance(geometry, trimesh.PointCloud):
        colors = np.asarray(geometry.colors)
        part["colors"] = colors[:, :3].astype(np.uint8) if colors.shape[:1] == points.shape[:1] else None
        return part
    part["faces"] = np.asarray(geometry.faces, np.int64)
    part["attributes"] = {key: values for key, values in geometry.vertex_attributes.items()
                          if key.startswith("_") and values.shape == (len(points),)}
    visual = geometry.visual
    colors = visual.vertex_attributes.get("color") if hasattr(visual, "vertex_attributes") else None
    if visual.kind == "vertex":
        part["colors"] = np.asarray(visual.vertex_colors)[:, :3]
    elif visual.kind == "texture":
        material = visual.material
        part["image"] = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        base = getattr(material, "baseColorFactor", None)
        part["base"] = (1.0, 1.0, 1.0) if base is None else tuple(np.asarray(base, float)[:3] / 255)
        part["uvs"] = None if visual.uv is None else np.asarray(visual.uv, float)
        if part["image"] is None and colors is not None and len(colors) == len(points):
            part["colors"] = np.asarray(colors)[:, :3].astype(np.uint8)
    return part


def _paint(parts: list[dict]) -> Paint:
    uvs, materials = [], []
    for number, part in enumerate(parts):
        faces = part["faces"]
        uvs.append(np.full((len(faces), 3, 2), np.nan) if part["uvs"] is None else part["uvs"][faces][:, :, :2])
        materials.append(np.full(len(faces), number))
    colors = [part["base"] or (0.8, 0.8, 0.8) for part in parts]
    return Paint(np.concatenate(uvs), np.concatenate(materials), [part["image"] for part in parts], colors)

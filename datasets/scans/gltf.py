"""glTF, .glb and .gltf, by trimesh: all nodes one after the other, where the scene puts them; metres, y up."""
import io
import json
import logging
from pathlib import Path

import numpy as np

from datasets.scans.textures import Paint
from datasets.scans.vertices import Vertices

PACKED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression")
MODES = {1: "lines", 2: "lines", 3: "lines", 6: "fans"}  # of primitives, that trimesh does not hand over
COLOR, RAW = "COLOR_0", "_COLOR_0"  # trimesh casts the former to bytes whatever they are, and hands over the latter


def read_gltf(path: Path) -> Vertices:
    """Vertices, faces, vertex colours or textures. Raises ValueError, one line."""
    import trimesh  # here: it takes a second, and only meshes need it
    data, warnings = _checked(path)
    level = logging.getLogger("trimesh").level
    logging.getLogger("trimesh").setLevel(logging.CRITICAL)
    try:
        scene = trimesh.load(io.BytesIO(data), file_type=path.suffix.lower()[1:], process=False, force="scene",
                             resolver=trimesh.resolvers.FilePathResolver(path))
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
    vertices = Vertices(columns, up="y", unit="m", warnings=warnings)
    vertices.faces = np.concatenate([part["faces"] + start for part, start in zip(parts, starts)])
    painted = [part["colors"] is None for part in parts]
    if any(painted) and not all(painted):
        vertices.warnings.append(f"{sum(painted)} of its {len(parts)} parts have no vertex colours: those of the "
                                 "others do not count")
    if not any(painted):
        colors = np.concatenate([part["colors"] for part in parts])
        columns |= {name: np.ascontiguousarray(colors[:, i]) for i, name in enumerate(("red", "green", "blue"))}
    elif any(part["image"] is not None or part["base"] is not None for part in parts):
        vertices.paint = _paint(parts)
    for name in set.intersection(*(set(part["attributes"]) for part in parts)):
        columns[name.lstrip("_").lower()] = np.concatenate([part["attributes"][name] for part in parts])
    return vertices


def _checked(path: Path) -> tuple[bytes, list[str]]:
    """The file with its vertex colours under a name of ours, and warnings.

    Refuses what promises more than the file and its buffers hold, before anybody makes room for it, and what trimesh
    would misread.
    """
    data, head, rest = path.read_bytes(), b"", b""
    if path.suffix.lower() == ".glb":
        if data[:4] != b"glTF" or len(data) < 20:
            raise ValueError(f"{path}: not a glTF file")
        length = int.from_bytes(data[12:16], "little")
        if int.from_bytes(data[8:12], "little") > len(data) or 20 + length > len(data):
            raise ValueError(f"{path}: truncated: its header promises {int.from_bytes(data[8:12], 'little')} bytes, "
                             f"file has {len(data)}")
        head, data, rest = data[:8], data[20:20 + length], data[20 + length:int.from_bytes(data[8:12], "little")]
    try:
        tree = json.loads(data)
        buffers = sum(int(buffer["byteLength"]) for buffer in tree.get("buffers", []))
        counts = [int(accessor["count"]) for accessor in tree.get("accessors", [])]
        nodes = len(tree.get("nodes", []))
        warnings = _prepare(tree, path)
    except _Unread as error:
        raise ValueError(str(error)) from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: truncated or damaged: {' '.join(repr(error).split())[:120]}") from None
    total = sum(file.stat().st_size for file in path.parent.iterdir() if file.is_file()) \
        if path.suffix.lower() == ".gltf" else path.stat().st_size
    if max(counts, default=0) > buffers or buffers > total or min(counts, default=0) < 0 or nodes > 10**6:
        raise ValueError(f"{path}: damaged: promises {max(counts, default=0)} values in {buffers} bytes, "
                         f"which are not there")
    data = json.dumps(tree).encode()
    if head:
        data += b" " * (-len(data) % 4)
        data = head + (20 + len(data) + len(rest)).to_bytes(4, "little") + len(data).to_bytes(4, "little") + b"JSON" \
            + data + rest
    return data, warnings


class _Unread(Exception):
    """What this reader knows that it would misread."""


def _prepare(tree: dict, path: Path) -> list[str]:
    """Rename vertex colours in place; returns warnings."""
    warnings = []
    if packed := [name for name in tree.get("extensionsRequired", []) if name in PACKED]:
        raise _Unread(f"{path}: its geometry is packed by {packed[0]}: export it without compression")
    accessors = tree.get("accessors", [])
    for mesh in tree.get("meshes", []):
        for primitive in mesh["primitives"]:
            mode, attributes = primitive.get("mode", 4), primitive["attributes"]
            if mode in MODES:
                warnings.append(f"holds {MODES[mode]}, which were not read")
            for name in ("POSITION", COLOR):
                accessor = accessors[attributes[name]] if name in attributes else {}
                if "sparse" in accessor or name == "POSITION" and accessor.get("normalized"):
                    raise _Unread(f"{path}: its {name} is {'sparse' if 'sparse' in accessor else 'quantized'}: "
                                  "export it plainly")
                if name == COLOR and accessor:
                    if mode:
                        attributes[RAW] = attributes.pop(COLOR)
                    elif accessor["componentType"] not in (5121, 5126):
                        warnings.append("colours of 16 bits at points are not read")
                        del attributes[COLOR]
    return list(dict.fromkeys(warnings))


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
    colors = geometry.vertex_attributes.get(RAW)
    if colors is not None and colors.shape[:1] == points.shape[:1] and colors.ndim == 2 and colors.shape[1] >= 3:
        full = 1.0 if colors.dtype.kind == "f" else float(np.iinfo(colors.dtype).max)
        colors = np.rint(np.clip(np.nan_to_num(colors[:, :3] / full), 0, 1) * 255).astype(np.uint8)
    else:
        colors = None
    part["colors"] = colors
    if visual.kind == "texture":
        material = visual.material
        part["image"] = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        base = getattr(material, "baseColorFactor", None)
        part["base"] = (1.0, 1.0, 1.0) if base is None else tuple(np.asarray(base, float)[:3] / 255)
        part["uvs"] = None if visual.uv is None else np.asarray(visual.uv, float)
        if part["image"] is not None:
            part["colors"] = None
    return part


def _paint(parts: list[dict]) -> Paint:
    uvs, materials = [], []
    for number, part in enumerate(parts):
        faces = part["faces"]
        uvs.append(np.full((len(faces), 3, 2), np.nan) if part["uvs"] is None else part["uvs"][faces][:, :, :2])
        materials.append(np.full(len(faces), number))
    colors = [part["base"] or (0.8, 0.8, 0.8) for part in parts]
    return Paint(np.concatenate(uvs), np.concatenate(materials), [part["image"] for part in parts], colors)

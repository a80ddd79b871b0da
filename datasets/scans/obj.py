"""OBJ: vertices in the file's order, colours behind the coordinates or from the textures and colours of its .mtl."""
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.scans.ply import fan
from datasets.scans.textures import Paint, open_image
from datasets.scans.vertices import UNENDED, Vertices

LONGEST = 1 << 16  # corners of a face
WIDTHS = (3, 4, 6, 7)  # numbers behind `v`: x y z, perhaps w, perhaps r g b
# Keywords of lines that say nothing of points and faces.
OTHER = set(b"vn vp g o s l p mg lod bevel c_interp d_interp shadow_obj trace_obj usemap maplib cstype deg bmat step "
            b"curv curv2 surf parm trim hole scrv sp end con ctech stech call csh fo".split())


@dataclass
class Material:
    color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    image: Image.Image | None = None


def read_obj(data: np.ndarray, path: Path) -> Vertices:
    """Vertices and faces. data: (B,) uint8, the file; path: beside which materials and textures lie.

    Raises ValueError, one line.
    """
    rows, texture, corners, corner_uvs, lengths, materials = [], [], [], [], [], []
    libraries, current, names, unknown = [], -1, {}, 0
    text = data.tobytes()
    if b"\0" in text[:4096]:
        raise ValueError(f"{path}: is no OBJ: it holds zero bytes")
    number = 0
    try:
        for line in text.replace(b"\\\n", b" ").splitlines():
            number += 1
            words = line.split()
            if not words:
                continue
            if words[0] == b"v":
                rows.append(words[1:])
            elif words[0] == b"vt":
                texture.append((float(words[1]), float(words[2]) if len(words) > 2 else 0.0))
            elif words[0] == b"f":
                if not 3 <= len(words) - 1 <= LONGEST:
                    raise ValueError(f"a face of {len(words) - 1} corners")
                for word in words[1:]:
                    ends = word.split(b"/")
                    corners.append(_row(int(ends[0]), len(rows)))
                    corner_uvs.append(_row(int(ends[1]), len(texture)) if len(ends) > 1 and ends[1] else -1)
                lengths.append(len(words) - 1)
                materials.append(current)
            elif words[0] == b"usemtl":
                name = b" ".join(words[1:]).decode("utf-8", "replace")
                current = names.setdefault(name, len(names))
            elif words[0] == b"mtllib":
                libraries.append(b" ".join(words[1:]).decode("utf-8", "replace"))
            else:
                unknown += words[0] not in OTHER and not words[0].startswith(b"#")
        width = max(map(len, rows), default=0)
        if wrong := next((row for row in rows if len(row) not in WIDTHS), None):
            raise ValueError(f"a vertex of {len(wrong)} numbers")
        if min(map(len, rows), default=0) != width:  # some vertices without colour
            rows = [row + [b"nan"] * (width - len(row)) for row in rows]
        values = np.array(rows, np.float64)
    except (ValueError, IndexError, OverflowError) as error:
        raise ValueError(f"{path}: damaged OBJ near line {number}: {' '.join(str(error).split())[:120]}") from None
    if not rows or width < 3:
        raise ValueError(f"{path}: holds no vertices (lines `v x y z`)")
    vertices = Vertices(dict(zip("xyz", np.ascontiguousarray(values[:, :3].T))))
    if unknown:
        vertices.warnings.append(f"{unknown} lines begin with no keyword of an OBJ and were not read: damaged?")
    if text[-1:] not in b"\r\n":
        vertices.remarks.append(UNENDED)
    if width >= 6:  # x y z r g b, or x y z w r g b
        vertices.columns |= dict(zip(("red", "green", "blue"), np.ascontiguousarray(values[:, width - 3:].T)))
    if not lengths:
        return vertices
    sides = np.array(lengths)
    if max(map(abs, (*corners, *corner_uvs))) >= 1 << 62:
        raise ValueError(f"{path}: damaged OBJ: a face names vertex {max(corners)}")
    vertices.faces = fan(sides, np.array(corners, np.int64))
    uv_rows = fan(sides, np.array(corner_uvs, np.int64))  # (F, 3), -1: none
    of_face = np.repeat(np.array(materials), sides - 2)
    if width < 6 and names:
        found = _materials(path, libraries, vertices)
        table = [found.get(name, Material()) for name in names] + [Material()]
        if any(name in found for name in names):
            grid = np.array(texture or [(0.0, 0.0)])
            has = (uv_rows >= 0).all(1, keepdims=True)
            uvs = np.where(has[:, :, None], grid[np.clip(uv_rows, 0, len(grid) - 1)], np.nan)  # (F, 3, 2)
            vertices.paint = Paint(uvs, of_face, [m.image for m in table], [m.color for m in table])
    return vertices


def _row(index: int, count: int) -> int:
    """Row of an index that counts from 1, or, below 0, from the last one back."""
    return index - 1 if index > 0 else count + index


def _materials(path: Path, libraries: list[str], vertices: Vertices) -> dict[str, Material]:
    materials: dict[str, Material] = {}
    for library in libraries:
        file = path.parent / library.replace("\\", "/")
        if not file.is_file():
            vertices.warnings.append(f"its material file {library[:80]} is missing: without its colours")
            continue
        current = Material()
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if len(words) < 2:
                continue
            if words[0] == "newmtl":
                current = materials.setdefault(" ".join(words[1:]), Material())
            elif words[0] == "Kd" and len(words) >= 4 and all(re.fullmatch(r"[\d.eE+-]+", w) for w in words[1:4]):
                current.color = tuple(float(word) for word in words[1:4])
            elif words[0] == "map_Kd":
                current.image = open_image(file.parent, line.split(None, 1)[1], vertices)
    return materials

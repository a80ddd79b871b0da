"""The models of the furniture libraries as shapes: which class each is of, its real size, its colours.

`load_library(folder)` reads the catalogues and converts each model once into the cache; `Model.shape(rng)` is one
specimen, a little larger or smaller and in other colours than the last.
"""
import csv
import functools
import hashlib
import json
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from tqdm import tqdm

from datasets.files import replacing
from datasets.synthetic.furnished.geometry import filled_boxes, sample_surface, supports
from datasets.synthetic.furnished.obj import Mesh, face_colors, read_obj, split_textured
from datasets.synthetic.furnished.packages import cache_folder, libraries
from datasets.synthetic.objects.shapes import Shape, Support

HERE = Path(__file__).resolve().parent
VERSION = 1  # of the converted files; another when what is kept of a model changes
LARGEST_FILE = 6_000_000  # bytes of an OBJ file; above are trees of hundreds of thousands of leaves
CLEAR = 0.6  # opacity below which a material is glass
CATALOGUES = {"default": "com/eteks/sweethome3d/io/DefaultFurnitureCatalog.properties"}
FIELDS = ("name", "model", "width", "depth", "height", "elevation", "modelRotation", "dropOnTopElevation", "creator")


@dataclass(frozen=True)
class Entry:
    """A row of models.csv: a ScanNet200 class for a model, and degrees about z that bring its front to -y."""
    name: str
    library: str
    model: str
    turn: float


@functools.cache
def entries() -> tuple[Entry, ...]:
    """What models.csv maps, in its order."""
    with open(HERE / "models.csv", encoding="utf-8") as file:
        return tuple(Entry(row["class"], row["library"], row["model"], float(row["turn"] or 0))
                     for row in csv.DictReader(file))


def read_catalogue(archive: zipfile.ZipFile, library: str) -> dict[str, dict[str, str]]:
    """{model id: its FIELDS} from the properties file of a library."""
    text = archive.read(CATALOGUES.get(library, "PluginFurnitureCatalog.properties")).decode("latin-1")
    rows: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        field, hash_sign, number = key.strip().partition("#")
        if equals and hash_sign and field in ("id", *FIELDS):
            rows.setdefault(number, {})[field] = value.strip()
    return {row["id"]: row for row in rows.values() if "id" in row}


class Model:
    """A converted model in an object's frame (shapes.py), m, read from its file when it is first asked for.

    vertices (V, 3), faces (F, 3), colors (F, 3) uint8, material (F,), clear (F,) of glass, boxes (P, 6), supports.
    elevation: m above the floor that the catalogue hangs it at, 0 where it stands. key: library and model.
    """

    def __init__(self, entry: Entry, path: Path):
        self.name, self.key, self.path = entry.name, f"{entry.library} {entry.model}", path
        with np.load(path, allow_pickle=False) as data:
            self.there = bool(data.files)
            if self.there:
                title, creator = json.loads(str(data["credit"]))
                self.credit = f"{title}, by {creator or entry.library}"
                self.elevation = float(data["elevation"])

    def arrays(self) -> dict[str, np.ndarray]:
        """What the file holds of the model's geometry."""
        with np.load(self.path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files if name not in ("credit", "elevation")}

    def shape(self, rng: np.random.Generator, spread: float = 0.15, recolor: float = 0.6) -> Shape:
        """One specimen: each side up to `spread` longer or shorter, perhaps mirrored, with probability `recolor` in
        other colours."""
        model = self.arrays()
        scale = 1 + rng.uniform(-spread, spread, 3)
        scale[:2] *= 1 + rng.uniform(-spread, spread) / 2
        mirror = rng.random() < 0.5
        shape, sign = Shape(), np.array([-1.0 if mirror else 1.0, 1.0, 1.0])
        colors = model["colors"]
        if rng.random() < recolor:
            colors = other_colors(rng, colors, model["material"])
        mesh = trimesh.Trimesh(model["vertices"] * scale * sign, model["faces"], process=False)
        shape.add(mesh, colors, solid=False, clear=model["clear"])
        low, high = model["boxes"][:, :3] * sign, model["boxes"][:, 3:] * sign
        shape.add_boxes(np.hstack([np.minimum(low, high), np.maximum(low, high)]) * np.tile(scale, 2))
        for s in (Support(*row) for row in model["supports"]):
            x = sorted((s.x0 * sign[0] * scale[0], s.x1 * sign[0] * scale[0]))
            shape.support(x[0], s.y0 * scale[1], x[1], s.y1 * scale[1], s.z * scale[2], s.clearance * scale[2])
        return shape


def other_colors(rng: np.random.Generator, colors: np.ndarray, material: np.ndarray) -> np.ndarray:
    """Colours (F, 3) uint8 of a specimen in another paint: all hues turned, or each material one of its own."""
    result = colors.astype(float)
    if rng.random() < 0.4:
        shift, gain = rng.uniform(0, 1), rng.uniform(0.65, 1.3)
        hsv = _to_hsv(result / 255)
        hsv[:, 0] = (hsv[:, 0] + (shift if rng.random() < 0.5 else rng.normal(0, 0.05))) % 1
        hsv[:, 1] *= rng.uniform(0.3, 1.3)
        return np.clip(_from_hsv(hsv) * 255 * gain, 3, 250).astype(np.uint8)
    for k in np.unique(material):
        if rng.random() < 0.7:
            rows = material == k
            target = _from_hsv(np.array([[rng.random(), rng.beta(1.2, 3), rng.uniform(0.12, 0.95)]]))[0] * 255
            shade = result[rows].mean(1, keepdims=True)
            result[rows] = target * shade / max(shade.mean(), 1)  # a texture's light and dark stay
    return np.clip(result, 3, 250).astype(np.uint8)


def _to_hsv(rgb: np.ndarray) -> np.ndarray:
    high, low = rgb.max(1), rgb.min(1)
    span = np.where(high > low, high - low, 1)
    r, g, b = rgb.T
    hue = np.select([high == r, high == g], [(g - b) / span % 6, (b - r) / span + 2], (r - g) / span + 4) / 6
    return np.column_stack([hue, np.where(high > 0, (high - low) / np.maximum(high, 1e-9), 0), high])


def _from_hsv(hsv: np.ndarray) -> np.ndarray:
    h, s, v = hsv[:, :1], np.clip(hsv[:, 1:2], 0, 1), hsv[:, 2:]
    ramp = np.abs((h * 6 + np.array([[0.0, 4.0, 2.0]])) % 6 - 3) - 1
    return v * (1 - s + s * np.clip(ramp, 0, 1))


def load_library(folder: str | Path | None = None, workers: int = 1) -> dict[str, list[Model]]:
    """{class: its models}; those not converted yet are, with a progress bar. Raises OSError as `libraries` does."""
    home = cache_folder() / f"models-{VERSION}"
    wanted = list(entries())
    missing = [entry for entry in wanted if not _file(home, entry).is_file()]
    if missing:
        archives = libraries(folder)
        convert = functools.partial(_convert, home, archives)
        if workers > 1:
            with ProcessPoolExecutor(workers) as pool:
                list(tqdm(pool.map(convert, missing, chunksize=8), "furniture models", len(missing), unit="model"))
        else:
            for entry in tqdm(missing, "furniture models", unit="model"):
                convert(entry)
    found: dict[str, list[Model]] = {}
    for entry in wanted:
        if (model := Model(entry, _file(home, entry))).there:
            found.setdefault(entry.name, []).append(model)
    return found


def _file(home: Path, entry: Entry) -> Path:
    key = hashlib.sha256(f"{entry.library} {entry.model} {entry.turn}".encode()).hexdigest()[:20]
    return home / f"{key}.npz"


@functools.cache
def _opened(path: Path, library: str) -> tuple[zipfile.ZipFile, dict]:
    archive = zipfile.ZipFile(path)
    return archive, read_catalogue(archive, library)


@functools.cache
def _presets() -> dict[str, tuple]:
    """Colours of the materials that the default catalogue's models name without an MTL file."""
    with open(HERE / "materials.csv", encoding="utf-8") as file:
        return {row["name"]: tuple(float(row[c]) for c in ("r", "g", "b", "alpha")) for row in csv.DictReader(file)}


def _convert(home: Path, archives: dict[str, Path], entry: Entry) -> None:
    """Write a model's file; an empty one where the archive has no such model, or only a huge one."""
    archive, catalogue = _opened(archives[entry.library], entry.library)
    row, arrays = catalogue.get(entry.model), {}
    path = row["model"].lstrip("/") if row else ""
    if row and path in archive.namelist() and archive.getinfo(path).file_size <= LARGEST_FILE:
        arrays = _arrays(read_obj(archive, path, _presets()), row, entry.turn)
    with replacing(_file(home, entry), "wb") as file:
        np.savez_compressed(file, **arrays)


def _arrays(mesh: Mesh, row: dict[str, str], turn: float) -> dict[str, np.ndarray]:
    """What is kept of a model: upright, in metres, its front to -y."""
    triangles = mesh.triangles
    if row.get("modelRotation"):
        triangles = triangles @ np.array(row["modelRotation"].split(), float).reshape(3, 3).T
    triangles = triangles @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # x right, y up, z near -> x, -z, y
    size = np.array([float(row["width"]), float(row["depth"]), float(row["height"])]) / 100
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    triangles = (triangles - (low + high) / 2) * (size / np.maximum(high - low, 1e-9))
    c, s = round(np.cos(np.radians(turn)), 9), round(np.sin(np.radians(turn)), 9)
    triangles = triangles @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    triangles[..., 2] -= triangles[..., 2].min()
    mesh = split_textured(Mesh(triangles, mesh.uv, mesh.material, mesh.materials), 0.06)
    area = np.linalg.norm(np.cross(mesh.triangles[:, 1] - mesh.triangles[:, 0],
                                   mesh.triangles[:, 2] - mesh.triangles[:, 0]), axis=1)
    some = area > 1e-10
    mesh = Mesh(mesh.triangles[some], mesh.uv[some], mesh.material[some], mesh.materials)
    points, level, share = sample_surface(mesh.triangles)
    top = float(row.get("dropOnTopElevation") or row["height"]) / 100
    tops = supports(points, level, share, top if top > 0 else None) if top > 0 else []
    alpha = np.array([m["color"][3] for m in mesh.materials])
    corners, inverse = np.unique(np.round(mesh.triangles.reshape(-1, 3), 5), axis=0, return_inverse=True)
    return {"vertices": corners.astype(np.float32), "faces": inverse.reshape(-1, 3).astype(np.int32),
            "colors": face_colors(mesh), "material": mesh.material.astype(np.int16),
            "clear": alpha[mesh.material] < CLEAR, "boxes": filled_boxes(points),
            "supports": np.array([[s.x0, s.y0, s.x1, s.y1, s.z, s.clearance] for s in tops]).reshape(-1, 6),
            "elevation": np.float64(float(row.get("elevation") or 0) / 100),
            "credit": np.array(json.dumps([row.get("name", ""), row.get("creator", "")]))}

"""Which tile a kernel runs with: a short list for each shape, timed at first use on a GPU and remembered on disk.

The file is lib_sparse/triton-<key>.json under $TORCH_EXTENSIONS_DIR or ~/.cache/torch_extensions; without it all is
timed anew.
"""
import functools
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import torch
import triton

from lib.sparse.cache import cache_folder
from lib.sparse.schedules import GROUP

log = logging.getLogger(__name__)

# the device has less shared memory than a tile takes, or its assembler refuses the kernel: others may do
UNFIT = (triton.runtime.errors.OutOfResources, triton.runtime.errors.PTXASError)
SMALL = 4 * GROUP  # rows below which the time goes into launching, whatever the tile


@dataclass(frozen=True)
class Tile:
    """A kernel's tile: rows x columns of the result, summed `depth` at a time by `warps`, in a pipeline of `stages`.

    Features wait for their row numbers, so two stages bring them one step further ahead: 3, 5, 7 for one, two, three.
    """
    rows: int
    columns: int
    depth: int
    warps: int
    stages: int


@dataclass(frozen=True)
class Shape:
    """What the best tile depends on. rows: of the output; precision: "ieee" or "tf32"."""
    kernel: str
    volume: int
    c_in: int
    c_out: int
    rows: int
    dtype: torch.dtype
    precision: str

    @property
    def key(self) -> str:
        """Its name in the file; row counts are told apart by factors of four."""
        kind = str(self.dtype).removeprefix("torch.")
        return f"{self.kernel} {self.volume} {self.c_in} {self.c_out} 4^{(self.rows.bit_length() + 1) // 2} {kind} " \
               f"{self.precision}"


def _width(channels: int, most: int) -> int:
    """The power of two from 16, the least a matrix unit takes, to `most` that covers the channels or comes nearest."""
    return min(max(16, triton.next_power_of_2(channels)), most)


def interpreted(shape: Shape) -> Tile:
    """The tile on a CPU: the interpreter takes a step in the same time whatever its size."""
    rows = GROUP if shape.kernel == "convolve" else _width(shape.c_in, 256)
    return Tile(rows, _width(shape.c_out, 256), _width(shape.c_in, 256) if shape.kernel == "convolve" else 128, 4, 3)


def candidates(shape: Shape) -> list[Tile]:
    """At most eight tiles worth timing, the likeliest first."""
    exact = shape.dtype == torch.float32 and shape.precision == "ieee"  # multiplied one by one, from registers
    single = shape.dtype == torch.float32
    most = 64 if exact else 128
    columns = _width(shape.c_out, most)
    widths = [columns] if columns == 16 else [columns, columns // 2]
    if shape.kernel == "convolve":
        deepest = _width(shape.c_in, 32 if single else 64)
        rows, depths = [most, most // 2], [deepest] if deepest == 16 else [deepest, deepest // 2]
    else:
        tallest = _width(shape.c_in, most)
        rows, depths = [tallest] if tallest == 16 else [tallest, tallest // 2], [32] if single else [64, 32]
    tiles = []
    for depth in depths:
        for height in rows:
            for width in widths:
                warps = 8 if height * width >= (64 * 64 if exact else 128 * 128) else 4
                tiles.append(Tile(height, width, depth, warps, 3 if exact else 5 if depth > 32 or single else 7))
    return tiles


@functools.cache
def _programs_wanted(device: torch.device) -> int:
    """Enough programs to keep a device busy: four for each of its multiprocessors."""
    return 4 * torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 64


def splits(programs: int, rows: int, depth: int, device: torch.device) -> int:
    """Among how many programs each of `programs` sums over up to `rows` rows is shared, `depth` rows a step."""
    return max(1, min(_programs_wanted(device) // programs, rows // (8 * depth), 64))


@functools.cache
def _file(device: torch.device) -> Path:
    """Where the choices of this kind of device are kept, by these kernels and this Triton."""
    key = hashlib.sha256(f"{torch.cuda.get_device_name(device)} {triton.__version__}".encode())
    for name in ("kernels.py", "tuning.py"):
        key.update(Path(__file__).with_name(name).read_bytes())
    return cache_folder() / f"triton-{key.hexdigest()[:16]}.json"


def _read(path: Path) -> dict[str, list[int]]:
    """What the file holds; nothing if there is none or it is no JSON object."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(path: Path, key: str, tile: Tile) -> None:
    """Add a choice to the file, by way of a temporary one; a folder that cannot be written costs the choice only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".json")
        with os.fdopen(handle, "w") as file:
            json.dump(_read(path) | {key: astuple(tile)}, file, indent=0)
        os.replace(temporary, path)
    except OSError as error:
        log.warning("the tiles timed for this GPU are not kept: %s", error)


_chosen: dict[tuple[torch.device, str], Tile] = {}


def choose(shape: Shape, device: torch.device, launch: Callable[[Tile], object]) -> Tile:
    """The tile for a shape: chosen before, in the file, or the fastest now; for a small shape the smallest, untimed.

    launch: runs the kernel with a tile. Raises RuntimeError where no tile fits the device.
    """
    if device.type != "cuda":
        return interpreted(shape)
    if shape.rows < SMALL:  # small tiles make the most programs of few rows
        return min(candidates(shape), key=lambda tile: (tile.rows * tile.columns, -tile.depth))
    known = (device, shape.key)
    if known not in _chosen:
        tiles = candidates(shape)
        path = _file(device)
        noted = _read(path).get(shape.key)
        _chosen[known] = next((tile for tile in tiles if list(astuple(tile)) == noted), None) or fastest(tiles, launch)
        if noted != list(astuple(_chosen[known])):
            _remember(path, shape.key, _chosen[known])
    return _chosen[known]


def fastest(tiles: list[Tile], launch: Callable[[Tile], object]) -> Tile:
    """The tile that takes the least time, by device events. Raises RuntimeError where none fits the device.

    Those as deep as the first run first, then, as every tile costs half a second to compile, only those of the others
    that have the winner's rows and columns.
    """
    times: dict[Tile, float] = {}

    def time(chosen: list[Tile]) -> None:
        for tile in chosen:
            try:
                times[tile] = triton.testing.do_bench(functools.partial(launch, tile), warmup=3, rep=12,
                                                      return_mode="median")  # milliseconds, all three
            except UNFIT as error:
                log.debug("%s: %s", tile, error)

    time([tile for tile in tiles if tile.depth == tiles[0].depth])
    best = min(times, key=times.get, default=None)
    time([tile for tile in tiles if tile.depth != tiles[0].depth and (
        best is None or (tile.rows, tile.columns) == (best.rows, best.columns))])
    if not times:
        raise RuntimeError(f"none of {len(tiles)} tiles fits this GPU")
    return min(times, key=times.get)

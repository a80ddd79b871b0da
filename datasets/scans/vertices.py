"""What a format's reader hands over: `Vertices`, a file's columns by name, before anybody asks what they mean."""
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

PACKED = ("rgb", "rgba")  # columns of three or four bytes in one number
UNENDED = "its last line does not end: were it cut off there, nothing else would tell"


@dataclass
class Vertices:
    """columns: name -> (N,) numbers, in the file's order; x y z are among them, colours and labels under any name.

    faces: (F, 3) int64 rows, or None. up, unit: where the format itself fixes them ("y", "m"), else None.
    left_out: (N,) bool, points that the file itself calls invalid, or None. paint: of textures, colours (S, 3) uint8 at
    places on faces, given by rows (S,) and weights of their corners (S, 3); None: as the vertices. remarks, warnings:
    as in `Scan`.
    """
    columns: dict[str, np.ndarray]
    faces: np.ndarray | None = None
    up: str | None = None
    unit: str | None = None
    left_out: np.ndarray | None = None
    paint: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    remarks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def import_reader(module: str, path: Path, packages: str) -> ModuleType:
    """A library that only one format needs. Raises ValueError that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ValueError(f"{path}: reading {path.suffix.lower()} needs {module}: pip install {packages}") from None

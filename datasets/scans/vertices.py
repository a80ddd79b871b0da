"""What a format's reader hands over: `Vertices`, a file's columns by name, before anybody asks what they mean."""
from dataclasses import dataclass, field

import numpy as np

REFUSED = (ValueError, OSError, MemoryError, OverflowError, KeyError, IndexError, TypeError, EOFError)


@dataclass
class Vertices:
    """columns: name -> (N,) numbers, in the file's order; x y z are among them, colours and labels under any name.

    faces: (F, 3) int64 rows, or None. up, unit: where the format itself fixes them ("y", "m"), else None.
    left_out: (N,) bool, points that the file itself calls invalid, or None. remarks, warnings: as in `Scan`.
    """
    columns: dict[str, np.ndarray]
    faces: np.ndarray | None = None
    up: str | None = None
    unit: str | None = None
    left_out: np.ndarray | None = None
    remarks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

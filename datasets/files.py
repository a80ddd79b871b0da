"""Files that are never half-written: a temporary name in the same folder, then one rename.

    with replacing("out/scene.txt") as file: file.write("1\n")
"""
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

SCENE_LIST = "scenes.json"  # in a folder of predictions: the scenes that the last inference wrote, once it has ended


@contextlib.contextmanager
def replacing(path: str | Path, mode: str = "w") -> Iterator[IO]:
    """A file to write, which takes the place of `path` when the block ends without an error, else is removed.

    mode: "w" (UTF-8 text) or "wb". Missing folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # on disk before the rename: a power cut leaves the old file or the new one
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that only their owner can read
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)  # of a full disk, which else is not said of any file
        raise


def file_bytes(path: str | Path) -> np.ndarray:
    """A file's bytes, (B,) uint8, memory-mapped. Raises FileNotFoundError."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

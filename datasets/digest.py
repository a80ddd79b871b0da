"""What lies in a dataset, in a few numbers that tell when it has changed: `digest_of(paths, root)`."""
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

BLOCK, BLOCKS = 2**14, 16  # bytes, and blocks of them that are read of a larger file


def files_of(scene: Path) -> list[Path]:
    """The files of a scan: itself, or those of a folder of arrays."""
    return sorted(path for path in scene.iterdir() if path.is_file()) if scene.is_dir() else [scene]


def size_of(scene: Path) -> int:
    """Bytes of a scan."""
    return sum(path.stat().st_size for path in files_of(scene))


def digest_of(scenes: Sequence[Path], root: str | Path) -> dict[str, int | str]:
    """{"scenes": how many, "bytes": theirs, "digest": of names under the root, sizes and contents}, in their order.

    Of a file of more than BLOCK · BLOCKS bytes as many blocks are read, evenly over it: a change of a few bytes between
    them goes unseen, one of a column or of the order of points does not.
    """
    total, seen = 0, hashlib.blake2b(digest_size=16)
    for path in (file for scene in scenes for file in files_of(scene)):
        size = path.stat().st_size
        name = path.relative_to(root) if path.is_relative_to(root) else path.name
        seen.update(f"{name}\n{size}\n".encode())
        for block in _blocks(path, size):
            seen.update(block)
        total += size
    return {"scenes": len(scenes), "bytes": total, "digest": seen.hexdigest()}


def _blocks(path: Path, size: int) -> Iterable[bytes]:
    with open(path, "rb") as file:
        if size <= BLOCK * BLOCKS:
            yield file.read()
            return
        for number in range(BLOCKS):
            file.seek((size - BLOCK) * number // (BLOCKS - 1))
            yield file.read(BLOCK)

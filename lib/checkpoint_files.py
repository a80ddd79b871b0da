"""A checkpoint as a file: written whole or not at all, with a checksum at its end, the latest few kept.

    save_checkpoint(path, content); check_sum(path); keep_latest(path, step, 3)

The file is PyTorch's zip archive, the checksum its comment, so that `torch.load` reads it as any other.
"""
import errno
import os
import shutil
import zlib
from pathlib import Path

import torch

from datasets.files import replacing
from lib.memory import bytes_of

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, largest file
SUM = b"crc32 %08x"  # of all bytes before it
LENGTH = len(SUM % 0)
END = 22  # bytes of the record at a zip archive's end, the last two of them the length of the comment behind it
ANNOUNCED = LENGTH.to_bytes(2, "little")
AT_ONCE = 1 << 22  # bytes


class _Summed:
    """A binary file that adds up the CRC-32 of what is written to it, and remembers why it could not be."""

    def __init__(self, file):
        self.file, self.sum, self.error = file, 0, None

    def write(self, data) -> int:
        try:
            self.file.write(data)
        except OSError as error:  # PyTorch's writer says another
            self.error = error
            raise
        self.sum = zlib.crc32(data, self.sum)
        return len(memoryview(data).cast("B"))

    def flush(self) -> None:
        self.file.flush()


def save_checkpoint(path: str | Path, content: dict) -> None:
    """Write a dictionary of tensors and plain values; the file takes its name only when it is complete, until then the
    one before stays. Raises OSError, where the disk is full with what is needed and what helps."""
    path, summed = Path(path), None
    try:
        with replacing(path, "wb") as file:
            summed = _Summed(file)
            torch.save(content, summed)
            _sign(file, summed)
    except Exception as error:
        error = summed and summed.error or error
        if not (isinstance(error, OSError) and error.errno in FULL):
            raise
        free = shutil.disk_usage(path.parent).free
        kept = "the one before is whole; " if path.exists() else ""
        raise OSError(f"{path}: {error.strerror}: this checkpoint needs {megabytes(bytes_of(content))}, "
                      f"{megabytes(free)} are free; {kept}make room, or lower --keep_checkpoints, then go on with "
                      f"--resume {path.parent}") from None


def _sign(file, summed: _Summed) -> None:
    """Make the checksum the comment of the archive just written, whose last two bytes are the comment's length, 0."""
    file.seek(-2, os.SEEK_END)
    file.write(ANNOUNCED + SUM % summed.sum)


def check_sum(path: Path) -> None:
    """Raises ValueError where a checkpoint is not the bytes that were written. One without a checksum, an older one or
    another program's, is not checked."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(size - END - LENGTH, 0))
        tail = file.read()
        end, said = tail[max(tail.rfind(b"PK\5\6"), 0):], tail[-LENGTH:]
        if end[END - 2:END] != ANNOUNCED and not said.startswith(SUM[:6]):  # the sum itself may be cut or damaged
            return
        file.seek(0)
        found, left = 0, size - LENGTH - 2
        while left and (data := file.read(min(left, AT_ONCE))):
            found, left = zlib.crc32(data, found), left - len(data)
    found = SUM % zlib.crc32(bytes(2), found)  # the comment's length when the sum was taken
    if found != said or end[END - 2:END] != ANNOUNCED:
        raise ValueError(f"{path}: damaged: its checksum is {said.decode(errors='replace')}, its bytes give "
                         f"{found.decode()}; take another checkpoint: --resume FOLDER takes the newest whole one")


def name_of_step(step: int) -> str:
    """The name that a checkpoint of `last.ckpt` keeps when a newer one comes."""
    return f"step_{step:08d}.ckpt"


def kept_checkpoints(folder: Path) -> list[Path]:
    """Those that `keep_latest` named, the oldest first."""
    return sorted(folder.glob("step_[0-9]*.ckpt"), key=lambda file: (len(file.name), file.name))


def keep_latest(path: Path, step: int, number: int) -> None:
    """Give the newest checkpoint, `path`, a second name by its step, and remove all such names but the `number` latest.

    Those of later steps go first: the run was gone on with from before them. number 1: `path` is enough. A second name
    takes no room; where the file system knows none, it is a copy. What a killed process left of a checkpoint half
    written goes, too.
    """
    for unfinished in path.parent.glob(".*.ckpt.*.tmp"):
        unfinished.unlink(missing_ok=True)
    named = path.with_name(name_of_step(step))
    if number > 1:
        named.unlink(missing_ok=True)
        try:
            os.link(path, named)
        except OSError:
            with open(path, "rb") as source, replacing(named, "wb") as copy:
                shutil.copyfileobj(source, copy)
    files = kept_checkpoints(path.parent)
    past = [file for file in files if (len(file.name), file.name) <= (len(named.name), named.name)]
    latest = past[-number:] if number > 1 else []
    for file in files:
        if file not in latest:
            file.unlink(missing_ok=True)


def megabytes(number: int) -> str:
    """ "12.3 MB" """
    return f"{number / 1e6:,.1f} MB"

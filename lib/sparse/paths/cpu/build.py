"""The library of csrc/*.cpp, plain C functions: compiled at first use and kept. Set CXX to choose the compiler."""
import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from lib.sparse.cache import cache_folder

SOURCES = Path(__file__).parents[2] / "csrc"
FLAGS = ["-O3", "-march=native", "-std=c++17", "-fopenmp", "-fPIC", "-shared"]

_pointer, _int, _long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_SIGNATURES = {
    "sparse_has_bf16": [],
    "sparse_convolve": [_int, *[_pointer] * 5, _long, _int, _int, _int, _long, _long, _long, _int, _int],
    "sparse_weight_gradient": [_int, *[_pointer] * 4, _long, *[_int] * 5],
    "sparse_neighbour_table": [_pointer, _pointer, _long, _pointer, _pointer, _long, _pointer, _int, _int, _pointer,
                               _int],
    "sparse_convolve_listed": [*[_pointer] * 7, _long, _int, _int, _int, _long, _long, _long, _int, _int],
    "sparse_tile": [],
    "sparse_lists": [_pointer, _long, _int, _pointer, _pointer, _pointer, _int],
    "sparse_reverse_table": [_pointer, _long, _long, _int, _pointer, _int],
    "sparse_statistics": [_int, _pointer, _long, _int, _pointer, _pointer, _int],
    "sparse_normalize": [_int, *[_pointer] * 7, _int, _long, _int, _int],
    "sparse_normalize_backward": [_int, *[_pointer] * 3, _long, *[_pointer] * 3, _int, *[_pointer] * 4, _long, _int,
                                  _int],
}


class BuildError(Exception):
    """The library cannot be built or loaded; the message says why in one line."""


def _cpu_flags() -> str:
    """What `-march=native` depends on, so that a cache shared by machines never serves the wrong one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor()


def build() -> Path:
    """Path of the compiled library, compiling it unless the cache has it. Raises BuildError.

    Two processes may build at once: each writes a file of its own and renames it.
    """
    files = sorted(SOURCES.glob("*"))
    key = hashlib.sha256("\0".join([*FLAGS, platform.machine(), _cpu_flags()]).encode())
    for file in files:
        key.update(file.read_bytes())
    target = cache_folder() / f"cpu-{key.hexdigest()[:16]}.so"
    if target.exists():
        return target
    named = os.environ.get("CXX")
    compiler = shutil.which(named) if named else next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        raise BuildError(f"no C++ compiler ({named or 'c++, g++, clang++'}) on the PATH: install g++")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".so")
        os.close(handle)
        command = [compiler, *FLAGS, *[str(file) for file in files if file.suffix == ".cpp"], "-o", temporary]
        try:
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                words = (result.stderr.strip() or "no message").splitlines()
                raise BuildError(f"{compiler} failed: {next((w for w in words if 'error' in w), words[0])}")
            os.replace(temporary, target)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise BuildError(f"cannot write {target}: {error}") from error
    return target


@functools.cache
def library() -> ctypes.CDLL:
    """The library, built and loaded at the first call. Raises BuildError."""
    path = build()
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise BuildError(f"cannot load {path}: {error}") from error
    for name, arguments in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = arguments, _int if not arguments else None
    return loaded

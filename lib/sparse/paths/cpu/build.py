"""The library of csrc/*.cpp, plain C functions: compiled at first use for this machine, and kept.

CXX chooses the compiler, LIB_SPARSE_ISA the instructions: avx512, avx2 or generic (plain C++), of those there are.
"""
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
FLAGS = ["-O3", "-std=c++17", "-fopenmp", "-fPIC", "-shared"]
# of LIB_SPARSE_ISA; "" takes what the machine has
ISAS = {"": ["-march=native"],
        "avx512": ["-march=native"],
        "avx2": ["-mavx2", "-mfma", "-mtune=native"],
        "generic": []}
NEEDS = {"avx512": ("avx512f", "avx512bw", "avx512vl", "avx512dq"), "avx2": ("avx2", "fma")}  # flags of the processor

_pointer, _int, _long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_SIGNATURES = {
    "sparse_has_bf16": [],
    "sparse_tile": [],
    "sparse_convolve": [_int, *[_pointer] * 9, _int, _long, _int, _int, _int, _long, _long, _long, _int, _int],
    "sparse_convolve_listed": [*[_pointer] * 11, _int, _long, _int, _int, _int, _long, _long, _long, _int, _int],
    "sparse_weight_gradient": [_int, *[_pointer] * 4, _long, *[_int] * 5],
    "sparse_weight_gradient_listed": [*[_pointer] * 6, _long, *[_int] * 5],
    "sparse_neighbour_table": [_pointer, _pointer, _long, _pointer, _pointer, _long, _pointer, _int, _int, _pointer,
                               _int],
    "sparse_reverse_table": [_pointer, _long, _long, _int, _pointer, _int],
    "sparse_lists": [_pointer, _long, _int, _pointer, _pointer, _pointer, _int],
    "sparse_statistics": [_int, _pointer, _long, _int, _pointer, _pointer, _int],
    "sparse_normalize": [_int, *[_pointer] * 7, _int, _long, _int, _int],
    "sparse_normalize_backward": [_int, *[_pointer] * 3, _long, *[_pointer] * 3, _int, *[_pointer] * 4, _long, _int,
                                  _int],
}


class BuildError(Exception):
    """The library cannot be built or loaded; the message says why in one line."""


def cpu_flags() -> str:
    """What `-march=native` depends on: the processor's flags, or its name where the system does not list them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features"))).partition(":")[2].strip()
    except (OSError, StopIteration):
        return platform.processor()


def isa_flags() -> list[str]:
    """The compiler's flags for LIB_SPARSE_ISA. Raises BuildError for another word and for what the machine lacks."""
    name = os.environ.get("LIB_SPARSE_ISA", "")
    if name not in ISAS:
        raise BuildError(f"LIB_SPARSE_ISA={name}: no such instructions; there are {', '.join(filter(None, ISAS))}")
    missing = [flag for flag in NEEDS.get(name, ()) if flag not in cpu_flags().split()]
    if missing:
        raise BuildError(f"LIB_SPARSE_ISA={name}: this processor lacks {', '.join(missing)}; leave the variable out")
    return ISAS[name]


def find_compiler() -> tuple[str, str]:
    """Path and version of the C++ compiler. Raises BuildError where there is none or it does not run."""
    named = os.environ.get("CXX")
    path = shutil.which(named) if named else next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if path is None:
        raise BuildError(f"no C++ compiler ({named or 'c++, g++, clang++'}) on the PATH: install g++")
    try:
        result = subprocess.run([path, "--version"], capture_output=True, text=True)
    except OSError as error:
        raise BuildError(f"{path} does not run: {error}") from error
    if result.returncode:
        raise BuildError(f"{path} failed: {_first_error(result.stderr)}")
    return path, (result.stdout.strip() or "unknown").splitlines()[0]


def library_path(compiler: tuple[str, str], flags: list[str]) -> Path:
    """Where the library of these sources, compiler, flags and this processor is kept.

    So that machines which share a home folder never share a library, and a new compiler builds a new one.
    """
    key = hashlib.sha256("\0".join([*compiler, *flags, platform.machine(), cpu_flags()]).encode())
    for file in sorted(SOURCES.glob("*")):
        key.update(file.read_bytes())
    return cache_folder() / f"cpu-{key.hexdigest()[:16]}.so"


def build() -> Path:
    """Path of the compiled library, compiling it unless the cache has it. Raises BuildError.

    Two processes may build at once: each writes a file of its own and renames it.
    """
    flags = [*FLAGS, *isa_flags()]
    compiler = find_compiler()
    target = library_path(compiler, flags)
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".so")
        os.close(handle)
    except OSError as error:
        raise BuildError(f"cannot write {target} ({error.strerror}): set TORCH_EXTENSIONS_DIR to a folder that can be "
                         "written to") from error
    try:
        result = subprocess.run([compiler[0], *flags, *map(str, sorted(SOURCES.glob("*.cpp"))), "-o", temporary],
                                capture_output=True, text=True)
        if result.returncode:
            raise BuildError(f"{compiler[0]} ({compiler[1]}) failed: {_first_error(result.stderr)}; needs C++17 and "
                             "OpenMP, as g++ 9 and clang 10 have: set CXX to a newer compiler")
        os.replace(temporary, target)
    except OSError as error:
        raise BuildError(f"cannot write {target}: {error}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def _first_error(said: str) -> str:
    lines = (said.strip() or "no message").splitlines()
    return next((line for line in lines if "error" in line), lines[0])


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
        function.argtypes, function.restype = arguments, None if arguments else _int
    return loaded

"""The CPU path: csrc/*.cpp compiled at first use into a library of plain C functions, checked against the reference.

`available()` builds, loads and checks it once; `convolve` and `weight_gradient` are then the two operations of
`convolution.py`, `neighbour_table` and `reverse_table` those of `coordinates.py`. Set CXX to choose the compiler.
"""
import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from lib.sparse.selfcheck import CheckError, check_against_reference

SOURCES = Path(__file__).parent / "csrc"
FLAGS = ["-O3", "-march=native", "-std=c++17", "-fopenmp", "-fPIC", "-shared"]
TYPES = (torch.float32, torch.bfloat16)
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}  # relative, Frobenius norm, of the check against the reference

log = logging.getLogger(__name__)
_pointer, _int, _long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_SIGNATURES = {
    "sparse_has_bf16": [],
    "sparse_convolve": [_int, *[_pointer] * 5, _long, _int, _int, _int, _long, _long, _long, _int, _int],
    "sparse_weight_gradient": [_int, *[_pointer] * 4, _long, *[_int] * 5],
    "sparse_neighbour_table": [_pointer, _pointer, _long, _pointer, _pointer, _long, _pointer, _int, _int, _pointer,
                               _int],
    "sparse_reverse_table": [_pointer, _long, _long, _int, _pointer, _int],
    "sparse_statistics": [_int, _pointer, _long, _int, _pointer, _pointer, _int],
    "sparse_normalize": [_int, *[_pointer] * 5, _int, _long, _int, _int],
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


def cache_folder() -> Path:
    """Where what this package makes for the machine is kept: $TORCH_EXTENSIONS_DIR or ~/.cache/torch_extensions."""
    root = os.environ.get("TORCH_EXTENSIONS_DIR") or Path.home() / ".cache" / "torch_extensions"
    return Path(root) / "lib_sparse"


def build() -> Path:
    """Path of the compiled library, compiling it unless the cache has it. Raises BuildError.

    Two processes may build at once: each writes a file of its own and renames it.
    """
    files = sorted(SOURCES.glob("*"))
    key = hashlib.sha256("\0".join([*FLAGS, platform.machine(), _cpu_flags()]).encode())
    for file in files:
        key.update(file.read_bytes())
    library = cache_folder() / f"cpu-{key.hexdigest()[:16]}.so"
    if library.exists():
        return library
    named = os.environ.get("CXX")
    compiler = shutil.which(named) if named else next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        raise BuildError(f"no C++ compiler ({named or 'c++, g++, clang++'}) on the PATH: install g++")
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=library.parent, suffix=".so")
        os.close(handle)
        command = [compiler, *FLAGS, *[str(file) for file in files if file.suffix == ".cpp"], "-o", temporary]
        try:
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                words = (result.stderr.strip() or "no message").splitlines()
                raise BuildError(f"{compiler} failed: {next((w for w in words if 'error' in w), words[0])}")
            os.replace(temporary, library)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise BuildError(f"cannot write {library}: {error}") from error
    return library


def _load() -> ctypes.CDLL:
    path = build()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise BuildError(f"cannot load {path}: {error}") from error
    for name, arguments in _SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, _int if name == "sparse_has_bf16" else None
    return library


@functools.cache
def _library() -> ctypes.CDLL:
    return _load()


@functools.cache
def problem() -> str | None:
    """Why this path cannot serve, in one line, or None: builds, loads and checks the library at the first call."""
    try:
        _library()
        with torch.no_grad(), torch.autocast("cpu", enabled=False):  # whatever the first caller has switched on
            _check_against_reference()
    except (BuildError, CheckError) as error:
        return str(error)
    return None


@functools.cache
def available() -> bool:
    """Whether this path can serve; if not, says once why the reference path does."""
    reason = problem()
    if reason:
        log.warning("sparse convolution uses the slower reference path: %s", reason)
    return reason is None


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _operands(*tensors: Tensor) -> tuple[bool, tuple[Tensor, ...]]:
    """Contiguous tensors, in bfloat16 only where the library multiplies it: it takes two channels at a time."""
    bf16 = tensors[0].dtype == torch.bfloat16
    if bf16 and (tensors[0].shape[1] % 2 or not _library().sparse_has_bf16()):
        return False, tuple(t.float() for t in tensors)
    return bf16, tensors


def convolve(features: Tensor, weight: Tensor, table: Tensor | None, flipped: bool = False,
             bias: Tensor | None = None) -> Tensor:
    """`out[o] = bias + sum over k of features[table[k, o]] @ weight[k]`, offsets without a row left out.

    features: (N_in, C_in) and weight: (K, C_in, C_out), float32 or bfloat16; table: (K, N_out) int32, None for row o
    alone (K = 1); flipped: line k belongs to weight K-1-k; bias: (1, C_out). Returns (N_out, C_out), features' type.
    """
    dtype = features.dtype
    bf16, (features, weight) = _operands(features, weight)
    features = features.contiguous()
    volume, inputs, outputs = weight.shape
    rows = len(features) if table is None else table.shape[1]
    out = features.new_empty(rows, outputs)
    bias = None if bias is None else bias.detach().float().contiguous()
    _library().sparse_convolve(bf16, _address(features), _address(weight), _address(table), _address(out),
                               _address(bias), rows, volume, inputs, outputs, *weight.stride(), flipped,
                               torch.get_num_threads())
    return out.to(dtype)


def weight_gradient(features: Tensor, grad_out: Tensor, table: Tensor | None, flipped: bool = False) -> Tensor:
    """`dW[k] = sum over o of features[table[k, o]]^T grad_out[o]`. Returns (K, C_in, C_out), summed in float32."""
    bf16, (features, grad_out) = _operands(features, grad_out)
    features, grad_out = features.contiguous(), grad_out.contiguous()
    volume = 1 if table is None else len(table)
    grad = torch.empty(volume, features.shape[1], grad_out.shape[1], dtype=torch.float32)
    _library().sparse_weight_gradient(bf16, _address(features), _address(grad_out), _address(table), _address(grad),
                                      len(grad_out), *grad.shape, flipped, torch.get_num_threads())
    return grad


def neighbour_table(source_keys: Tensor, source_order: Tensor, target_keys: Tensor, target_order: Tensor,
                    shifts: list[int], symmetric: bool) -> Tensor:
    """(K, N_target) int32 rows of the source under each shift of the key, -1 where there is none. Keys are sorted."""
    table = torch.empty(len(shifts), len(target_keys), dtype=torch.int32)
    _library().sparse_neighbour_table(
        _address(source_keys), _address(source_order), len(source_keys), _address(target_keys), _address(target_order),
        len(target_keys), (_long * len(shifts))(*shifts), len(shifts), symmetric, _address(table),
        torch.get_num_threads())
    return table


def reverse_table(table: Tensor, num_inputs: int) -> Tensor:
    """The same map from its inputs: (K, N_in) int32 output rows, -1 where there is none."""
    reverse = torch.empty(len(table), num_inputs, dtype=torch.int32)
    _library().sparse_reverse_table(_address(table), table.shape[1], num_inputs, len(table), _address(reverse),
                                    torch.get_num_threads())
    return reverse


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance, (C,) float32 each, of the columns of x (N, C)."""
    x = x.contiguous()
    mean, variance = (torch.empty(x.shape[1], dtype=torch.float32) for _ in range(2))
    _library().sparse_statistics(x.dtype == torch.bfloat16, _address(x), *x.shape, _address(mean), _address(variance),
                                 torch.get_num_threads())
    return mean, variance


def normalize(x: Tensor, residual: Tensor | None, scale: Tensor, shift: Tensor, relu: bool) -> Tensor:
    """`x * scale + shift (+ residual)`, at least 0 if `relu`. x, residual: (N, C); scale, shift: (C,) float32."""
    x, residual = x.contiguous(), residual if residual is None else residual.contiguous()
    out = torch.empty_like(x)
    _library().sparse_normalize(x.dtype == torch.bfloat16, _address(x), _address(residual), _address(scale),
                                _address(shift), _address(out), relu, *x.shape, torch.get_num_threads())
    return out


def normalize_backward(x: Tensor, out: Tensor | None, grad: Tensor, mean: Tensor, inverse_std: Tensor, weight: Tensor,
                       training: bool, wants_residual: bool) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Gradients of x, residual (None unless wanted), weight and bias; `out` is `normalize`'s result, None without ReLU.

    training: mean and inverse_std are those of x itself.
    """
    x = x.contiguous()
    if grad.stride(1) != 1:  # rows may lie apart, as in one half of a concatenation
        grad = grad.contiguous()
    grad_x, grad_weight, grad_bias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
    grad_residual = None
    if wants_residual:
        grad_residual = grad if out is None else torch.empty_like(x)
    _library().sparse_normalize_backward(
        x.dtype == torch.bfloat16, _address(x), _address(out), _address(grad), grad.stride(0), _address(mean),
        _address(inverse_std), _address(weight), training, _address(grad_x),
        None if out is None else _address(grad_residual), _address(grad_weight), _address(grad_bias), *x.shape,
        torch.get_num_threads())
    return grad_x, grad_residual, grad_weight, grad_bias


def _check_against_reference() -> None:
    """Raises CheckError where the library disagrees with the reference."""
    check_against_reference(
        "compiled", torch.device("cpu"), 500, 100, TOLERANCE, neighbour_table, reverse_table,
        lambda features, weight, kernel_map: convolve(features, weight, kernel_map.table, kernel_map.flipped),
        lambda features, grad, kernel_map: weight_gradient(features, grad, kernel_map.table, kernel_map.flipped))

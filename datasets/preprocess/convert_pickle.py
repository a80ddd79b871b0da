"""Pickles of LanguageGroundedSemseg to files that are read here: nothing in them is run.

`python -m datasets.preprocess.convert_pickle clip_feats_scannet_200.pkl --out anchors.npz`, for --text_encoder
file:anchors.npz; category and sampling weights, frequencies and instance boxes become JSON: `--out weights.json`.
"""
import argparse
import io
import json
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from config.command import command
from datasets.files import replacing
from datasets.label_sets import load_label_set

NUMBERS = re.compile(r"[<>=|]?([biufcSU]\d{1,6}|\?)")  # dtypes of numpy that hold no Python objects
TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # what a file of torch.save, before it was a zip archive, starts with


class _Call:
    """A function that a pickle may name. It has no state that the pickle could change."""
    __slots__ = ("function",)

    def __init__(self, function: Callable):
        object.__setattr__(self, "function", function)

    def __call__(self, *arguments):
        return self.function(*arguments)

    def __setattr__(self, name, value):
        raise ValueError("a function of the reader is to be changed")


class _Dtype:
    """What a pickle says of a dtype: numpy's own would believe forged flags, and take bytes for pointers."""

    def __init__(self, name, align=False, copy=False):
        if not isinstance(name, str) or not NUMBERS.fullmatch(name):
            raise ValueError(f"an array of dtype {str(name)[:40]!r}: neither numbers nor text")
        self.dtype = np.dtype(name)

    def __setstate__(self, state):
        order, subarray, names, fields = state[1:5]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in (subarray, names, fields)):
            raise ValueError("an array with fields")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """What a pickle says of an array or a tensor. values: it, None before its state was read."""

    def __init__(self, values: np.ndarray | torch.Tensor | None = None):
        self.values = values

    def __setstate__(self, state):
        if self.values is not None:
            raise ValueError("an array is to be changed")
        _, shape, dtype, fortran, data = state
        self.values = _array(data, dtype, shape, "F" if fortran else "C")


def _array(data, dtype, shape, order="C") -> np.ndarray:
    data = data.encode("latin1") if isinstance(data, str) else data  # of Python 2
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray):
        raise ValueError(f"an array of {type(data).__name__} instead of bytes")
    return np.frombuffer(data, dtype.dtype).reshape(shape, order=order).copy()


def _reconstruct(kind, shape, code):
    if kind is not _NDARRAY:
        raise ValueError("a subclass of numpy's arrays")
    return _Array()


def _bytes(value=b"", encoding="latin-1") -> bytes:
    """Before protocol 3 bytes are text to be encoded, or a call without arguments."""
    if isinstance(value, str) and encoding in ("latin1", "latin-1"):
        value = value.encode("latin-1")
    if not isinstance(value, bytes):
        raise ValueError(f"bytes of {type(value).__name__} in the encoding {encoding!r}")
    return value


def _storage(data: bytes) -> _Array:
    """Values of a storage, as torch's own restricted reader gives them."""
    storage = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return _Array(torch.tensor([], dtype=storage.dtype).set_(storage._untyped_storage))


def _tensor(storage, offset, size, stride, *_) -> _Array:
    if not isinstance(storage, _Array) or not isinstance(storage.values, torch.Tensor):
        raise ValueError("a tensor without values")
    return _Array(torch.as_strided(storage.values, size, stride, offset).clone())  # refuses what lies outside


_NDARRAY = _Call(lambda *_: _Array())
_ALLOWED = {
    "numpy ndarray": _NDARRAY, "numpy dtype": _Call(_Dtype),
    **{f"numpy.{core}.{name}": _Call(function) for core in ("core", "_core") for name, function in (
        ("multiarray _reconstruct", _reconstruct), ("numeric _frombuffer", lambda *given: _Array(_array(*given))),
        ("multiarray scalar", lambda dtype, data=b"": _array(data, dtype, ())[()]))},
    "_codecs encode": _Call(_bytes), "collections OrderedDict": _Call(lambda *pairs: dict(*pairs)),
    **{f"{module} {name}": _Call(function) for module in ("builtins", "__builtin__") for name, function in (
        ("set", set), ("frozenset", frozenset), ("complex", complex), ("bytes", _bytes), ("bytearray", _bytes))},
    "torch.storage _load_from_bytes": _Call(_storage), "torch._utils _rebuild_tensor_v2": _Call(_tensor),
    "torch._utils _rebuild_parameter": _Call(lambda data, *_: data),
}


class _Reader(pickle.Unpickler):
    """Numbers, text, containers, numpy's arrays and torch's tensors: whatever else a pickle names stops it."""

    def find_class(self, module: str, name: str):
        try:
            return _ALLOWED[f"{module} {name}"]
        except KeyError:
            named = ascii(f"{module}.{name}")[1:-1][:100]
            raise ValueError(f"it names {named}, which is neither an array, a tensor nor a plain container; "
                             "nothing of it was run") from None


def read_pickle(path: str | Path):
    """What a pickle, or a tensor of torch.save, holds: containers, numbers, text, numpy arrays. Nothing in it is run.

    Raises OSError, or ValueError for one that names anything else, and for a damaged file.
    """
    data = Path(path).read_bytes()
    try:
        value = None if data[:2] == b"PK" else _Reader(io.BytesIO(data), encoding="latin1").load()
        if value is None or type(value) is int and value == TORCH_MAGIC:
            value = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        return _plain(value)
    except Exception as error:  # damaged, it raises anything
        raise ValueError(f"{path}: refused: {' '.join(str(error).split())[:300] or type(error).__name__}") from None


def _plain(value):
    """Without the reader's stand-ins. Raises ValueError for what is no value, RecursionError for a circle."""
    if isinstance(value, _Array):
        value = value.values
    if isinstance(value, torch.Tensor):
        value = value.detach().to(torch.float32 if value.dtype == torch.bfloat16 else value.dtype).numpy()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    plain = str | bytes | bytearray | bool | int | float | complex | np.ndarray | np.generic
    if value is None or isinstance(value, plain):
        return value
    raise ValueError(f"a {type(value).__name__.strip('_').lower()} without values")


def as_arrays(value) -> dict[str, np.ndarray]:
    """Arrays for an NPZ: `names` and `embeddings` for a vector of each class (text anchors), else those of a dict.

    A matrix with a row for each class goes by the label table's order, as the original's do, which sort classes by id.
    """
    classes = load_label_set().names
    if isinstance(value, np.ndarray):
        if value.ndim == 2 and len(value) == len(classes):
            return {"names": np.array(classes), "embeddings": value.astype(np.float32)}
        return {"array": value}
    if not isinstance(value, dict) or not value or not all(
            isinstance(key, str) and key != "file" and isinstance(item, np.ndarray) for key, item in value.items()):
        raise ValueError("holds no arrays by name: give --out FILE.json")
    rows = [item.reshape(-1) for item in value.values()]
    if set(value) >= set(classes) and len({len(row) for row in rows}) == 1:
        return {"names": np.array(list(value)), "embeddings": np.stack(rows).astype(np.float32)}
    return value


def as_json(value, drop_zeros: bool = False):
    """The same as JSON has it: arrays as lists, and raw ScanNet ids that are keys as names of the label table.

    Where most keys are such ids, those that the table lacks, and 0, are left out, as the original left them out.
    drop_zeros: of such weights, so are those that are 0.
    """
    scannet200 = load_label_set()
    names = dict(zip(scannet200.ids.tolist(), scannet200.names, strict=True))
    if isinstance(value, dict):
        keys = [key.item() if isinstance(key, np.generic) else key for key in value]
        items = {key: as_json(item) for key, item in zip(keys, value.values(), strict=True)}
        known = [key for key in keys if type(key) is int and key in names]
        if 2 * len(known) > len([key for key in keys if key != scannet200.unlabelled_id]):
            return {names[key]: items[key] for key in known if not (drop_zeros and items[key] == 0)}
        if not all(isinstance(key, str | int) for key in keys) or len({str(key) for key in keys}) < len(keys):
            raise ValueError("holds a dict whose keys are neither text nor whole numbers")
        return {str(key): item for key, item in items.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, bytes | bytearray | complex):
        raise ValueError(f"holds {type(value).__name__}, which JSON has no form for")
    return value


@command
def main(arguments: list[str] | None = None) -> None:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pickle", type=Path, metavar="FILE.pkl")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz|json")
    parser.add_argument("--drop_zeros", action="store_true",
                        help="leave out classes of weight 0: sampling weights list only what is drawn")
    options = parser.parse_args(arguments)
    if options.out.suffix not in (".npz", ".json"):
        raise ValueError(f"--out {options.out}: give a name that ends in .npz or .json")
    value = read_pickle(options.pickle)
    try:
        if options.out.suffix == ".npz":
            arrays = as_arrays(value)
            content = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:3])
        else:
            text = json.dumps(as_json(value, options.drop_zeros), indent=1, allow_nan=False)
            content = f"{len(value)} entries" if isinstance(value, dict | list) else "a value"
    except ValueError as error:
        raise ValueError(f"{options.pickle}: {error}") from None
    if options.out.suffix == ".npz":
        with replacing(options.out, "wb") as file:
            np.savez(file, **arrays)
    else:
        with replacing(options.out) as file:
            file.write(text + "\n")
    print(f"{options.out}: {content}")


if __name__ == "__main__":
    sys.exit(main())

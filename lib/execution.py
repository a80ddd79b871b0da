"""How a stage runs its network: which package makes the sparse tensors, and in which precision.

`execution = build_execution("auto", "bf16")`; `features = execution(model.features, batch)`.
"""
import collections
import collections.abc
import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

import lib.sparse
from datasets.loader import Batch

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = ("float32", "tf32", *HALF)


@dataclass(frozen=True)
class Execution:
    """engine: the package with the MinkowskiEngine API; bf16 and fp16 run the layers under `torch.autocast`.

    tf32 is a setting of torch's own, which `build_execution` makes.
    """
    engine: ModuleType = lib.sparse
    precision: str = "float32"

    def __call__(self, layers: Callable, batch: Batch) -> Tensor:
        """Features (N, C) float32 that `layers` (sparse tensor to sparse tensor) give for the voxels of a batch."""
        rows = dict(coordinates=batch.coordinates)
        if batch.maps is not None:  # of voxels, so of tensor stride 1
            rows = dict(coordinate_map_key=1, coordinate_manager=batch.maps)
        x = self.engine.SparseTensor(features=batch.features, **rows)
        half = HALF.get(self.precision)
        with torch.autocast(batch.features.device.type, half, enabled=half is not None):
            return layers(x).F.float()


def build_execution(engine: str = "auto", precision: str = "float32") -> Execution:
    """The execution of `--sparse_engine` and `--precision`. Raises ValueError for what cannot run here."""
    if precision not in PRECISIONS:
        raise ValueError(f"--precision {precision}: no such precision; there are {', '.join(PRECISIONS)}")
    if engine != "minkowski":
        lib.sparse.set_engine(engine)
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        return Execution(lib.sparse, precision)
    if precision != "float32":
        raise ValueError(f"--precision {precision}: MinkowskiEngine computes in float32 only; use --sparse_engine auto")
    return Execution(import_minkowski(), precision)


def import_minkowski() -> ModuleType:
    """MinkowskiEngine itself. Raises ValueError where it cannot be imported, with the way to install it."""
    for name in ("Callable", "Iterable", "Mapping", "MutableMapping", "Sequence"):
        if not hasattr(collections, name):  # it was written for Python 3.9, whose `collections` still had them
            setattr(collections, name, getattr(collections.abc, name))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it was compiled for the CPU only
            return importlib.import_module("MinkowskiEngine")
    except ImportError as error:
        raise ValueError(f"--sparse_engine minkowski: MinkowskiEngine cannot be imported ({error}); install it with "
                         "`bash training_scripts/install_minkowski.sh`, or use --sparse_engine auto") from None

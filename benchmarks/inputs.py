"""What the engines are timed on: voxels of synthetic rooms, `make_inputs(100_000, 3, device)`.

`keep_rooms(Path("rooms.npz"))` before it takes them from a file, which is made where there is none.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lib.sparse.quantize import sparse_quantize

CLASSES = 200
VOXEL_SIZE = 0.02  # metres
ROOMS = 10  # a million voxels; after so many they come again

_rooms: dict[int, np.ndarray] = {}


@dataclass(frozen=True)
class Input:
    """One batch on a device: coordinates (N, 4) int32, features (N, 3) float32, labels (N,) int64.

    No maps are made beforehand: a pass builds its own.
    """
    coordinates: torch.Tensor
    features: torch.Tensor
    labels: torch.Tensor
    maps: None = None


def _room(index: int) -> np.ndarray:
    """(N, 3) int32 voxels of a room, once each."""
    if index not in _rooms:
        from datasets.synthetic.dataset import Settings, make_scene  # here, so that it adds nothing to peak memory
        points = make_scene(Settings(train=100, seed=0), "train", index).points
        cells = np.floor(points / VOXEL_SIZE).astype(np.int32)
        _rooms[index] = cells[sparse_quantize(cells).index]
    return _rooms[index]


def keep_rooms(file: Path) -> None:
    """Take the rooms from an .npz file; where there is none, make them all and write it."""
    if not file.exists():
        np.savez_compressed(file, **{str(index): _room(index) for index in range(ROOMS)})
    with np.load(file) as rooms:
        _rooms.update((index, rooms[str(index)]) for index in range(ROOMS))


def room_voxels(count: int, first: int = 0) -> torch.Tensor:
    """(count, 4) int32 voxels, batch x y z, batch ascending, of as many rooms from `first` on as it takes; the last is
    cut."""
    parts, total = [], 0
    while total < count:
        cells = _room((first + len(parts)) % ROOMS)[:count - total]
        parts.append(np.insert(cells, 0, len(parts), axis=1))
        total += len(cells)
    return torch.from_numpy(np.concatenate(parts))


def input_of(coordinates: torch.Tensor, device: torch.device) -> Input:
    """Random features and labels on these voxels."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(len(coordinates), 3, generator=generator) - 0.5
    labels = torch.randint(CLASSES, (len(coordinates),), generator=generator)
    return Input(coordinates.to(device), features.to(device), labels.to(device))


def make_inputs(count: int, number: int, device: torch.device) -> list[Input]:
    """`number` batches of `count` voxels, each of which begins with another room."""
    return [input_of(room_voxels(count, first=i), device) for i in range(number)]

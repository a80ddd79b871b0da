"""Points of one scene to voxels: mean colour, majority label, and the exact way back to every point (lesson L11).

    coordinates, features, labels, inverse = Voxelizer(0.02, num_classes=200)(points, colors, labels)
"""
from typing import NamedTuple

import numpy as np

from datasets.label_sets import IGNORE_LABEL
from datasets.transforms import NEUTRAL_COLOR
from lib.sparse.quantize import sparse_quantize, voxel_mean

COORDINATE_LIMIT = 1 << 20  # voxels from the origin on each axis; 21 km at 2 cm, and three axes fit one 63-bit key


class Voxels(NamedTuple):
    """coordinates: (M, 3) int32, voxels. features: (M, 3) float32, mean colour. labels: (M,) int64 or None.

    inverse: (N,) int64, the row of `coordinates` of each point.
    """
    coordinates: np.ndarray
    features: np.ndarray
    labels: np.ndarray | None
    inverse: np.ndarray

    def of_rows(self, rows: np.ndarray) -> "Voxels":
        """Those of rows (K,), in their order; without the inverse, as points of the others have no voxel."""
        labels = None if self.labels is None else self.labels[rows]
        return Voxels(self.coordinates[rows], self.features[rows], labels, np.empty(0, self.inverse.dtype))


class Voxelizer:
    """Cuts space into cubes of `voxel_size` metres; the one at the origin spans [0, voxel_size) on each axis."""

    def __init__(self, voxel_size: float, num_classes: int, ignore_label: int = IGNORE_LABEL):
        if not voxel_size > 0 or not np.isfinite(voxel_size):
            raise ValueError(f"voxel size {voxel_size} m: it has to be above 0")
        self.voxel_size = voxel_size
        self.num_classes, self.ignore_label = num_classes, ignore_label

    def __call__(self, points: np.ndarray, colors: np.ndarray | None, labels: np.ndarray | None) -> Voxels:
        """Voxels of one scene, in ascending order of x, y, z.

        points: (N, 3) float, metres. colors: (N, 3) numbers of 0..255, or None: neutral ones. labels: (N,) class
        indices or None; their rule is `sparse_quantize`'s. Raises ValueError where a point is not finite or over 2^20
        voxels from the origin.
        """
        scaled = np.floor(points / np.float64(self.voxel_size))  # float64: float32 misplaces points far out
        if not (np.abs(scaled) < COORDINATE_LIMIT).all():  # NaN compares false, too
            raise ValueError(f"coordinates up to {np.abs(points).max()} m cannot be cut into voxels of "
                             f"{self.voxel_size} m: at most {COORDINATE_LIMIT} from the origin; are they metres?")
        coordinates = scaled.astype(np.int32)
        voxels = sparse_quantize(coordinates, labels, self.num_classes, self.ignore_label)
        features = (np.full((len(voxels.index), 3), NEUTRAL_COLOR, np.float32) if colors is None
                    else voxel_mean(colors, voxels.inverse, len(voxels.index)))
        return Voxels(coordinates[voxels.index], features, voxels.labels, voxels.inverse)

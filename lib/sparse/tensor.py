"""`SparseTensor`: one feature row per occupied voxel, and `cat`, with MinkowskiEngine's names and behaviour."""
import torch
from torch import Tensor

from lib.sparse.convolution import Pending
from lib.sparse.coordinates import CoordinateManager
from lib.sparse.norm import Deferred

FEATURE_TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


class SparseTensor:
    """Features on the occupied voxels of a batch of scenes.

    features: (N, C) floating point; coordinates: (N, 4) int32, batch x y z, in voxels, unique, possibly negative.
    Instead of coordinates, `coordinate_map_key` (the tensor stride) and `coordinate_manager` of another tensor put new
    features on its rows. Raises TypeError for wrong types, ValueError for empty input or rows that do not match.
    """

    def __init__(self, features: Tensor, coordinates: Tensor | None = None, tensor_stride: int = 1,
                 coordinate_map_key: int | None = None, coordinate_manager: CoordinateManager | None = None):
        if len(features.shape) != 2 or features.dtype not in FEATURE_TYPES:
            raise TypeError(f"features must be (N, C) floating point, not {features.dtype} of shape "
                            f"{tuple(features.shape)}")
        if coordinates is not None:
            if coordinates.ndim != 2 or coordinates.shape[1] != 4 or coordinates.dtype != torch.int32:
                raise TypeError("coordinates must be (N, 4) int32 (batch x y z), not "
                                f"{coordinates.dtype} of shape {tuple(coordinates.shape)}")
            if len(coordinates) == 0:
                raise ValueError("a sparse tensor needs at least one voxel: coordinates are empty")
            if coordinates.device != features.device:
                raise ValueError(f"coordinates are on {coordinates.device}, features on {features.device}")
            if features.shape[0] != len(coordinates):
                raise ValueError(f"{features.shape[0]} feature rows for {len(coordinates)} coordinate rows")
            coordinate_manager = CoordinateManager(coordinates, tensor_stride)
            coordinate_map_key = tensor_stride
        if coordinate_manager is None or coordinate_map_key is None:
            raise ValueError("a sparse tensor needs coordinates, or coordinate_map_key and coordinate_manager")
        rows = len(coordinate_manager.coordinates(coordinate_map_key))
        if features.shape[0] != rows:
            raise ValueError(f"{features.shape[0]} feature rows for {rows} coordinate rows at tensor stride "
                             f"{coordinate_map_key}")
        self.coordinate_map_key = coordinate_map_key
        self.coordinate_manager = coordinate_manager
        self._given: Tensor | None = features  # as the caller has them
        self._rows: Tensor | Pending | Deferred = coordinate_manager.rows_inside(features, coordinate_map_key)

    @classmethod
    def of_rows(cls, rows: Tensor | Pending | Deferred, coordinate_map_key: int,
                coordinate_manager: CoordinateManager) -> "SparseTensor":
        """Features (N, C) in the order that the coordinate manager keeps rows in, as layers have them."""
        x = cls.__new__(cls)
        x.coordinate_map_key, x.coordinate_manager = coordinate_map_key, coordinate_manager
        x._given, x._rows = None, rows
        return x

    @property
    def F(self) -> Tensor:
        """(N, C) features, row for row with C."""
        if self._given is None:
            self._given = self.coordinate_manager.rows_as_given(self.rows, self.coordinate_map_key)
        return self._given

    @property
    def rows(self) -> Tensor:
        """(N, C) features in the order that the coordinate manager keeps rows in: what layers compute with."""
        if isinstance(self._rows, Deferred):
            self._rows = self._rows.finish()
        elif isinstance(self._rows, Pending):
            self._rows = self._rows.compute()
        return self._rows

    @property
    def waiting(self) -> Tensor | Pending:
        """`rows`, or the convolution that gives them where it has not been computed yet."""
        return self._rows if isinstance(self._rows, Pending) else self.rows

    @property
    def is_seen(self) -> bool:
        """Whether somebody outside may hold the features, so that nothing may be written over them."""
        return self._given is not None

    @property
    def deferred(self) -> Deferred | None:
        """What remains to be computed to have the features, if anything."""
        return self._rows if isinstance(self._rows, Deferred) else None

    @property
    def C(self) -> Tensor:
        """(N, 4) int32 coordinates, batch x y z, in voxels of tensor stride 1, row for row with F."""
        return self.coordinate_manager.coordinates(self.coordinate_map_key)

    features = property(lambda self: self.F)
    coordinates = C
    tensor_stride = property(lambda self: self.coordinate_map_key)
    device = property(lambda self: self._rows.device)
    dtype = property(lambda self: self._rows.dtype)
    shape = property(lambda self: self._rows.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def with_features(self, features: Tensor) -> "SparseTensor":
        """Other features on the same rows. features: (N, C'), row for row with C."""
        return SparseTensor(features, coordinate_map_key=self.coordinate_map_key,
                            coordinate_manager=self.coordinate_manager)

    def with_rows(self, rows: Tensor | Pending | Deferred) -> "SparseTensor":
        """The same, in the order of `rows`."""
        return SparseTensor.of_rows(rows, self.coordinate_map_key, self.coordinate_manager)

    def __add__(self, other: "SparseTensor") -> "SparseTensor":
        require_same_rows("+", self, other)
        if self.deferred is not None and self.deferred.can_add(other.rows):
            return self.with_rows(self.deferred.plus(other.rows))
        return self.with_rows(self.rows + other.rows)

    def __repr__(self) -> str:
        return (f"SparseTensor({len(self)} voxels x {self.shape[1]} {str(self.dtype).removeprefix('torch.')}, "
                f"tensor_stride={self.tensor_stride}, device={self.device})")


def require_same_rows(operation: str, *tensors: SparseTensor) -> None:
    """Raise ValueError unless all tensors share one coordinate map."""
    first = tensors[0]
    for other in tensors[1:]:
        if other.coordinate_manager is not first.coordinate_manager:
            raise ValueError(f"{operation}: the tensors come from different coordinate managers: {first} and {other}")
        if other.coordinate_map_key != first.coordinate_map_key:
            raise ValueError(f"{operation}: the tensors have different coordinate maps: {first} and {other}")


def cat(*tensors: SparseTensor) -> SparseTensor:
    """Features of several tensors on the same rows side by side: (N, C1 + C2 + ...).

    Raises ValueError when their coordinate maps differ.
    """
    require_same_rows("cat", *tensors)
    return tensors[0].with_rows(torch.cat([t.rows for t in tensors], dim=1))

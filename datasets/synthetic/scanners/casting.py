"""Rays against triangles, and the nearest triangle to a point, by Open3D on the CPU."""
import os

import numpy as np


def open3d():
    """The package, on one core: scenes are made side by side. Raises OSError where it cannot be loaded."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import open3d  # loads for a second, and asks for libraries that nothing else here needs
    except (ImportError, OSError) as error:
        raise OSError(f"the fused scanner needs open3d ({' '.join(str(error).split())}); install open3d-cpu and "
                      "Debian's libusb-1.0-0, or use --scanner quick") from None
    return open3d


class Caster:
    """Triangles (F, 3, 3), m, ready for rays."""

    def __init__(self, triangles: np.ndarray):
        self._core = open3d().core
        self._scene = open3d().t.geometry.RaycastingScene(nthreads=1)
        corners = np.ascontiguousarray(triangles.reshape(-1, 3), np.float32)
        index = np.arange(len(corners), dtype=np.uint32).reshape(-1, 3)
        self._scene.add_triangles(self._core.Tensor(corners), self._core.Tensor(index))

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First hits of rays from `origins` (N, 3) or (3,) along `directions` (N, 3).

        Returns the distance in lengths of `directions` (N,) (infinite without a hit), face (N,) int64 (-1 without),
        and the face's unit normal (N, 3).
        """
        rays = np.empty((len(directions), 6), np.float32)
        rays[:, :3], rays[:, 3:] = origins, directions
        found = self._scene.cast_rays(self._core.Tensor(rays), nthreads=1)
        face = found["primitive_ids"].numpy().astype(np.int64)
        face[face == 0xFFFFFFFF] = -1
        return found["t_hit"].numpy(), face, found["primitive_normals"].numpy()

    def blocked(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """(N,) is there anything between `origins` (N, 3) and `origins + directions`?"""
        rays = np.hstack([origins, directions]).astype(np.float32)
        return self._scene.test_occlusions(self._core.Tensor(rays), tfar=1.0, nthreads=1).numpy()

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The nearest place (N, 3) of the triangles to points (N, 3), its distance (N,), its triangle (N,) int64."""
        found = self._scene.compute_closest_points(self._core.Tensor(points.astype(np.float32)), nthreads=1)
        place = found["points"].numpy().astype(float)
        return place, np.linalg.norm(place - points, axis=1), found["primitive_ids"].numpy().astype(np.int64)

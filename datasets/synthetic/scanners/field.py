"""A truncated signed distance field that depth frames are fused in, and the mesh of its surface (Open3D, on the CPU).

Curless, Levoy: A Volumetric Method for Building Complex Models from Range Images, 1996.
"""
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datasets.synthetic.scanners.casting import open3d

FARTHEST = 5.0  # m
TRUNCATION = 3.0  # voxels in front of and behind a surface that a frame changes
LEAST_DEPTH = 0.03  # share of a frame's pixels; one with less, a lens too near to something, tells nothing
BLOCK = 16  # voxels along a side of what is allocated at once
BLOCKS = 6000  # to begin with; it grows


class Field:
    """For frames of `pixels` (width, height) with a focal length in pixels, voxels of `voxel` m."""

    def __init__(self, pixels: tuple[int, int], focal: float, voxel: float):
        self._open3d, self._core = open3d(), open3d().core
        width, height = pixels
        self._camera = self._core.Tensor(np.array([[focal, 0, width / 2 - 0.5], [0, focal, height / 2 - 0.5],
                                                   [0, 0, 1.0]]))
        kind = self._core.float32
        self._grid = self._open3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "color"), (kind, kind, kind), ((1), (1), (3)), voxel, BLOCK, BLOCKS,
            self._core.Device("CPU:0"))

    def add(self, depth: np.ndarray, color: np.ndarray, rotation: np.ndarray, position: np.ndarray) -> None:
        """Fuse a frame: depth (H, W) m, 0 for none, color (H, W, 3) 0..255, rotation rows right, down, ahead."""
        extrinsic = np.eye(4)
        extrinsic[:3, :3], extrinsic[:3, 3] = rotation, -rotation @ position
        image = self._open3d.t.geometry.Image
        seen = image(self._core.Tensor(np.ascontiguousarray(depth, np.float32)))
        painted = image(self._core.Tensor(np.ascontiguousarray(color, np.float32)))
        pose = self._core.Tensor(extrinsic)
        if (depth[::4, ::4] > 0).mean() < LEAST_DEPTH:
            return
        blocks = self._grid.compute_unique_block_coordinates(seen, self._camera, pose, 1.0, FARTHEST, TRUNCATION)
        self._grid.integrate(blocks, seen, painted, self._camera, self._camera, pose, 1.0, FARTHEST, TRUNCATION)

    def mesh(self, least_views: float, small: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vertices (N, 3) m, colours (N, 3) 0..255, unit normals (N, 3) of what `least_views` frames have seen.

        Connected parts of fewer than `small` triangles are left out.
        """
        mesh = self._grid.extract_triangle_mesh(least_views).to_legacy()
        mesh.remove_triangles_by_mask(sizes_of_parts(np.asarray(mesh.triangles)) < small)
        mesh.remove_unreferenced_vertices()
        mesh.compute_vertex_normals()
        vertices = np.asarray(mesh.vertices)
        order = np.lexsort(vertices.T)  # Open3D's depends on the threads' luck
        return vertices[order], np.asarray(mesh.vertex_colors)[order], np.asarray(mesh.vertex_normals)[order]


def sizes_of_parts(triangles: np.ndarray) -> np.ndarray:
    """(F,) of triangles (F, 3) of vertices: how many are in the part that each belongs to, joined by common edges."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64), axis=1)
    code = edges[:, 0] * (triangles.max(initial=0) + 1) + edges[:, 1]
    order = np.argsort(code)
    same = np.flatnonzero(code[order[1:]] == code[order[:-1]])
    face, count = order // 3, len(triangles)
    joined = coo_array((np.ones(len(same), bool), (face[same], face[same + 1])), (count, count))
    part = connected_components(joined, directed=False)[1]
    return np.bincount(part)[part]

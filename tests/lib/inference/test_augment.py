"""Views of test-time augmentation: the first changes nothing, the others turn and spread the grid."""
import numpy as np

from lib.inference.augment import COARSEST, halton, views


def test_the_first_view_gives_the_very_points_back():
    points = np.random.default_rng(0).random((10, 3)).astype(np.float32)
    assert views(4)[0](points, 0.02) is points


def test_more_views_begin_with_the_fewer_and_are_always_the_same():
    few, many = views(3), views(8)
    for one, other in zip(few, many):
        assert one.shift == other.shift and np.array_equal(one.matrix, other.matrix)


def test_views_keep_the_vertical_and_all_distances_in_proportion():
    for view in views(8)[1:]:
        scale = np.linalg.norm(view.matrix[:, 0])
        assert 0.95 < scale < 1.05
        np.testing.assert_allclose(view.matrix @ view.matrix.T, scale**2 * np.eye(3), atol=1e-12)
        np.testing.assert_allclose(view.matrix @ [0, 0, 1], [0, 0, scale])
    mirrored = [np.linalg.det(view.matrix) < 0 for view in views(8)[1:]]
    assert any(mirrored) and not all(mirrored)


def test_shifts_spread_evenly_over_the_coarsest_voxel():
    shifts = np.array([view.shift for view in views(16)])
    assert (shifts[0] == 0).all() and (shifts < COARSEST).all()
    for axis in range(3):
        gaps = np.diff(np.sort([*shifts[:, axis], COARSEST]))
        assert gaps.max() < 2.5 * COARSEST / 16
    assert [halton(k, 2) for k in range(4)] == [0, 0.5, 0.25, 0.75]


def test_shifts_are_in_voxels():
    view = views(2)[1]
    np.testing.assert_allclose(view(np.zeros((1, 3)), 0.05)[0], 0.05 * np.array(view.shift))

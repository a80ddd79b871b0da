"""Points to voxels against plain loops: voxels, inverse index, label vote, colour mean."""
from collections import Counter

import numpy as np
import pytest

from datasets.voxelizer import Voxelizer
from lib.sparse.quantize import sparse_quantize, vote, voxel_mean


def random_coordinates(count=500, columns=3, seed=0):
    return np.random.default_rng(seed).integers(-4, 5, (count, columns)).astype(np.int32)


@pytest.mark.parametrize("columns", [3, 4])
def test_voxels_are_the_distinct_rows_in_ascending_order(columns):
    coordinates = random_coordinates(columns=columns)
    voxels = sparse_quantize(coordinates)
    assert np.array_equal(coordinates[voxels.index], np.unique(coordinates, axis=0))
    assert voxels.labels is None


@pytest.mark.parametrize("spread", [1, 1 << 17])  # the second does not fit the fast sort
def test_L11_inverse_leads_every_point_to_its_own_voxel(spread):
    coordinates = random_coordinates() * spread
    voxels = sparse_quantize(coordinates)
    assert np.array_equal(coordinates[voxels.index][voxels.inverse], coordinates)
    rows = [tuple(row) for row in coordinates.tolist()]
    assert voxels.index.tolist() == [rows.index(tuple(coordinates[i])) for i in voxels.index]  # first of each voxel


def test_order_of_points_does_not_change_the_voxels():
    coordinates, labels = random_coordinates(), np.random.default_rng(1).integers(-1, 5, 500)
    order = np.random.default_rng(2).permutation(500)
    one = sparse_quantize(coordinates, labels, 5)
    other = sparse_quantize(coordinates[order], labels[order], 5)
    assert np.array_equal(coordinates[one.index], coordinates[order][other.index])
    assert np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize("ignore_label", [-1, 255])
def test_labels_are_the_majority_ties_to_the_smallest_class(ignore_label):
    rng = np.random.default_rng(3)
    inverse = np.concatenate([np.arange(80), rng.integers(0, 80, 320)])
    labels = rng.choice([0, 1, 2, 3, ignore_label], 400, p=[.2, .2, .1, .1, .4])
    expected = []
    for voxel in range(80):
        votes = Counter(labels[(inverse == voxel) & (labels != ignore_label)].tolist())
        expected.append(min(votes, key=lambda c: (-votes[c], c)) if votes else ignore_label)
    assert ignore_label in expected
    assert vote(labels, inverse, 80, 4, ignore_label).tolist() == expected


def test_hand_computed_votes():
    inverse = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3])
    labels = np.array([5, 5, 2, 7, 3, -1, -1, 4, -1])
    assert vote(labels, inverse, 4, 10).tolist() == [5, 3, 4, -1]


def test_voxel_mean_is_the_mean():
    values, inverse = np.random.default_rng(4).random((300, 3)), np.random.default_rng(5).integers(0, 40, 300)
    expected = np.stack([values[inverse == voxel].mean(axis=0) for voxel in range(40)])
    mean = voxel_mean(values, inverse, 40)
    assert mean.dtype == np.float32 and np.allclose(mean, expected, atol=1e-6)


def test_empty_and_single_points():
    empty = sparse_quantize(np.zeros((0, 3), np.int32), np.zeros(0, int), 5)
    assert len(empty.index) == len(empty.inverse) == len(empty.labels) == 0
    one = sparse_quantize(np.array([[-7, 8, 9]], np.int32), np.array([3]), 5)
    assert one.index.tolist() == one.inverse.tolist() == [0] and one.labels.tolist() == [3]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="63 bits"):
        sparse_quantize(np.array([[-2**31] * 3, [2**31 - 1] * 3], np.int32))
    with pytest.raises(ValueError, match="signed integers"):
        sparse_quantize(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="outside 0..4"):
        sparse_quantize(np.zeros((2, 3), np.int32), np.array([0, 5]), 5)
    with pytest.raises(ValueError, match="outside 0..4"):
        sparse_quantize(np.zeros((2, 3), np.int32), np.array([0, -2]), 5)
    with pytest.raises(ValueError, match="num_classes"):
        sparse_quantize(np.zeros((2, 3), np.int32), np.array([0, 0]))


def test_int32_extremes_are_told_apart():
    coordinates = np.array([[-2**31, 0, 0], [2**31 - 1, 0, 0], [-2**31, 1, 0]], np.int32)
    voxels = sparse_quantize(coordinates)
    assert len(voxels.index) == 3 and np.array_equal(coordinates[voxels.index][voxels.inverse], coordinates)


def test_voxelizer_cuts_at_multiples_of_the_voxel_size():
    points = np.array([[0.0, 0.019, 0.021], [-0.001, -0.02, -0.021], [0.005, 0.001, 0.03]], np.float32)
    colors = np.array([[0, 0, 0], [10, 20, 30], [100, 50, 2]], np.float32)
    voxels = Voxelizer(0.02, 200)(points, colors, np.array([1, 2, 1]))
    assert voxels.coordinates.tolist() == [[-1, -1, -2], [0, 0, 1]]
    assert voxels.features.tolist() == [[10, 20, 30], [50, 25, 1]]
    assert voxels.labels.tolist() == [2, 1] and voxels.inverse.tolist() == [1, 0, 1]


def test_voxelizer_divides_in_double_precision_far_from_the_origin():
    points = (np.random.default_rng(6).random((2000, 3)) * 2e4).astype(np.float32)
    voxels = Voxelizer(0.02, 200)(points, np.zeros((2000, 3), np.float32), None)
    assert np.array_equal(voxels.coordinates[voxels.inverse], np.floor(points.astype(np.float64) / 0.02).astype(int))


def test_voxelizer_refuses_what_it_cannot_place():
    colors = np.zeros((1, 3), np.float32)
    for far in (3e4, 1e30, np.nan):
        with pytest.raises(ValueError, match="metres"):
            Voxelizer(0.02, 200)(np.full((1, 3), far, np.float32), colors, None)
    for size in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="voxel size"):
            Voxelizer(size, 200)

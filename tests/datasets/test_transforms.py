"""Augmentation: labels and order stay, input arrays stay, and each transform does what its docstring says."""
import copy
from itertools import permutations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import convolve

from datasets import transforms as T

ALL = [T.ElasticDistortion(p=1), T.RandomRotation(), T.RandomScale(), T.RandomShift(2.0), T.RandomHorizontalFlip(p=1),
       T.ChromaticAutoContrast(p=1), T.ChromaticTranslation(p=1), T.ChromaticJitter(p=1)]
GEOMETRIC = ALL[:5]


def cloud(count=3000, seed=0):
    rng = np.random.default_rng(seed)
    points = (rng.random((count, 3)) * [4, 3, 2.5]).astype(np.float32)
    return points, (points * 50 + 20).astype(np.float32), rng.integers(0, 200, count)


@pytest.mark.parametrize("transform", ALL, ids=lambda t: type(t).__name__)
def test_every_point_keeps_its_label_and_its_place_in_the_order(transform):
    points, colors, labels = cloud()
    before = copy.deepcopy((points, colors, labels))
    new_points, new_colors, new_labels = transform(points, colors, labels, np.random.default_rng(1))
    assert new_labels is labels
    for array, old in zip((points, colors, labels), before):
        assert np.array_equal(array, old), "an input array was changed"
    assert new_points.dtype == new_colors.dtype == np.float32
    assert new_points.shape == points.shape and new_colors.shape == colors.shape
    if transform in GEOMETRIC:
        # the colour is a function of the place here, so a reordering of either would break the tie
        assert np.array_equal(new_colors, colors)
        lone = transform(points[:], colors, labels, np.random.default_rng(1))[0]
        assert np.array_equal(lone, new_points) and not np.array_equal(new_points, points)
        distances = np.linalg.norm(points[:-1] - points[1:], axis=1)
        moved = np.linalg.norm(new_points[:-1] - new_points[1:], axis=1)
        assert np.corrcoef(distances, moved)[0, 1] > 0.7
    else:
        assert np.array_equal(new_points, points) and not np.array_equal(new_colors, colors)
        assert new_colors.min() >= 0 and new_colors.max() <= 255.001
        assert all(np.corrcoef(colors[:, c], new_colors[:, c])[0, 1] > 0.9 for c in range(3))


@pytest.mark.parametrize("transform", ALL, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_point_are_handled(transform, count):
    points, colors, labels = (array[:count] for array in cloud())
    result = transform(points, colors, labels, np.random.default_rng(0))
    assert [len(array) for array in result] == [count] * 3
    assert all(np.isfinite(array).all() for array in result)


@pytest.mark.parametrize("transform", ALL, ids=lambda t: type(t).__name__)
def test_the_generator_alone_decides(transform):
    one = transform(*cloud(), np.random.default_rng(5))
    np.random.seed(0)
    assert all(np.array_equal(a, b) for a, b in zip(one, transform(*cloud(), np.random.default_rng(5))))
    other = transform(*cloud(), np.random.default_rng(6))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other))


class FixedNoise:
    """A generator whose normal noise is given."""

    def __init__(self, noise):
        self.noise = noise

    def standard_normal(self, shape, dtype):
        assert shape == self.noise.shape
        return self.noise.astype(dtype)


def test_elastic_distortion_matches_minkowski_engines_example():
    points = cloud(500)[0]
    granularity, magnitude = 0.4, 0.7
    shape = ((points - points.min(0)).max(0) // granularity).astype(int) + 3
    noise = np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32)
    smooth = np.moveaxis(noise, 0, 3)
    for _ in range(2):
        for box in ((3, 1, 1, 1), (1, 3, 1, 1), (1, 1, 3, 1)):
            smooth = convolve(smooth, np.ones(box, np.float32) / 3, mode="constant", cval=0)
    axes = [np.linspace(low, high, size) for low, high, size in zip(
        points.min(0) - granularity, points.min(0) + granularity * (shape - 2), shape)]
    interpolate = RegularGridInterpolator(axes, smooth, bounds_error=False, fill_value=0)
    expected = points + interpolate(points) * magnitude
    assert np.allclose(T.elastic_distortion(points, granularity, magnitude, FixedNoise(noise)), expected, atol=1e-4)


def test_elastic_distortion_moves_points_smoothly_without_drift():
    points = cloud(4000)[0]
    moves = np.stack([T.elastic_distortion(points, 0.2, 0.4, np.random.default_rng(s)) - points for s in range(20)])
    assert abs(moves.mean()) < 0.01
    # two 3-boxes on each axis leave a variance of (19/81)^3, interpolation lowers it further
    assert 0.03 < moves.std() < 0.4 * (19 / 81) ** 1.5
    near = points + np.float32(0.005)  # both ends move along, so the grid is the same
    pair = T.elastic_distortion(np.concatenate([points, near]), 0.2, 0.4, np.random.default_rng(0))
    moved = pair - np.concatenate([points, near])
    assert np.abs(moved[:4000] - moved[4000:]).max() < 0.03


def test_elastic_distortion_refuses_a_scene_in_millimetres():
    with pytest.raises(ValueError, match="metres"):
        T.elastic_distortion(cloud()[0] * 1000, 0.2, 0.4, np.random.default_rng(0))


def test_elastic_distortion_runs_with_its_probability():
    points, colors, labels = cloud(20)
    rng = np.random.default_rng(0)
    changed = sum(T.ElasticDistortion()(points, colors, labels, rng)[0] is not points for _ in range(400))
    assert 365 <= changed <= 393  # 380 ± 3 deviations


def test_elastic_distortion_is_a_fine_one_and_then_a_coarse_one():
    points = cloud(200)[0]
    rng = np.random.default_rng(4)
    rng.random()  # whether at all
    fine = T.elastic_distortion(points, 0.2, 0.4, rng)
    expected = T.elastic_distortion(fine, 0.8, 1.6, rng)
    distort = T.ElasticDistortion()
    distort.p = 1.0
    assert np.array_equal(distort(points, None, None, np.random.default_rng(4))[0], expected)


def test_colours_change_with_their_probabilities():
    points, colors, labels = cloud(20)
    for transform, share in ((T.ChromaticAutoContrast(), 0.2), (T.ChromaticTranslation(), 0.95),
                             (T.ChromaticJitter(), 0.95)):
        rng = np.random.default_rng(0)
        changed = sum(transform(points, colors, labels, rng)[1] is not colors for _ in range(400)) / 400
        assert abs(changed - share) < 3 * np.sqrt(share * (1 - share) / 400), type(transform).__name__


def test_rotation_is_rigid_and_stays_in_its_ranges():
    points, colors, labels = cloud(100)
    tilts, turns = [], []
    for seed in range(300):
        rotate = T.RandomRotation()
        turned = rotate(np.eye(3, dtype=np.float32), None, None, np.random.default_rng(seed))[0]
        assert np.allclose(turned @ turned.T, np.eye(3), atol=1e-5) and np.linalg.det(turned) > 0
        tilts.append(np.arccos(np.clip(turned[2, 2], -1, 1)))
        turns.append(np.arctan2(turned[0, 1], turned[0, 0]))
    assert max(tilts) < 2 * np.pi / 64 + 1e-3 and max(tilts) > np.pi / 64
    assert min(turns) < -2.9 and max(turns) > 2.9 and abs(np.mean(turns)) < 0.4
    turned = T.RandomRotation((0, 0, 0))(points, colors, labels, np.random.default_rng(0))[0]
    assert np.allclose(turned, points)


def test_the_order_of_the_rotations_is_drawn():
    orders = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        angles = [rng.uniform(-limit, limit) for limit in (1, 1, 1)]
        turned = T.RandomRotation((1, 1, 1))(np.eye(3, dtype=np.float32), None, None, np.random.default_rng(seed))[0].T
        orders |= {order for order in permutations(range(3)) if np.allclose(turned, np.linalg.multi_dot(
            [T.rotation_matrix(axis, angles[axis]) for axis in order]), atol=1e-5)}
    assert len(orders) == 6


def test_rotation_matrix_turns_counter_clockwise():
    assert np.allclose(T.rotation_matrix(2, np.pi / 2) @ [1, 0, 0], [0, 1, 0])
    assert np.allclose(T.rotation_matrix(0, np.pi / 2) @ [0, 1, 0], [0, 0, 1])
    assert np.allclose(T.rotation_matrix(1, np.pi / 2) @ [0, 0, 1], [1, 0, 0])


def test_scale_shift_and_flip_are_what_they_say():
    points, colors, labels = cloud(100)
    rng = np.random.default_rng(0)
    factors = [(T.RandomScale(0.9, 1.1)(points, colors, labels, rng)[0] / points) for _ in range(200)]
    assert all(np.ptp(f) < 1e-4 for f in factors)
    factors = [f.mean() for f in factors]
    assert 0.9 <= min(factors) < 0.91 and 1.09 < max(factors) <= 1.1
    shifts = np.stack([(T.RandomShift(2.0)(points, colors, labels, rng)[0] - points).mean(0) for _ in range(200)])
    assert 0 <= shifts.min() < 0.1 and 1.9 < shifts.max() <= 2.0
    flip = T.RandomHorizontalFlip(p=1, p_axis=1)(points, colors, labels, rng)[0]
    assert np.array_equal(flip[:, 2], points[:, 2])
    assert np.allclose(flip[:, :2] + points[:, :2], points[:, :2].max(0))
    flips = [T.RandomHorizontalFlip()(points, colors, labels, rng)[0] for _ in range(400)]
    for axis in (0, 1):  # .95 x .5
        assert 160 <= sum(not np.array_equal(f[:, axis], points[:, axis]) for f in flips) <= 220
    with pytest.raises(ValueError, match="scale"):
        T.RandomScale(1.2, 0.8)


def test_colour_transforms_have_the_stated_size():
    points, labels = cloud()[0], None
    grey = np.full((3000, 3), 128, np.float32)
    rng = np.random.default_rng(0)
    jitter = T.ChromaticJitter(p=1, std=0.05)(points, grey, labels, rng)[1] - grey
    assert abs(jitter.std() - 0.05 * 255) < 0.3 and abs(jitter.mean()) < 0.5
    translate = T.ChromaticTranslation(p=1, ratio=0.1)
    moves = np.stack([translate(points, grey, labels, rng)[1][0] - 128 for _ in range(300)])
    assert -25.5 <= moves.min() < -24 and 24 < moves.max() <= 25.5
    narrow = np.linspace(100, 150, 3000, dtype=np.float32)[:, None].repeat(3, axis=1)
    widths = [np.ptp(T.ChromaticAutoContrast(p=1)(points, narrow, labels, rng)[1]) for _ in range(50)]
    assert 50 <= min(widths) < 70 and 230 < max(widths) <= 255.01
    assert np.isfinite(T.ChromaticAutoContrast(p=1)(points, grey, labels, rng)[1]).all()


def chosen(config, voxel_size=0.02):
    """The transforms in use by name, those of points and then those of colours."""
    return {type(t).__name__: t
            for t in (*T.point_transforms(config, voxel_size).transforms, *T.color_transforms(config).transforms)}


def test_flags_choose_the_transforms(dataset_config):
    order = [type(t).__name__ for t in (ALL[0], ALL[1], ALL[2], ALL[4], ALL[3], *ALL[5:])]
    assert list(chosen(dataset_config)) == order
    dataset_config.elastic_distortion = False
    dataset_config.data_aug_color_trans_ratio, dataset_config.data_aug_color_jitter_std = 0.3, 0.2
    dataset_config.data_aug_scale_min, dataset_config.data_aug_scale_max = 0.5, 2.0
    used = chosen(dataset_config, 0.05)
    assert "ElasticDistortion" not in used and used["RandomShift"].limit == 5.0
    assert (used["RandomScale"].low, used["RandomScale"].high) == (0.5, 2.0)
    assert used["ChromaticTranslation"].ratio == 0.3 and used["ChromaticJitter"].std == 0.2
    dataset_config.train_augmentation = False
    assert not chosen(dataset_config)

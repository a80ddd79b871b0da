"""Each class weighting against cases worked out by hand. Run: python -m pytest tests/datasets/test_weighting.py"""
import numpy as np
import pytest

from datasets.weighting import WEIGHTINGS, class_weights

# 900, 90 and 10 points: shares .9, .09 and .01. ln 1.92, 1.11, 1.03 = .652325, .104360, .029559;
# ln 1.901, 1.091, 1.011 = .642380, .087095, .010940; 1/sqrt of .9, .09, .01 = 1.054093, 3.333333, 10.
BY_HAND = {
    "log": np.array([1.532978, 9.582215, 33.830742]),
    "log1": np.array([1.556711, 11.481781, 91.408]),
    "inverse_sqrt": np.array([1.054093, 3.333333, 10.0]),
    "none": np.ones(3),
}


@pytest.mark.parametrize("weighting", BY_HAND)
def test_a_weighting_equals_its_formula(weighting):
    expected = BY_HAND[weighting] / BY_HAND[weighting].mean()
    assert np.allclose(class_weights([900, 90, 10], weighting), expected, rtol=2e-5, atol=0)


def test_effective_number_equals_its_formula():
    # The median class has 2 points, so β = 1/2, and 1 - β^n = 1/2, 3/4, 7/8: weights 2, 4/3, 8/7 over their mean 94/63.
    assert np.allclose(class_weights([1, 2, 3], "effective"), [63 / 47, 42 / 47, 36 / 47], rtol=1e-12)


def test_effective_number_is_inverse_below_the_median_and_even_above():
    weights = class_weights([100, 1_000, 100_000, 10_000_000, 100_000_000], "effective")
    assert weights[0] / weights[1] == pytest.approx(10, rel=0.01)
    assert weights[3] == pytest.approx(weights[4])
    assert weights[2] / weights[4] == pytest.approx(1 / (1 - np.exp(-1)), rel=1e-4)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_weights_have_mean_1_over_the_classes_that_occur_and_the_others_weigh_as_the_heaviest(weighting):
    points = np.array([0, 5_000_000, 300, 0, 20_000, 100])
    weights = class_weights(points, weighting)
    assert np.isclose(weights[points > 0].mean(), 1) and (weights[points == 0] == weights[5]).all()
    assert weights[1] <= weights[4] <= weights[2] <= weights[5] and np.isfinite(weights).all()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_scans_ten_times_as_dense_weigh_the_same(weighting):
    points = np.array([5_000_000, 300_000, 20_000, 1_000])
    assert np.allclose(class_weights(points, weighting), class_weights(10 * points, weighting), rtol=1e-3)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_no_labelled_point_gives_no_weights(weighting):
    with pytest.raises(ValueError, match="no labelled point"):
        class_weights(np.zeros(200), weighting)

"""Order statistics of uniform p-values: closed forms, calibration, and what thinning keeps."""

import numpy as np
import pytest
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.stats.quantile_plot import quantile_plot_points


def test_one_test_is_uniform():
    points = quantile_plot_points([0.7])
    np.testing.assert_allclose(points.expected, -np.log10(0.5))
    np.testing.assert_allclose(points.upper, -np.log10(0.025))
    np.testing.assert_allclose(points.lower, -np.log10(0.975))


@pytest.mark.parametrize("m", [3, 1_000, 3_000_000])
def test_extremes_have_the_closed_form(m):
    # The smallest of m uniforms lies below q with probability 1 − (1 − q)^m, the largest q^m.
    points = quantile_plot_points(np.linspace(0, 5, m), confidence=0.9)
    for name, quantile in (("upper", 0.05), ("expected", 0.5), ("lower", 0.95)):
        smallest = -np.expm1(np.log1p(-quantile) / m)
        largest = quantile ** (1 / m)
        got = getattr(points, name)
        np.testing.assert_allclose(got[0], -np.log10(smallest), rtol=1e-9)
        np.testing.assert_allclose(got[-1], -np.log10(largest), rtol=1e-6)


def test_band_and_median_are_calibrated_under_the_null():
    rng = np.random.default_rng(11)
    m, sets = 60, 2_000
    above = np.zeros(m)
    inside = np.zeros(m)
    for _ in range(sets):
        points = quantile_plot_points(-np.log10(rng.random(m)), confidence=0.8)
        above += points.observed > points.expected
        inside += (points.observed > points.lower) & (points.observed < points.upper)
    # Five standard errors: 0.011 for a share of one half, 0.009 for 0.8.
    np.testing.assert_allclose(above / sets, 0.5, atol=0.056)
    np.testing.assert_allclose(inside / sets, 0.8, atol=0.045)


def test_band_agrees_with_scipy_beta_between_the_extremes():
    m = 10_000
    points = quantile_plot_points(np.linspace(0, 4, m), max_points=40)
    middle = points.rank[15:35]
    np.testing.assert_allclose(
        points.upper[15:35], -np.log10(stats.beta(middle, m + 1 - middle).ppf(0.025)), rtol=1e-9
    )


def test_thinning_keeps_the_smallest_p_and_both_ends():
    rng = np.random.default_rng(3)
    values = rng.exponential(size=50_000)
    points = quantile_plot_points(values, max_points=1_000)
    ordered = np.sort(values)[::-1]
    assert points.rank.size <= 1_000
    np.testing.assert_array_equal(points.rank[:500], np.arange(1, 501))
    assert points.rank[-1] == 50_000
    np.testing.assert_array_equal(points.observed, ordered[points.rank - 1])
    assert points.observed[-1] == values.min()
    assert (np.diff(points.rank) > 0).all()


def test_thinned_points_lie_on_the_full_plot():
    values = np.random.default_rng(4).exponential(size=3_000)
    full = quantile_plot_points(values, max_points=3_000)
    thin = quantile_plot_points(values, max_points=100)
    for name in ("expected", "observed", "lower", "upper"):
        np.testing.assert_array_equal(getattr(thin, name), getattr(full, name)[thin.rank - 1])


def test_order_of_variants_does_not_matter_and_input_stays():
    rng = np.random.default_rng(5)
    values = rng.exponential(size=10_000)
    before = values.copy()
    first = quantile_plot_points(values)
    second = quantile_plot_points(rng.permutation(values))
    np.testing.assert_array_equal(first.observed, second.observed)
    np.testing.assert_array_equal(values, before)


def test_missing_is_left_out_and_counted():
    points = quantile_plot_points([np.nan, 1.0, 2.0, np.nan])
    assert (points.n_tests, points.n_missing) == (2, 2)
    np.testing.assert_array_equal(points.observed, [2.0, 1.0])


def test_p_beyond_double_precision_is_kept():
    assert quantile_plot_points([348.58, 0.1]).observed[0] == 348.58


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([np.nan, np.nan], "all 2 values are missing"),
        ([], "at least one"),
        ([np.inf, 1.0], "1 of 2 values are not"),
        ([-0.5, 1.0, 2.0], "1 of 3 values are not"),
    ],
)
def test_errors_say_what_came(values, words):
    with pytest.raises(InputError, match=words):
        quantile_plot_points(values)

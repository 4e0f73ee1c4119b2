"""Deming's line: closed form, invariants, no bias where least squares has one."""

import numpy as np
import pytest
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.stats.deming import deming_line


def _points(rng, n=60, slope=0.7, rho=0.0, spread=3.0):
    x = rng.normal(0, spread, n)
    errors = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    return x + errors[:, 0], slope * x + errors[:, 1]


def test_equal_errors_have_the_closed_form():
    x, y = _points(np.random.default_rng(1))
    sxx, syy, sxy = x @ x, y @ y, x @ y
    ratio = 4.0  # variance of the errors of y over that of x
    b = (syy - ratio * sxx + np.sqrt((syy - ratio * sxx) ** 2 + 4 * ratio * sxy**2)) / (2 * sxy)
    line = deming_line(x, y, np.full(60, 0.5), np.full(60, 1.0))
    assert line.slope == pytest.approx(b, rel=1e-6)
    assert line.heterogeneity == pytest.approx(((y - b * x) ** 2 / (1 + b**2 * 0.25)).sum())


def test_swapping_turns_the_line_over_and_flipping_an_allele_does_nothing():
    rng = np.random.default_rng(2)
    x, y = _points(rng)
    sx, sy = rng.uniform(0.5, 2, 60), rng.uniform(0.5, 2, 60)
    one = deming_line(x, y, sx, sy, error_correlation=0.3)
    other = deming_line(y, x, sy, sx, error_correlation=0.3)
    assert other.slope == pytest.approx(1 / one.slope, rel=1e-6)
    assert (other.lower, other.upper) == pytest.approx((1 / one.upper, 1 / one.lower), rel=1e-5)
    flip = rng.choice([-1, 1], 60)
    flipped = deming_line(flip * x, flip * y, sx, sy, error_correlation=0.3)
    assert flipped.slope == pytest.approx(one.slope, rel=1e-6)
    scaled = deming_line(x, 1000 * y, sx, 1000 * sy, error_correlation=0.3)
    assert scaled.slope == pytest.approx(1000 * one.slope, rel=1e-6)


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_unbiased_and_covering_also_with_correlated_errors(rho):
    rng = np.random.default_rng(3)
    ones = np.ones(60)
    slopes, inside, plain = [], 0, []
    for _ in range(80):
        x, y = _points(rng, rho=rho, spread=2.0)
        line = deming_line(x, y, ones, ones, error_correlation=rho)
        slopes.append(line.slope)
        inside += line.lower <= 0.7 <= line.upper
        plain.append((x @ y) / (x @ x))
    error = np.std(slopes) / np.sqrt(80)
    assert abs(np.mean(slopes) - 0.7) < 4 * error
    assert stats.binomtest(inside, 80, 0.95).pvalue > 0.001
    if rho == 0:
        assert np.mean(plain) < 0.7 - 10 * error


def test_noise_alone_bounds_nothing():
    rng = np.random.default_rng(4)
    ones = np.ones(20)
    lines = [deming_line(rng.normal(size=20), rng.normal(size=20), ones, ones) for _ in range(10)]
    assert sum(not line.bounded for line in lines) >= 5


def test_what_cannot_be_right_is_refused():
    ones = np.ones(4)
    with pytest.raises(InputError, match="3 points"):
        deming_line(ones[:2], ones[:2], ones[:2], ones[:2])
    with pytest.raises(InputError, match="standard errors above 0"):
        deming_line(ones, ones, ones, 0 * ones)
    with pytest.raises(InputError, match="correlation"):
        deming_line(ones, ones, ones, ones, error_correlation=1.0)

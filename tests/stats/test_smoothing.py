"""Natural splines: their defining properties, and the coverage of the interval."""

import numpy as np
import pytest

from gwasbone.stats.smoothing import natural_spline, smooth_line, spline_knots

KNOTS = [1.0, 2.0, 4.0, 7.0]


def test_the_basis_is_straight_beyond_the_knots_and_smooth_at_them():
    def bend(at):
        h = 1e-3
        before, here, after = (natural_spline(np.array([at + s * h]), KNOTS)[0] for s in (-1, 0, 1))
        return (after - 2 * here + before) / h**2

    for outside in (-5.0, 0.5, 7.5, 30.0):
        np.testing.assert_allclose(bend(outside), 0, atol=1e-6)
    for knot in KNOTS[1:-1]:
        np.testing.assert_allclose(bend(knot - 2e-3), bend(knot + 2e-3), atol=1e-2)
    assert np.abs(bend(3.0)[1:]).min() > 1e-3


def test_the_basis_by_hand():
    """At 3, between the knots 1, 2, 4, 7: (3−1)³/36 and (3−2)³/36."""
    np.testing.assert_allclose(natural_spline([3.0], KNOTS)[0], [3, 8 / 36, 1 / 36])


def test_few_values_leave_a_line():
    assert natural_spline(np.arange(5.0), spline_knots([1] * 20)).shape == (5, 1)
    two = smooth_line([0.0, 1] * 10, [1.0, 4] * 10)
    np.testing.assert_allclose(two.fit, 1 + 3 * two.x)
    assert smooth_line([2.0, 2, 2], [1.0, 2, 3]) is None
    assert smooth_line([1.0, 2, np.nan], [1.0, 2, 3]) is None


def test_a_straight_line_is_found_and_missing_points_are_left_out():
    x = np.append(np.linspace(40, 80, 50), [np.nan, 60])
    y = np.append(0.5 * x[:50] - 3, [1.0, np.nan])
    line = smooth_line(x, y)
    assert line is not None
    np.testing.assert_allclose(line.fit, 0.5 * line.x - 3, atol=1e-9)
    assert (line.n, line.x[0], line.x[-1]) == (50, 40, 80)


def test_the_interval_covers_the_curve_as_often_as_it_says():
    rng = np.random.default_rng(8)
    x = rng.uniform(0, 1, 150)
    grid = np.linspace(x.min(), x.max(), 60)
    coefficients = [1.0, -2.0, 3.0, -4.0]
    truth = natural_spline(x, spline_knots(x)) @ coefficients
    at = natural_spline(grid, spline_knots(x)) @ coefficients
    covered = []
    for _ in range(400):
        line = smooth_line(x, truth + rng.normal(size=150))
        covered.append((line.lower < at) & (at < line.upper))
    share = np.mean(covered)
    error = np.std(np.mean(covered, axis=1)) / 20
    assert share == pytest.approx(0.95, abs=3 * error)

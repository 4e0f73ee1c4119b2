"""Constant numbers are told apart from varying ones whatever their magnitude."""

import numpy as np
import pytest

from gwasbone.stats.variation import varies


@pytest.mark.parametrize("constant", [0.1, -1.3, 7.0, 1e-300, 3e200, 1 / 3])
@pytest.mark.parametrize("n", [2, 3, 600, 100_001])
def test_a_constant_does_not_vary_where_its_standard_deviation_is_not_zero(constant, n):
    values = np.full(n, constant)
    assert not varies(values)
    # what sums and means of it leave is rounding, too
    assert not varies(values + np.linspace(-4, 4, n) * np.spacing(constant))


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1.0, 1e6, 1e200])
def test_real_variation_counts_at_every_scale(scale):
    rng = np.random.default_rng(1)
    assert varies(scale * rng.normal(size=50))
    assert varies(scale * (1 + 1e-9 * rng.normal(size=50)))
    assert varies(scale * np.array([1.0, 1.0, 1.0, 0.9]))


def test_missing_and_infinite_numbers_do_not_count():
    assert not varies([np.nan, 2.0, 2.0, np.inf])
    assert varies([np.nan, 2.0, 3.0])
    assert not varies(np.zeros(5))
    for values in ([np.nan, np.nan], [5.0], []):
        assert not varies(values)


def test_columns_are_judged_one_by_one_or_against_a_common_magnitude():
    noise = 1e-17 * np.random.default_rng(2).normal(size=20)
    columns = np.column_stack([np.arange(20.0), np.full(20, 0.1), noise])
    assert varies(columns).tolist() == [True, False, True]
    assert varies(columns, magnitude=20.0).tolist() == [True, False, False]

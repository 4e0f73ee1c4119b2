"""−log10 p against mpmath (60 digits) and SciPy, from p near 1 to far beyond 1e-308."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import stats

from gwasbone.stats.pvalues import (
    chi2_1_from_neg_log10_p,
    neg_log10_p_chi2,
    neg_log10_p_normal,
    neg_log10_p_t,
)

mpmath.mp.dps = 60

T_VALUES = [1e-8, 1e-3, 0.3, 0.999, 1.001, 2.0, 5.0, 20.0, 36.0, 38.0, 45.0, 60.0, 1e3, 1e6, 1e200]
DOFS = [0.5, 1.0, 2.0, 3.0, 10.0, 99.5, 210.0, 1000.0, 4000.0]


def exact_t(t: float, dof: float) -> float:
    t_, nu = mpmath.mpf(t), mpmath.mpf(dof)
    p = mpmath.betainc(nu / 2, mpmath.mpf(1) / 2, 0, nu / (nu + t_ * t_), regularized=True)
    return float(-mpmath.log10(p))


def exact_chi2(x: float, dof: float) -> float:
    p = mpmath.gammainc(mpmath.mpf(dof) / 2, mpmath.mpf(x) / 2, regularized=True)
    return float(-mpmath.log10(p))


def test_t_40_on_half_a_million_dof_is_not_lost() -> None:
    assert stats.t.sf(40, 5e5) == 0.0
    assert float(neg_log10_p_t(40.0, 5e5)) == pytest.approx(348.58, abs=0.005)
    assert float(neg_log10_p_t(40.0, 5e5)) == pytest.approx(exact_t(40.0, 5e5), rel=1e-12)


@pytest.mark.parametrize("dof", DOFS)
def test_t_equals_mpmath(dof: float) -> None:
    expected = [exact_t(t, dof) for t in T_VALUES]
    np.testing.assert_allclose(neg_log10_p_t(T_VALUES, dof), expected, rtol=1e-12)


@pytest.mark.parametrize("t", [1e-3, 2.0, 20.0, 37.0, 45.0])
@pytest.mark.parametrize("dof", [1e5, 5e5])
def test_t_equals_mpmath_on_biobank_dof(t: float, dof: float) -> None:
    assert float(neg_log10_p_t(t, dof)) == pytest.approx(exact_t(t, dof), rel=1e-12)


def test_t_equals_scipy_where_scipy_resolves() -> None:
    rng = np.random.default_rng(3)
    t, dof = rng.normal(scale=4, size=2000), rng.uniform(1, 5000, size=2000)
    expected = -(stats.t.logsf(np.abs(t), dof) + np.log(2)) / np.log(10)
    np.testing.assert_allclose(neg_log10_p_t(t, dof), expected, rtol=1e-8, atol=1e-13)


def test_t_is_continuous_where_the_method_changes() -> None:
    t = np.linspace(35.0, 37.0, 4001)
    steps = np.diff(neg_log10_p_t(t, 5e5))
    assert (steps > 0).all()
    np.testing.assert_allclose(np.diff(steps), 0, atol=1e-6)


@pytest.mark.parametrize("dof", [30.0, 57.5, 1000.0, 9993.0, 5e5, np.inf])
def test_many_at_once_equal_one_by_one(dof: float) -> None:
    """Long arrays go through polynomials; short ones do not."""
    rng = np.random.default_rng(5)
    t = np.concatenate([rng.normal(size=20_000), rng.uniform(-60, 60, 9_995)])
    t = np.append(t, [0.0, 1e-9, -36.0, np.inf, np.nan]).reshape(3, -1)
    together = neg_log10_p_t(t, dof)
    apart = np.concatenate([neg_log10_p_t(piece, dof) for piece in np.split(t.ravel(), 30)])
    np.testing.assert_allclose(together, apart.reshape(t.shape), rtol=2e-14, atol=0)
    if np.isinf(dof):
        np.testing.assert_array_equal(neg_log10_p_normal(t), together)


def test_t_edges() -> None:
    values = neg_log10_p_t([np.nan, np.inf, 0.0, 1.0, 2.0, -2.0], [3, 3, 3, -1, 7, 7])
    assert np.isnan(values[[0, 3]]).all()
    assert values[1] == np.inf
    assert values[2] == 0.0
    assert not np.signbit(values[2])
    assert values[4] == values[5]


def test_infinite_dof_is_normal_and_large_dof_tends_to_it() -> None:
    t = np.array([0.5, 2.0, 10.0, 50.0])
    np.testing.assert_array_equal(neg_log10_p_t(t, np.inf), neg_log10_p_normal(t))
    np.testing.assert_allclose(neg_log10_p_t(t, 1e13), neg_log10_p_normal(t), rtol=1e-9)


@pytest.mark.parametrize("z", [1e-9, 0.4, 0.999, 1.001, 3.0, 8.0, 37.0, 39.0, 200.0])
def test_normal_equals_mpmath(z: float) -> None:
    expected = float(-mpmath.log10(mpmath.erfc(mpmath.mpf(z) / mpmath.sqrt(2))))
    assert float(neg_log10_p_normal(-z)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dof", [1.0, 2.0, 4.5, 10.0, 100.0])
@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0, 20.0, 400.0, 3e4])
def test_chi2_equals_mpmath(dof: float, ratio: float) -> None:
    x = dof * ratio
    assert float(neg_log10_p_chi2(x, dof)) == pytest.approx(exact_chi2(x, dof), rel=1e-11)


def test_chi2_edges() -> None:
    assert np.isnan(neg_log10_p_chi2([-1.0, np.nan], 1)).all()
    assert np.isnan(neg_log10_p_chi2([-1.0, np.nan], 3)).all()
    np.testing.assert_array_equal(neg_log10_p_chi2([0.0, np.inf], 3), [0.0, np.inf])


def test_chi2_inverse_at_every_depth() -> None:
    depth = np.r_[0.0, np.logspace(-10, 5, 400)]
    chi2 = chi2_1_from_neg_log10_p(depth)
    np.testing.assert_allclose(neg_log10_p_chi2(chi2), depth, rtol=1e-10)
    assert np.isnan(chi2_1_from_neg_log10_p([np.nan, -0.1])).all()


def test_few_and_many_are_inverted_alike() -> None:
    """A short array goes by Newton's method, a long one through SciPy."""
    depth = np.r_[0.0, np.logspace(-8, 6, 1200)]
    few, many = chi2_1_from_neg_log10_p(depth), chi2_1_from_neg_log10_p(np.tile(depth, 2))
    np.testing.assert_allclose(few, many[: len(few)], rtol=1e-11)


@pytest.mark.parametrize("dof", [1.5, 12.0, 296.0, 9_990.0, 2e5])
def test_t_equals_mpmath_where_the_series_meets_the_fraction(dof: float) -> None:
    border = np.sqrt(3 * dof / (dof + 2))
    t = [border * (1 - 1e-9), border * (1 + 1e-9)]
    expected = [exact_t(value, dof) for value in t]
    np.testing.assert_allclose(neg_log10_p_t(t, dof), expected, rtol=1e-13)


def test_shape_is_the_broadcast_shape() -> None:
    assert neg_log10_p_t(np.ones((3, 1)), np.ones(4)).shape == (3, 4)
    assert neg_log10_p_normal(1.0).shape == ()

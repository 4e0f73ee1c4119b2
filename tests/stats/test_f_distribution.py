"""The F tail agrees with arbitrary-precision arithmetic, however deep."""

import mpmath
import numpy as np
import pytest
from scipy import stats

from gwasbone.stats.f_distribution import neg_log10_p_f
from gwasbone.stats.pvalues import neg_log10_p_t


def exact(f, d1, d2):
    with mpmath.workdps(40):
        a, b = mpmath.mpf(d2) / 2, mpmath.mpf(d1) / 2
        x = mpmath.mpf(d2) / (mpmath.mpf(d2) + mpmath.mpf(d1) * mpmath.mpf(f))
        log = a * mpmath.log(x) + b * mpmath.log1p(-x) - mpmath.log(a)
        log -= mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)
        return float(-(log + mpmath.log(mpmath.hyp2f1(a + b, 1, a + 1, x))) / mpmath.log(10))


@pytest.mark.parametrize(("d1", "d2"), [(1, 25_000), (3, 25_990), (4, 60), (4, 1_000)])
def test_deep_tails_agree_with_many_digits(d1, d2):
    for f in (5.0, 400.0, 900.0, 5_000.0, 1e5):
        assert neg_log10_p_f(f, d1, d2) == pytest.approx(exact(f, d1, d2), rel=1e-8)


@pytest.mark.parametrize("f", [3.0, 200.0, 5_000.0, 1e6])
def test_an_even_numerator_is_a_finite_sum(f):
    """I_x(a, 4) = x^a Σ_{j<4} (a)_j (1 − x)^j / j! (DLMF 8.17.21 repeated)."""
    d2 = 500_000
    with mpmath.workdps(40):
        x = mpmath.mpf(d2) / (d2 + 8 * mpmath.mpf(f))
        terms = [mpmath.rf(d2 / 2, j) * (1 - x) ** j / mpmath.factorial(j) for j in range(4)]
        log_p = mpmath.mpf(d2) / 2 * mpmath.log(x) + mpmath.log(sum(terms))
    assert neg_log10_p_f(f, 8, d2) == pytest.approx(float(-log_p / mpmath.log(10)), rel=1e-8)


@pytest.mark.parametrize("f", [0.0, 1e-6, 0.3, 1.0, 2.7])
def test_the_centre_agrees_with_scipy(f):
    for d1, d2 in ((1, 5), (3, 40), (4, 26_000)):
        assert neg_log10_p_f(f, d1, d2) == pytest.approx(
            -np.log10(stats.f.sf(f, d1, d2)), rel=1e-9, abs=1e-12
        )


def test_one_degree_of_freedom_is_students_t():
    for t in (0.5, 3.0, 60.0):
        assert neg_log10_p_f(t * t, 1, 26_000) == pytest.approx(
            float(neg_log10_p_t(t, 26_000)), rel=1e-9
        )


def test_outside_the_domain_is_nan():
    assert np.isnan(neg_log10_p_f(-1.0, 2, 10))
    assert np.isnan(neg_log10_p_f(np.nan, 2, 10))
    assert np.isnan(neg_log10_p_f(1.0, 0, 10))
    assert neg_log10_p_f(np.inf, 2, 10) == np.inf

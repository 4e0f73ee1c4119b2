"""Reliability, recalibration and the Brier score: by hand, by identity, against other libraries."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from gwasbone.errors import InputError
from gwasbone.stats.calibration import (
    SMALLEST_PROBABILITY,
    brier_score,
    calibration,
    expected_calibration_error,
    wilson_interval,
)


def _draw(seed, n=3000, slope=1.0, shift=0.0):
    """Predictions whose true log odds are ``slope · logit + shift``."""
    rng = np.random.default_rng(seed)
    eta = rng.normal(-1, 1.2, n)
    return rng.random(n) < expit(slope * eta + shift), expit(eta)


def test_a_case_worked_by_hand():
    case = [0, 0, 1, 0, 1, 1]
    p = [0.1, 0.3, 0.3, 0.6, 0.8, 1.0]
    result = calibration(case, p, n_bins=2, bin_rule="uniform")
    bins = result.bins
    np.testing.assert_allclose(bins.predicted, [0.7 / 3, 0.8])
    np.testing.assert_allclose(bins.observed, [1 / 3, 2 / 3])
    np.testing.assert_array_equal(bins.n_people, [3, 3])
    np.testing.assert_array_equal(bins.n_cases, [1, 2])
    assert result.expected_calibration_error == pytest.approx(0.5 * 0.1 + 0.5 * (0.8 - 2 / 3))
    assert result.brier.score == pytest.approx((0.01 + 0.09 + 0.49 + 0.36 + 0.04) / 6)
    assert result.brier.uncertainty == pytest.approx(0.25)
    assert result.brier.resolution == pytest.approx((1 / 6) ** 2)
    assert result.brier.reliability == pytest.approx((0.1**2 + (0.8 - 2 / 3) ** 2) / 2)
    assert result.recalibration.n_clipped == 1


@pytest.mark.parametrize("bin_rule", ["quantile", "uniform"])
@pytest.mark.parametrize("rounded", [False, True])
def test_the_parts_of_the_brier_score_add_up(bin_rule, rounded):
    case, p = _draw(1)
    p = p.round(1) if rounded else p
    brier = calibration(case, p, n_bins=7, bin_rule=bin_rule).brier
    parts = brier.reliability - brier.resolution + brier.uncertainty + brier.within_bins
    assert parts == pytest.approx(brier.score, abs=1e-15)
    assert brier.score == pytest.approx(brier_score_loss(case, p), abs=1e-15)
    assert brier.score == pytest.approx(brier_score(case, p), abs=1e-15)


def test_equal_predictions_in_each_bin_leave_murphys_three_terms():
    case, p = _draw(2)
    brier = calibration(case, p.round(1), n_bins=20, bin_rule="uniform").brier
    assert brier.within_bins == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
def test_sklearn_has_the_same_bins(strategy):
    case, p = _draw(3, n=1000)
    bins = calibration(case, p, n_bins=10, bin_rule=strategy).bins
    observed, predicted = calibration_curve(case, p, n_bins=10, strategy=strategy)
    np.testing.assert_allclose(bins.observed, observed)
    np.testing.assert_allclose(bins.predicted, predicted)


def test_ties_are_never_parted():
    p = np.repeat([0.05, 0.2, 0.9], [700, 100, 200])
    case = np.arange(1000) % 3 == 0
    bins = calibration(case, p, n_bins=10).bins
    np.testing.assert_array_equal(bins.n_people, [700, 100, 200])
    np.testing.assert_array_equal(bins.predicted.round(12), [0.05, 0.2, 0.9])
    assert (bins.left < bins.right).all()


def test_wilson_agrees_with_scipy():
    for k, n in [(0, 5), (1, 5), (5, 5), (40, 200), (1, 100_000)]:
        theirs = binomtest(k, n).proportion_ci(0.9, method="wilson")
        ours = wilson_interval(k, n, confidence=0.9)
        np.testing.assert_allclose(np.ravel(ours), [theirs.low, theirs.high], atol=1e-14)
    assert np.isnan(wilson_interval(0, 0)).all()


def test_slope_and_intercept_are_those_of_statsmodels():
    case, p = _draw(4, slope=0.6, shift=0.3)
    ours = calibration(case, p).recalibration
    full = sm.GLM(case, sm.add_constant(logit(p)), family=sm.families.Binomial()).fit()
    large = sm.GLM(case, np.ones(case.size), family=sm.families.Binomial(), offset=logit(p)).fit()
    np.testing.assert_allclose([ours.slope, ours.slope_se], [full.params[1], full.bse[1]], 1e-6)
    np.testing.assert_allclose(
        [ours.intercept, ours.intercept_se], [large.params[0], large.bse[0]], 1e-6
    )


def test_the_planted_miscalibration_comes_out_again():
    case, p = _draw(5, n=40_000, slope=0.5)
    result = calibration(case, p).recalibration
    assert abs(result.slope - 0.5) < 4 * result.slope_se
    case, p = _draw(6, n=40_000, shift=-0.7)
    result = calibration(case, p).recalibration
    assert abs(result.intercept + 0.7) < 4 * result.intercept_se
    assert abs(result.slope - 1) < 4 * result.slope_se


def test_intervals_cover_and_slopes_keep_their_level_when_predictions_are_true():
    covered, rejected = [], []
    for seed in range(150):
        case, p = _draw(100 + seed, n=1500)
        result = calibration(case, p)
        eta = result.bins
        covered.append((eta.lower <= eta.predicted) & (eta.predicted <= eta.upper))
        fit = result.recalibration
        rejected.append(abs(fit.slope - 1) > 1.959964 * fit.slope_se)
    assert abs(np.mean(covered) - 0.95) < 4 * np.sqrt(0.05 * 0.95 / (10 * 150))
    assert abs(np.mean(rejected) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 150)


def test_the_short_forms_agree_with_the_long_one():
    case, p = _draw(7)
    for rule in ("quantile", "uniform"):
        long = calibration(case, p, n_bins=8, bin_rule=rule).expected_calibration_error
        short = expected_calibration_error(case, p, n_bins=8, bin_rule=rule)
        assert short == pytest.approx(long, abs=1e-15)


def test_what_the_slope_cannot_tell_has_a_status():
    flat = calibration([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3])
    assert flat.recalibration.status == "collinear"
    assert np.isnan(flat.recalibration.slope)
    assert flat.brier.score == pytest.approx(0.29)
    apart = calibration([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9])
    assert apart.recalibration.status == "separation"
    certain = calibration([0, 1, 0, 1, 1, 0], [0.0, 1.0, 1.0, 0.6, 0.2, 0.3])
    assert certain.recalibration.n_clipped == 3
    assert np.isfinite(certain.recalibration.slope)
    assert SMALLEST_PROBABILITY == 1e-6


def test_only_probabilities_are_calibrated():
    with pytest.raises(InputError, match=r"between 0 and 1, got 1 outside \(0\.2 to 1\.2\)"):
        calibration([0, 1, 0], [0.2, 1.2, 0.3])
    with pytest.raises(InputError, match="got 1 outside"):
        brier_score([0, 1], [-np.inf, 0.5])
    with pytest.raises(InputError, match="2 cases and 0 controls"):
        calibration([1, 1, np.nan], [0.2, 0.3, 0.5])
    assert calibration([0, 1, 0, 1], [0.2, 0.7, np.nan, 0.3]).n_missing == 1

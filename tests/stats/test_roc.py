"""ROC curves and DeLong's variance: by hand, by enumeration of pairs, by symmetry, under the null.

R's pROC is the oracle in ``tests/peers/test_proc_roc.py``.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from gwasbone.errors import InputError
from gwasbone.stats.roc import (
    area_under_curve,
    auc_covariance,
    compare_paired_auc,
    compare_unpaired_auc,
    roc_curve,
)


def _draw(seed, n=300, share=0.3, effect=1.0, ties=False):
    rng = np.random.default_rng(seed)
    case = rng.random(n) < share
    score = rng.normal(effect * case)
    return case, np.round(score * 2) if ties else score


def _delong_by_pairs(case, score):
    """The definition: all m × n pairs."""
    x, y = score[case], score[~case]
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    variance = psi.mean(axis=1).var(ddof=1) / len(x) + psi.mean(axis=0).var(ddof=1) / len(y)
    return psi.mean(), np.sqrt(variance)


def test_a_case_worked_by_hand():
    # Cases 3, 1; controls 2, 1, 0. Pairs won: 3 of 3, then ½ + 1 of 3. Placements of cases
    # 1 and ½, of controls ½, ¾, 1: variance ⅛/2 + (1/16)/3.
    result = area_under_curve([1, 1, 0, 0, 0], [3, 1, 2, 1, 0])
    assert result.auc == 0.75
    assert result.se == pytest.approx(np.sqrt(1 / 16 + 1 / 48), rel=1e-14)
    assert (result.n_cases, result.n_controls, result.n_missing) == (2, 3, 0)
    curve = roc_curve([1, 1, 0, 0, 0], [3, 1, 2, 1, 0])
    np.testing.assert_array_equal(curve.threshold, [np.inf, 3, 2, 1, 0])
    np.testing.assert_allclose(curve.false_positive_rate, [0, 0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(curve.true_positive_rate, [0, 0.5, 0.5, 1, 1])


@pytest.mark.parametrize("ties", [False, True])
def test_midranks_give_what_all_pairs_give(ties):
    case, score = _draw(3, ties=ties)
    result = area_under_curve(case, score)
    auc, se = _delong_by_pairs(case, score)
    assert result.auc == pytest.approx(auc, abs=1e-14)
    assert result.se == pytest.approx(se, abs=1e-14)


@pytest.mark.parametrize("ties", [False, True])
def test_the_curve_encloses_the_area_and_agrees_with_sklearn(ties):
    case, score = _draw(4, ties=ties)
    curve = roc_curve(case, score)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(area_under_curve(case, score).auc, abs=1e-14)
    assert area == pytest.approx(roc_auc_score(case, score), abs=1e-14)
    x, y, _ = sklearn_roc_curve(case, score, drop_intermediate=False)
    corners = set(zip(curve.false_positive_rate, curve.true_positive_rate, strict=True))
    assert corners <= set(zip(x, y, strict=True))
    # All their points lie on our line: both rates rise along it, so their sum tells where.
    place = curve.false_positive_rate + curve.true_positive_rate
    np.testing.assert_allclose(np.interp(x + y, place, curve.false_positive_rate), x, atol=1e-12)


_SCORES = st.lists(st.tuples(st.booleans(), st.integers(-6, 6)), min_size=4, max_size=40).filter(
    lambda rows: 2 <= sum(case for case, _ in rows) <= len(rows) - 2
)


@given(_SCORES)
@settings(max_examples=80, deadline=None)
def test_symmetries(rows):
    case, score = (np.array(column) for column in zip(*rows, strict=True))
    one = area_under_curve(case, score)
    monotone = area_under_curve(case, np.exp(score / 3.0) * 7 - 2)
    assert (monotone.auc, monotone.se) == (one.auc, one.se)
    swapped, negated = area_under_curve(~case, score), area_under_curve(case, -score)
    for other in (swapped, negated):
        assert other.auc == pytest.approx(1 - one.auc, abs=1e-14)
        assert other.se == pytest.approx(one.se, abs=1e-14)
        assert other.lower == pytest.approx(1 - one.upper, abs=1e-13)
    order = np.random.default_rng(0).permutation(len(case))
    shuffled = area_under_curve(case[order], score[order])
    assert shuffled.auc == pytest.approx(one.auc, abs=1e-14)


def test_missing_is_left_out_and_infinite_is_extreme():
    case = [1, 1, 0, 0, np.nan, 1]
    score = [np.inf, 0.2, -np.inf, 0.1, 0.5, np.nan]
    result = area_under_curve(case, score)
    assert (result.auc, result.n_missing) == (1.0, 2)
    assert roc_curve(case, score).n_missing == 2
    assert roc_curve(case, score).true_positive_rate[1] == 1.0


@pytest.mark.parametrize(
    ("case", "score", "words"),
    [
        ([1, 1, np.nan], [1, 2, 3], "got 2 cases and 0 controls"),
        ([0, 1], [1, np.nan], "got 0 cases and 1 controls"),
        ([1, 2], [1, 2], "expected outcomes 0 .* got 2"),
        ([1, 0], [1, 2, 3], r"one score per outcome \(2\), got scores of length 3"),
        ([1, 0], ["a", "b"], "expected numbers in score 1, got text"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(case, score, words):
    for function in (roc_curve, area_under_curve):
        with pytest.raises(InputError, match=words):
            function(case, score)


def test_a_single_case_has_an_area_and_no_variance():
    result = area_under_curve([1, 0, 0], [2, 1, 3])
    assert result.auc == 0.5
    assert np.isnan([result.se, result.lower, result.upper]).all()
    with pytest.raises(InputError, match="got 1 and 2"):
        auc_covariance([1, 0, 0], [2, 1, 3])


def test_the_logit_interval_stays_inside_and_is_symmetric_there():
    case, score = _draw(5, n=40, effect=2.5)
    wald, logit = (area_under_curve(case, score, scale=scale) for scale in ("wald", "logit"))
    assert wald.se == logit.se
    assert logit.upper < 1
    odds = [np.log(a / (1 - a)) for a in (logit.lower, logit.auc, logit.upper)]
    assert odds[1] - odds[0] == pytest.approx(odds[2] - odds[1], rel=1e-10)
    perfect = area_under_curve([1, 1, 0, 0], [3, 4, 1, 2], scale="logit")
    assert (perfect.auc, perfect.lower, perfect.upper, perfect.se) == (1, 1, 1, 0)


def test_scores_that_rank_alike_do_not_differ():
    case, score = _draw(6)
    test = compare_paired_auc(case, score, np.arctan(score))
    assert (test.difference, test.se, test.neg_log10_p) == (0, 0, 0)
    assert test.correlation == pytest.approx(1)


def test_the_sign_of_a_comparison_follows_the_order():
    case, score = _draw(7)
    other = score + np.random.default_rng(8).normal(size=score.size)
    forward, back = compare_paired_auc(case, score, other), compare_paired_auc(case, other, score)
    assert forward.statistic == pytest.approx(-back.statistic)
    assert forward.neg_log10_p == pytest.approx(back.neg_log10_p)
    assert forward.difference > 0
    assert forward.lower < forward.difference < forward.upper


def test_a_difference_without_variance_has_no_test():
    test = compare_paired_auc([1, 1, 0, 0], [3, 4, 1, 2], [1, 2, 3, 4])
    assert (test.difference, test.se) == (1, 0)
    assert np.isnan(test.statistic)
    assert np.isnan(test.neg_log10_p)


def test_a_deep_p_value_survives():
    case, score = _draw(9, n=40_000, share=0.5, effect=1.0)
    test = compare_paired_auc(case, score, np.random.default_rng(1).normal(size=case.size))
    assert test.neg_log10_p > 320  # 10^-320 and below is 0 for most p-value routines


def test_paired_and_unpaired_tests_keep_their_level_under_the_null():
    rng = np.random.default_rng(11)
    draws, n = 1500, 160
    paired, unpaired = np.empty(draws), np.empty(draws)
    for i in range(draws):
        case = np.arange(n) < 60
        shared = rng.normal(0.8 * case)
        a, b = shared + rng.normal(size=n), shared + rng.normal(size=n)
        paired[i] = compare_paired_auc(case, a, b).neg_log10_p
        other = rng.normal(0.8 * case) + rng.normal(size=n)
        unpaired[i] = compare_unpaired_auc((case, a), (case, other)).neg_log10_p
    limit = -np.log10(0.05)
    # 0.05 ± 4 binomial standard errors.
    margin = 4 * np.sqrt(0.05 * 0.95 / draws)
    assert abs(np.mean(paired > limit) - 0.05) < margin
    assert abs(np.mean(unpaired > limit) - 0.05) < margin


@pytest.mark.parametrize("scale", ["wald", "logit"])
def test_intervals_cover_the_true_area(scale):
    from scipy.stats import norm

    rng = np.random.default_rng(12)
    truth = norm.cdf(1 / np.sqrt(2))  # P(X > Y) for unit normals one apart
    covered = []
    for _ in range(1000):
        case = np.arange(150) < 50
        one = area_under_curve(case, rng.normal(1.0 * case), scale=scale)
        covered.append(one.lower < truth < one.upper)
    assert abs(np.mean(covered) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 1000)


@pytest.mark.real
def test_ties_of_the_cases(shared_data):
    path = shared_data / "cases/images-and-records/12-roc/ties.csv"
    case, *scores = np.loadtxt(path, delimiter=",", skiprows=1).T
    for score in scores:
        result = area_under_curve(case, score)
        auc, se = _delong_by_pairs(case.astype(bool), score)
        assert (result.auc, result.se) == pytest.approx((auc, se), abs=1e-13)
    covariance = auc_covariance(case, scores)
    paired = compare_paired_auc(case, *scores)
    contrast = np.array([1, -1])
    assert paired.se == pytest.approx(np.sqrt(contrast @ covariance @ contrast), abs=1e-13)


def test_scores_that_lie_across_are_refused_in_one_short_line():
    with pytest.raises(
        InputError, match=r"per outcome \(300\), got scores of length 2, 2, 2, 2, \.\.\."
    ) as e:
        auc_covariance(np.arange(300) % 2, np.zeros((300, 2)))
    assert len(str(e.value)) < 160

"""Bootstrap of people, and agreement of predictions with measurements."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from gwasbone.errors import InputError
from gwasbone.stats.agreement import correlation, out_of_fold_r2
from gwasbone.stats.bootstrap import bootstrap_interval
from gwasbone.stats.precision_recall import average_precision


def test_the_standard_error_of_a_mean_comes_out():
    x = np.random.default_rng(1).normal(size=400)
    for method in ("percentile", "BCa"):
        result = bootstrap_interval(np.mean, x, n_resamples=2000, method=method)
        assert result.se == pytest.approx(x.std() / 20, rel=0.06)
        half = 1.96 * x.std() / 20
        assert result.lower == pytest.approx(x.mean() - half, abs=0.015)
        assert result.upper == pytest.approx(x.mean() + half, abs=0.015)


def test_the_seed_makes_the_draws():
    x = np.random.default_rng(2).normal(size=50)
    one, same, other = (bootstrap_interval(np.mean, x, seed=s, n_resamples=99) for s in (1, 1, 2))
    assert one == same
    assert one.lower != other.lower


def test_strata_keep_their_sizes():
    case = np.arange(100) < 7
    seen = []

    def count(is_case):
        seen.append(is_case.sum())
        return float(is_case.sum())

    bootstrap_interval(count, case, strata=case, n_resamples=50)
    assert set(seen) == {7}
    seen.clear()
    bootstrap_interval(count, case, n_resamples=50)
    assert len(set(seen)) > 3


def test_rows_of_a_person_come_together():
    person = np.repeat(np.arange(30), 2)
    value = np.repeat(np.random.default_rng(3).normal(size=30), 2)
    shuffled = np.random.default_rng(4).permutation(60)

    def mean_of_whole_people(people, values):
        counts = np.unique(people, return_counts=True)[1]
        assert (counts % 2 == 0).all()
        return values.mean()

    together = bootstrap_interval(
        mean_of_whole_people, person[shuffled], value[shuffled], person=person[shuffled]
    )
    apart = bootstrap_interval(np.mean, value)
    # Two equal rows hold the information of one: the honest error is √2 times the naive one.
    assert together.se / apart.se == pytest.approx(np.sqrt(2), rel=0.1)
    assert together.n_people == 30


def test_a_person_with_rows_of_both_kinds_is_a_stratum_of_its_own():
    person = np.array([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6])
    case = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 0])

    def mixed(p, c):
        assert c.sum() == 6  # two people of each of three kinds
        return float(c.sum())

    bootstrap_interval(mixed, person, case, strata=case, person=person, n_resamples=40)


def test_intervals_of_average_precision_cover():
    rng = np.random.default_rng(5)
    n, share = 300, 0.2

    def draw(size):
        case = np.arange(size) < share * size
        return case, rng.normal(1.2 * case)

    truth = average_precision(*draw(400_000))
    covered = []
    for seed in range(100):
        case, score = draw(n)
        one = bootstrap_interval(
            average_precision, case, score, strata=case, n_resamples=200, seed=seed
        )
        covered.append(one.lower < truth < one.upper)
    # The percentile interval of a bounded, skew statistic covers a little less than it says.
    assert 0.86 <= np.mean(covered) <= 1.0


@pytest.mark.filterwarnings("ignore:The BCa confidence interval")
def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match=r"one length .* got lengths \[2, 3\]"):
        bootstrap_interval(np.mean, [1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="at least one row"):
        bootstrap_interval(np.mean, [])
    with pytest.raises(InputError, match=r"two or more samples in every stratum .* got 1, 2"):
        bootstrap_interval(np.mean, [1, 2, 3], strata=["a", "a", "b"])
    with pytest.raises(InputError, match=r"finite statistic .* in the data"):
        bootstrap_interval(np.mean, [1.0, np.nan])
    with pytest.raises(InputError, match="in a resample"):
        bootstrap_interval(lambda x: 1.0 if np.ptp(x) else np.nan, [1.0, 2.0], n_resamples=50)


@pytest.mark.parametrize("ranks", [False, True])
def test_correlation_is_that_of_scipy(ranks):
    rng = np.random.default_rng(6)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60)
    ours = correlation(np.append(x, np.nan), np.append(y, 1.0), ranks=ranks)
    theirs = scipy_stats.spearmanr(x, y) if ranks else scipy_stats.pearsonr(x, y)
    assert ours.r == pytest.approx(theirs.statistic, abs=1e-14)
    assert ours.neg_log10_p == pytest.approx(-np.log10(theirs.pvalue), rel=1e-8)
    assert (ours.n, ours.n_missing) == (60, 1)
    if not ranks:
        interval = theirs.confidence_interval(0.95)
        np.testing.assert_allclose([ours.lower, ours.upper], [interval.low, interval.high])


def test_the_interval_of_ranks_is_wider_as_bonett_and_wright_say():
    x, y = np.arange(20.0), np.arange(20.0)
    y[[0, 19]] = y[[19, 0]]
    ours = correlation(x, y**3, ranks=True)
    r = 1 - 6 * 2 * 19**2 / (20 * (400 - 1))
    half = 1.959963985 * np.sqrt((1 + r * r / 2) / 17)
    expected = np.tanh(np.arctanh(r) + np.array([-half, half]))
    np.testing.assert_allclose([ours.r, ours.lower, ours.upper], [r, *expected], atol=1e-9)


def test_a_constant_has_no_correlation_and_a_perfect_one_no_width():
    assert np.isnan(correlation([1, 1, 1, 1], [1, 2, 3, 4]).r)
    perfect = correlation([1, 2, 3, 4], [2, 4, 6, 8])
    assert (perfect.r, perfect.lower, perfect.upper) == (1, 1, 1)
    with pytest.raises(InputError, match="four or more pairs"):
        correlation([1, 2, 3, np.nan], [1, 2, 3, 4])
    with pytest.raises(InputError, match="1 infinite pairs"):
        correlation([1, 2, 3, np.inf], [1, 2, 3, 4])


def test_out_of_fold_r2_by_hand():
    # Fold a: y 1, 3; fold b: y 5, 7. Baselines 6 for a, 2 for b: spread 25 + 9 + 9 + 25.
    result = out_of_fold_r2([1, 3, 5, 7], [2, 3, 5, 5], fold=list("aabb"), n_resamples=50)
    assert result.r2 == pytest.approx(1 - 5 / 68)
    assert out_of_fold_r2([1, 3, 5, 7], [2, 3, 5, 5], n_resamples=50).r2 == pytest.approx(
        1 - 5 / 20
    )


def test_the_mean_of_the_other_folds_predicts_nothing():
    rng = np.random.default_rng(7)
    y, fold = rng.normal(size=200), np.arange(200) % 5
    guess = np.array([y[fold != f].mean() for f in fold])
    assert out_of_fold_r2(y, guess, fold=fold, n_resamples=50).r2 == pytest.approx(0, abs=1e-14)
    assert out_of_fold_r2(y, guess, n_resamples=50).r2 < 0  # against the mean of all, worse


def test_out_of_fold_r2_covers_and_refuses():
    rng = np.random.default_rng(8)
    covered = []
    for seed in range(100):
        guess = rng.normal(size=250)
        y = guess + rng.normal(size=250)
        one = out_of_fold_r2(y, guess, n_resamples=200, seed=seed).interval
        covered.append(one.lower < 0.5 < one.upper)
    assert 0.87 <= np.mean(covered) <= 1.0
    with pytest.raises(InputError, match="two or more folds"):
        out_of_fold_r2([1, 2], [1, 2], fold=[1, 1])
    with pytest.raises(InputError, match="measurements that differ"):
        out_of_fold_r2([2, 2], [1, 2])

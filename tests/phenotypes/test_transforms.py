"""Standardisation, skewness, normal scores and left against right, against other sources."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.phenotypes.traits import natural_logarithm
from gwasbone.phenotypes.transforms import (
    left_right_correlations,
    normal_scores,
    skewness,
    standardise,
)


def test_standardised_by_hand_and_back():
    values = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan], "b": [10.0, 10.0, 13.0, 13.0]})
    made = standardise(values)
    np.testing.assert_allclose(made.values["a"], [-1, 0, 1, np.nan])
    assert made.mean["b"] == 11.5
    assert made.sd["b"] == pytest.approx(np.sqrt(3))
    pd.testing.assert_frame_equal(made.values * made.sd + made.mean, values)


def test_columns_without_variation_are_all_named():
    values = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 1.0], "c": [np.nan, 4.0]})
    with pytest.raises(InputError, match=r"b, c has one or none"):
        standardise(values)


def test_constants_whose_standard_deviation_is_rounding_are_refused_and_have_no_shape():
    values = pd.DataFrame({"a": np.arange(7.0), "b": 0.1, "c": 1 / 3})
    assert (values.std() < 1e-16).tolist() == [False, True, True]
    assert values["b"].std() > 0
    with pytest.raises(InputError, match=r"b, c has one or none"):
        standardise(values)
    assert skewness(values)[["skewness", "kurtosis"]].isna().all(axis=1).tolist() == [
        False, True, True,
    ]  # fmt: skip
    assert left_right_correlations(values, [("a", "b")])["r"].isna().all()


def test_skewness_is_that_of_scipy():
    x = np.random.default_rng(2).gamma(2, size=200)
    values = pd.DataFrame({"x": np.append(x, np.nan), "flat": 1.0, "few": [1.0, *[np.nan] * 200]})
    shape = skewness(values)
    assert shape.loc["x", "skewness"] == pytest.approx(stats.skew(x, bias=False))
    assert shape.loc["x", "kurtosis"] == pytest.approx(stats.kurtosis(x, bias=False))
    assert shape.loc["x", "n"] == 200
    # the standard error that G1 has in samples of a normal distribution
    draws = np.random.default_rng(3).normal(size=(200, 4_000))
    spread = stats.skew(draws, bias=False).std()
    assert shape.loc["x", "skewness_se"] == pytest.approx(spread, rel=0.04)
    assert np.isnan(shape.loc["few", "skewness"])


def test_normal_scores_leave_missing_values():
    scores = normal_scores(pd.DataFrame({"a": [5.0, np.nan, 1.0, 9.0], "b": [np.nan] * 4}))
    expected = stats.norm.ppf((np.array([2, 1, 3]) - 3 / 8) / 3.25)
    np.testing.assert_allclose(scores["a"].dropna(), expected)
    assert np.isnan(scores["a"].iloc[1])
    assert scores["b"].isna().all()


def test_left_and_right_with_intervals_of_scipy():
    rng = np.random.default_rng(4)
    left = rng.normal(size=80)
    right = left + rng.normal(size=80)
    people = pd.DataFrame({"l": np.append(left, np.nan), "r": np.append(right, 1.0)})
    row = left_right_correlations(people, [("l", "r")]).iloc[0]
    known = stats.pearsonr(left, right)
    interval = known.confidence_interval()
    assert row["n"] == 80
    assert row["r"] == pytest.approx(known.statistic)
    assert (row["lower"], row["upper"]) == pytest.approx((interval.low, interval.high))
    narrower = left_right_correlations(people, [("l", "r")], level=0.5).iloc[0]
    assert row["lower"] < narrower["lower"] < row["r"]


@pytest.mark.filterwarnings("error")
def test_pairs_that_have_no_correlation():
    people = pd.DataFrame(
        {
            "l": [1.0, 2, 3, 4, 5],
            "flat": [1.0] * 5,
            "few": [1.0, 3, 2, np.nan, np.nan],
            "same": [1.0, 2, 3, 4, 5],
        }
    )
    pairs = [("l", "flat"), ("l", "few"), ("l", "same")]
    table = left_right_correlations(people, pairs).set_index("right")
    assert table.loc[["flat", "few"], "r"].isna().all()
    assert table.loc["few", "n"] == 3
    assert table.loc["same", ["r", "lower", "upper"]].tolist() == pytest.approx([1, 1, 1])


def test_a_logarithm_is_natural_and_of_numbers_above_0_only():
    np.testing.assert_allclose(natural_logarithm([1, 10, np.nan], "x")[:2], [0, 2.302585092994046])
    with pytest.raises(InputError, match=r"logarithm of x: expected values above 0, 2 of 3 are 0 "):
        natural_logarithm([0, -2, 5, np.nan], "x")

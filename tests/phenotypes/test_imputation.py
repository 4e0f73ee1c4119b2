"""Imputation in two steps, worked by hand, and its record."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.errors import InputError
from gwasbone.phenotypes.imputation import RULES, impute


def _long(rows):
    """(person, instance, sex, age, hip)."""
    frame = pd.DataFrame(rows, columns=["person", "instance", "sex", "age", "hip"])
    return frame.set_index(["person", "instance"]).astype(float)


NAN = np.nan
ROWS = [
    ("a", 2, 0, 61, 1.0),
    ("a", 3, 0, 65, NAN),  # mean of a's other visits: (1.0 + 0.8) / 2
    ("a", 4, 0, 69, 0.8),
    ("b", 2, 0, 62, NAN),  # women of 60 to 69: median of 1.0, 0.8, 0.7
    ("c", 2, 0, 60, 0.7),
    ("d", 2, 0, 59.9, NAN),  # nobody of 50 to 59: women: median of 1.0, 0.8, 0.7
    ("e", 2, 1, 75, 1.4),
    ("f", 2, 1, 70, NAN),  # men of 70 to 79
    ("g", 2, 1, NAN, NAN),  # age missing: men
    ("h", 2, NAN, 61, NAN),  # sex missing: median of 1.0, 0.8, 0.7, 1.4, 1.9, not i's value
    ("i", 2, NAN, 61, 1.9),
]


def test_each_rule_by_hand():
    imputed = impute(_long(ROWS).assign(arm=2.0), ["arm", "hip"])
    assert imputed.rules["arm"].eq("measured").all()
    assert imputed.values["hip"].tolist() == pytest.approx(
        [1.0, 0.9, 0.8, 0.8, 0.7, 0.8, 1.4, 1.4, 1.4, 1.0, 1.9]
    )
    assert imputed.rules["hip"].astype(str).tolist() == [
        "measured", "own_mean", "measured", "bracket_median", "measured",
        "sex_median", "measured", "bracket_median", "sex_median", "overall_median", "measured",
    ]  # fmt: skip
    assert imputed.mask["hip"].sum() == 6
    assert imputed.counts().loc["hip"].tolist() == [5, 1, 2, 2, 1]


def test_the_record_of_imputed_cells():
    cells = impute(_long(ROWS), ["hip"]).imputed_cells()
    assert cells.iloc[0].tolist() == ["a", 3, "hip", "own_mean", pytest.approx(0.9)]
    assert len(cells) == 6
    assert impute(_long(ROWS[:1]), ["hip"]).imputed_cells().empty


def test_one_visit_each_and_one_sex_only():
    women = [("a", 2, 0, 61, 1.0), ("b", 2, 0, 65, NAN), ("c", 2, 0, 41, NAN)]
    imputed = impute(_long(women), ["hip"])
    assert imputed.rules["hip"].astype(str).tolist() == ["measured", "bracket_median", "sex_median"]


def test_a_sex_that_was_never_measured_takes_the_others_median():
    rows = [("a", 2, 0, 61, 1.0), ("b", 2, 1, 65, NAN)]
    imputed = impute(_long(rows), ["hip"])
    assert imputed.rules["hip"].astype(str).tolist()[1] == "overall_median"
    assert imputed.values["hip"].tolist() == [1.0, 1.0]


def test_columns_without_any_value_are_all_named():
    long = _long(ROWS).assign(arm=NAN, leg=NAN)
    with pytest.raises(InputError, match="all are missing of arm, leg"):
        impute(long, ["hip", "arm", "leg"])


cell = st.one_of(st.just(NAN), st.floats(0.3, 2))
row = st.tuples(st.integers(0, 8), st.sampled_from([0.0, 1.0, NAN]), st.floats(40, 85), cell)


@settings(max_examples=60, deadline=None)
@given(st.lists(row, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_measured_values_stay_order_is_nothing_and_nothing_is_missing(rows, shuffler):
    long = _long([(p, i, *rest) for i, (p, *rest) in enumerate(rows)])
    if long["hip"].isna().all():
        return
    imputed = impute(long, ["hip"])
    known = long["hip"].notna()
    assert imputed.values.notna().all(axis=None)
    pd.testing.assert_series_equal(imputed.values["hip"][known], long["hip"][known])
    assert imputed.values["hip"].between(long["hip"].min() - 1e-9, long["hip"].max() + 1e-9).all()
    order = list(range(len(long)))
    shuffler.shuffle(order)
    again = impute(long.iloc[order], ["hip"])
    pd.testing.assert_frame_equal(again.values.loc[long.index], imputed.values)
    assert set(imputed.rules["hip"].cat.categories) == set(RULES)

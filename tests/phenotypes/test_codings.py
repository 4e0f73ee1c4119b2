"""One rule for words of two classes and for the spelling of levels, wherever they are read."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.cohort.relatedness import maximal_unrelated
from gwasbone.errors import InputError
from gwasbone.phenotypes.codings import binary_words, level_names, unknown_levels
from gwasbone.phenotypes.traits import trait_values

SPELLINGS = [
    ("No", "Yes"), ("n", "Y"), ("control", "case"), ("Controls", "CASES"), ("FALSE", "TRUE"),
    ("f", "t"), ("unaffected", "Affected "), ("absent", "present"), (False, True), (0, 1), (1, 2),
    (0.0, 1.0), ("0", "1"), ("1", "2"),
]  # fmt: skip


def column(control, case, *, name="fracture"):
    values = [case, control, None, control, case]
    if isinstance(control, bool):
        return pd.Series([case, control, control, control, case], name=name)
    return pd.Series(values, name=name)


@pytest.mark.parametrize(("control", "case"), SPELLINGS)
def test_every_spelling_of_two_classes_is_the_same_binary_trait(control, case):
    read = trait_values(column(control, case).to_frame(), "fracture", need_binary=True)
    assert read.kind == "binary"
    expected = [1, 0, 0 if isinstance(control, bool) else np.nan, 0, 1]
    np.testing.assert_array_equal(read.y, expected)
    assert read.spelling == (str(control).strip(), str(case).strip()) or isinstance(control, float)


@pytest.mark.parametrize(("control", "case"), SPELLINGS)
def test_every_spelling_keeps_the_cases_among_relatives(control, case):
    people = pd.Index(list("abcde"), name="person")
    status = column(control, case).set_axis(people)
    pairs = pd.DataFrame({"id1": ["a", "e"], "id2": ["b", "d"]})
    assert maximal_unrelated(pairs, people, keep_first=status) == ["b", "d"]


def test_other_words_are_refused_with_what_they_are():
    odd = pd.Series(["yes", "perhaps", "no"], name="fracture")
    with pytest.raises(InputError, match=r"column fracture, got 'no', 'perhaps', 'yes'"):
        binary_words(odd)
    people = pd.Index(list("abc"))
    pairs = pd.DataFrame({"id1": ["a"], "id2": ["b"]})
    with pytest.raises(InputError, match="'perhaps'"):
        maximal_unrelated(pairs, people, keep_first=odd.set_axis(people))


def test_missing_beside_words_stays_missing_and_numbers_are_no_words():
    words = binary_words(pd.Series(["Yes", "-9", "unknown", None, "no"]))
    assert np.isnan(words.y).tolist() == [False, True, True, True, False]
    assert binary_words(pd.Series([0, 1, 2])) is None
    assert binary_words(pd.Series(["1.5", "2"])) is None
    assert binary_words(pd.Series([None, None], dtype=object)) is None


def test_a_status_that_tells_nobody_apart_is_said(caplog):
    pairs = pd.DataFrame({"id1": ["a"], "id2": ["b"]})
    status = pd.Series({"a": "No", "b": "No"}, name="fracture")
    maximal_unrelated(pairs, pd.Index(["a", "b"]), keep_first=status)
    assert "fracture cannot rank relatives" in caplog.text


def test_levels_of_numbers_and_text_are_spelt_alike():
    for spelled in ([1001.0, 1002.0, None], ["1001.0", "1002", None], [1001, 1002, pd.NA]):
        series = pd.Series(spelled, dtype=None if spelled[2] is None else "Int64")
        assert level_names(series).tolist() == ["1001", "1002", None]
    assert unknown_levels(["1001.0", "1003"], ["1001", "1002"]) == ["1003"]


def test_negative_levels_lose_their_decimal_point_too():
    assert level_names(pd.Series(["-7.0", "-7.50", "7.00"])).tolist() == ["-7", "-7.50", "7"]

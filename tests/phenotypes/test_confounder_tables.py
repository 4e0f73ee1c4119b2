"""Tables of assessments: which forms are read, how sex is, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.phenotypes.confounders import confounders_of, model_matrix, read_assessments


def small():
    return pd.DataFrame(
        {
            "sex": [1, 1, 0, 0],
            "age": [50.0, 52.0, 60.0, np.nan],
            "weight": [80.0, 82.0, 65.0, 70.0],
            "bmd": [1.0, 1.1, 0.9, 0.8],
        },
        index=pd.MultiIndex.from_arrays(
            [["7", "7", "-2", "9"], [2, 3, 2, 2]], names=["person", "instance"]
        ),
    )


def test_parquet_text_and_names_of_people_are_one_table(tmp_path):
    small().to_parquet(tmp_path / "a.parquet")
    flat = small().reset_index().rename(columns={"person": "IID"})
    flat.to_csv(tmp_path / "a.tsv", sep="\t", index=False, na_rep="NA")
    flat.to_csv(tmp_path / "a.csv", index=False)
    first = read_assessments(tmp_path / "a.parquet")
    assert list(first.index) == ["7", "7", "9"]  # a negative ID has withdrawn
    assert first.index.name == "person"
    for name in ("a.tsv", "a.csv"):
        pd.testing.assert_frame_equal(
            read_assessments(tmp_path / name), first, check_dtype=False, check_like=True
        )


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_assessments(tmp_path / "none.tsv")
    (tmp_path / "a.tsv").write_text("id\tsex\n1\t0\n")
    with pytest.raises(InputError, match=r"IID or eid .*id, sex"):
        read_assessments(tmp_path / "a.tsv")
    (tmp_path / "b.tsv").write_text("IID\tsex\n1\n")
    with pytest.raises(InputError, match="expected 2 fields"):
        read_assessments(tmp_path / "b.tsv")


@pytest.mark.parametrize(
    ("values", "sexes"),
    [
        ([1, 1, 0, 0], ("0", "1")),
        ([1.0, 1.0, 2.0, 2.0], ("2", "1")),
        (["Male", "Male", "Female", None], ("Female", "Male")),
        ([1, 1, 1, np.nan], ("1",)),
        (["male", "M", "F", None], ("F", "men")),
    ],
)
def test_women_come_first_however_sex_is_spelled(values, sexes):
    found = confounders_of(small().assign(sex=values))
    assert found.sexes == sexes
    known = found.sex[~np.isnan(found.sex)]
    assert known[0] == len(sexes) - 1
    assert np.isnan(found.sex).sum() == pd.isna(pd.Series(values)).sum()


def test_who_is_complete_and_means_of_people():
    found = confounders_of(small())
    assert list(found.people) == ["7", "-2", "9"]
    assert list(found.complete) == [True, True, True, False]
    np.testing.assert_allclose(
        found.person_means(found.age, found.complete), [51, 60, np.nan], equal_nan=True
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="weight"), "has no weight"),
        (lambda t: t.assign(age="old"), "expected numbers in column age"),
        (lambda t: t.assign(sex=[0, 1, 3, 0]), "got '3'"),
        (lambda t: t.assign(sex=np.nan), "all are unknown"),
        (lambda t: t.assign(sex=[0, 1, 0, 0]), r"1 have two \(7\)"),
    ],
)
def test_columns_that_cannot_be_are_refused(change, says):
    with pytest.raises(InputError, match=says):
        confounders_of(change(small()))


def test_the_columns_of_the_models_by_hand():
    found = confounders_of(small())
    matrix = model_matrix("nonlinear", found, found.complete)
    assert matrix.terms == (
        "intercept", "sex=1", "age40:sex=0", "age40:sex=1", "weight75", "weight75^2"
    )  # fmt: skip
    np.testing.assert_array_equal(
        matrix.X, [[1, 1, 0, 10, 5, 25], [1, 1, 0, 12, 7, 49], [1, 0, 20, 0, -10, 100]]
    )
    linear = model_matrix("linear", found, found.complete)
    np.testing.assert_array_equal(linear.X, [[1, 1, 10, 5], [1, 1, 12, 7], [1, 0, 20, -10]])


def test_impossible_ages_and_weights_are_set_aside_and_counted(caplog):
    table = pd.DataFrame(
        {"sex": [0, 1, 0, 1], "age": [50, -3, 55, 70], "weight": [70.0, 80, -9, 0]},
        index=pd.Index(list("abcd"), name="person"),
    )
    found = confounders_of(table)
    assert np.isnan(found.age).tolist() == [False, True, False, False]
    assert np.isnan(found.weight).tolist() == [False, False, True, True]
    assert "1 values of age that are 0 or less are set aside as missing: -3" in caplog.text
    assert "2 values of weight that are 0 or less are set aside as missing: -9, 0" in caplog.text

"""Decisions are counted, named, replaced and kept on disk."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.cohort.masks import MaskedTable
from gwasbone.errors import InputError


@pytest.fixture
def people() -> MaskedTable:
    table = pd.DataFrame({"sex": [1, 2, 1, 2]}, index=pd.Index(list("abcd"), name="id"))
    return MaskedTable("people", table)


def test_funnel_counts_each_person_once(people):
    people = people.exclude("qc", "low", [True, False, False, False], description="low")
    people = people.exclude("qc", "far", [True, True, False, False], description="far")
    funnel = people.funnel()
    assert funnel["flagged"].tolist() == [0, 1, 2]
    assert funnel["removed"].tolist() == [0, 1, 1]
    assert funnel["remaining"].tolist() == [4, 3, 2]
    assert funnel["remaining"].iloc[-1] == people.n_kept
    assert people.reasons().tolist() == ["low;far", "far", "", ""]


def test_a_decision_taken_again_replaces_the_old_one(people):
    people = people.exclude("qc", "low", [True] * 4, description="all")
    people = people.exclude("qc", "low", [False] * 4, description="none")
    assert people.n_kept == 4
    assert len(people.decisions) == 1


def test_mask_of_another_length_is_refused(people):
    with pytest.raises(ValueError, match="expected a mask of 4 samples"):
        people.exclude("qc", "low", [True], description="")


def test_annotation_is_matched_by_index(people):
    told = people.annotate(pd.DataFrame({"age": [3.0, 1.0]}, index=["c", "a"]))
    assert told.table["age"].tolist()[0] == 1.0
    assert told.table["age"].tolist()[2] == 3.0
    assert np.isnan(told.table.loc["b", "age"])


def test_round_trip_through_parquet(people, tmp_path):
    people = people.exclude("qc", "low", [True, False, False, True], description="rate < 0.9")
    people.write(tmp_path / "people.parquet")
    back = MaskedTable.read(tmp_path / "people.parquet")
    pd.testing.assert_frame_equal(back.table, people.table)
    pd.testing.assert_frame_equal(back.funnel(), people.funnel())
    assert list(tmp_path.iterdir()) == [tmp_path / "people.parquet"]


def test_another_parquet_file_is_refused(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="written by gwasbone"):
        MaskedTable.read(tmp_path / "x.parquet")

"""Folds of people."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.errors import InputError, UsageError
from gwasbone.learning.folds import person_folds

PEOPLE = np.repeat([f"p{i}" for i in range(200)], 3)
CASE = np.repeat(np.arange(200) % 10 == 0, 3)


def test_nobodys_rows_cross_folds_and_everybody_is_held_out_once():
    folds = person_folds(PEOPLE, CASE, folds=5)
    held_out = np.concatenate([fold.held_out for fold in folds])
    assert sorted(held_out) == list(range(600))
    for fold in folds:
        sets = [set(PEOPLE[rows]) for rows in (fold.training, fold.validation, fold.held_out)]
        assert len(set.union(*sets)) == sum(map(len, sets)) == 200
        assert all(sets)


def test_strata_are_shared_out_evenly():
    folds = person_folds(PEOPLE, CASE, folds=5)
    cases = [len(set(PEOPLE[fold.held_out[CASE[fold.held_out]]])) for fold in folds]
    assert cases == [4] * 5  # 20 cases among 200 people
    for fold in folds:
        assert CASE[fold.validation].any()


def test_the_split_depends_on_the_people_and_not_on_the_order_of_rows():
    shuffled = np.random.default_rng(3).permutation(len(PEOPLE))
    straight = person_folds(PEOPLE, CASE, seed=7)
    mixed = person_folds(PEOPLE[shuffled], CASE[shuffled], seed=7)
    assert (mixed.fold == straight.fold[shuffled]).all()
    assert (mixed.validation == straight.validation[:, shuffled]).all()
    assert (person_folds(PEOPLE, CASE, seed=8).fold != straight.fold).any()


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(5, 60),
    folds=st.integers(2, 5),
    share=st.floats(0.01, 0.5),
    seed=st.integers(0, 10_000),
)
def test_every_fold_has_somebody_in_each_part(n, folds, share, seed):
    rng = np.random.default_rng(seed)
    strata = rng.integers(0, 2, n)
    split = person_folds(np.arange(n), strata, folds=folds, validation_share=share, seed=seed)
    for fold in split:
        assert len(fold.training)
        assert len(fold.validation)
        assert len(fold.held_out)
        assert np.ptp([len(f.held_out) for f in split]) <= 1


def test_bad_requests_are_named():
    with pytest.raises(UsageError, match="folds: expected at least 2, got 1"):
        person_folds(PEOPLE, CASE, folds=1)
    with pytest.raises(InputError, match="at least 5 people for 5 folds, got 3"):
        person_folds(["a", "b", "c"], [0, 1, 0], folds=5)
    with pytest.raises(UsageError, match="validation share"):
        person_folds(PEOPLE, CASE, validation_share=0.0)

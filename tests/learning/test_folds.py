"""Folds of people."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.errors import InputError, UsageError
from gwasbone.learning.folds import Fold, PersonFolds, fixed_split, person_folds

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
    with pytest.raises(InputError, match="at least 5 participants for 5 folds, got 3"):
        person_folds(["a", "b", "c"], [0, 1, 0], folds=5)
    with pytest.raises(UsageError, match="validation share"):
        person_folds(PEOPLE, CASE, validation_share=0.0)


@pytest.mark.parametrize("folds", [3, 4, 10])
@pytest.mark.parametrize("rotate", [True, False])
def test_no_model_predicts_somebody_whom_it_saw_or_validated_on(folds, rotate):
    rng = np.random.default_rng(folds)
    person = np.array([f"p{i}" for i in rng.integers(0, 60, 300)])
    split = person_folds(person, rng.integers(0, 3, 300), folds=folds, rotate=rotate)
    split.check_people(person)
    held_out, validated = np.zeros(300, int), np.zeros(300, int)
    for fold in split:
        parts = [set(person[rows]) for rows in (fold.training, fold.validation, fold.held_out)]
        assert all(parts)
        assert len(set.union(*parts)) == sum(map(len, parts))
        held_out[fold.held_out] += 1
        validated[fold.validation] += 1
    assert (held_out == 1).all()
    if rotate:
        assert (validated == 1).all()
        for fold in split:
            # validated on fold i, held out fold i + 1
            assert set(split.fold[fold.validation]) == {(fold.number - 1) % folds}


def test_a_split_of_rows_that_tears_people_apart_is_refused():
    person = np.array(["a", "a", "b", "c"])
    validation = np.zeros((2, 4), dtype=bool)
    with pytest.raises(ValueError, match="expected all rows of a participant in one fold"):
        PersonFolds(np.array([0, 1, 0, 1]), validation).check_people(person)
    validation[1, 0] = True
    with pytest.raises(ValueError, match="on one side of a validation"):
        PersonFolds(np.array([0, 0, 1, 1]), validation).check_people(person)
    rows = np.arange(3)
    with pytest.raises(ValueError, match="fold 2: expected training, validation and held-out rows"):
        Fold(2, rows, rows + 3, rows[:1])
    with pytest.raises(UsageError, match="folds that rotate: expected at least 3, got 2"):
        person_folds(person, np.zeros(4), folds=2, rotate=True)


# --- one split into training, validation and test ------------------------------------------------


@pytest.mark.parametrize("n", [100, 1000, 347])
def test_a_fixed_split_has_its_shares_in_every_stratum(n):
    rng = np.random.default_rng(n)
    strata = rng.choice(["case 0", "case 1", "control 0", "control 1"], n, p=[0.1, 0.1, 0.4, 0.4])
    names = np.array([f"p{i}" for i in range(n)], dtype=object)
    split = fixed_split(names, strata, seed=3)
    for name, share in (("training", 0.81), ("validation", 0.09), ("test", 0.10)):
        chosen = split.part == name
        assert abs(chosen.sum() - share * n) <= 1.5
        for value in np.unique(strata):
            assert abs((chosen & (strata == value)).sum() - share * (strata == value).sum()) <= 1.5
    [fold] = split
    assert sorted([*fold.training, *fold.validation, *fold.held_out]) == list(range(n))
    assert set(split.part[fold.held_out]) == {"test"}
    # neither the order of rows nor a second image of a participant changes the part
    order = rng.permutation(n)
    again = fixed_split(np.r_[names[order], names], np.r_[strata[order], strata], seed=3)
    np.testing.assert_array_equal(again.part[:n], split.part[order])
    np.testing.assert_array_equal(again.part[n:], split.part)
    again.check_people(np.r_[names[order], names])
    assert (fixed_split(names, strata, seed=4).part != split.part).any()


def test_a_split_that_leaves_a_part_empty_is_refused():
    with pytest.raises(UsageError, match="three shares above 0 that add up to 1"):
        fixed_split(["a", "b"], [0, 0], shares=(0.8, 0.1, 0.2))
    with pytest.raises(InputError, match="expected a participant in training, validation and test"):
        fixed_split(["a", "b", "c"], [0, 0, 0])

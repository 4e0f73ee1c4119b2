"""The one matcher of variants: orders, strands, palindromes, and a fate for each row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.sumstats.variants import (
    AMBIGUOUS,
    OTHER_ALLELES,
    AlleleCodes,
    Matches,
    Variants,
    match_variants,
    most_significant,
    sign_of,
    unordered,
)

COMPLEMENT = str.maketrans("ACGT", "TGCA")
KEY = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]


def frame(rows: list[tuple[int, int, str, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*KEY, "effect_allele_frequency"])


def matched(first: pd.DataFrame, second: pd.DataFrame, **options: bool) -> Matches:
    codes = AlleleCodes()
    return match_variants(
        Variants.of_table(first, codes), Variants.of_table(second, codes), **options
    )


def pairs(found: Matches) -> set[tuple[int, int, int]]:
    return set(zip(found.first.tolist(), found.second.tolist(), found.sign.tolist(), strict=True))


@pytest.mark.parametrize(
    ("two", "sign", "flipped"),
    [
        (("A", "G", 0.2), 1, 0),
        (("G", "A", 0.8), -1, 0),
        (("T", "C", 0.2), 1, 1),
        (("C", "T", 0.8), -1, 1),
        (("a", "g", 0.2), 1, 0),
    ],
)
def test_orders_and_strands_of_one_variant(two, sign, flipped):
    found = matched(frame([(1, 50, "A", "G", 0.2)]), frame([(1, 50, *two)]))
    assert pairs(found) == {(0, 0, sign)}
    assert (found.n_swapped, found.n_flipped, found.reasons) == (int(sign < 0), flipped, {})


@pytest.mark.parametrize(
    ("f_first", "other", "effect", "f_second", "sign"),
    [
        (0.2, "A", "T", 0.25, 1),
        (0.2, "T", "A", 0.75, -1),
        (0.2, "A", "T", 0.8, None),  # the other strand, or another population: not told
        (0.48, "A", "T", 0.48, None),
        (0.2, "A", "T", 0.43, None),  # one of them is near a half
        (0.2, "A", "T", np.nan, None),
    ],
)
def test_a_palindrome_goes_by_its_frequencies(f_first, other, effect, f_second, sign):
    first, second = frame([(1, 50, "A", "T", f_first)]), frame([(1, 50, other, effect, f_second)])
    found = matched(first, second)
    if sign is None:
        assert len(found.first) == 0
        assert found.reasons == {AMBIGUOUS: 1}
    else:
        assert pairs(found) == {(0, 0, sign)}
    # where the strand does not matter the names are taken as they are
    as_named = 1 if other == "A" else -1
    assert pairs(matched(first, second, strand_matters=False)) == {(0, 0, as_named)}


def test_indels_match_in_either_order_and_have_one_strand():
    first = frame([(1, 5, "A", "ACT", 0.2), (1, 9, "AC", "A", 0.2)])
    second = frame([(1, 5, "ACT", "A", 0.8), (1, 9, "TG", "T", 0.2)])
    found = matched(first, second)
    assert pairs(found) == {(0, 0, -1)}
    assert found.reasons == {OTHER_ALLELES: 1}


def test_a_name_as_written_wins_over_one_on_the_other_strand():
    first = frame([(1, 5, "A", "G", 0.2)])
    second = frame([(1, 5, "T", "C", 0.3), (1, 5, "A", "G", 0.2)])
    found = matched(first, second)
    assert pairs(found) == {(0, 1, 1)}
    assert found.reasons == {OTHER_ALLELES: 1}


def test_of_a_multiallelic_place_each_pair_of_alleles_is_a_variant():
    rows = [(1, 5, "A", "G", 0.2), (1, 5, "A", "C", 0.1), (1, 5, "A", "AT", 0.1)]
    found = matched(frame(rows), frame(rows[::-1]))
    assert pairs(found) == {(0, 2, 1), (1, 1, 1), (2, 0, 1)}


ALLELES = st.sampled_from(
    [
        ("A", "C"),
        ("A", "G"),
        ("C", "T"),
        ("G", "T"),
        ("A", "T"),
        ("C", "G"),
        ("A", "AT"),
        ("AC", "A"),
    ]
)
ROW = st.tuples(
    st.integers(1, 2), st.integers(1, 6), ALLELES, st.booleans(),
    st.sampled_from([0.1, 0.3, 0.45, 0.5, 0.6, 0.9]),
)  # fmt: skip
TABLE = st.lists(ROW, min_size=1, max_size=12)


def table_of(rows: list) -> pd.DataFrame:
    """Rows in which each variant stands once, whatever its order and strand."""
    once = {}
    for chromosome, at, (one, two), turned, f in rows:
        a, b = (two, one) if turned else (one, two)
        once.setdefault((chromosome, at, unordered(a, b)), (chromosome, at, a, b, f))
    return frame(list(once.values()))


@settings(max_examples=150, deadline=None)
@given(TABLE, TABLE)
def test_swapping_alleles_changes_the_sign_and_nothing_else(one, two):
    first, second = table_of(one), table_of(two)
    swapped = second.rename(
        columns={"other_allele": "effect_allele", "effect_allele": "other_allele"}
    ).assign(effect_allele_frequency=1 - second["effect_allele_frequency"])[second.columns]
    was, now = matched(first, second), matched(first, swapped)
    assert {(a, b, -sign) for a, b, sign in pairs(was)} == pairs(now)
    assert (was.n_flipped, was.reasons) == (now.n_flipped, now.reasons)
    assert was.n_swapped + now.n_swapped == len(was.first)


@settings(max_examples=150, deadline=None)
@given(TABLE, TABLE)
def test_naming_the_other_strand_changes_only_how_many_were_turned(one, two):
    first, second = table_of(one), table_of(two)
    single = (second["other_allele"].str.len() == 1) & (second["effect_allele"].str.len() == 1)
    palindromic = second["other_allele"].str.translate(COMPLEMENT) == second["effect_allele"]
    turned = second.copy()
    for name in ("other_allele", "effect_allele"):
        other = second[name].str.translate(COMPLEMENT)
        turned[name] = other.where(single & ~palindromic, second[name])
    was, now = matched(first, second), matched(first, turned)
    assert pairs(was) == pairs(now)
    assert was.reasons == now.reasons
    simple = (single & ~palindromic).to_numpy()[was.second].sum()
    assert was.n_flipped + now.n_flipped == simple


@settings(max_examples=150, deadline=None)
@given(TABLE, TABLE, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(one, two, random):
    first, second = table_of(one), table_of(two)
    a = random.sample(range(len(first)), len(first))
    b = random.sample(range(len(second)), len(second))
    was, now = matched(first, second), matched(first.iloc[a], second.iloc[b])
    assert pairs(was) == {(a[i], b[j], sign) for i, j, sign in pairs(now)}
    assert (was.n_flipped, was.n_swapped, was.reasons) == (
        now.n_flipped, now.n_swapped, now.reasons,
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(TABLE, TABLE, st.booleans())
def test_each_row_at_a_shared_position_is_matched_or_has_one_reason(one, two, strand_matters):
    first, second = table_of(one), table_of(two)
    found = matched(first, second, strand_matters=strand_matters)
    assert len(set(found.first.tolist())) == len(set(found.second.tolist())) == len(found.first)
    places = set(zip(first["chromosome"], first["base_pair_location"], strict=True))
    shared = sum(
        place in places
        for place in zip(second["chromosome"], second["base_pair_location"], strict=True)
    )
    assert len(found.second) + sum(found.reasons.values()) == shared


def test_the_most_significant_copy_stays():
    key = np.array([7, 3, 7, 3, 5])
    p = np.array([1.0, 2.0, 9.0, np.nan, np.nan])
    assert most_significant(key, p).tolist() == [1, 4, 2]
    # copies of equal p go by their order
    assert most_significant(np.array([2, 2]), np.array([1.0, 1.0])).tolist() == [0]


@pytest.mark.parametrize(
    ("effect", "reference", "alleles", "sign"),
    [
        ("A", "A", ("A", "G"), 1), ("A", "G", ("A", "G"), -1), ("T", "A", ("A", "G"), 1),
        ("T", "G", ("A", "G"), -1), ("A", "T", ("A", "T"), -1), ("AT", "A", ("A", "AT"), -1),
    ],
)  # fmt: skip
def test_signs_of_effect_alleles(effect, reference, alleles, sign):
    assert sign_of(effect, reference, alleles) == sign

"""Relatedness: degrees, removal of relatives, and kinship of made families."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cohorts import bed_cohort, genotypes

from gwasbone.cohort.relatedness import (
    DEGREE_BORDERS,
    degree_of_kinship,
    exclude_related,
    maximal_unrelated,
    relatedness,
    third_degree_relatives,
)
from gwasbone.errors import UsageError


def pairs_of(*pairs, degree=1, kinship=0.25):
    return pd.DataFrame([tuple(p) for p in pairs], columns=["id1", "id2"]).assign(
        kinship=kinship, degree=degree
    )


def test_degrees_have_kings_borders():
    np.testing.assert_allclose(DEGREE_BORDERS, [0.3536, 0.1768, 0.0884, 0.0442], atol=5e-5)
    assert degree_of_kinship([0.36, 0.35, 0.18, 0.17, 0.09, 0.08, 0.045, 0.04]).tolist() == [
        0, 1, 1, 2, 2, 3, 3, 4,
    ]  # fmt: skip


def test_third_degree_relatives_are_counted_on_both_sides():
    pairs = pd.concat([pairs_of("ab", "ac", "cd", degree=3), pairs_of("ad", degree=2)])
    assert third_degree_relatives(pairs, pd.Index(list("abcde"))).tolist() == [2, 1, 2, 1, 0]


def test_the_hub_of_a_family_goes():
    people = pd.Index(list("abcdef"))
    assert maximal_unrelated(pairs_of("ab", "ac", "ad", "ef"), people) == ["a", "f"]


def test_cases_are_kept_where_they_can_be():
    people = pd.Index(list("abcd"))
    cases = pd.Series({"b": 1, "c": 1, "a": 0, "d": 0})
    # without priorities the hub b would go
    pairs = pairs_of("ab", "bd")
    assert maximal_unrelated(pairs, people) == ["b"]
    assert maximal_unrelated(pairs, people, keep_first=cases) == ["a", "d"]
    # two related cases: one has to go
    assert maximal_unrelated(pairs_of("bc"), people, keep_first=cases) == ["c"]
    # people without a status go first
    assert maximal_unrelated(pairs_of("ab"), people, keep_first=pd.Series({"a": 0.0})) == ["b"]


def test_a_case_comes_back_before_a_control():
    """c goes first; then the hubs D, E, F go too, and c could stay as well as its relative k."""
    people = pd.Index(list("DEFuvwxyzkc"))
    pairs = pairs_of("cD", "cE", "cF", "Du", "Dv", "Ew", "Ex", "Fy", "Fz", "kc")
    cases = pd.Series({person: float(person != "k") for person in people})
    assert maximal_unrelated(pairs, people, keep_first=cases) == ["D", "E", "F", "k"]


def test_pairs_with_strangers_do_not_count():
    assert maximal_unrelated(pairs_of("ax", "ab"), pd.Index(list("ab"))) == ["b"]
    assert maximal_unrelated(pairs_of("ax"), pd.Index(list("ab"))) == []


@settings(max_examples=60, deadline=None)
@given(
    edges=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=25),
    cases=st.sets(st.integers(0, 11)),
)
def test_what_is_left_is_unrelated_and_maximal(edges, cases):
    people = pd.Index([f"p{i}" for i in range(12)])
    edges = [(a, b) for a, b in edges if a != b]
    pairs = pd.DataFrame([(f"p{a}", f"p{b}") for a, b in edges], columns=["id1", "id2"])
    status = pd.Series({f"p{i}": float(i in cases) for i in range(12)})
    removed = maximal_unrelated(pairs, people, keep_first=status)
    shuffled = pairs.sample(frac=1, random_state=1)[["id2", "id1"]].set_axis(["id1", "id2"], axis=1)
    assert maximal_unrelated(shuffled, people, keep_first=status) == removed
    kept = set(people) - set(removed)
    related = {frozenset(pair) for pair in pairs.itertuples(index=False)}
    assert not any(frozenset(pair) in related for pair in itertools.combinations(kept, 2))
    for person in removed:
        assert any(frozenset((person, other)) in related for other in kept)
    # a case goes only for another case
    for person in removed:
        if status[person] == 1:
            assert any(
                frozenset((person, o)) in related and status[o] == 1 for o in set(people) - {person}
            )


def child(rng, mother, father):
    """One allele of each parent at random."""
    return rng.binomial(1, mother / 2) + rng.binomial(1, father / 2)


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """p0, p1 parents of p2 and p3; p4 a copy of p5; p6 half-sib of p2 (mother p0); 34 others."""
    rng = np.random.default_rng(21)
    G = genotypes(rng, rng.uniform(0.1, 0.9, 3000), 40)
    G[:, 2], G[:, 3] = child(rng, G[:, 0], G[:, 1]), child(rng, G[:, 0], G[:, 1])
    G[:, 4] = G[:, 5]
    G[:, 6] = child(rng, G[:, 0], G[:, 39])
    chromosome = 1 + np.arange(3000) // 1500
    position = np.tile(np.arange(1500) * 60_000 + 1, 2)
    return bed_cohort(
        tmp_path_factory.mktemp("family"), G, chromosome=chromosome, position=position
    )


FIRST = {("p0", "p2"), ("p0", "p3"), ("p1", "p2"), ("p1", "p3"), ("p2", "p3"), ("p0", "p6"),
         ("p6", "p39")}  # fmt: skip


@pytest.mark.parametrize(
    "engine", ["blocks", pytest.param("hail", marks=[pytest.mark.hail, pytest.mark.slow])]
)
def test_king_finds_the_family(family, engine):
    pairs = relatedness(family, min_kinship=0.06, engine=engine)
    found = {d: set(zip(t["id1"], t["id2"], strict=True)) for d, t in pairs.groupby("degree")}
    assert found == {
        0: {("p4", "p5")},
        1: FIRST,
        2: {("p2", "p6"), ("p3", "p6")},
    }
    assert pairs["kinship"].iloc[0] == pytest.approx(0.5)
    assert relatedness(family, min_kinship=0.06)["kinship"].tolist() == pytest.approx(
        pairs["kinship"].tolist(), abs=1e-12
    )


def test_only_kept_people_and_chosen_variants_count(family):
    gone = family.people.table.index == "p4"
    fewer = family.exclude_people("test", "out", gone, description="")
    some = family.variants.table.index[:1000]
    pairs = relatedness(fewer, min_kinship=0.15, variants=some)
    assert "p4" not in set(pairs["id1"]) | set(pairs["id2"])
    everything = relatedness(fewer, min_kinship=0.15)
    assert not np.isclose(pairs["kinship"].iloc[0], everything["kinship"].iloc[0])


def test_no_hidden_frequency_filter_leaves_variants_out(tmp_path, caplog):
    """Rare variants count; a minimum frequency is asked for by name."""
    from gwasbone.cohort.options import PcaOptions, RelatednessOptions
    from gwasbone.cohort.pruned import related_pairs

    caplog.set_level("INFO")
    G = genotypes(np.random.default_rng(3), np.full(200, 0.02), 150)
    G[:, :2] = [[1, 0]] * 200
    position = 1 + 1_000_000 * np.arange(200)
    cohort = bed_cohort(tmp_path, G, chromosome=np.ones(200, int), position=position)
    cohort = cohort.exclude_people("t", "two", np.arange(150) < 2, description="")
    related_pairs(cohort, RelatednessOptions(), PcaOptions())
    used = int(re.search(r"kinship from (\d+) variants", caplog.text)[1])
    assert used > 190
    related_pairs(cohort, RelatednessOptions(maf=0.02), PcaOptions())
    assert "minor-allele frequency at least 0.02" in caplog.text


def test_pc_relate_finds_the_family_of_a_small_sample(family, caplog):
    """40 people: one component, of those that KING shows to be unrelated."""
    caplog.set_level("INFO")
    pairs = relatedness(family, method="pc_relate")
    found = {d: set(zip(t["id1"], t["id2"], strict=True)) for d, t in pairs.groupby("degree")}
    assert found == {0: {("p4", "p5")}, 1: FIRST, 2: {("p2", "p6"), ("p3", "p6")}}
    assert pairs["kinship"].iloc[0] == pytest.approx(0.5, abs=0.05)
    assert "1 components of 3" in caplog.text


@pytest.mark.parametrize(
    "engine", ["blocks", pytest.param("hail", marks=[pytest.mark.hail, pytest.mark.slow])]
)
def test_pc_relate_sees_through_ancestry(engine, tmp_path, request):
    """Two populations far apart: frequencies by person, or everyone would seem related."""
    if engine == "hail":
        request.getfixturevalue("hail_session")
    rng = np.random.default_rng(22)
    p = rng.uniform(0.15, 0.85, 1500)
    G = np.hstack(
        [genotypes(rng, np.clip(p + shift * rng.normal(0, 0.2, 1500), 0.05, 0.95), 50)
         for shift in (-1, 1)]
    )  # fmt: skip
    G[:, 1] = G[:, 0]
    G[:, 60] = child(rng, G[:, 61], G[:, 62])
    position = np.arange(1500) * 60_000 + 1
    cohort = bed_cohort(tmp_path, G, chromosome=np.ones(1500, int), position=position)
    pairs = relatedness(cohort, method="pc_relate", min_kinship=0.12, k=1, maf=0.05, engine=engine)
    found = set(zip(pairs["id1"], pairs["id2"], strict=True))
    assert found == {("p0", "p1"), ("p60", "p61"), ("p60", "p62")}
    assert pairs["kinship"].iloc[0] == pytest.approx(0.5, abs=0.05)


def test_excluding_relatives_is_a_decision(tmp_path):
    G = genotypes(np.random.default_rng(1), np.full(3, 0.5), 6)
    cohort = bed_cohort(tmp_path, G, chromosome=np.ones(3, int), position=np.array([1, 2, 3]))
    pairs = pd.concat(
        [pairs_of(("p0", "p1"), kinship=0.25), pairs_of(("p2", "p3"), kinship=0.05, degree=3)]
    )
    done = exclude_related(cohort, pairs, keep_first=pd.Series({"p1": 1, "p0": 0}))
    assert done.people.reasons()["p0"] == "related"
    assert done.people.n_kept == 5
    assert exclude_related(cohort, pairs, min_kinship=0.04).people.n_kept == 4
    gone = cohort.exclude_people("test", "out", np.arange(6) == 1, description="")
    assert exclude_related(gone, pairs).people.n_kept == 5  # whose relative is gone stays
    with pytest.raises(UsageError, match="plink"):
        relatedness(cohort, method="plink")

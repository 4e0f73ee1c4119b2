"""Packed calls are counted, swapped and multiplied as decoded ones would be."""

import numpy as np
import pytest
from bed_reader import to_bed

from gwasbone.blocks import packed
from gwasbone.blocks.bit_planes import PackedArray
from gwasbone.blocks.packed import PackedBed, PeopleColumns

N, M = 203, 37


@pytest.fixture(scope="module")
def bed(tmp_path_factory):
    rng = np.random.default_rng(7)
    G = rng.integers(0, 3, (N, M)).astype(np.float32)
    G[rng.random((N, M)) < 0.05] = np.nan
    G[:, 3] = np.nan
    path = tmp_path_factory.mktemp("bed") / "a.bed"
    to_bed(path, G)
    return PackedBed(path, N), G.T


def people(share, seed=3):
    return np.flatnonzero(np.random.default_rng(seed).random(N) < share)


@pytest.mark.parametrize("share", [1.0, 0.8, 0.1, 0.02])
def test_counts_and_products(bed, share):
    file, G = bed
    chosen = people(share)
    columns = PeopleColumns.of(chosen, n_people=N)
    words = file.rows(np.arange(M), columns)
    inside = np.zeros(len(chosen), bool)
    inside[::2] = True
    counts = packed.count_calls(words, columns.mask(inside), int(inside.sum()))
    g = G[:, chosen[::2]]
    np.testing.assert_array_equal(counts.het, (g == 1).sum(axis=1))
    np.testing.assert_array_equal(counts.hom_alt, (g == 2).sum(axis=1))
    np.testing.assert_array_equal(counts.hom_ref, (g == 0).sum(axis=1))
    W = np.random.default_rng(1).standard_normal((len(chosen), 3))
    expected = np.nan_to_num(G[:, chosen]) @ W
    wide = np.zeros((32 * columns.n_words, 3), np.float32)
    wide[columns.slots] = W
    got = packed.multiply(words, wide, tile_rows=8, tile_bytes=16)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    everyone = columns.mask(np.ones(len(chosen), bool))
    missing = packed.missing_calls(words, everyone)
    np.testing.assert_array_equal(missing.toarray()[:, columns.slots], np.isnan(G[:, chosen]))


def test_rows_in_any_order(bed):
    file, G = bed
    columns = PeopleColumns.of(np.arange(N), n_people=N)
    rows = np.array([5, 2, 30])
    decoded = packed.decode(file.rows(rows, columns).view(np.uint8))[:, :N]
    np.testing.assert_array_equal(decoded, np.nan_to_num(G[rows]))


def test_swapping_alleles_keeps_het_and_missing(bed):
    file, G = bed
    columns = PeopleColumns.of(np.arange(N), n_people=N)
    words = file.rows(np.arange(M), columns)
    which = np.arange(M) % 2 == 0
    swapped = packed.decode(packed.swap_alleles(words, which).view(np.uint8))[:, :N]
    expected = np.where(which[:, None], 2 - G, G)
    np.testing.assert_array_equal(swapped, np.nan_to_num(expected))


def test_heterozygous_men_become_missing(bed):
    file, G = bed
    columns = PeopleColumns.of(np.arange(N), n_people=N)
    words = file.rows(np.arange(M), columns)
    men = np.arange(N) % 3 == 0
    fixed = packed.without_het(words, columns.mask(men))
    expected = np.where(men & (G == 1), np.nan, G)
    missing = packed.missing_calls(fixed, columns.mask(np.ones(N, bool))).toarray()[:, :N]
    np.testing.assert_array_equal(missing, np.isnan(expected))
    np.testing.assert_array_equal(
        packed.decode(fixed.view(np.uint8))[:, :N], np.nan_to_num(expected)
    )


def test_no_missing_call_is_none(bed):
    file, G = bed
    whole = np.flatnonzero(~np.isnan(G[0]))
    columns = PeopleColumns.of(whole, n_people=N)
    words = file.rows(np.array([0]), columns)
    assert packed.missing_calls(words, columns.mask(np.ones(len(whole), bool))) is None


@pytest.mark.parametrize(
    ("m", "n"), [(1, 77), (3, 77), (254, 77), (255, 77), (256, 77), (1_000, 77), (16, 33_000)]
)
def test_tallies_are_those_of_the_calls_written_out(m, n):
    """Also where everybody is heterozygous everywhere, which fills the counters."""
    rng = np.random.default_rng(m)
    calls = rng.integers(-1, 3, (m, n))
    calls[:, 5], calls[:, 6] = 1, -1
    array = PackedArray.of(calls)
    weights = np.stack([np.ones(m), rng.random(m), rng.integers(0, 2, m)])
    chosen = rng.random(n) < 0.7
    chosen[[5, 6]] = True
    tally = packed.CallTally.of(array.words, array.columns.mask(chosen), int(chosen.sum()))
    slots = array.columns.slots[chosen]
    sums, among = tally.sums(weights)[:, slots], calls[:, chosen]
    np.testing.assert_allclose(sums, weights @ (among >= 0), rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(tally.n_het[slots], (among == 1).sum(axis=0))
    for name, call in (("hom_ref", 0), ("het", 1), ("hom_alt", 2)):
        np.testing.assert_array_equal(getattr(tally.counts, name), (among == call).sum(axis=1))
    again = packed.count_calls(array.words, array.columns.mask(chosen), int(chosen.sum()))
    np.testing.assert_array_equal(again.het, tally.counts.het)
    np.testing.assert_array_equal(again.hom_ref, tally.counts.hom_ref)

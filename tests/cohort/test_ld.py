"""LD of a cohort: regions, windows, X, and LD scores with a known answer."""

import json

import numpy as np
import pandas as pd
import pytest
from made_cohorts import bed_cohort

from gwasbone.blocks.bit_planes import PackedArray
from gwasbone.blocks.ld import ld_matrix as of_blocks
from gwasbone.cohort.ld import (
    ld_matrix,
    ld_scores,
    ld_table,
    parse_distance,
    parse_region,
    relationship_matrix,
)
from gwasbone.cohort.read import read_genotypes
from gwasbone.errors import InputError, UsageError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Chromosomes 2 and X, a man heterozygous on X by mistake, some calls missing."""
    rng = np.random.default_rng(51)
    sex = np.array([1, 2, 2] * 20)
    G = rng.integers(0, 3, (60, 60)).astype(np.int8)
    G[1::2] = np.where(rng.random((30, 60)) < 0.8, G[::2], G[1::2])
    men = sex == 1
    G[40:, men] = 2 * (G[40:, men] > 0)
    G[rng.random(G.shape) < 0.03] = -1
    G[45, 0] = 1
    chromosome = np.repeat([2, 23], [40, 20])
    position = np.r_[np.arange(1, 41) * 1000, 5_000_000 + np.arange(20) * 1000]
    folder = tmp_path_factory.mktemp("ld")
    return G, men, bed_cohort(folder, G, chromosome=chromosome, position=position, sex=sex)


def test_a_region_of_the_kept_people_and_variants(made):
    G, _, cohort = made
    people, variants = np.arange(60) % 4 == 0, np.arange(60) == 13
    some = cohort.exclude_people("test", "out", people, description="").exclude_variants(
        "test", "out", variants, description=""
    )
    got = ld_matrix(some, region="2:10,000-20000", signed=True)
    rows = [9, 10, 11, 12, 14, 15, 16, 17, 18, 19]
    assert got.variants.index.tolist() == rows
    want = of_blocks(PackedArray.of(G[rows][:, ~people]))
    np.testing.assert_array_equal(got.values, want)
    squared = ld_matrix(some, variants=pd.Index(rows))
    np.testing.assert_array_equal(squared.values, want**2)
    assert (got.signed, squared.signed) == (True, False)


def test_on_x_men_count_once_and_their_heterozygous_calls_are_missing(made):
    G, men, cohort = made
    X = G[40:].copy()
    X[:, men] = np.where(X[:, men] == 1, -1, X[:, men])
    twice = np.repeat(X, np.where(men, 1, 2), axis=1)
    want = of_blocks(PackedArray.of(twice))
    np.testing.assert_allclose(ld_matrix(cohort, region="X", signed=True).values, want, atol=1e-12)
    with pytest.raises(UsageError, match="apart"):
        ld_matrix(cohort, variants=pd.Index([1, 50]))


def test_pairs_within_a_window(made):
    G, _, cohort = made
    got = ld_table(cohort, window="3kb", r2_min=0.25)
    R = of_blocks(PackedArray.of(G[:40]))
    want = [(i, j) for i in range(40) for j in range(i + 1, min(40, i + 4)) if R[i, j] ** 2 >= 0.25]
    of_2 = got[got["chromosome"] == 2]
    assert list(zip(of_2["variant_1"], of_2["variant_2"], strict=True)) == want
    assert len(want) > 10
    assert (got["position_2_bp"] - got["position_1_bp"]).between(1, 3000).all()
    assert set(got["chromosome"]) == {2, 23}
    by_count = ld_table(cohort, window="3", r2_min=0.25)
    pd.testing.assert_frame_equal(got, by_count)


def test_regions_and_distances_as_people_write_them():
    assert parse_region("chr7:1,000-2,000") == (7, 1000, 2000)
    assert parse_region("X")[:2] == (23, 1)
    for region in ("7:1000", "25th", "7:20-10", ""):
        with pytest.raises(UsageError, match="region"):
            parse_region(region)
    assert parse_distance("0.5kb") == (500.0, "bp")
    assert parse_distance("1cM") == (1.0, "cM")
    for window in ("1Mb", "2.5", ""):
        with pytest.raises(UsageError, match="window"):
            parse_distance(window)


def test_what_is_not_there_is_refused(made):
    *_, cohort = made
    with pytest.raises(UsageError, match="either"):
        ld_matrix(cohort)
    with pytest.raises(InputError, match="no kept variant"):
        ld_matrix(cohort, region="3")
    with pytest.raises(UsageError, match="only 0"):
        ld_scores(cohort)
    with pytest.raises(UsageError, match="40 have none"):
        ld_scores(cohort, window="5kb", annotations=pd.DataFrame({"a": 1.0}, index=range(40, 60)))
    nobody = cohort.exclude_variants("test", "out", np.ones(60, bool), description="")
    with pytest.raises(InputError, match="left"):
        relationship_matrix(nobody)
    with pytest.raises(InputError, match="left"):
        ld_table(nobody)


def test_relationships_take_autosomes_of_kept_people(made):
    _, men, cohort = made
    women = cohort.exclude_people("test", "men", men, description="")
    found = relationship_matrix(women)
    assert list(found.matrix.index) == list(women.people.kept_table().index)
    assert found.n_variants.max() <= 40
    fewer = relationship_matrix(women, pd.Index(range(30, 60)))
    assert fewer.n_variants.max() <= 10


@pytest.mark.real
def test_ld_scores_of_hails_example(shared_data):
    """Plain and stratified, 1 cM, against what Hail's own test expects (data/README.md)."""
    prefix = shared_data / "genotypes" / "ldsc_489x486" / "ldsc"
    cohort = read_genotypes(bfile=str(prefix), build="GRCh37")
    names = ["univariate", "binary", "continuous"]
    annotation = pd.read_csv(f"{prefix}.annot", sep=r"\s+").set_index("SNP")[names]
    table = cohort.variants.table
    A = annotation.loc[table["source_id"]].set_index(table.index)
    expected = json.loads((shared_data / "expected.json").read_text())["ld_score"]["results"]
    plain = ld_scores(cohort, window="1cM")
    split = ld_scores(cohort, window="1cM", annotations=A)
    np.testing.assert_allclose(plain["ld_score"], split["ld_score_univariate"])
    places = plain["chromosome"].astype(str) + ":" + plain["base_pair_location"].astype(str)
    first, second = (places == "20:82079").to_numpy(), (places == "22:16894090").to_numpy()
    for column, of in (
        ("ld_score_univariate", {"chr20": expected["chr20:82079"], "chr22": 1.14} | expected),
        ("ld_score_binary", expected["annot_binary"]),
        ("ld_score_continuous", expected["annot_continuous"]),
    ):
        got = split[column].to_numpy()
        numbers = [got[first].item(), got[second].item(), got.mean()]
        np.testing.assert_allclose(numbers, [of["chr20"], of["chr22"], of["mean"]], atol=5.1e-4)
    assert plain["frequency"].between(0.001, 0.999).all()

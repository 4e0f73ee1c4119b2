"""What a regional plot is made of: variants around a lead, and r² with it."""

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.cohort.ld import ld_matrix, ld_with
from gwasbone.cohort.read import read_genotypes
from gwasbone.errors import InputError, UsageError
from gwasbone.loci.regional import region_around

M, N = 30, 40


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Chromosomes 3 and X, men homozygous on X, some calls missing, one variant without change."""
    rng = np.random.default_rng(2)
    prefix = tmp_path_factory.mktemp("regions") / "made"
    latent = rng.standard_normal((5, N))
    G = (np.repeat(latent, M // 5, 0) + rng.standard_normal((M, N)) > 0).astype(float) * 2
    G[: M // 2] -= rng.random((M // 2, N)) < 0.3
    G = np.clip(G, 0, 2)
    G[rng.random(G.shape) < 0.05] = np.nan
    G[4] = 1
    to_bed(
        f"{prefix}.bed", G.T.astype(np.float32),
        properties={
            "iid": [f"p{i}" for i in range(N)], "fid": ["f"] * N, "sex": [1, 2] * (N // 2),
            "chromosome": ["3"] * (M // 2) + ["23"] * (M // 2),
            "bp_position": [10_000_000 + 20_000 * (i % (M // 2)) for i in range(M)],
            "sid": [f"v{i}" for i in range(M)], "allele_1": ["G"] * M, "allele_2": ["A"] * M,
        },
    )  # fmt: skip
    return read_genotypes(bfile=str(prefix), build="GRCh37")


def scan_of(cohort):
    table = cohort.variants.table
    return pd.DataFrame(
        {
            "chromosome": table["chromosome"], "base_pair_location": table["base_pair_location"],
            # counted the other way round, as scans of other cohorts are
            "other_allele": table["alt"], "effect_allele": table["ref"],
            "neg_log_10_p_value": np.arange(len(table), dtype=float),
            "source_id": table["source_id"],
        }
    )  # fmt: skip


@pytest.mark.parametrize("region", ["3", "X"])
@pytest.mark.parametrize("signed", [False, True])
def test_ld_with_one_is_a_row_of_the_matrix(cohort, region, signed):
    code = {"3": 3, "X": 23}[region]
    rows = np.flatnonzero(cohort.variants.table["chromosome"] == code)
    whole = ld_matrix(cohort, region=region, signed=signed).values
    for i in (0, 4, len(rows) - 1):
        np.testing.assert_array_equal(ld_with(cohort, rows[i], rows, signed=signed), whole[i])
    some = rows[[2, 7]]
    np.testing.assert_array_equal(ld_with(cohort, rows[5], some, signed=signed), whole[5, [2, 7]])
    if region == "3" and not signed:
        assert np.isnan(whole[4]).all()
    with pytest.raises(UsageError, match="other variants on its chromosome"):
        ld_with(cohort, 0, np.array([M - 1]))


def test_a_region_holds_what_lies_within_the_window(cohort):
    scan = scan_of(cohort)
    scan.loc[6, "neg_log_10_p_value"] = np.nan
    lead = scan.iloc[8]
    region = region_around(scan, lead, cohort, build="GRCh37", window_kb=60)
    assert region.variants["source_id"].tolist() == ["v5", "v7", "v8", "v9", "v10", "v11"]
    assert region.lead == 2
    assert (region.chromosome, region.start_bp, region.end_bp) == (3, 10_100_000, 10_220_000)
    whole = ld_matrix(cohort, region="3").values
    np.testing.assert_array_equal(region.variants["r2"], whole[8, [5, 7, 8, 9, 10, 11]])
    assert region.variants["r2"][2] == 1


def test_the_ends_of_a_chromosome_end_the_region(cohort):
    scan = scan_of(cohort).assign(base_pair_location=lambda t: t["base_pair_location"] - 9_999_000)
    region = region_around(scan, scan.iloc[0], None, build="GRCh37", window_kb=500)
    assert region.start_bp == 1
    assert region.variants["r2"].isna().all()


def test_variants_without_genotypes_have_no_r2(cohort):
    scan = scan_of(cohort)
    scan.loc[9, "effect_allele"] = "T"
    region = region_around(scan, scan.iloc[8], cohort, build="GRCh37", window_kb=20)
    assert np.isnan(region.variants["r2"]).tolist() == [False, False, True]
    # of a lead without genotypes nothing is known
    region = region_around(scan, scan.iloc[9], cohort, build="GRCh37", window_kb=20)
    assert region.variants["r2"].isna().all()


def test_what_cannot_be_drawn_is_refused(cohort):
    scan = scan_of(cohort)
    with pytest.raises(InputError, match="not among the tested"):
        region_around(scan, {**scan.iloc[3], "effect_allele": "C"}, None, build="GRCh37")
    with pytest.raises(UsageError, match="GRCh38"):
        region_around(scan, scan.iloc[3], cohort, build="GRCh38")

"""SNPs of regions out of real scans: 489 Europeans, and a summary table of a large cohort."""

from __future__ import annotations

import numpy as np
import pytest

import gwasbone as gb
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.scans import read_scan

pytestmark = pytest.mark.real

CHROMOSOMES = (7, 21, 22)


@pytest.fixture(scope="module")
def real(shared_data):
    """Genotypes of three chromosomes, and BOLT's table of them; its allele order is its own."""
    folder = shared_data / "genotypes" / "1kg_eur_82k"
    beds = ",".join(str(folder / f"1000G.subset.{c}") for c in CHROMOSOMES)
    cohort = gb.read_genotypes(bfile=beds, build="GRCh37")
    table = read_scan(folder / "bolt.sumstats.txt.gz")
    table = table[table["chromosome"].isin(CHROMOSOMES)].reset_index(drop=True)
    # the file has two digits of p
    return cohort, table.assign(neg_log_10_p_value=neg_log10_p_normal(table["statistic"]))


def test_the_pruned_snps_of_a_large_cohorts_scan(real):
    cohort, table = real
    assert table["neg_log_10_p_value"].max() > 5
    # blocks of 50 kb, since the data are a megabyte of each chromosome
    rule = gb.SelectionRule(block_bp=50_000, r2=0.5, p_threshold=1e-3)
    scans = {"bmd_total": table, "bmd_spine_l1_l4": table[table["base_pair_location"] % 3 > 0]}
    found = gb.select_regions(scans, cohort=cohort, rule=rule)
    assert 1 < found.pairs["variant_id"].nunique() < found.n_peaks
    assert found.n_lost == 0
    genotypes = gb.selected_genotypes(found, cohort)
    assert genotypes.shape == (489, found.pairs["variant_id"].nunique())
    # BOLT counts the other allele than the .bim for most; the frequencies agree nevertheless
    named = ["chromosome", "base_pair_location", "effect_allele"]
    chosen = found.variants.merge(table, on=named, suffixes=("_selected", ""))
    frequency = genotypes[chosen["variant_id"]].mean() / 2
    gap = np.abs(frequency.to_numpy() - chosen["effect_allele_frequency"].to_numpy())
    assert np.corrcoef(frequency, chosen["effect_allele_frequency"])[0, 1] > 0.9
    assert gap.max() < 0.2
    # no two SNPs that are kept are in LD, by numpy
    at = found.variants
    r2 = genotypes.corr().to_numpy() ** 2
    same = at["chromosome"].to_numpy()[:, None] == at["chromosome"].to_numpy()
    np.fill_diagonal(r2, 0)
    order = [genotypes.columns.get_loc(name) for name in at["variant_id"]]
    assert (r2[np.ix_(order, order)][same] < 0.5).all()


def test_every_peak_is_stood_for_by_a_snp_in_ld_with_it(real):
    cohort, table = real
    rule = gb.SelectionRule(block_bp=50_000, r2=0.5, p_threshold=1e-3)
    found = gb.select_regions({"bmd_total": table}, cohort=cohort, rule=rule)
    peaks = found.leads.assign(
        variant_id=found.leads[
            ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
        ]
        .astype(str)
        .agg("_".join, axis=1)
    )
    of_peaks = gb.selected_genotypes(peaks, cohort)
    of_snps = gb.selected_genotypes(found, cohort)
    for name, g in of_peaks.items():
        assert max(of_snps.corrwith(g) ** 2) >= 0.5 - 1e-6, name

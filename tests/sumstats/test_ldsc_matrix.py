"""Scans at LD scores by LDSC's munging; all correlations equal those of the pairs alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_ldsc import made_scans, made_scores

from gwasbone.errors import InputError, UsageError
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.ldsc import genetic_correlation, heritability
from gwasbone.sumstats.ldsc_input import ldsc_input
from gwasbone.sumstats.ldsc_matrix import (
    genetic_correlations,
    heritabilities,
    liability_factor,
)
from gwasbone.sumstats.ldsc_tables import correlation_table, heritability_table
from gwasbone.sumstats.options import LdscOptions

RULE = LdscOptions(n_blocks=40)


@pytest.fixture(scope="module")
def scores():
    return made_scores()


@pytest.mark.parametrize("missing", [False, True])
def test_every_pair_of_the_matrix_equals_the_pair_alone(scores, missing):
    scans = made_scans(scores, k=4)
    if missing:  # each scan lacks other variants
        scans = {
            name: t.drop(index=range(i, len(t), 17 + i))
            for i, (name, t) in enumerate(scans.items())
        }
    data = ldsc_input(scans, scores)
    found = genetic_correlations(data, RULE, threads=2)
    assert [(p.first, p.second) for p in found] == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3),
    ]  # fmt: skip
    for pair in found:
        a, b = pair.first, pair.second
        both = np.isfinite(data.z[a]) & np.isfinite(data.z[b])
        alone = genetic_correlation(
            data.z[a][both], data.z[b][both], data.ld_score[both], data.n[a][both],
            data.n[b][both], m_ld=data.m_ld, n_blocks=40,
        )  # fmt: skip
        for name in ("rg", "rg_se", "covariance", "covariance_se", "intercept", "intercept_se"):
            one, other = getattr(pair.found, name), getattr(alone, name)
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(pair.found.first.h2, alone.first.h2, rtol=1e-4)
        assert pair.found.n_variants == both.sum()


def test_heritabilities_equal_those_of_one_scan(scores):
    data = ldsc_input(made_scans(scores), scores)
    for found, z, n in zip(heritabilities(data, RULE), data.z, data.n, strict=True):
        alone = heritability(z.astype(float) ** 2, data.ld_score, n, m_ld=data.m_ld, n_blocks=40)
        assert found.h2 == pytest.approx(alone.h2, rel=1e-12)
        assert abs(found.h2 - 0.4) < 3 * found.h2_se


def test_alleles_in_any_order_and_on_either_strand_give_the_same_z(scores):
    scans = made_scans(scores)
    plain = ldsc_input(scans, scores)
    turned = scans["trait1"].copy()
    half = np.arange(len(turned)) % 2 == 0
    e, o = turned["effect_allele"].copy(), turned["other_allele"].copy()
    turned.loc[half, "effect_allele"], turned.loc[half, "other_allele"] = o[half], e[half]
    turned.loc[half, "beta"] *= -1
    turned.loc[half, "effect_allele_frequency"] = 1 - turned.loc[half, "effect_allele_frequency"]
    third = np.arange(len(turned)) % 3 == 0
    strand = dict(zip("ACGT", "TGCA", strict=True))
    for name in ("effect_allele", "other_allele"):
        turned.loc[third, name] = turned.loc[third, name].map(strand)
    other = ldsc_input(scans | {"trait1": turned}, scores)
    np.testing.assert_array_equal(other.z, plain.z)


def test_each_rule_of_munging_leaves_out_its_variants_and_counts_them(scores):
    scan = made_scans(scores)["trait0"]
    scan.loc[0, ["effect_allele", "other_allele"]] = ["A", "T"]
    scan.loc[1, ["effect_allele", "other_allele"]] = ["AC", "A"]
    scan.loc[2, "effect_allele_frequency"] = 0.01  # the limit itself is not above the limit
    scan.loc[3, "n"] = 10_000
    twice = scan.loc[[4]].assign(effect_allele="C", other_allele="T")
    scan.loc[4, ["effect_allele", "other_allele"]] = ["A", "C"]
    scan.loc[5, "base_pair_location"] += 1
    data = ldsc_input({"one": pd.concat([scan, twice])}, scores)
    counts = data.dropped.set_index("reason")["n_variants"].to_dict()
    assert counts == {
        "no LD score at the position": 1,
        "alleles are not single bases": 1,
        "palindromic, and the allele frequencies do not resolve the strand": 1,
        "several variants at the position": 2,
        "minor allele frequency not above 0.01": 1,
        "sample size below 2/3 of the 90th percentile": 1,
    }
    assert data.z.shape == (1, len(scores) - 6)


def test_other_alleles_at_a_position_are_left_out_of_the_later_scan(scores):
    scans = made_scans(scores)
    scans["trait1"].loc[7, ["effect_allele", "other_allele"]] = (
        ["A", "G"] if scans["trait1"].loc[7, "other_allele"] not in "GC" else ["A", "C"]
    )
    if {"A", "C"} == set(scans["trait0"].loc[7, ["effect_allele", "other_allele"]]):
        scans["trait1"].loc[7, "other_allele"] = "G"
    data = ldsc_input(scans, scores)
    assert np.isnan(data.z[1]).sum() == 1
    assert (data.dropped["reason"] == "other alleles at the position").sum() == 1


def test_odds_ratios_as_effects_are_refused(scores):
    scan = made_scans(scores)["trait0"]
    odds = scan.assign(beta=np.exp(scan["beta"]), standard_error=scan["standard_error"])
    odds["neg_log_10_p_value"] = 2.0
    with pytest.raises(InputError, match="odds ratios"):
        ldsc_input({"one": odds}, scores)


def test_what_cannot_be_regressed_is_refused(scores):
    scan = made_scans(scores)["trait0"]
    with pytest.raises(InputError, match="sample sizes"):
        ldsc_input({"one": scan.drop(columns="n")}, scores)
    with pytest.raises(InputError, match="one build"):
        ldsc_input({"one": scan.assign(base_pair_location=scan["base_pair_location"] + 7)}, scores)
    with pytest.raises(UsageError, match="two or more"):
        genetic_correlations(ldsc_input({"one": scan}, scores))


def test_a_trait_without_heritability_is_undefined_and_the_others_are_not(scores):
    scans = made_scans(scores, k=3)
    noise = np.random.default_rng(1).normal(size=len(scores)) * 0.9
    scans["trait2"]["beta"] = noise * scans["trait2"]["standard_error"]
    scans["trait2"]["neg_log_10_p_value"] = neg_log10_p_normal(noise)
    table = correlation_table(
        ("a", "b", "c"), genetic_correlations(ldsc_input(scans, scores), RULE)
    )
    assert np.isfinite(table["rg"][0])
    assert table["status"][0] == ""
    assert table["rg"][1:].isna().all()
    assert table["status"][1:].str.contains("not positive").all()


def test_liability_by_hand():
    # at K = P = 0.5: φ(0)² = 1/(2π), so that the factor is K(1 − K) 2π
    assert liability_factor(0.5, 0.5) == pytest.approx(np.pi / 2)
    # Lee 2011: K 1 %, half cases
    assert liability_factor(0.5, 0.01) == pytest.approx(0.5519, abs=5e-5)
    with pytest.raises(UsageError, match="between 0 and 1"):
        liability_factor(0.5, 0)


def test_liability_scales_h2_and_its_error_only(scores):
    data = ldsc_input(made_scans(scores), scores)
    found = heritabilities(data, RULE)
    plain = heritability_table(data.names, found)
    scaled = heritability_table(
        data.names, found, sample_prevalence=(0.5, np.nan), population_prevalence=(0.01, np.nan)
    )
    assert scaled["scale"].tolist() == ["liability", "observed"]
    factor = liability_factor(0.5, 0.01)
    for name in ("h2", "standard_error"):
        assert scaled[name][0] == pytest.approx(plain[name][0] * factor)
        assert scaled[name][1] == plain[name][1]
    assert scaled["intercept"].equals(plain["intercept"])
    with pytest.raises(UsageError, match="for each of 2 scans"):
        heritability_table(
            data.names, found, sample_prevalence=(0.5,), population_prevalence=(0.1,)
        )
    with pytest.raises(UsageError, match="both prevalences or neither"):
        heritability_table(
            data.names, found, sample_prevalence=(0.5, np.nan), population_prevalence=(0.1, 0.2)
        )

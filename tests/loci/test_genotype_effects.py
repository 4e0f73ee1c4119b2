"""Genotypes of selected SNPs, and phenotypes by genotype, from a cohort's files to the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from bed_reader import to_bed

import gwasbone as gb
from gwasbone.errors import InputError
from gwasbone.loci.genotype_effects import EFFECT_COLUMNS

IDS = [f"p{i}" for i in range(80)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two SNPs in 80 people; the table counts A at the second, which the .bim has as REF."""
    rng = np.random.default_rng(2)
    G = rng.binomial(2, 0.4, (2, 80)).astype(float)
    G[0, 5] = np.nan
    folder = tmp_path_factory.mktemp("effects")
    to_bed(
        folder / "g.bed",
        G.T.astype(np.float32),
        properties={
            "iid": IDS, "chromosome": ["7", "7"], "bp_position": [100, 200], "sid": ["rs1", "rs2"],
            "allele_1": ["T", "G"], "allele_2": ["C", "A"],
        },
    )  # fmt: skip
    cohort = gb.read_genotypes(bfile=str(folder / "g"), build="GRCh37")
    variants = pd.DataFrame(
        {
            "variant_id": ["7_100_C_T", "7_200_G_A"], "source_id": ["rs1", "rs2"],
            "chromosome": [7, 7], "base_pair_location": [100, 200], "other_allele": ["C", "G"],
            "effect_allele": ["T", "A"],
        }
    )  # fmt: skip
    age = rng.normal(60, 8, 80)
    people = pd.DataFrame(
        {
            "bmd": 1 + 0.05 * np.nan_to_num(G[0]) - 0.01 * age + rng.normal(0, 0.1, 80),
            "other": rng.normal(size=80), "age": age, "centre": rng.choice(list("xyz"), 80),
        },
        index=IDS,
    )  # fmt: skip
    people.loc["p9", "other"] = np.nan
    people.loc["p11", "age"] = np.nan
    return cohort, variants, people, np.vstack([G[0], 2 - G[1]])


def test_genotypes_count_the_effect_allele(made):
    cohort, variants, _, expected = made
    table = gb.selected_genotypes(variants, cohort)
    assert table.index.tolist() == IDS
    assert table.index.name == "IID"
    assert list(table.columns) == list(variants["variant_id"])
    assert (table.dtypes == np.float32).all()
    np.testing.assert_array_equal(table.to_numpy().T, expected)


def test_variants_that_are_not_there_are_counted_and_named(made):
    cohort, variants, _, _ = made
    more = pd.concat(
        [variants, variants.head(1).assign(variant_id="7_9_C_T", base_pair_location=9)]
    )
    with pytest.raises(InputError, match=r"1 of 3 variants are not in the genotypes .* 7_9_C_T"):
        gb.selected_genotypes(more, cohort)


def test_effects_are_those_of_least_squares(made):
    cohort, variants, people, G = made
    genotypes = gb.selected_genotypes(variants, cohort)
    table = gb.genotype_effects(
        genotypes, variants, people, ["other", "bmd"], ["age"], categorical=["centre"]
    )
    assert tuple(table.columns) == EFFECT_COLUMNS
    order = [(v, t, c) for v in variants["variant_id"] for t in ("other", "bmd") for c in range(3)]
    assert (
        list(table[["variant_id", "trait", "copies"]].itertuples(index=False, name=None)) == order
    )
    dummies = pd.get_dummies(people["centre"], dtype=float).iloc[:, 1:]
    for i, name in enumerate(variants["variant_id"]):
        for trait in ("other", "bmd"):
            rows = table[(table["variant_id"] == name) & (table["trait"] == trait)]
            k = people[[trait, "age"]].notna().all(axis=1).to_numpy() & np.isfinite(G[i])
            C = np.column_stack([people["age"], dummies])[k]
            D = (G[i, k, None] == np.arange(3)).astype(float)
            y = people.loc[k, trait]
            ols = sm.OLS(y, np.column_stack([D, C - C.mean(axis=0)])).fit(cov_type="HC2")
            np.testing.assert_allclose(rows["mean"], ols.params[:3], rtol=1e-6)
            np.testing.assert_allclose(rows["standard_error"], ols.bse[:3], rtol=1e-6)
            assert rows["n"].tolist() == D.sum(axis=0).tolist()
            null = sm.OLS(y, sm.add_constant(C)).fit()
            sd = np.sqrt(null.scale)
            np.testing.assert_allclose(rows["sd"], sd, rtol=1e-6)
            np.testing.assert_allclose(rows["mean_sd"], (ols.params[:3] - y.mean()) / sd, atol=1e-6)
            np.testing.assert_allclose(
                rows["upper_sd"] - rows["mean_sd"], (rows["upper"] - rows["mean"]) / sd
            )


def test_names_that_are_no_columns_are_refused(made):
    cohort, variants, people, _ = made
    genotypes = gb.selected_genotypes(variants, cohort)
    with pytest.raises(InputError, match="expected trait columns height"):
        gb.genotype_effects(genotypes, variants, people, ["height"])
    with pytest.raises(InputError, match="expected participants in both"):
        gb.genotype_effects(genotypes, variants, people.rename(index=lambda i: f"x{i}"), ["bmd"])

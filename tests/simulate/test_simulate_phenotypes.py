"""Phenotypes: heritability, correlations, covariates, prevalence and labels are what was asked."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gwasbone.errors import InputError
from gwasbone.simulate import (
    SimulatedGenotypes,
    SimulatedPhenotypes,
    SimulationSettings,
    simulate_genotypes,
    simulate_phenotypes,
)
from gwasbone.simulate.phenotypes import BMD_SD

SETTINGS = SimulationSettings(n_people=3000, n_variants=4000, n_segments=46, seed=21)
DENSITIES = ["bmd_spine", "bmd_hip", "bmd_femur"]


@pytest.fixture(scope="module")
def genotypes() -> SimulatedGenotypes:
    return simulate_genotypes(SETTINGS)


@pytest.fixture(scope="module")
def traits(genotypes: SimulatedGenotypes) -> SimulatedPhenotypes:
    return simulate_phenotypes(genotypes, SETTINGS)


@pytest.fixture(scope="module")
def british(genotypes: SimulatedGenotypes) -> np.ndarray:
    return (genotypes.people["ancestry"] == "british").to_numpy()


def _flexible(covariates: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """A covariate design that does not know the simulation's curves."""
    c = covariates[rows]
    man = c["sex"].to_numpy(dtype=float)
    age, weight = (c["age"].to_numpy() - 55) / 10, (c["weight"].to_numpy() - 75) / 15
    height = (c["height"].to_numpy() - 170) / 10
    columns = [np.ones(len(c)), man, height, weight, weight**2, weight**3]
    columns += [age, age**2, age**3, man * age, man * age**2, man * age**3]
    dummies = pd.get_dummies(c[["centre", "array"]], drop_first=True).to_numpy(dtype=float)
    return np.column_stack([*columns, dummies])


def test_genetic_variance_is_exactly_h2_in_the_british(traits, british):
    g = traits.genetic_values.loc[british]
    for trait in DENSITIES:
        assert g[trait].var(ddof=0) / BMD_SD[trait] ** 2 == pytest.approx(SETTINGS.h2_bmd, rel=1e-9)
    assert g["osteoporosis"].var(ddof=0) == pytest.approx(SETTINGS.h2_osteoporosis, rel=1e-9)
    assert np.allclose(g[[*DENSITIES, "osteoporosis"]].mean(), 0, atol=1e-12)


def test_genetic_values_are_the_sum_of_the_causal_table(genotypes, traits, british):
    place = dict(zip(genotypes.variants["source_id"], range(4000), strict=True))
    for trait, table in traits.causal_variants.groupby("trait"):
        assert len(table) == SETTINGS.n_causal
        rows = np.array([place[i] for i in table["source_id"]])
        X = genotypes.true_dosages(rows).astype(float)
        value = table["effect"].to_numpy() @ X
        value -= value[british].mean()
        assert np.allclose(value, traits.genetic_values[trait], atol=1e-10)
        frequency = X[:, british].mean(axis=1) / 2
        assert np.allclose(frequency, table["frequency_british"])
        assert np.allclose(X.mean(axis=1) / 2, table["frequency_all"])
        unit = BMD_SD.get(str(trait), 1.0)
        share = X[:, british].var(axis=1) * (table["effect"].to_numpy() / unit) ** 2
        assert np.allclose(share, table["variance_share"])
        assert np.all(genotypes.variants["fault"].to_numpy()[rows] == "")


def test_heritability_is_recovered_from_the_trait_itself(traits, british):
    """Trait on genetic value and a flexible covariate design: slope 1, share of variance h²."""
    for trait in DENSITIES:
        y = traits.phenotypes[trait].to_numpy()
        rows = british & ~np.isnan(y)
        g = traits.genetic_values[trait].to_numpy()[rows]
        design = np.column_stack([g, _flexible(traits.covariates, rows)])
        beta, rss, *_ = np.linalg.lstsq(design, y[rows], rcond=None)
        residual = rss[0] / (len(g) - design.shape[1])
        slope_se = np.sqrt(residual * np.linalg.inv(design.T @ design)[0, 0])
        assert abs(beta[0] - 1) < 3 * slope_se
        assert g.var() / (g.var() + residual) == pytest.approx(SETTINGS.h2_bmd, abs=0.02)


def test_planted_variants_are_large_and_on_chromosomes_of_their_own(traits):
    for density in DENSITIES:
        causal = traits.causal_variants
        planted = causal[(causal["trait"] == density) & causal["planted"]]
        assert len(planted) == SETTINGS.n_planted
        assert planted["chromosome"].is_unique
        assert planted["chromosome"].max() <= 22
        assert planted["frequency_british"].between(0.2, 0.8).all()
        share = planted["variance_share"]
        assert share.between(0.6 * SETTINGS.planted_share, 1.4 * SETTINGS.planted_share).all()
    sign = traits.causal_variants.query("planted and trait in @DENSITIES")
    assert (sign.groupby("source_id")["effect"].agg(lambda b: abs(np.sign(b).sum())) == 3).all()


def test_small_effects_grow_as_frequency_falls():
    """Polygenic effects have variance ∝ [2p(1-p)]^alpha: the log-log slope is alpha."""
    settings = SimulationSettings.light(
        n_people=400, n_variants=6000, n_segments=46, n_causal=4000, n_planted=0, effect_alpha=-1.0
    )
    causal = simulate_phenotypes(simulate_genotypes(settings), settings).causal_variants
    spine = causal.query("trait == 'bmd_spine' and chromosome <= 22")
    p = spine["frequency_british"]
    slope, _, _, _, se = stats.linregress(np.log(2 * p * (1 - p)), np.log(spine["effect"] ** 2))
    assert abs(slope - -1.0) < 4 * se
    assert se < 0.1


def test_marginal_effects_of_planted_variants_are_unbiased(genotypes, traits, british):
    """β̂ − cov(x, g)/var(x) over its SE is standard normal over planted variants and traits."""
    place = dict(zip(genotypes.variants["source_id"], range(4000), strict=True))
    z = []
    for trait in DENSITIES:
        y = traits.phenotypes[trait].to_numpy()
        rows = british & ~np.isnan(y)
        Q, _ = np.linalg.qr(_flexible(traits.covariates, rows))
        adjust = lambda v: v - Q @ (Q.T @ v)  # noqa: B023, E731
        y_adj, g_adj = adjust(y[rows]), adjust(traits.genetic_values[trait].to_numpy()[rows])
        planted = traits.causal_variants.query("trait == @trait and planted")
        for source_id in planted["source_id"]:
            x = adjust(genotypes.true_dosages(np.array([place[source_id]]))[0, rows].astype(float))
            expected = x @ g_adj / (x @ x)
            beta = x @ y_adj / (x @ x)
            se = np.sqrt(np.mean((y_adj - beta * x) ** 2) / (x @ x))
            z.append((beta - expected) / se)
    assert np.max(np.abs(z)) < 3.5
    assert np.std(z) < 1.4


def test_correlations_between_traits(traits, british):
    g = traits.genetic_values.loc[british]
    between = g[DENSITIES].corr().to_numpy()[np.triu_indices(3, 1)]
    assert between.min() > 0.7
    assert between.max() < 0.97
    standard = (g[DENSITIES] / pd.Series(BMD_SD)).mean(axis=1)
    r = np.corrcoef(standard, g["osteoporosis"])[0, 1]
    assert r == pytest.approx(SETTINGS.osteoporosis_genetic_correlation, abs=1e-9)
    observed = traits.phenotypes.loc[british, DENSITIES].corr().to_numpy()[np.triu_indices(3, 1)]
    assert observed.min() > 0.5
    cases = traits.phenotypes["osteoporosis"] == 1
    for trait in DENSITIES:
        y = traits.phenotypes[trait]
        assert y[cases].mean() < y[~cases].mean() - 0.5 * y.std()


def test_densities_have_plausible_units_and_covariate_effects(traits, british):
    p, c = traits.phenotypes, traits.covariates
    means = p.loc[british, DENSITIES].mean()
    assert means.between([0.95, 0.85, 0.78], [1.2, 1.1, 1.02]).all()
    assert p[DENSITIES].std().between(0.08, 0.25).all()
    assert (p[DENSITIES].min() > 0.2).all()
    assert c["age"].between(40, 70).all()
    assert set(c["sex"]) == {0, 1}

    rows = british & p["bmd_hip"].notna().to_numpy()
    y = p["bmd_hip"].to_numpy()[rows]
    design = _flexible(c, rows)
    beta, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
    se = np.sqrt(rss[0] / (len(y) - design.shape[1]) * np.diag(np.linalg.inv(design.T @ design)))
    weight, weight_squared = beta[3] / se[3], beta[4] / se[4]
    assert weight > 10
    assert weight_squared < -5  # more weight helps less and less

    women, men = (rows & (c["sex"] == sex).to_numpy() for sex in (0, 1))
    slope = [np.polyfit(c["age"][w], p["bmd_hip"][w], 1)[0] for w in (women, men)]
    assert slope[0] < 2 * slope[1] < 0


def test_weight_and_height_depend_on_sex(traits):
    by_sex = traits.covariates.groupby("sex")[["weight", "height"]].mean()
    assert by_sex.loc[1, "weight"] - by_sex.loc[0, "weight"] == pytest.approx(14.5, abs=3)
    assert by_sex.loc[1, "height"] - by_sex.loc[0, "height"] == pytest.approx(13, abs=1.5)


def test_prevalence_and_missingness(genotypes, traits):
    settings = dataclasses.replace(SETTINGS, trait_missing_rate=0.0, prevalence=0.07)
    complete = simulate_phenotypes(genotypes, settings).phenotypes
    assert complete.notna().all(axis=None)
    assert complete["osteoporosis"].sum() == 210

    missing = traits.phenotypes.isna().mean()
    assert missing["null_trait"] == pytest.approx(0.04, abs=0.012)
    assert missing["bmd_hip"] == pytest.approx(0.06, abs=0.015)
    patterns = traits.phenotypes[DENSITIES].isna().drop_duplicates()
    assert len(patterns) > 4  # missing per trait, not per person


def test_null_trait_depends_on_nothing(genotypes, traits):
    y = traits.phenotypes["null_trait"]
    rows = y.notna().to_numpy()
    for values in (traits.genetic_values["bmd_spine"], traits.covariates["age"]):
        assert abs(np.corrcoef(y[rows], values[rows])[0, 1]) < 3.5 / np.sqrt(rows.sum())
    groups = [y[rows & (genotypes.people["ancestry"] == a)] for a in ("british", "african")]
    assert stats.ttest_ind(*groups).pvalue > 1e-3
    assert stats.kstest(y[rows], "norm").pvalue > 1e-3


def test_reported_background_uses_uk_biobank_words_with_a_few_errors(genotypes, traits):
    label, group = traits.covariates["ethnic_background"], genotypes.people["ancestry"]
    british = group == "british"
    assert (label[british].isin(["British", "Irish"])).mean() > 0.95
    assert (label[group == "african"].isin(["African", "Any other Black background"])).mean() > 0.8
    wrong = (british & label.isin(["African", "Chinese", "Indian"])).sum()
    assert 0 < wrong < 30
    silent = label.isna() | label.isin(["Prefer not to answer", "Do not know"])
    assert silent.mean() == pytest.approx(SETTINGS.unlabelled_rate, abs=0.006)
    assert label.isna().any()


def test_a_subset_of_traits_leaves_the_others_numbers_alone(genotypes, traits):
    some = dataclasses.replace(SETTINGS, traits=("null_trait", "bmd_hip"))
    subset = simulate_phenotypes(genotypes, some)
    assert list(subset.phenotypes) == ["FID", "IID", "null_trait", "bmd_hip"]
    assert set(subset.causal_variants["trait"]) == {"bmd_hip"}
    hip = traits.causal_variants.query("trait == 'bmd_hip'").reset_index(drop=True)
    pd.testing.assert_frame_equal(subset.causal_variants, hip)


@pytest.mark.parametrize("n_causal", [0, 1])
def test_few_or_no_causal_variants(genotypes, n_causal):
    settings = dataclasses.replace(SETTINGS, n_causal=n_causal, n_planted=n_causal)
    result = simulate_phenotypes(genotypes, settings)
    british = (genotypes.people["ancestry"] == "british").to_numpy()
    share = result.genetic_values.loc[british, "bmd_hip"].var(ddof=0) / BMD_SD["bmd_hip"] ** 2
    assert share == pytest.approx(SETTINGS.h2_bmd * n_causal)
    assert result.phenotypes["bmd_hip"].std() > 0.05


def test_too_many_causal_variants_is_an_input_error(genotypes):
    settings = dataclasses.replace(SETTINGS, n_causal=4000)
    with pytest.raises(InputError, match="at least n_causal = 4000 variants"):
        simulate_phenotypes(genotypes, settings)

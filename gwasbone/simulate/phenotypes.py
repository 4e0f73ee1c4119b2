"""Bone traits with a stated heritability, their covariates, and what participants say they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.simulate.genotypes import SimulatedGenotypes
from gwasbone.simulate.settings import SimulationSettings

#: Bone densities: mean and residual SD in g/cm² (women aged 55 of 70 kg are near the mean).
BMD_MEAN = {"bmd_spine": 1.06, "bmd_hip": 0.95, "bmd_femur": 0.88}
BMD_SD = {"bmd_spine": 0.13, "bmd_hip": 0.11, "bmd_femur": 0.10}
_DENSITIES = tuple(BMD_MEAN)
_LIABILITY = "osteoporosis"

CENTRES = ("Cheadle", "Reading", "Newcastle", "Bristol")
_CENTRE_EFFECT = {"Cheadle": 0.0, "Reading": 0.05, "Newcastle": -0.08, "Bristol": 0.03}
_ARRAY_EFFECT = {"UKBB": 0.0, "UKBL": -0.05}
#: Differences between groups that no genotype makes: what stratification would turn into signal.
_GROUP_EFFECT = {
    "african": 0.6,
    "caribbean": 0.5,
    "east_asian": -0.2,
    "south_asian": -0.2,
    "mixed": 0.15,
    "white_other": 0.05,
}

#: Answers to "What is your ethnic group?" in the words of UK Biobank field 21000.
_ANSWERS: dict[str, dict[str, float]] = {
    "british": {"British": 0.955, "Irish": 0.035, "Any other white background": 0.01},
    "white_other": {"Any other white background": 0.85, "British": 0.1, "Irish": 0.05},
    "south_asian": {
        "Indian": 0.6,
        "Pakistani": 0.25,
        "Bangladeshi": 0.05,
        "Any other Asian background": 0.1,
    },
    "african": {"African": 0.9, "Any other Black background": 0.1},
    "caribbean": {"Caribbean": 0.9, "Any other Black background": 0.1},
    "east_asian": {"Chinese": 0.85, "Any other Asian background": 0.15},
    "mixed": {
        "White and Black Caribbean": 0.3,
        "White and Black African": 0.2,
        "White and Asian": 0.3,
        "Any other mixed background": 0.2,
    },
}
_NO_ANSWER = np.array(["Prefer not to answer", "Do not know", None], dtype=object)


@dataclass(frozen=True)
class SimulatedPhenotypes:
    """Simulated traits and covariates with their true effects.

    Parameters
    ----------
    phenotypes : ``FID IID`` and the traits; densities in g/cm², ``osteoporosis`` 0/1
        (nullable integer), missing values as NA.
    covariates : ``FID IID sex age weight height centre array ethnic_background``; sex as UK
        Biobank codes it (0 woman, 1 man), years, kg, cm.
    causal_variants : one row per causal variant and trait: ``trait source_id chromosome
        position_bp effect_allele other_allele effect variance_share planted
        frequency_british frequency_all``. ``effect`` is per copy of ``effect_allele``: g/cm² or,
        for osteoporosis, units in which the liability has variance 1 once covariates are removed.
        ``variance_share`` is var(dosage)·effect² in the British-like group, over the variance
        with the covariates removed; shares of variants in LD do not add up to h².
    genetic_values : ``FID IID`` and one column per trait with an effect, in the trait's units,
        mean 0 in the British-like group.
    """

    phenotypes: pd.DataFrame
    covariates: pd.DataFrame
    causal_variants: pd.DataFrame
    genetic_values: pd.DataFrame


def simulate_phenotypes(
    genotypes: SimulatedGenotypes, settings: SimulationSettings
) -> SimulatedPhenotypes:
    """Draw covariates and traits on simulated genotypes.

    Each trait is ``mean + SD·(covariate effects + group offset + g + e)``; ``g`` = X·b over the
    causal variants, with true dosages X. Within the British-like group (relatives included) the
    residual is made orthogonal to all genetic values and both are scaled, so that there
    var(g) = h² and var(g + e) = 1 hold exactly; the same numbers then serve everyone.
    The covariates are: age and sex (women lose more after 50), weight w in kg (saturating:
    1 − exp(−(w − 40)/20)), height, centre and array. ``osteoporosis`` marks the ``prevalence`` of
    people with the highest liability. ``null_trait`` is standard normal and depends on nothing.

    Raises
    ------
    InputError
        When there are too few usable common variants, or too few British-like people.
    """
    people = genotypes.people
    british = (people["ancestry"] == "british").to_numpy()
    if np.count_nonzero(british) < 20:
        raise InputError(
            "simulate: expected at least 20 British-like participants to scale the traits in, got "
            f"{np.count_nonzero(british)}: raise n_people or fraction_british"
        )
    covariates = _covariates(genotypes, settings)
    causal = _causal_rows(genotypes, british, settings)
    X = genotypes.true_dosages(causal).T.astype(np.float64)
    X -= X[british].mean(axis=0)
    effects = _effects(X[british], settings)
    g = X @ effects
    e = _residuals(g, british, settings)
    fixed = _covariate_effects(covariates, people)

    traits: dict[str, npt.NDArray] = {}
    for column, trait in enumerate(_DENSITIES):
        standardised = fixed[:, 0] + g[:, column] + e[:, column]
        traits[trait] = BMD_MEAN[trait] + BMD_SD[trait] * standardised
    liability = fixed[:, 1] + g[:, 3] + e[:, 3]
    n_cases = round(settings.prevalence * len(people))
    traits[_LIABILITY] = np.zeros(len(people))
    traits[_LIABILITY][np.argsort(-liability, kind="stable")[:n_cases]] = 1
    traits["null_trait"] = np.random.default_rng([settings.seed, 15]).standard_normal(len(people))

    identity = pd.DataFrame({"FID": people["fid"], "IID": people["iid"]})
    return SimulatedPhenotypes(
        phenotypes=pd.concat([identity, _with_missing(traits, settings)], axis=1),
        covariates=pd.concat([identity, covariates], axis=1),
        causal_variants=_causal_table(genotypes, causal, effects, X, british, settings),
        genetic_values=pd.concat([identity, _genetic_values(g, settings)], axis=1),
    )


def _unit(trait: str) -> float:
    return BMD_SD.get(trait, 1.0)


def _genetic_traits(settings: SimulationSettings) -> list[tuple[int, str]]:
    names = enumerate((*_DENSITIES, _LIABILITY))
    return [(column, trait) for column, trait in names if trait in settings.traits]


def _covariates(genotypes: SimulatedGenotypes, settings: SimulationSettings) -> pd.DataFrame:
    rng = np.random.default_rng([settings.seed, 11])
    people = genotypes.people
    n = len(people)
    man = people["reported_is_male"].to_numpy()
    age = 40 + 30 * rng.beta(1.6, 1.3, n)
    # A parent and a child can both be between 40 and 70 only with few years between them.
    place = dict(zip(people["iid"], range(n), strict=True))
    pairs = genotypes.relatives.query("relation == 'parent_offspring'")
    for parent, child in zip(pairs["iid_1"], pairs["iid_2"], strict=True):
        age[place[parent]] = rng.uniform(64, 70)
        age[place[child]] = age[place[parent]] - rng.uniform(19, 24)
    height = np.where(man, 176.0, 163.0) + rng.normal(0, 6.5, n) - 0.06 * (age - 55)
    body_mass_index = np.where(man, 27.3, 26.4) * np.exp(rng.normal(0, 0.16, n))
    return pd.DataFrame(
        {
            "sex": man.astype(np.int8),
            "age": age.round(1),
            "weight": (body_mass_index * (height / 100) ** 2).round(1),
            "height": height.round(1),
            "centre": rng.choice(CENTRES, size=n, p=(0.5, 0.25, 0.15, 0.1)).astype(object),
            "array": people["array"],
            "ethnic_background": _reported_background(people["ancestry"], settings),
        }
    )


def _reported_background(ancestry: pd.Series, settings: SimulationSettings) -> npt.NDArray:
    rng = np.random.default_rng([settings.seed, 12])
    n = len(ancestry)
    answer = np.empty(n, dtype=object)
    for group, shares in _ANSWERS.items():
        members = np.flatnonzero(ancestry == group)
        answer[members] = rng.choice(list(shares), size=len(members), p=list(shares.values()))
    everything = sorted({label for shares in _ANSWERS.values() for label in shares})
    wrong = rng.random(n) < settings.mislabelled_rate
    answer[wrong] = rng.choice(everything, size=np.count_nonzero(wrong))
    silent = rng.random(n) < settings.unlabelled_rate
    answer[silent] = rng.choice(_NO_ANSWER, size=np.count_nonzero(silent))
    return answer


def _causal_rows(
    genotypes: SimulatedGenotypes, british: npt.NDArray[np.bool_], settings: SimulationSettings
) -> npt.NDArray[np.int64]:
    """Variant rows; the planted ones first, each on a chromosome of its own while they last."""
    rng = np.random.default_rng([settings.seed, 13])
    sound = np.flatnonzero(genotypes.variants["fault"] == "")
    frequency = _frequency(genotypes, sound, british)
    maf = np.minimum(frequency, 1 - frequency)
    candidates = rng.permutation(sound[maf > 0.01])
    if len(candidates) < settings.n_causal:
        raise InputError(
            f"simulate: expected at least n_causal = {settings.n_causal} variants with a "
            f"minor-allele frequency above 0.01 and no planted fault, got {len(candidates)}: "
            "lower n_causal or raise n_variants"
        )
    chromosome = genotypes.variants["chromosome"].to_numpy()
    very_common = np.isin(candidates, sound[maf > 0.2])
    # Common autosomal variants first, and among them the first of each chromosome.
    rank = np.where(very_common & (chromosome[candidates] <= 22), 0, 2)
    _, first = np.unique(np.where(rank == 0, chromosome[candidates], -1), return_index=True)
    later = np.ones(len(candidates), dtype=int)
    later[first] = 0
    order = np.argsort(rank + later, kind="stable")
    planted = candidates[order[: settings.n_planted]]
    rest = candidates[~np.isin(candidates, planted)][: settings.n_causal - settings.n_planted]
    return np.concatenate([planted, rest])


def _frequency(
    genotypes: SimulatedGenotypes, rows: npt.NDArray[np.integer], people: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """ALT frequency from true dosages, a thousand variants at a time to keep memory small."""
    return np.concatenate(
        [
            genotypes.true_dosages(part)[:, people].mean(axis=1, dtype=np.float64) / 2
            for part in np.array_split(rows, max(1, len(rows) // 1000))
        ]
    )


def _effects(X: npt.NDArray[np.float64], settings: SimulationSettings) -> npt.NDArray[np.float64]:
    """(n_causal, 4) Effects in units of the residual SD; columns: the densities, the liability.

    Parameters
    ----------
    X : (n_british, n_causal) true dosages, centred; planted variants first.
    """
    rng = np.random.default_rng([settings.seed, 14])
    k, planted = settings.n_causal, settings.n_planted
    variance = np.maximum(X.var(axis=0), 1e-12)
    scale = variance ** (settings.effect_alpha / 2)
    shared, own = rng.standard_normal((k, 1)), rng.standard_normal((k, 3))
    r = settings.bmd_genetic_correlation
    polygenic = (np.sqrt(r) * shared + np.sqrt(1 - r) * own) * scale[:, None]
    polygenic[:planted] = 0
    sign = rng.choice([-1.0, 1.0], size=(planted, 1))
    share = settings.planted_share * rng.uniform(0.6, 1.4, (planted, 3))
    large = np.zeros((k, 3))
    large[:planted] = sign * np.sqrt(share / variance[:planted, None])
    own_liability = rng.standard_normal(k) * scale

    densities = np.stack(
        [_fill_up(X, large[:, t], polygenic[:, t], settings.h2_bmd) for t in range(3)], axis=1
    )
    return np.column_stack([densities, _liability_effects(X, densities, own_liability, settings)])


def _fill_up(
    X: npt.NDArray[np.float64],
    large: npt.NDArray[np.float64],
    polygenic: npt.NDArray[np.float64],
    h2: float,
) -> npt.NDArray[np.float64]:
    """``large + c·polygenic`` with the c > 0 that makes var(X·effects) = h2 exactly.

    Where the large effects alone exceed h2, or there is nothing to add, all are scaled.
    """
    a, b = X @ large, X @ polygenic
    var_a, var_b = a.var(), b.var()
    if var_b > 0 and var_a < h2:
        cov = np.mean(a * b) - a.mean() * b.mean()
        c = (-cov + np.sqrt(cov**2 + var_b * (h2 - var_a))) / var_b
        return large + c * polygenic
    return large * np.sqrt(h2 / var_a) if var_a > 0 else large


def _liability_effects(
    X: npt.NDArray[np.float64],
    densities: npt.NDArray[np.float64],
    own: npt.NDArray[np.float64],
    settings: SimulationSettings,
) -> npt.NDArray[np.float64]:
    mean_effect = densities.mean(axis=1)
    bone, other = X @ mean_effect, X @ own
    if bone.var() == 0:
        return np.zeros_like(own)
    own = own - mean_effect * np.mean(bone * other) / bone.var()
    r = settings.osteoporosis_genetic_correlation
    spread = (X @ own).std()
    # A single causal variant leaves nothing beside the density's own effect.
    if spread < 1e-9 * other.std():
        return np.sign(r) * mean_effect / bone.std() * np.sqrt(settings.h2_osteoporosis)
    combined = r * mean_effect / bone.std() + np.sqrt(1 - r**2) * own / spread
    return combined * np.sqrt(settings.h2_osteoporosis)


def _residuals(
    g: npt.NDArray[np.float64], british: npt.NDArray[np.bool_], settings: SimulationSettings
) -> npt.NDArray[np.float64]:
    """(n, 4) Residuals, in the British-like group orthogonal to ``g`` and of variance 1 − h²."""
    rng = np.random.default_rng([settings.seed, 16])
    n = len(g)
    r = settings.bmd_residual_correlation
    shared = rng.standard_normal((n, 1))
    e = np.sqrt(r) * shared + np.sqrt(1 - r) * rng.standard_normal((n, 3))
    # Half of the liability's residual is the frailty that also shows in the densities.
    e = np.column_stack([e, -np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.standard_normal((n, 1))])
    Z = np.column_stack([np.ones(n), g])
    e -= Z @ np.linalg.lstsq(Z[british], e[british], rcond=None)[0]
    return e * np.sqrt(1 - g[british].var(axis=0)) / e[british].std(axis=0)


def _covariate_effects(covariates: pd.DataFrame, people: pd.DataFrame) -> npt.NDArray[np.float64]:
    """(n, 2) What covariates and group add to a density and to the liability, in residual SDs."""
    man = covariates["sex"].to_numpy(dtype=float)
    decades = (covariates["age"].to_numpy() - 55) / 10
    after_50 = np.maximum(covariates["age"].to_numpy() - 50, 0) / 10
    # Bone answers to load: the tenth kilogram matters more than the hundredth.
    load = 1 - np.exp(-(covariates["weight"].to_numpy() - 40) / 20)
    height = (covariates["height"].to_numpy() - 170) / 10
    small = (
        covariates["centre"].map(_CENTRE_EFFECT)
        + covariates["array"].map(_ARRAY_EFFECT)
        + people["ancestry"].map(_GROUP_EFFECT).fillna(0.0)
    ).to_numpy(dtype=float)
    age_by_sex = np.where(man == 1, -0.1 * decades, -0.1 * decades - 0.35 * after_50)
    density = 0.35 * man + age_by_sex + 2.2 * (load - 0.75) + 0.05 * height + small
    liability = -0.8 * man - 1.2 * age_by_sex - 1.5 * (load - 0.75) - 0.5 * small
    return np.column_stack([density, liability])


def _with_missing(traits: dict[str, npt.NDArray], settings: SimulationSettings) -> pd.DataFrame:
    rng = np.random.default_rng([settings.seed, 17])
    n = len(traits[_LIABILITY])
    no_scan = rng.random(n) < settings.trait_missing_rate / 2
    table: dict[str, object] = {}
    for trait, values in traits.items():
        missing = rng.random(n) < settings.trait_missing_rate
        if trait in _DENSITIES:
            missing |= no_scan
            values = values.round(4)
        elif trait == _LIABILITY:
            table[trait] = pd.array(np.where(missing, np.nan, values), dtype="Int8")
            continue
        table[trait] = np.where(missing, np.nan, values)
    return pd.DataFrame({trait: table[trait] for trait in settings.traits})


def _genetic_values(g: npt.NDArray[np.float64], settings: SimulationSettings) -> pd.DataFrame:
    return pd.DataFrame(
        {trait: g[:, column] * _unit(trait) for column, trait in _genetic_traits(settings)}
    )


def _causal_table(
    genotypes: SimulatedGenotypes,
    causal: npt.NDArray[np.int64],
    effects: npt.NDArray[np.float64],
    X: npt.NDArray[np.float64],
    british: npt.NDArray[np.bool_],
    settings: SimulationSettings,
) -> pd.DataFrame:
    columns = ["source_id", "chromosome", "base_pair_location", "effect_allele", "other_allele"]
    base = genotypes.variants.iloc[causal][columns].reset_index(drop=True)
    base["planted"] = np.arange(len(causal)) < settings.n_planted
    base["frequency_british"] = _frequency(genotypes, causal, british)
    base["frequency_all"] = _frequency(genotypes, causal, np.ones_like(british))
    variance = X[british].var(axis=0)
    tables = []
    for column, trait in _genetic_traits(settings):
        table = base.copy()
        table.insert(0, "trait", trait)
        table.insert(6, "effect", effects[:, column] * _unit(trait))
        table.insert(7, "variance_share", variance * effects[:, column] ** 2)
        tables.append(table.sort_values(["chromosome", "base_pair_location"]))
    if not tables:
        return base.iloc[:0].assign(trait="", effect=0.0, variance_share=0.0)
    return pd.concat(tables, ignore_index=True)

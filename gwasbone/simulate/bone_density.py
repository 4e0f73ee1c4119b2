"""Bone mineral densities at imaging: true values, measured ones, and which are lost and why.

For person i at a visit of age a and weight w, measurement s with mean μ_s and SD σ_s,

    true = μ_s + σ_s (sex_effect·man + age_effect·(a − 40) + weight_effect·(w − 75)
                      + weight_effect_squared·(w − 75)² + person)
    person = √shared·c_i + √pair·d_i,site + √(1 − shared − pair)·u_i,s,     variance 1
    c_i = √genetic·g_i + √(1 − genetic)·r_i
    measured = true + σ_s √(1/reliability − 1)·e

with its own age effect in women and men. All lower-case letters on the right are standard normal;
sites without a side have √(1 − shared)·u in place of the last two terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from gwasbone.phenotypes.measurements import bmd_measurements
from gwasbone.simulate.assessments import Assessments
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings

FloatArray = npt.NDArray[np.float64]

#: Site -> mean of women of 40 years and 75 kg, and SD given sex, age and weight, in g/cm².
SITES = {
    "spine_l1_l4": (1.20, 0.15),
    "femur_lower_neck": (1.12, 0.13),
    "femur_neck": (0.96, 0.12),
    "femur_shaft": (1.19, 0.15),
    "femur_total": (1.00, 0.12),
    "femur_trochanter": (0.82, 0.11),
    "femur_upper_neck": (0.82, 0.12),
    "femur_wards": (0.80, 0.13),
    "arms": (0.80, 0.08),
    "head": (2.20, 0.25),
    "leg": (1.18, 0.11),
    "legs": (1.18, 0.11),
    "pelvis": (1.12, 0.11),
    "ribs": (0.72, 0.06),
    "spine_whole_body": (1.08, 0.12),
    "trunk": (0.94, 0.08),
    "total": (1.19, 0.09),
}

#: Why a density is missing; the empty string: it is there. Order: the first reason wins.
REASONS = ("", "scan", "heavy", "frail", "value")


@dataclass(frozen=True)
class SimulatedDensities:
    """Densities of the v imaging visits and s measurements.

    Parameters
    ----------
    visit : (v,) row of each imaging visit in the assessments.
    measurements : s rows: ``name field region side``.
    true : (v, s) g/cm² without measurement error.
    measured : (v, s) with error, to 0.0001, NaN where lost.
    reason : (v, s) int8 position in ``REASONS``.
    common : (n,) the part c of a person that all measurements share, SD 1.
    effects : one row per measurement and term: ``measurement term value unit``.
    """

    visit: npt.NDArray[np.int64]
    measurements: pd.DataFrame
    true: FloatArray
    measured: FloatArray
    reason: npt.NDArray[np.int8]
    common: FloatArray
    effects: pd.DataFrame


def simulate_densities(
    assessments: Assessments, settings: QuestionnaireSettings
) -> SimulatedDensities:
    """Draw densities at the imaging visits by the module's model, and lose some of them."""
    rng = np.random.default_rng([settings.seed, 32])
    measurements = bmd_measurements()
    site = (
        measurements["name"].str.removeprefix("bmd_").str.replace(r"_(left|right)$", "", regex=True)
    )
    mean, sd = (np.array([SITES[name][k] for name in site]) for k in (0, 1))
    visit = np.flatnonzero(assessments.instance >= 2)
    person = assessments.person[visit]

    n, h = assessments.n_people, settings.genetic_share
    common = np.sqrt(h) * assessments.genetic_value + np.sqrt(1 - h) * rng.standard_normal(n)
    own = _own_parts(measurements, site, settings, n, rng)
    fixed = covariate_part(assessments, settings)[visit]
    deviation = np.sqrt(settings.shared_share) * common[:, None] + own
    true = mean + sd * (fixed[:, None] + deviation[person])
    error_sd = np.sqrt(1 / settings.reliability - 1)
    measured = true + sd * error_sd * rng.standard_normal(true.shape)
    reason = _lose(assessments, settings, visit, measurements, common)
    return SimulatedDensities(
        visit=visit,
        measurements=measurements,
        true=true,
        measured=np.where(reason == 0, measured.round(4), np.nan),
        reason=reason,
        common=common,
        effects=_effects(measurements["name"], mean, sd, settings),
    )


def covariate_part(assessments: Assessments, settings: QuestionnaireSettings) -> FloatArray:
    """(v,) What sex, age and weight add to any density, in SD, at each visit."""
    man = assessments.is_man[assessments.person]
    age40 = assessments.age - 40.0
    weight75 = assessments.weight - 75.0
    of_age = np.where(man, settings.age_effect_men, settings.age_effect_women) * age40
    of_weight = settings.weight_effect * weight75 + settings.weight_effect_squared * weight75**2
    part: FloatArray = settings.sex_effect * man + of_age + of_weight
    return part


def _own_parts(
    measurements: pd.DataFrame,
    site: pd.Series,
    settings: QuestionnaireSettings,
    n: int,
    rng: np.random.Generator,
) -> FloatArray:
    """(n, s) What a person's measurements do not all share; both sides of a site share some."""
    own = np.empty((n, len(measurements)))
    of_site = {
        name: rng.standard_normal(n) for name in site[measurements["side"] != "none"].unique()
    }
    alone = 1 - settings.shared_share
    for column, (name, side) in enumerate(zip(site, measurements["side"], strict=True)):
        u = rng.standard_normal(n)
        if side == "none":
            own[:, column] = np.sqrt(alone) * u
        else:
            pair = settings.pair_share
            own[:, column] = np.sqrt(pair) * of_site[name] + np.sqrt(max(alone - pair, 0.0)) * u
    return own


def _lose(
    assessments: Assessments,
    settings: QuestionnaireSettings,
    visit: npt.NDArray[np.int64],
    measurements: pd.DataFrame,
    common: FloatArray,
) -> npt.NDArray[np.int8]:
    rng = np.random.default_rng([settings.seed, 33])
    v = len(visit)
    scan = _scans(measurements["region"])
    decades_kg = (assessments.weight[visit] - 75) / 10
    chance_hip = _chance(settings.hip_missing_rate, settings.hip_missing_per_10_kg * decades_kg)
    frailty = -common[assessments.person[visit]]
    chance_body = _chance(settings.frail_missing_rate, settings.frail_missing_per_sd * frailty)
    reason = np.zeros((v, len(measurements)), dtype=np.int8)
    reason[rng.random(reason.shape) < settings.value_missing_rate] = REASONS.index("value")
    for name in np.unique(scan):
        columns = scan == name
        lost = {"scan": rng.random(v) < settings.scan_missing_rate}
        if name.startswith("hip"):
            lost["heavy"] = rng.random(v) < chance_hip
        elif name == "whole_body":
            lost["frail"] = rng.random(v) < chance_body
        for why in sorted(lost, key=REASONS.index, reverse=True):
            reason[np.ix_(lost[why], columns)] = REASONS.index(why)
    return reason


def _chance(rate: float, log_odds: FloatArray) -> FloatArray:
    chance: FloatArray = expit(logit(rate) + log_odds) if rate > 0 else np.zeros_like(log_odds)
    return chance


def _scans(region: pd.Series) -> npt.NDArray[np.str_]:
    """Which of four scans a measurement is from: ``spine hip_left hip_right whole_body``."""
    single = ("spine", "hip_left", "hip_right")
    return np.array([name if name in single else "whole_body" for name in region])


def _effects(
    names: pd.Series, mean: FloatArray, sd: FloatArray, settings: QuestionnaireSettings
) -> pd.DataFrame:
    s = settings
    terms = {
        "intercept (woman, 40 years, 75 kg)": (None, "g/cm2"),
        "man": (s.sex_effect, "g/cm2"),
        "Age40 in women": (s.age_effect_women, "g/cm2 per year"),
        "Age40 in men": (s.age_effect_men, "g/cm2 per year"),
        "Weight75": (s.weight_effect, "g/cm2 per kg"),
        "Weight75 squared": (s.weight_effect_squared, "g/cm2 per kg2"),
        "genetic value": (np.sqrt(s.shared_share * s.genetic_share), "g/cm2 per SD"),
        "SD of people": (1.0, "g/cm2"),
        "SD of measurement error": (np.sqrt(1 / s.reliability - 1), "g/cm2"),
    }
    rows = [
        (name, term, m if size is None else size * d, unit)
        for name, m, d in zip(names, mean, sd, strict=True)
        for term, (size, unit) in terms.items()
    ]
    return pd.DataFrame(rows, columns=["measurement", "term", "value", "unit"])

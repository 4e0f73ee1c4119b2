"""Settings of simulated questionnaires, scans and records, validated as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from gwasbone.errors import ConfigError

Spelling = Literal["ukb", "rap"]


@dataclass(frozen=True, kw_only=True)
class QuestionnaireSettings:
    """Settings of a simulated questionnaire table.

    Effects on bone mineral density are in standard deviations (SD) of a person's density around
    what sex, age and weight predict; each measurement has its own SD in g/cm².

    Parameters
    ----------
    n_people : number of participants; a simulated cohort has its own.
    seed : random seed; equal settings give equal tables.
    spelling : ``ukb`` writes columns as ``21003-2.0``, ``rap`` as ``p21003_i2``.
    n_filler : number of additional questionnaire columns without any effect.
    imaged_share : proportion of participants with an imaging visit (instance 2).
    twice_share : proportion of these with a second imaging visit (instance 3).
    sex_effect : difference between men and women at age 40 and 75 kg.
    age_effect_women, age_effect_men : effect of age, per year.
    weight_effect, weight_effect_squared : effect of weight, per kg from 75 kg and per square of
        it.
    shared_share : proportion of the variance between participants that all measurements share.
    pair_share : additional proportion that the left and right side of a site share.
    genetic_share : proportion of the shared part that the genetic value explains.
    reliability : variance of true values divided by that of measured values, given the covariates.
    scan_missing_rate : proportion of scans (spine, each hip, whole body) missing at random.
    value_missing_rate : proportion of single densities missing at random.
    hip_missing_rate, hip_missing_per_10_kg : proportion of missing hip scans at 75 kg, and the
        increase of its log odds per 10 kg (missing at random given weight).
    frail_missing_rate, frail_missing_per_sd : proportion of missing whole-body scans at the mean
        true density, and the increase of its log odds per SD of lower density (missing not at
        random).
    weight_missing_rate : proportion of weights and heights missing at random.
    prevalence : proportion of participants with a qualifying code; exact.
    liability_bmd, liability_age, liability_genetics : increase of the liability per SD of lower
        true density, per 8 years of age and per SD of lower genetic value; the residual has SD 1.
    second_rule_share : proportion of cases with codes of two rules.
    decoys_per_person : mean number of ICD-10 codes that do not qualify; a third as many
        medications and a tenth as many ICD-9 codes.
    dotted_share : proportion of ICD codes that are written with a dot.
    withdrawn_share : proportion of participants who withdrew, with a negative eid.

    Raises
    ------
    ConfigError
        With all faults at once.
    """

    n_people: int = 5000
    seed: int = 1
    spelling: Spelling = "ukb"
    n_filler: int = 200

    imaged_share: float = 0.6
    twice_share: float = 0.2

    sex_effect: float = 0.6
    age_effect_women: float = -0.045
    age_effect_men: float = -0.02
    weight_effect: float = 0.025
    weight_effect_squared: float = -0.0002
    shared_share: float = 0.6
    pair_share: float = 0.3
    genetic_share: float = 0.45
    reliability: float = 0.93

    scan_missing_rate: float = 0.03
    value_missing_rate: float = 0.01
    hip_missing_rate: float = 0.05
    hip_missing_per_10_kg: float = 0.6
    frail_missing_rate: float = 0.02
    frail_missing_per_sd: float = 0.7
    weight_missing_rate: float = 0.01

    prevalence: float = 0.08
    liability_bmd: float = 0.7
    liability_age: float = 0.4
    liability_genetics: float = 0.2
    second_rule_share: float = 0.3
    decoys_per_person: float = 1.5
    dotted_share: float = 0.1
    withdrawn_share: float = 0.001

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise ConfigError("questionnaire settings: " + "; ".join(faults))


_KINDS: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "Spelling": str,
}


def _faults(s: QuestionnaireSettings) -> Iterator[str]:
    for field in fields(s):
        value = getattr(s, field.name)
        if isinstance(value, bool) or not isinstance(value, _KINDS[str(field.type)]):
            yield f"{field.name} must be of type {field.type}, got {value!r}"
            return
    if s.n_people < 1:
        yield f"n_people must be at least 1, got {s.n_people}"
    for name in ("seed", "n_filler", "decoys_per_person"):
        if getattr(s, name) < 0:
            yield f"{name} must not be negative, got {getattr(s, name)}"
    if s.spelling not in ("ukb", "rap"):
        yield f"spelling must be ukb or rap, got {s.spelling!r}"
    shares = [f.name for f in fields(s) if f.name.endswith(("_share", "_rate"))]
    for name in (*shares, "prevalence"):
        if not 0 <= getattr(s, name) <= 1:
            yield f"{name} must lie between 0 and 1, got {getattr(s, name)}"
    for name in ("hip_missing_rate", "frail_missing_rate"):
        if getattr(s, name) == 1:
            yield f"{name} must be below 1, got 1"
    if not 0 < s.reliability <= 1:
        yield f"reliability must lie in (0, 1], got {s.reliability}"
    if s.shared_share + s.pair_share > 1:
        total = s.shared_share + s.pair_share
        yield f"shared_share + pair_share must not exceed 1, got {total:.6g}"

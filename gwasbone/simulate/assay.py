"""From true genotypes to what two arrays would have called: errors, biases, missing calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone import genome
from gwasbone.simulate.families import Pedigree
from gwasbone.simulate.settings import SimulationSettings

#: A call that was not made, as in bed-reader's int8 arrays.
MISSING = -127

#: Kinds of planted faults, as the truth tables name them.
PERSON_FAULTS = ("low_call_rate", "sex_mismatch", "inbred", "contaminated")
VARIANT_FAULTS = ("batch_bias", "het_dropout", "het_excess", "low_call_rate")

ARRAYS = ("UKBB", "UKBL")


@dataclass(frozen=True)
class AssayPlan:
    """Who is genotyped where, and whose and which calls are spoilt.

    Parameters
    ----------
    on_second_array : (n,) bool.
    fault : (n,) one of ``PERSON_FAULTS`` or the empty string.
    extra_missing : (n,) share of a person's calls that are missing beyond the usual.
    contaminant : (n,) index of the person whose DNA is mixed in, −1 for none.
    variant_faults : (n_segments, 4) number of variants to spoil, per kind of ``VARIANT_FAULTS``.
    """

    on_second_array: npt.NDArray[np.bool_]
    fault: npt.NDArray[np.str_]
    extra_missing: npt.NDArray[np.float64]
    contaminant: npt.NDArray[np.int64]
    variant_faults: npt.NDArray[np.int64]


def plan_assay(
    settings: SimulationSettings, pedigree: Pedigree, *, is_autosome: npt.NDArray[np.bool_]
) -> AssayPlan:
    """Draw the faults: participants among the British-like without relatives, one fault each.

    Variants are spoilt on autosomes only (``is_autosome``, one value per segment), so that the
    rule "no man is heterozygous on X" has no exception.
    """
    rng = np.random.default_rng([settings.seed, 5])
    n = settings.n_people
    eligible = pedigree.group[pedigree.cohort] == "british"
    eligible[pedigree.relatives[:, :2].ravel()] = False
    inbred = (settings.n_heterozygosity_outliers + 1) // 2
    kinds = np.repeat(
        PERSON_FAULTS,
        (
            settings.n_low_call_people,
            settings.n_sex_mismatches,
            inbred,
            settings.n_heterozygosity_outliers - inbred,
        ),
    )
    chosen = rng.choice(np.flatnonzero(eligible), size=len(kinds), replace=False)
    fault = np.full(n, "", dtype="U13")
    fault[chosen] = kinds
    extra_missing = np.where(fault == "low_call_rate", rng.uniform(0.06, 0.15, n), 0.0)
    strangers = (np.arange(n) + rng.integers(1, max(n, 2), n)) % n
    contaminant = np.where(fault == "contaminated", strangers, -1)

    variant_faults = np.zeros((len(is_autosome), len(VARIANT_FAULTS)), dtype=np.int64)
    dropout = (settings.n_hwe_variants + 1) // 2
    wanted = (
        settings.n_batch_variants,
        dropout,
        settings.n_hwe_variants - dropout,
        settings.n_low_call_variants,
    )
    autosomal = np.flatnonzero(is_autosome)
    if len(autosomal):
        for kind, count in enumerate(wanted):
            np.add.at(variant_faults[:, kind], rng.choice(autosomal, size=count), 1)
    return AssayPlan(
        on_second_array=rng.random(n) < settings.second_array_share,
        fault=fault,
        extra_missing=extra_missing,
        contaminant=contaminant,
        variant_faults=variant_faults,
    )


def reported_is_male(plan: AssayPlan, is_male: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(n,) The sex in the records: the genetic one but for the planted mismatches."""
    return is_male ^ (plan.fault == "sex_mismatch")


def observe(
    G: npt.NDArray[np.int8],
    plan: AssayPlan,
    settings: SimulationSettings,
    *,
    segment: int,
    chromosome: int,
    is_male: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.str_]]:
    """Call the genotypes of one segment.

    Parameters
    ----------
    G : (m, n) int8 true dosages of ALT; left as it is.
    is_male : (n,) genetic sex.

    Returns
    -------
    observed : (m, n) int8 with ``MISSING``.
    fault : (m,) the planted fault of each variant, or the empty string.
    """
    observed = G.copy()
    haploid = is_male if chromosome == genome.X else np.zeros_like(is_male)
    _mix_in_contaminants(observed, G, plan, haploid, rng)
    _miscall(observed, haploid, settings.error_rate, rng)
    fault = _choose_faulty_variants(G, plan.variant_faults[segment], rng)
    for row in np.flatnonzero(fault == "batch_bias"):
        _bias_second_array(observed[row], plan.on_second_array, rng)
    for row in np.flatnonzero(fault == "het_dropout"):
        lost = (observed[row] == 1) & (rng.random(G.shape[1]) < 0.5)
        observed[row, lost] = 2 * rng.integers(0, 2, np.count_nonzero(lost))
    for row in np.flatnonzero(fault == "het_excess"):
        observed[row, (observed[row] != 1) & (rng.random(G.shape[1]) < 0.4)] = 1
    _lose_calls(observed, fault, plan.extra_missing, settings.missing_rate, rng)
    return observed, fault


def _mix_in_contaminants(
    observed: npt.NDArray[np.int8],
    G: npt.NDArray[np.int8],
    plan: AssayPlan,
    haploid: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    # Half of the homozygous calls where the other DNA differs come out heterozygous.
    for person in np.flatnonzero((plan.contaminant >= 0) & ~haploid):
        other = G[:, plan.contaminant[person]]
        mixed = (G[:, person] != 1) & (other != G[:, person]) & (rng.random(len(G)) < 0.5)
        observed[mixed, person] = 1


def _miscall(
    observed: npt.NDArray[np.int8],
    haploid: npt.NDArray[np.bool_],
    error_rate: float,
    rng: np.random.Generator,
) -> None:
    # A wrong call is the neighbouring genotype, or the other one where there are only two.
    m, n = observed.shape
    count = rng.binomial(m * n, error_rate)
    rows, people = rng.integers(0, m, count), rng.integers(0, n, count)
    was = observed[rows, people]
    wrong = np.where(was == 1, 2 * rng.integers(0, 2, count), 1)
    observed[rows, people] = np.where(haploid[people], 2 - was, wrong)


def _choose_faulty_variants(
    G: npt.NDArray[np.int8], wanted: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.str_]:
    fault = np.full(len(G), "", dtype="U13")
    if not wanted.any():
        return fault
    frequency = G.mean(axis=1, dtype=np.float64) / 2
    common = np.flatnonzero((frequency > 0.1) & (frequency < 0.9))
    kinds = np.repeat(VARIANT_FAULTS, wanted)[: len(common)]
    fault[rng.choice(common, size=len(kinds), replace=False)] = kinds
    return fault


def _bias_second_array(
    calls: npt.NDArray[np.int8], second: npt.NDArray[np.bool_], rng: np.random.Generator
) -> None:
    # The ALT probe is weak: heterozygotes look like REF, ALT homozygotes like heterozygotes.
    weak = rng.random(len(calls))
    was_het = (calls == 1) & second & (weak < 0.6)
    was_alt = (calls == 2) & second & (weak < 0.4)
    calls[was_het] = 0
    calls[was_alt] = 1


def _lose_calls(
    observed: npt.NDArray[np.int8],
    fault: npt.NDArray[np.str_],
    extra_missing: npt.NDArray[np.float64],
    missing_rate: float,
    rng: np.random.Generator,
) -> None:
    # Rates differ between variants (gamma, shape 2). Row by row keeps the memory small.
    rates = np.minimum(rng.gamma(2.0, missing_rate / 2, len(observed)), 0.05)
    rates = np.where(fault == "low_call_rate", rng.uniform(0.06, 0.25, len(rates)), rates)
    worse = np.flatnonzero(extra_missing)
    n = observed.shape[1]
    for calls, rate in zip(observed, rates, strict=True):
        calls[rng.integers(0, n, rng.binomial(n, rate))] = MISSING
        calls[worse[rng.random(len(worse)) < extra_missing[worse]]] = MISSING

"""Statistics of people and of variants from counts of their calls, in one pass for each.

Chromosome X outside the pseudo-autosomal regions: men count once in allele frequencies, only
women count for Hardy-Weinberg proportions, and sex is judged on calls as the file has them.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Literal

import numpy as np
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.errors import UsageError
from gwasbone.genome import MT, Y, in_x_non_par
from gwasbone.stats.hardy_weinberg import hardy_weinberg_neg_log10_p

Engine = Literal["auto", "blocks", "hail"]


def people_statistics(cohort: Cohort, *, engine: Engine = "auto") -> pd.DataFrame:
    """What the genotypes say of each kept person, over the kept variants.

    Parameters
    ----------
    engine : ``blocks`` counts calls of files that are read in blocks (.bed, .bgen), ``hail`` any
        source; ``auto`` takes blocks where it can. Both give the same numbers. The call of a
        person whose genotypes are probabilities is the most probable one.

    Returns
    -------
    Indexed by person ID, in the order of the people table: ``n_called`` and ``call_rate`` (of
    autosomal variants), ``het_rate`` (heterozygous among called), ``observed_hom`` and
    ``expected_hom`` over autosomal variants that vary, ``f`` = (observed − expected) /
    (called − expected) there, the inbreeding coefficient; ``n_called_x`` (variants that vary)
    and ``f_x``, the same on X outside the pseudo-autosomal regions (near 1 in men, near 0 in
    women); ``call_rate_x``, in which a man's heterozygous calls count as missing. NaN where there
    is nothing to judge by.

    Notes
    -----
    A variant with allele frequency p among the N alleles called is expected to be homozygous
    with probability 1 − 2p(1 − p)·N/(N − 1), as in PLINK's ``--het``.
    """
    raw = _counter(cohort, engine).count_people(cohort)
    raw = raw.reindex(cohort.people.kept_table().index)
    return pd.DataFrame(
        {
            "n_called": raw["n_called"],
            "call_rate": _ratio(raw["n_called"], raw["n_variants"]),
            "het_rate": _ratio(raw["n_het"], raw["n_called"]),
            "observed_hom": raw["observed_hom"],
            "expected_hom": raw["expected_hom"],
            "f": _inbreeding(raw["observed_hom"], raw["expected_hom"], raw["n_judged"]),
            "n_called_x": raw["n_called_x"],
            "f_x": _inbreeding(raw["observed_hom_x"], raw["expected_hom_x"], raw["n_called_x"]),
            "call_rate_x": _ratio(raw["n_right_x"], raw["n_variants_x"]),
        }
    )


def variant_statistics(
    cohort: Cohort, *, midp: bool = False, engine: Engine = "auto"
) -> pd.DataFrame:
    """What the genotypes of the kept people say of each kept variant.

    Parameters
    ----------
    midp : Hardy-Weinberg mid-p (as Hail) instead of the plain exact p (as PLINK).
    engine : as in :func:`people_statistics`.

    Returns
    -------
    Aligned to ``cohort.variants.table``, NaN for variants that are excluded: ``call_rate`` (on Y
    among men); ``alt_frequency``, ``mac`` and ``maf`` (from dosages where the file has them; men
    count once on X outside the pseudo-autosomal regions); ``hom_ref``, ``het`` and ``hom_alt``
    among those who count for Hardy-Weinberg proportions (on X outside the pseudo-autosomal
    regions women), ``hwe_neg_log10_p`` (NaN on Y and mitochondria); ``info``: the file's own
    where it has one, else, for dosages, their variance over 2p(1 − p) (the MACH ratio).
    """
    counter = _counter(cohort, engine)
    n_people = cohort.people.n_kept
    n_men = int(cohort.participants.men.sum())
    columns: dict[str, np.ndarray] = {}
    top = 0
    # Hail takes all variants at once; of blocks no more is held than of one piece
    in_blocks = _in_blocks(cohort, engine)
    for piece in cohort.variants.pieces() if in_blocks else [cohort.variants]:
        part = replace(cohort, variants=piece)
        found = _variant_columns(
            counter.count_variants(part), part, n_people=n_people, n_men=n_men, midp=midp
        )
        for name in found:
            column = columns.setdefault(str(name), np.empty(len(cohort.variants)))
            column[top : top + len(piece)] = found[name]
        top += len(piece)
    return pd.DataFrame(columns, index=cohort.variants.table.index, copy=False)


def _in_blocks(cohort: Cohort, engine: Engine) -> bool:
    return cohort.source.capabilities.blocks and engine != "hail"


def _counter(cohort: Cohort, engine: Engine) -> ModuleType:
    """The module that counts; imported late, since Hail takes seconds."""
    if engine == "blocks" and not _in_blocks(cohort, engine):
        raise UsageError(
            "engine blocks counts calls of files that are read in blocks, the cohort is "
            f"{cohort.source.describe()}: use engine auto or hail"
        )
    if _in_blocks(cohort, engine):
        from gwasbone.cohort import statistics_blocks

        return statistics_blocks
    from gwasbone.cohort import statistics_hail

    return statistics_hail


def _variant_columns(
    raw: pd.DataFrame, cohort: Cohort, *, n_people: int, n_men: int, midp: bool
) -> pd.DataFrame:
    """Frequencies, tests and INFO from counts; see :func:`variant_statistics`."""
    chromosome = raw["chromosome"].to_numpy()
    x = in_x_non_par(chromosome, raw["base_pair_location"].to_numpy(), cohort.build)
    on_y = chromosome == Y
    men_once = raw["n_men"].where(x, 0)
    alleles = 2 * raw["n"] - men_once
    alt = raw["alt_copies"] - raw["alt_men"].where(x, 0) / 2
    frequency = _ratio(alt, alleles)
    tested = raw["n"].notna().to_numpy() & ~on_y & (chromosome != MT)
    hwe = np.full(len(raw), np.nan)
    counts = raw.loc[tested, ["hom_ref", "het", "hom_alt"]].astype(np.int64)
    hwe[tested] = hardy_weinberg_neg_log10_p(
        counts["hom_ref"], counts["het"], counts["hom_alt"], midp=midp
    )
    called = raw["n_men"].where(on_y, raw["n"])
    columns = {
        "call_rate": _ratio(called, pd.Series(np.where(on_y, n_men, n_people), raw.index)),
        "alt_frequency": frequency,
        "mac": np.minimum(alt, alleles - alt).round(6),
        "maf": np.minimum(frequency, 1 - frequency),
        "hom_ref": raw["hom_ref"],
        "het": raw["het"],
        "hom_alt": raw["hom_alt"],
        "hwe_neg_log10_p": hwe,
        "info": np.nan,
    }
    given = cohort.variants.table.get("info")
    if given is not None:
        columns["info"] = given
    elif "n_info" in raw:
        p = _ratio(raw["sum_info"], 2 * raw["n_info"])
        variance = _ratio(raw["squares_info"], raw["n_info"]) - (2 * p) ** 2
        columns["info"] = _ratio(variance, 2 * p * (1 - p))
    return pd.DataFrame(columns, index=raw.index)


def _ratio(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    """NaN, without a warning, where the denominator is 0."""
    return numerator / denominator.where(denominator > 0)


def _inbreeding(observed: pd.Series, expected: pd.Series, n: pd.Series) -> pd.Series:
    return _ratio(observed - expected, n - expected)

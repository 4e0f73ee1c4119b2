"""Statistics of samples and of variants from counts of their calls, in one pass for each.

Chromosome X outside the pseudo-autosomal regions: men count once in allele frequencies, only
women count for Hardy-Weinberg proportions, and sex is judged on calls as the file has them. On Y
only men count. Participants of unknown sex count in neither.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from types import ModuleType
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.mapping import map_blocks
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.prune import sex_variants
from gwasbone.cohort.sources.tables import MALE
from gwasbone.errors import UsageError
from gwasbone.genome import MT, Y, in_x_non_par
from gwasbone.stats.hardy_weinberg import hardy_weinberg_neg_log10_p

log = logging.getLogger(__name__)

_TESTED_TOGETHER = 16_384

Engine = Literal["auto", "blocks", "hail"]


def people_statistics(cohort: Cohort, *, engine: Engine = "auto") -> pd.DataFrame:
    """What the genotypes say of each kept sample, over the retained variants.

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
    (called − expected) there, the inbreeding coefficient; ``n_called_x``, ``expected_het_x``
    (heterozygous calls expected in a woman) and ``f_x``, the same on the variants of X that
    :func:`gwasbone.cohort.prune.sex_variants` chooses (near 1 in men, near 0 in women);
    ``call_rate_x``, over X outside the pseudo-autosomal regions, in which a man's heterozygous
    calls count as missing; ``call_rate_y``, as the file has it, women's calls included. NaN where
    there is nothing to judge by.

    Notes
    -----
    A variant with allele frequency p among the N alleles called is expected to be homozygous
    with probability 1 − 2p(1 − p)·N/(N − 1), as in PLINK's ``--het``.
    """
    raw = _counter(cohort, engine).count_people(cohort, sex_variants(cohort))
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
            "expected_het_x": raw["n_called_x"] - raw["expected_hom_x"],
            "f_x": _inbreeding(raw["observed_hom_x"], raw["expected_hom_x"], raw["n_called_x"]),
            "call_rate_x": _ratio(raw["n_right_x"], raw["n_variants_x"]),
            "call_rate_y": _ratio(raw["n_called_y"], raw["n_variants_y"]),
        }
    )


def variant_statistics(
    cohort: Cohort, *, midp: bool = False, engine: Engine = "auto"
) -> pd.DataFrame:
    """What the genotypes of the retained samples say of each kept variant.

    Parameters
    ----------
    midp : Hardy-Weinberg mid-p (as Hail) instead of the plain exact p (as PLINK).
    engine : as in :func:`people_statistics`.

    Returns
    -------
    Aligned to ``cohort.variants.table``, NaN for variants that are excluded: ``call_rate`` (on Y
    among men); ``alt_frequency``, ``mac`` and ``maf`` (from dosages where the file has them; on X
    outside the pseudo-autosomal regions men count once, on Y and mitochondria everybody does);
    ``hom_ref``, ``het`` and ``hom_alt`` among those who count for Hardy-Weinberg proportions (on X
    outside the pseudo-autosomal regions women), ``hwe_neg_log10_p`` (NaN on Y and mitochondria);
    ``info``: the file's own where it has one, else, for dosages, their variance over 2p(1 − p)
    (the MACH ratio), over 4p(1 − p) on Y and mitochondria.

    Those of unknown sex are left out on X and Y; where nobody's sex is known the statistics are
    NaN there. A warning says so.
    """
    _warn_of_unknown_sex(cohort)
    counter = _counter(cohort, engine)
    columns: dict[str, np.ndarray] = {}
    top = 0
    # Hail takes all variants at once; of blocks no more is held than of one piece
    in_blocks = _in_blocks(cohort, engine)
    for piece in cohort.variants.pieces() if in_blocks else [cohort.variants]:
        part = replace(cohort, variants=piece)
        found = _variant_columns(counter.count_variants(part), part, midp=midp)
        for name in found:
            column = columns.setdefault(str(name), np.empty(len(cohort.variants)))
            column[top : top + len(piece)] = found[name]
        top += len(piece)
    return pd.DataFrame(columns, index=cohort.variants.table.index, copy=False)


def variant_call_rates(cohort: Cohort, *, engine: Engine = "auto") -> pd.Series:
    """(variants,) the share of kept samples who are called, on Y of men; NaN for excluded ones."""
    counter = _counter(cohort, engine)
    pieces = cohort.variants.pieces() if _in_blocks(cohort, engine) else [cohort.variants]
    sex = cohort.people.kept_table()["sex"]
    parts = []
    for piece in pieces:
        raw = counter.count_variants(replace(cohort, variants=piece))
        parts.append(_call_rate(raw["n"], raw["chromosome"].eq(Y).to_numpy(), sex))
    return pd.concat(parts)


def _warn_of_unknown_sex(cohort: Cohort) -> None:
    sex = cohort.people.kept_table()["sex"]
    n_unknown = int(sex.eq(0).sum())
    table = cohort.variants.kept_table("chromosome", "base_pair_location")
    chromosome = table["chromosome"].to_numpy()
    on_x = in_x_non_par(chromosome, table["base_pair_location"].to_numpy(), cohort.build)
    concerned = int(on_x.sum() + (chromosome == Y).sum())
    if n_unknown and concerned:
        log.warning(
            "%d of %d participants are of unknown sex: they are left out of the statistics of %d "
            "variants on X and Y%s: give --sex FILE",
            n_unknown, len(sex), concerned,
            ", which are therefore missing" if n_unknown == len(sex) else "",
        )  # fmt: skip


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


def _variant_columns(raw: pd.DataFrame, cohort: Cohort, *, midp: bool) -> pd.DataFrame:
    """Frequencies, tests and INFO from counts; see :func:`variant_statistics`."""
    chromosome = raw["chromosome"].to_numpy()
    x = in_x_non_par(chromosome, raw["base_pair_location"].to_numpy(), cohort.build)
    on_y = chromosome == Y
    haploid = on_y | (chromosome == MT)
    # genotypes are coded 0 to 2 in everybody, and count as one allele where there is but one
    alleles = (2 * raw["n_women"] + raw["n_men"]).where(x, np.where(haploid, 1, 2) * raw["n"])
    halves = raw["alt_copies"] / np.where(haploid, 2, 1)
    alt = (raw["alt_women"] + raw["alt_men"] / 2).where(x, halves)
    frequency = _ratio(alt, alleles)
    tested = raw["n"].notna().to_numpy() & ~haploid & ~(x & (raw["n_women"] == 0).to_numpy())
    hwe = np.full(len(raw), np.nan)
    hwe[tested] = _hardy_weinberg(raw.loc[tested, ["hom_ref", "het", "hom_alt"]], midp=midp)
    columns = {
        "call_rate": _call_rate(raw["n"], on_y, cohort.people.kept_table()["sex"]),
        "alt_frequency": frequency,
        "mac": np.minimum(alt, alleles - alt).round(6).where(alleles > 0),
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
        columns["info"] = _ratio(variance, np.where(haploid, 4, 2) * p * (1 - p))
    return pd.DataFrame(columns, index=raw.index)


def _hardy_weinberg(counts: pd.DataFrame, *, midp: bool) -> npt.NDArray[np.float64]:
    """(m,) −log10 p of counts of genotypes, by all cores."""
    genotypes = counts.to_numpy(dtype=np.int64)

    def test(top: int) -> npt.NDArray[np.float64]:
        part = genotypes[top : top + _TESTED_TOGETHER]
        return hardy_weinberg_neg_log10_p(*part.T, midp=midp)

    tops = range(0, len(genotypes), _TESTED_TOGETHER)
    return np.concatenate([np.zeros(0), *map_blocks(test, tops)])


def _call_rate(called: pd.Series, on_y: npt.NDArray[np.bool_], sex: pd.Series) -> pd.Series:
    """Of all participants, on Y of men; there 0 where all are known to be women."""
    n_men = int(sex.eq(MALE).sum())
    rate = _ratio(called, pd.Series(np.where(on_y, n_men, len(sex)), called.index))
    return rate if n_men or sex.eq(0).any() else rate.mask(on_y & called.notna(), 0.0)


def _ratio(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    """NaN, without a warning, where the denominator is 0."""
    return numerator / denominator.where(denominator > 0)


def _inbreeding(observed: pd.Series, expected: pd.Series, n: pd.Series) -> pd.Series:
    return _ratio(observed - expected, n - expected)

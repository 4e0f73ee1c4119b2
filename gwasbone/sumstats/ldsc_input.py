"""Scans at the variants of LD scores, filtered by the rules of LDSC's munging.

A variant is used if it is autosomal, has an LD score, two single bases that are not palindromic, is
the only one at its position, has a minor allele frequency above the limit (where frequencies are
stated) and a sample size of at least two thirds of the scan's 90th percentile. A scan whose median
z is far from 0 has effects that are none, such as odds ratios, and is refused.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.kernel_progress import Progress, ProgressCount
from gwasbone.errors import InputError
from gwasbone.genome import locus_key
from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p
from gwasbone.sumstats.align import ScanNumbers, read_numbers
from gwasbone.sumstats.ld_score_files import LdScores
from gwasbone.sumstats.options import LdscOptions
from gwasbone.sumstats.scan import Scan
from gwasbone.sumstats.scans import as_scans
from gwasbone.sumstats.variants import (
    AMBIGUOUS,
    OTHER_ALLELES,
    AlleleCodes,
    Variants,
    chromosome_of,
    is_palindromic,
    match_variants,
    pair_of,
    position_of,
)

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

#: N of a variant is at least this quantile of the scan's over the divisor.
N_QUANTILE, N_SHARE = 0.9, 1.5
#: A median z beyond this, and beyond five standard errors of a median, is of no effects.
_MEDIAN_Z, _STANDARD_ERRORS = 0.1, 5 * 1.2533
#: Relative rounding of a frequency that was taken from 1 and back.
_ROUNDING = 1e-12
#: Below so many variants an LD score regression says nothing; and below this share of the smaller
#: of scan and scores they are hardly on one build.
MIN_VARIANTS, _MIN_SHARE = 200, 0.1


@dataclass(frozen=True)
class LdscInput:
    """Statistics of k scans at the m variants with LD scores.

    Parameters
    ----------
    names : of the scans.
    z, n : (k, m) statistics, of one allele, and sample sizes; NaN where a scan lacks the variant.
    ld_score, weight_ld_score : (m,) l and l_w.
    m_ld : M.
    source : description of the LD scores.
    dropped : ``scan reason n_variants``: rows of each scan that are not used.
    """

    names: tuple[str, ...]
    z: FloatArray
    n: FloatArray
    ld_score: npt.NDArray[np.float64]
    weight_ld_score: npt.NDArray[np.float64]
    m_ld: float
    source: str
    dropped: pd.DataFrame


def ldsc_input(
    scans: Any,
    scores: LdScores,
    weights: LdScores | None = None,
    *,
    min_maf: float = LdscOptions.min_maf,
    progress: Progress | None = None,
) -> LdscInput:
    """Read scans at the variants of LD scores, by the rules of LDSC's munging.

    Alleles may stand in either order and on either strand; those of the first scan that has a
    variant are the ones that all z are of.

    Parameters
    ----------
    scans : one or more, as :func:`gwasbone.sumstats.scans.as_scans` takes them.
    scores, weights : l, and l_w where it differs; only variants in both are used.
    min_maf : minor allele frequency that a variant must exceed.

    Raises
    ------
    InputError
        A scan cannot be read, has no sample sizes, has effects that are none, or has fewer than 200
        variants with LD scores.
    """
    found = as_scans(scans)
    found.common_build()
    place, ld, ld_w = _joined(scores, weights)
    codes = AlleleCodes()
    known = np.full(len(place), -1, dtype=np.int64)
    z = np.full((len(found), len(place)), np.nan, dtype=np.float32)
    n = np.full_like(z, np.nan)
    dropped: list[tuple[str, str, int]] = []
    count = ProgressCount(progress, "reading scans", sum(s.n_bytes for s in found.values()) or 1)
    for k, scan in enumerate(found.values()):
        numbers = read_numbers(scan, codes, count)
        rows, at, reasons = _usable(scan, numbers, place, min_maf)
        reasons |= _fill(numbers, rows, at, known, z[k], n[k])
        _refuse_few(scan, int(np.isfinite(z[k]).sum()), min(numbers.n_rows, len(place)))
        _refuse_no_effects(scan, z[k])
        dropped += [(scan.name, why, c) for why, c in (numbers.dropped | reasons).items() if c]
    for name, why, c in dropped:
        log.info("%s: %d variants not used: %s", name, c, why)
    used = np.isfinite(z).any(axis=0)
    table = pd.DataFrame(dropped, columns=["scan", "reason", "n_variants"])
    return LdscInput(
        tuple(found), z[:, used], n[:, used], ld[used], ld_w[used], scores.m_ld, scores.source,
        table,
    )  # fmt: skip


def _joined(
    scores: LdScores, weights: LdScores | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    place = locus_key(scores.chromosome, scores.position_bp)
    if weights is None:
        return place, scores.ld_score, scores.ld_score
    other = locus_key(weights.chromosome, weights.position_bp)
    both, first, second = np.intersect1d(place, other, assume_unique=True, return_indices=True)
    if not len(both):
        raise InputError(
            f"{weights.source}: none of its variants is in {scores.source}: are both on one build?"
        )
    return both, scores.ld_score[first], weights.ld_score[second]


def _usable(
    scan: Scan, numbers: ScanNumbers, place: npt.NDArray[np.int64], min_maf: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], dict[str, int]]:
    """Rows of a scan that are used, their rows among the LD scores, and why others are not."""
    key = numbers.variants.key
    position = locus_key(chromosome_of(key), position_of(key))
    at = np.minimum(np.searchsorted(place, position), len(place) - 1)
    several = np.zeros(len(key), dtype=bool)
    again = np.flatnonzero(position[1:] == position[:-1])
    several[again] = several[again + 1] = True
    f = numbers.values["effect_allele_frequency"]
    n = numbers.values["n"].astype(np.float64)
    if np.isnan(n).all():
        raise InputError(
            f"{scan.where}: LD score regression expected sample sizes (n), the scan has none: add "
            "a column n"
        )
    with np.errstate(invalid="ignore"):
        rules = {
            "no LD score at the position": place[at] != position,
            "alleles are not single bases": pair_of(key) >= 16,
            AMBIGUOUS: is_palindromic(key),
            "several variants at the position": several,
            f"minor allele frequency not above {min_maf:g}": np.minimum(f, 1 - f)
            <= min_maf * (1 + _ROUNDING),
            "sample size below 2/3 of the 90th percentile": ~(
                n >= np.nanquantile(n, N_QUANTILE) / N_SHARE
            ),
        }
    out = np.zeros(len(key), dtype=bool)
    reasons = {}
    for why, wrong in rules.items():
        reasons[why] = int((wrong & ~out).sum())
        out |= wrong
    rows = np.flatnonzero(~out)
    return rows, at[rows], reasons


def _fill(
    numbers: ScanNumbers,
    rows: npt.NDArray[np.intp],
    at: npt.NDArray[np.intp],
    known: npt.NDArray[np.int64],
    z: FloatArray,
    n: FloatArray,
) -> dict[str, int]:
    """Write z and N of a scan, of the alleles in ``known`` or, where there are none, its own."""
    some = numbers.take(rows)
    chi2 = chi2_1_from_neg_log10_p(some.values["neg_log_10_p_value"].astype(np.float64))
    own = np.sign(some.values["beta"]) * np.sqrt(chi2)
    new = known[at] < 0
    known[at[new]] = some.variants.key[new]
    sign = np.where(new, 1, 0).astype(np.int8)
    old = np.flatnonzero(~new)
    reference = Variants(known[at[old]], np.ones(len(old), bool), np.full(len(old), np.nan))
    matches = match_variants(reference, some.variants.take(old))
    sign[old[matches.second]] = matches.sign
    used = sign != 0
    z[at[used]] = (own * sign)[used]
    n[at[used]] = some.values["n"][used]
    return {OTHER_ALLELES: int((~used).sum())}


def _refuse_few(scan: Scan, n_used: int, n_possible: int) -> None:
    if n_used < max(MIN_VARIANTS, _MIN_SHARE * n_possible):
        raise InputError(
            f"{scan.where}: of {n_possible:,} variants only {n_used:,} can be regressed on the LD "
            "scores: are both on one build, and do the scores cover the chromosomes of the scan?"
        )


def _refuse_no_effects(scan: Scan, z: FloatArray) -> None:
    there = z[np.isfinite(z)].astype(np.float64)
    # allele orders are arbitrary, so that effects of either sign are equally many
    limit = max(_MEDIAN_Z, _STANDARD_ERRORS * there.std() / np.sqrt(len(there)))
    if abs(median := float(np.median(there))) > limit:
        raise InputError(
            f"{scan.where}: the median z is {median:.2f}, expected near 0: are odds ratios given "
            "as effects (their logarithm is expected), or is one allele always the effect allele "
            "that raises the trait?"
        )

"""Which variants of a cohort to use for principal components and model SNPs: LD pruning.

By default PLINK's rule runs over hard calls read straight from .bed files
(:func:`gwasbone.blocks.prune.prune_pairwise`); other sources are first exported to one.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone import session
from gwasbone.blocks.mapping import map_blocks
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import PruningRule, at_least, parse_window
from gwasbone.cohort.sources.calls import CohortRows, autosomal_calls, packed_rows, variants_of
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import BUILDS, X, in_x_non_par
from gwasbone.progress import counted_progress

log = logging.getLogger(__name__)

BoolArray = npt.NDArray[np.bool_]

_READ_TOGETHER = 1024
#: Variants of X by which sex is told are at least this common, and pruned to this r².
_MIN_MAF, _MAX_R2 = 0.05, 0.2
#: Participants and variants from which these are chosen, evenly taken from all.
_PEOPLE_SAMPLED, _VARIANTS_SAMPLED = 2_000, 20_000


def prune(
    cohort: Cohort,
    *,
    window: str = PruningRule.window,
    step: int | None = None,
    r2: float = PruningRule.r2,
    maf: float | None = None,
    exclude_long_range_ld: bool = True,
    engine: Literal["auto", "blocks", "hail"] = "auto",
    threads: int | None = None,
) -> pd.DataFrame:
    """Prune the retained variants to a set in approximate linkage equilibrium.

    Parameters
    ----------
    window : width in kilobases (``500kb``) or in variants (``500``), as PLINK spells it; the two
        give other sets of variants.
    step : number of variants by which the window moves, for a window counted in variants; 1 by
        default.
    r2 : maximum r² of two variants in a window; of a pair above it one variant is removed.
    maf : minimum minor allele frequency, in the retained samples, of the variants used.
    exclude_long_range_ld : exclude the regions of :func:`long_range_ld`.
    engine : ``blocks`` is PLINK's rule and equals ``plink2 --indep-pairwise``; ``hail`` is
        ``hl.ld_prune``, which solves another problem (a maximal independent set over the whole
        window graph), is far slower and gives another set. ``auto`` is ``blocks``.
    threads : number of cores of ``blocks``; all by default.

    Returns
    -------
    The rows of the variant table that are pruned in, index and columns as there, in its order.

    Raises
    ------
    UsageError
        Window, step, r² or engine out of range.
    InputError
        No variant is left to prune.

    Examples
    --------
    >>> pruned = gb.prune(gb.example_cohort(), window="500kb", r2=0.1, maf=0.05)
    >>> pruned["source_id"].to_csv(folder / "model.snps", index=False)
    >>> len(pruned)
    40
    """
    if engine not in ("auto", "blocks", "hail"):
        raise UsageError(f"prune: expected engine auto, blocks or hail, got {engine!r}")
    width = parse_window(window, step)
    table = cohort.variants.table
    candidates = cohort.variants.kept & table["chromosome"].between(1, X).to_numpy()
    if exclude_long_range_ld:
        candidates &= ~in_long_range_ld(
            table["chromosome"], table["base_pair_location"], cohort.build
        )
    if not candidates.any() or cohort.people.n_kept == 0:
        raise InputError(
            "prune: expected participants and variants of chromosomes 1-22 and X, got "
            f"{cohort.people.n_kept:,} participants and {int(candidates.sum()):,} such variants: "
            "look at what was filtered, and at --keep-long-range-ld"
        )
    if engine == "hail":
        kept = _prune_by_hail(cohort, candidates, width, r2, maf)
    else:
        kept = _prune_by_blocks(cohort, candidates, {**width, "r2": r2}, maf, threads)
    log.info(
        "prune by %s: %d of %d variants kept at r2 %g, window %s%s%s",
        "hail" if engine == "hail" else "blocks", kept.sum(), candidates.sum(), r2, window,
        f" step {step}" if step else "",
        f", minor-allele frequency at least {maf:g}" if maf else "",
    )  # fmt: skip
    return table.loc[kept]


def _prune_by_blocks(
    cohort: Cohort,
    candidates: BoolArray,
    rule: dict[str, Any],
    maf: float | None,
    threads: int | None,
) -> BoolArray:
    """(variants,) True where pruned in, by PLINK's rule; X apart, where men count once."""
    from gwasbone.blocks.prune import prune_pairwise

    chosen = np.flatnonzero(candidates)
    rows = packed_rows(cohort, chosen)
    kept = np.zeros(len(candidates), dtype=bool)
    with counted_progress() as progress:
        for part, weights in rows.by_weights():
            if maf is not None:
                frequency = _minor_frequency(rows.take(part), weights, threads)
                part = part[frequency >= at_least(maf)]
            some = rows.take(part)
            kept[chosen[part]] = prune_pairwise(
                some, some.chromosome, some.position_bp, weights=weights, threads=threads,
                progress=progress, **rule,
            )  # fmt: skip
    return kept


def _minor_frequency(
    rows: CohortRows, weights: npt.NDArray[np.int64] | None, threads: int | None
) -> npt.NDArray[np.float64]:
    """(m,) of the rarer allele; on X men count once and women twice."""
    from gwasbone.blocks.bit_planes import PeopleWeights, Planes

    people = PeopleWeights.of(rows.columns, weights)

    def over(start: int) -> npt.NDArray[np.float64]:
        return Planes.of(rows[start : start + _READ_TOGETHER], people).frequency

    parts = map_blocks(over, range(0, len(rows), _READ_TOGETHER), threads=threads)
    p = np.concatenate([np.zeros(0), *parts])
    return np.minimum(p, 1 - p)


def _prune_by_hail(
    cohort: Cohort, candidates: BoolArray, width: dict[str, Any], r2: float, maf: float | None
) -> BoolArray:
    if "window_kb" not in width:
        raise UsageError("prune: hl.ld_prune knows windows in kilobases only; give such as 500kb")
    log.warning(
        "hl.ld_prune finds a maximal independent set, another one than PLINK's rule; it covers "
        "autosomes only"
    )
    hl = session.hail()
    mt = autosomal_calls(cohort, candidates)
    if maf is not None:
        frequency = hl.agg.call_stats(mt.GT, 2).AF
        mt = mt.annotate_rows(minor=hl.min(frequency))
        mt = mt.filter_rows(mt.minor >= at_least(maf))
    pruned = hl.ld_prune(mt.GT, r2=r2, bp_window_size=round(width["window_kb"] * 1000))
    return variants_of(cohort, pruned)


def sex_variants(cohort: Cohort) -> BoolArray:
    """(variants,) the retained variants that tell sex.

    They lie on X outside the pseudo-autosomal regions, have a minor allele frequency of at least
    0.05 and are pruned to r² 0.2 in 500 kb: on rare variants women are homozygous like men, and
    linked ones count the same segment of a chromosome many times.
    """
    table = cohort.variants.table
    on_x = cohort.variants.kept & in_x_non_par(
        table["chromosome"].to_numpy(), table["base_pair_location"].to_numpy(), cohort.build
    )
    n = cohort.people.n_kept
    if not on_x.any() or n == 0:
        return np.zeros(len(table), dtype=bool)
    candidates = _evenly(on_x, _VARIANTS_SAMPLED)
    some = _evenly(cohort.people.kept, _PEOPLE_SAMPLED)
    n = int(some.sum())
    small = replace(
        cohort,
        people=cohort.people.exclude("sex", "not_sampled", ~some, description="not sampled"),
        variants=cohort.variants.exclude("sex", "not_used", ~candidates, description="not used"),
    )
    # the sampling error of r² between unlinked variants is 1/n
    r2 = min(0.95, _MAX_R2 + 10 / n)
    pruned = prune(small, window="500kb", r2=r2, maf=_MIN_MAF, exclude_long_range_ld=False)
    return np.asarray(table.index.isin(pruned.index))


def _evenly(mask: BoolArray, n: int) -> BoolArray:
    """At most n of the rows of a mask, evenly spaced."""
    rows = np.flatnonzero(mask)
    if len(rows) > n:
        rows = rows[np.linspace(0, len(rows) - 1, n).round().astype(np.intp)]
    chosen = np.zeros(len(mask), dtype=bool)
    chosen[rows] = True
    return chosen


@cache
def _all_regions() -> pd.DataFrame:
    path = files("gwasbone") / "resources" / "long_range_ld.tsv"
    with path.open(encoding="utf-8") as handle:
        return pd.read_csv(handle, sep="\t", keep_default_na=False)


def long_range_ld(build: str) -> pd.DataFrame:
    """Read the regions of long-range linkage disequilibrium of a genome build.

    Parameters
    ----------
    build : ``GRCh37`` or ``GRCh38``.

    Returns
    -------
    Columns ``chromosome``, ``start_bp``, ``end_bp`` (1-based, both included), ``source``, ``note``;
    sorted.

    Raises
    ------
    UsageError
        Another build.

    Examples
    --------
    >>> long_range_ld("GRCh37").query("note == 'HLA'")[["start_bp", "end_bp"]].values.tolist()
    [[25000000, 33500000]]
    """
    if build not in BUILDS:
        raise UsageError(f"long-range LD regions: expected build GRCh37 or GRCh38, got {build}")
    regions = _all_regions()
    chosen = regions[regions["build"] == build].drop(columns="build")
    return chosen.sort_values(["chromosome", "start_bp"], ignore_index=True)


def in_long_range_ld(
    chromosome: npt.ArrayLike, position_bp: npt.ArrayLike, build: str
) -> npt.NDArray[np.bool_]:
    """(m,) True for variants inside a region of long-range LD.

    Parameters
    ----------
    chromosome, position_bp : (m,) integers; codes of :mod:`gwasbone.genome`, 1-based positions.

    Notes
    -----
    Two dozen regions are compared with all variants at once: a join by PyRanges would first copy
    millions of variants into text-labelled intervals to answer the same.
    """
    codes, position = np.asarray(chromosome), np.asarray(position_bp)
    inside = np.zeros(len(codes), dtype=bool)
    for region in long_range_ld(build).itertuples():
        inside |= (
            (codes == region.chromosome)
            & (position >= region.start_bp)
            & (position <= region.end_bp)
        )
    return inside

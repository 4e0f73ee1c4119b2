"""Peaks of many scans: the best variants of chosen blocks, and which of them are one SNP.

The pieces of :mod:`gwasbone.loci.region_selection`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.kernel_progress import Progress
from gwasbone.images.region_map import RegionMap
from gwasbone.loci.options import SelectionRule
from gwasbone.sumstats.table import COLUMNS, KEY
from gwasbone.sumstats.variants import unordered

if TYPE_CHECKING:
    from gwasbone.cohort.model import Cohort

BLOCK = ["chromosome", "block_start_bp"]
_KEY = list(KEY)


def region_peaks(
    blocks: Mapping[str, pd.DataFrame],
    belongs: Mapping[str, tuple[str, ...]],
    region_map: RegionMap,
    rule: SelectionRule,
) -> pd.DataFrame:
    """Rows of ``blocks`` with ``region`` and ``trait``: the best blocks of each, all scans there.

    Where the best are those of a measurement or scan, a region has those of all of its own.
    """
    parts = []
    for trait, part in blocks.items():
        for region in belongs[trait]:
            measurement = region_map.measurement_in(trait) or trait
            of = {"region": region, "measurement": measurement, "scan": trait}[rule.best_of]
            parts.append(part.assign(region=region, trait=trait, _of=of))
    if not parts:
        names = ["region", "trait", "_of", "block_start_bp", *COLUMNS]
        return pd.DataFrame({name: [] for name in names})
    every = stacked(parts)
    best = every.sort_values(
        ["neg_log_10_p_value", *BLOCK], ascending=[False, True, True], kind="stable"
    ).drop_duplicates(["_of", *BLOCK])
    if rule.max_blocks is not None:
        best = best[best.groupby("_of").cumcount() < rule.max_blocks]
    return every.merge(best[["_of", *BLOCK]], on=["_of", *BLOCK])


def those_with_genotypes(
    peaks: pd.DataFrame, present: Mapping[str, pd.DataFrame | None]
) -> tuple[pd.DataFrame, int]:
    """Each peak as the best variant of its block that the genotypes have; how many changed."""
    if peaks.empty:
        return peaks, 0
    there = stacked([p.assign(trait=t) for t, p in present.items() if p is not None])
    on = ["trait", *BLOCK]
    found = peaks[["region", *on, *_KEY[1:]]].merge(there, on=on, suffixes=("_lead", ""))
    changed = np.zeros(len(found), dtype=bool)
    for name in _KEY[1:]:
        changed |= (found[f"{name}_lead"] != found[name]).to_numpy()
    n_replaced = len(found[changed].drop_duplicates(on))
    return found.drop(columns=[f"{name}_lead" for name in _KEY[1:]]), n_replaced


def distinct_variants(peaks: pd.DataFrame) -> pd.DataFrame:
    """The distinct variants among peaks, the smallest p-value first; ``_name`` in each.

    Scans may count different alleles of a variant; it is named as where its p-value is smallest.
    """
    ranked = peaks.sort_values(
        ["neg_log_10_p_value", *_KEY, "trait"], ascending=[False, *[True] * 5], kind="stable"
    )
    return (
        ranked.assign(_name=variant_names_of(ranked))
        .drop_duplicates("_name")
        .reset_index(drop=True)
    )


def variant_names_of(table: pd.DataFrame) -> list[tuple[int, int, str, str]]:
    """What names a variant, whichever of its alleles is counted and on whichever strand."""
    return [(c, at, *unordered(a, b)) for c, at, a, b in table[_KEY].itertuples(index=False)]


def by_block(found: pd.DataFrame, rule: SelectionRule) -> npt.NDArray[np.intp]:
    """(variants,) for each the row of that which stands for it: the first of its block."""
    blocks = list(
        zip(found["chromosome"], found["base_pair_location"] // rule.block_bp, strict=True)
    )
    first: dict[tuple[int, int], int] = {}
    return np.array([first.setdefault(block, i) for i, block in enumerate(blocks)], dtype=np.intp)


def by_ld(
    found: pd.DataFrame,
    cohort: Cohort,
    rule: SelectionRule,
    threads: int | None,
    progress: Progress | None,
) -> npt.NDArray[np.intp]:
    """(variants,) for each the row of that which stands for it."""
    from gwasbone.cohort.chosen_variants import rows_in_cohort, squared_correlations

    stands_for = np.arange(len(found))
    rows = rows_in_cohort(found, cohort)
    codes = found["chromosome"].to_numpy()
    for i, code in enumerate(np.unique(codes), 1):
        here = np.flatnonzero(codes == code)
        if len(here) > 1:
            r2 = squared_correlations(cohort, rows[here], threads=threads)
            position = found["base_pair_location"].to_numpy()[here]
            stands_for[here] = here[representatives(r2, position, rule.window_bp, rule.r2)]
        if progress is not None:
            progress("linkage disequilibrium", i, len(np.unique(codes)))
    return stands_for


def representatives(
    r2: npt.ArrayLike, position_bp: npt.ArrayLike, window_bp: int, r2_limit: float
) -> npt.NDArray[np.intp]:
    """Prune variants of a chromosome pairwise, the first ones kept.

    Parameters
    ----------
    r2 : (m, m) squared correlations of variants, the best first; NaN counts as none.
    position_bp : (m,).
    window_bp : pairs at most this far apart count.
    r2_limit : a variant with such an r² or more to one before it that is kept goes.

    Returns
    -------
    (m,) for each variant the first kept one that it is in LD with; itself where it is kept.

    Examples
    --------
    >>> r2 = [[1, 0.95, 0.2], [0.95, 1, 0.9], [0.2, 0.9, 1]]
    >>> representatives(r2, [5, 7, 9], 100, 0.9).tolist()
    [0, 0, 2]
    """
    r2, at = np.asarray(r2, dtype=float), np.asarray(position_bp, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        linked = (r2 >= r2_limit) & (np.abs(at[:, None] - at) <= window_bp)
    kept: list[int] = []
    stands_for = np.arange(len(at))
    for i in range(len(at)):
        before = [k for k in kept if linked[k, i]]
        if before:
            stands_for[i] = before[0]
        else:
            kept.append(i)
    return stands_for


def stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]

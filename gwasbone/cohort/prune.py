"""Which variants of a cohort to use for principal components and model SNPs: LD pruning.

By default PLINK's rule runs over hard calls read straight from .bed files
(:func:`gwasbone.blocks.prune.prune_pairwise`); other sources are first exported to one.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.prune import prune_pairwise
from gwasbone.cohort.model import MALE, Cohort
from gwasbone.cohort.regions import in_long_range_ld
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import X, in_x_non_par

log = logging.getLogger(__name__)

_MISSING_IN_BED = -127


def prune(
    cohort: Cohort,
    *,
    window: str = "500kb",
    step: int | None = None,
    r2: float = 0.1,
    maf: float | None = None,
    exclude_long_range_ld: bool = True,
    engine: Literal["auto", "blocks", "hail"] = "auto",
) -> pd.DataFrame:
    """Variants in approximate linkage equilibrium, among the kept ones and in the kept people.

    Parameters
    ----------
    window : width in kilobases (``500kb``) or in variants (``500``), as PLINK spells it; the two
        give other sets of variants.
    step : by how many variants the window moves, only where it is counted in variants; 1 by
        default.
    r2 : of a pair above this one variant goes.
    maf : use only variants with a minor-allele frequency above this in the kept people.
    exclude_long_range_ld : leave out the regions of
        :func:`gwasbone.cohort.regions.long_range_ld`.
    engine : ``blocks`` is PLINK's rule and equals ``plink2 --indep-pairwise``; ``hail`` is
        ``hl.ld_prune``, which solves another problem (a maximal independent set over the whole
        window graph), is far slower and gives another set. ``auto`` is ``blocks``.

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
    >>> pruned = prune(cohort, window="500kb", r2=0.1, maf=0.05)     # doctest: +SKIP
    >>> pruned["source_id"].to_csv("model.snps", index=False)        # doctest: +SKIP
    """
    if engine not in ("auto", "blocks", "hail"):
        raise UsageError(f"prune: expected engine auto, blocks or hail, got {engine!r}")
    width = parse_window(window, step)
    table = cohort.variants.table
    candidates = cohort.variants.kept & table["chromosome"].between(1, X).to_numpy()
    if exclude_long_range_ld:
        candidates &= ~in_long_range_ld(table["chromosome"], table["position_bp"], cohort.build)
    if not candidates.any() or cohort.people.n_kept == 0:
        raise InputError(
            "prune: no variants or people are left; look at cohort.variants.funnel() for why"
        )
    if engine == "hail":
        kept = _prune_by_hail(cohort, candidates, width, r2, maf)
    else:
        kept = _prune_by_blocks(cohort, candidates, width, r2, maf)
    log.info(
        "prune (%s): %d of %d variants kept at r2 %g, window %s%s",
        "Hail" if engine == "hail" else "blocks", len(kept), int(candidates.sum()), r2, window,
        f" step {step}" if step else "",
    )  # fmt: skip
    return table.loc[kept]


def parse_window(window: str, step: int | None) -> dict[str, Any]:
    """PLINK's spelling of a window as arguments of :func:`prune_pairwise`.

    >>> parse_window("500kb", None), parse_window("500", 10)
    ({'window_kb': 500.0}, {'window_variants': 500, 'step': 10})
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(kb)?\s*", str(window), re.IGNORECASE)
    if match is None or (match[2] is None and "." in match[1]):
        raise UsageError(
            f"window {window!r}: expected kilobases such as 500kb, or a number of variants"
        )
    if match[2]:
        if step not in (None, 1):
            raise UsageError(
                f"step {step}: a window in kilobases moves by single variants; leave the step out"
            )
        return {"window_kb": float(match[1])}
    return {"window_variants": int(match[1]), "step": step or 1}


class BedRows:
    """Hard calls of chosen variants and people of .bed files, read slice by slice.

    ``rows[a:b]`` is (b − a, n) int8, copies of ALT with −1 for missing, so that the file never
    needs to be in memory whole.

    Parameters
    ----------
    beds : paths of the files.
    file, row : (m,) for each variant the file it is in and its row there.
    n_total : people in the files.
    people : (n,) positions of the people wanted.
    """

    def __init__(
        self,
        beds: list[Path],
        file: npt.NDArray[np.integer],
        row: npt.NDArray[np.integer],
        *,
        n_total: int,
        people: npt.NDArray[np.integer],
    ) -> None:
        from bed_reader import open_bed

        n_variants = [(bed.stat().st_size - 3) // ((n_total + 3) // 4) for bed in beds]
        self._beds = [
            open_bed(bed, iid_count=n_total, sid_count=m, properties={})
            for bed, m in zip(beds, n_variants, strict=True)
        ]
        self._file, self._row, self._people = file, row, people

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._row), len(self._people)

    def __getitem__(self, rows: slice, /) -> npt.NDArray[np.int8]:
        file, row = self._file[rows], self._row[rows]
        calls = np.empty((len(row), len(self._people)), dtype=np.int8)
        for i in np.unique(file):
            here = np.flatnonzero(file == i)
            block = self._beds[i].read(
                index=(self._people, row[here]), dtype="int8", order="F", num_threads=1
            )
            calls[here] = block.T
        calls[calls == _MISSING_IN_BED] = -1
        return calls

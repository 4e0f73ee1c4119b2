"""Which variants of a cohort to use for principal components and model SNPs: LD pruning.

By default PLINK's rule runs over hard calls read straight from .bed files
(:func:`gwasbone.blocks.prune.prune_pairwise`); other sources are first exported to one.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.prune import prune_pairwise
from gwasbone.cohort.model import MALE, VARIANT_KEY, Cohort
from gwasbone.cohort.regions import in_long_range_ld
from gwasbone.errors import InputError, UsageError
from gwasbone.genome import X, in_x_non_par

log = logging.getLogger(__name__)

BoolArray = npt.NDArray[np.bool_]

_READ_TOGETHER = 1024


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
        "prune by %s: %d of %d variants kept at r2 %g, window %s%s",
        "hail" if engine == "hail" else "blocks", kept.sum(), candidates.sum(), r2, window,
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


def _prune_by_blocks(
    cohort: Cohort, candidates: BoolArray, width: dict[str, Any], r2: float, maf: float | None
) -> BoolArray:
    """(variants,) True where pruned in, by PLINK's rule; X apart, where men count once."""
    chosen = np.flatnonzero(candidates)
    calls = hard_call_rows(cohort, chosen)
    table = cohort.variants.table.iloc[chosen]
    chromosome, position = (table[c].to_numpy() for c in ("chromosome", "position_bp"))
    men = cohort.people.kept_table()["sex"].to_numpy() == MALE
    haploid = in_x_non_par(chromosome, position, cohort.build)
    kept = np.zeros(len(candidates), dtype=bool)
    for part, copies in ((chromosome < X, np.full(len(men), 2)), (chromosome == X, 2 - men)):
        rows = np.flatnonzero(part)
        if len(rows) == 0:
            continue
        view = _CallsOf(calls, rows, np.flatnonzero(men), haploid)
        if maf is not None:
            rows = rows[_minor_frequency(view, copies) > maf]
            view = _CallsOf(calls, rows, np.flatnonzero(men), haploid)
        weights = None if (copies == 2).all() else copies
        kept[chosen[rows]] = prune_pairwise(
            view, chromosome[rows], position[rows], r2=r2, weights=weights, **width
        )
    return kept


@dataclass(frozen=True)
class _CallsOf:
    """Some variants of ``calls``; men's heterozygous calls are missing where men are haploid."""

    calls: BedRows
    rows: npt.NDArray[np.integer]
    men: npt.NDArray[np.integer]
    haploid: BoolArray

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.calls.shape[1]

    def __getitem__(self, rows: slice, /) -> npt.NDArray[np.int8]:
        chosen = self.rows[rows]
        block = self.calls.read(chosen)
        haploid = np.flatnonzero(self.haploid[chosen])
        if len(haploid):
            part = block[np.ix_(haploid, self.men)]
            block[np.ix_(haploid, self.men)] = np.where(part == 1, -1, part)
        return block


def _minor_frequency(calls: _CallsOf, copies: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    frequency = np.full(calls.shape[0], np.nan)
    for start in range(0, calls.shape[0], _READ_TOGETHER):
        block = calls[start : start + _READ_TOGETHER]
        called = (block >= 0) @ copies.astype(float)
        alt = np.where(block > 0, block, 0) @ (copies / 2)
        with np.errstate(invalid="ignore"):
            frequency[start : start + _READ_TOGETHER] = alt / called
    return np.minimum(frequency, 1 - frequency)


def _prune_by_hail(
    cohort: Cohort, candidates: BoolArray, width: dict[str, Any], r2: float, maf: float | None
) -> BoolArray:
    from gwasbone.cohort.selected import autosomal_calls, variants_of
    from gwasbone.session import hail

    if "window_kb" not in width:
        raise UsageError("prune: hl.ld_prune knows windows in kilobases only; give such as 500kb")
    log.warning(
        "hl.ld_prune finds a maximal independent set, another one than PLINK's rule; it covers "
        "autosomes only"
    )
    hl = hail()
    mt = autosomal_calls(cohort, candidates)
    if maf is not None:
        frequency = hl.agg.call_stats(mt.GT, 2).AF
        mt = mt.annotate_rows(minor=hl.min(frequency))
        mt = mt.filter_rows(mt.minor > maf)
    pruned = hl.ld_prune(mt.GT, r2=r2, bp_window_size=round(width["window_kb"] * 1000))
    return variants_of(cohort, pruned)


def hard_call_rows(cohort: Cohort, chosen: npt.NDArray[np.integer]) -> BedRows:
    """Hard calls of the kept people at the variants in rows ``chosen`` of the variant table.

    Read in place from a cohort of .bed files; other sources are exported by Hail to a temporary
    one first.
    """
    from gwasbone.cohort.plink_files import BedSource

    table = cohort.variants.table.iloc[chosen]
    if isinstance(cohort.source, BedSource):
        return BedRows(
            [fileset.bed for fileset in cohort.source.filesets],
            table["file"].to_numpy(),
            table["row"].to_numpy(),
            n_total=len(cohort.people),
            people=np.flatnonzero(cohort.people.kept),
        )
    return _exported_rows(cohort, chosen)


def _exported_rows(cohort: Cohort, chosen: npt.NDArray[np.integer]) -> BedRows:
    from gwasbone.cohort.plink_files import read_bim
    from gwasbone.cohort.selected import calls_of
    from gwasbone.cohort.variant_table import chromosome_codes
    from gwasbone.session import hail, temporary_path

    wanted = np.zeros(len(cohort.variants), dtype=bool)
    wanted[chosen] = True
    prefix = temporary_path("pruning")
    hail().export_plink(calls_of(cohort, wanted), prefix)
    bim = read_bim(Path(f"{prefix}.bim"))
    bim["chromosome"] = chromosome_codes(bim["chromosome"])
    bim["row"] = np.arange(len(bim))
    table = cohort.variants.table.iloc[chosen]
    row = table[VARIANT_KEY].merge(bim[[*VARIANT_KEY, "row"]], on=VARIANT_KEY, how="left")["row"]
    n = cohort.people.n_kept
    return BedRows(
        [Path(f"{prefix}.bed")], np.zeros(len(row), int), row.to_numpy(dtype=int),
        n_total=n, people=np.arange(n),
    )  # fmt: skip


class BedRows:
    """Hard calls of chosen variants and people of .bed files, read when asked for.

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

        bytes_per_variant = (n_total + 3) // 4
        self._beds = [
            open_bed(
                bed,
                iid_count=n_total,
                sid_count=(bed.stat().st_size - 3) // bytes_per_variant,
                skip_format_check=True,
                properties={},
            )
            for bed in beds
        ]
        self._file, self._row, self._people = file, row, people

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._row), len(self._people)

    def __getitem__(self, rows: slice, /) -> npt.NDArray[np.int8]:
        return self.read(np.arange(len(self._row))[rows])

    def read(self, variants: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
        """(len(variants), n) int8 copies of ALT, −1 for missing."""
        file, row = self._file[variants], self._row[variants]
        calls = np.empty((len(row), len(self._people)), dtype=np.int8)
        for i in np.unique(file):
            here = np.flatnonzero(file == i)
            block = self._beds[i].read(index=(self._people, row[here]), dtype="int8", order="F")
            calls[here] = block.T
        calls[calls < 0] = -1
        return calls

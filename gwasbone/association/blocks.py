"""The block engine: scans straight from .bed files, without Hail and without a JVM.

Equal to :mod:`gwasbone.association.hail` up to float32 rounding of the products (relative 1e-5 of
an effect's standard error); see :mod:`gwasbone.blocks.linear` for the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.association.design import Design
from gwasbone.association.rows import RowStatistics, results_table, status_of
from gwasbone.blocks.linear import GroupResult, linear_block, linear_design
from gwasbone.blocks.mapping import map_blocks
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.packed_calls import PackedCalls
from gwasbone.cohort.plink_files import BedSource
from gwasbone.stats.pvalues import neg_log10_p_t

#: Variants whose results are kept in memory before they are handed on.
VARIANTS_PER_CHUNK = 65_536

_GENOTYPES = ("het", "hom_alt", "hom_ref")


def can_scan_blocks(cohort: Cohort, design: Design) -> bool:
    """Whether this engine has what a scan needs: hard calls in .bed files, a linear model."""
    return isinstance(cohort.source, BedSource) and design.method == "linear"


def scan_blocks(
    cohort: Cohort, design: Design, *, threads: int | None = None
) -> Iterator[dict[str, pd.DataFrame]]:
    """Linear scans of all kept variants, in the order of the variant table.

    Parameters
    ----------
    cohort : backed by .bed files. ``design.ids`` are its kept people.

    Returns
    -------
    For each chunk of variants, trait -> canonical results table.
    """
    calls = PackedCalls.of(cohort)
    groups = [(group.people, group.X, group.Y) for group in design.groups]
    prepared = linear_design(calls.columns, groups)
    variants = cohort.variants.kept_table()
    for top in range(0, len(variants), VARIANTS_PER_CHUNK):
        chunk = variants.iloc[top : top + VARIANTS_PER_CHUNK]
        results = map_blocks(
            lambda block: linear_block(calls.words(block), prepared),
            calls.blocks(chunk),
            threads=threads,
        )
        yield _tables(chunk, design, list(results))


def _tables(
    variants: pd.DataFrame, design: Design, results: list[list[GroupResult]]
) -> dict[str, pd.DataFrame]:
    named = pd.DataFrame(
        {
            "chromosome": variants["chromosome"].to_numpy(),
            "position_bp": variants["position_bp"].to_numpy(),
            "other_allele": variants["ref"].to_numpy(),
            "effect_allele": variants["alt"].to_numpy(),
            "source_id": variants["source_id"].to_numpy(),
        }
    )
    tables: dict[str, pd.DataFrame] = {}
    for g, group in enumerate(design.groups):
        parts = [block[g] for block in results]
        statistics = _row_statistics(parts)
        status = status_of(statistics, np.concatenate([p.unexplained for p in parts]))
        dof = float(len(group.X) - group.X.shape[1] - 1)
        for j, trait in enumerate(group.traits):
            beta, se, t = (
                np.concatenate([getattr(p, name)[:, j] for p in parts])
                for name in ("beta", "se", "t")
            )
            tables[trait.name] = results_table(
                named, statistics, n=trait.n, beta=beta, se=se, statistic=t, dof=dof,
                neg_log10_p=neg_log10_p_t(np.where(status == "", t, np.nan), dof),
                test="t", status=status,
            )  # fmt: skip
    return {trait.name: tables[trait.name] for trait in design.traits}


def _row_statistics(parts: list[GroupResult]) -> RowStatistics:
    def joined(of: Any) -> npt.NDArray[np.float64]:
        return np.concatenate([of(part.counts) for part in parts]).astype(np.float64)

    called, alt = joined(lambda c: c.called), joined(lambda c: c.alt)
    squares = joined(lambda c: c.het + 4 * c.hom_alt)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = alt / called
        about_mean = squares - called * mean**2
    most = np.maximum.reduce([joined(lambda c, n=n: getattr(c, n)) for n in _GENOTYPES])
    return RowStatistics(called, mean, np.nan_to_num(about_mean), (called > 0) & (most == called))

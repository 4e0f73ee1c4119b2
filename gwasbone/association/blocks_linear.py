"""Linear scans of the block engine; the model is that of :mod:`gwasbone.blocks.linear`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gwasbone.association.blocks_rows import counted, variant_columns
from gwasbone.association.design import Design
from gwasbone.association.rows import results_table, status_of
from gwasbone.blocks.genotypes import GenotypeBlock, PeopleLayout
from gwasbone.blocks.linear import GroupResult, linear_block, linear_design
from gwasbone.stats.pvalues import neg_log10_p_t


class LinearScan:
    """Linear regression of every trait of a design."""

    def __init__(self, design: Design, layout: PeopleLayout) -> None:
        self._design = design
        groups = [(group.people, group.X, group.Y) for group in design.groups]
        self._prepared = linear_design(layout, groups)

    def block(self, genotypes: GenotypeBlock) -> list[GroupResult]:
        """Results of each group of traits."""
        return linear_block(genotypes, self._prepared)

    def tables(
        self, variants: pd.DataFrame, results: list[list[GroupResult]]
    ) -> dict[str, pd.DataFrame]:
        """Trait -> canonical results table."""
        named = variant_columns(variants)
        tables: dict[str, pd.DataFrame] = {}
        for g, group in enumerate(self._design.groups):
            parts = [block[g] for block in results]
            statistics = counted(part.sums for part in parts)
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
        return {trait.name: tables[trait.name] for trait in self._design.traits}

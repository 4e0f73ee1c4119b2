"""Pruned variants, principal components, the ancestry filter, relatives: files and pages."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import AncestryOptions, PcaOptions, RelatednessOptions
from gwasbone.cohort.subsets import short_names
from gwasbone.genome import AUTOSOMES
from gwasbone.phenotypes.table import expand_names, pick_columns
from gwasbone.tables import write_lines, write_table

if TYPE_CHECKING:
    from gwasbone.cohort.pca import PrincipalComponents

log = logging.getLogger(__name__)

#: Below so many variants the sampling error of kinship reaches the borders between degrees.
FEW_VARIANTS = 5_000


def autosomes(cohort: Cohort) -> Cohort:
    """The cohort without the variants that components are not computed on."""
    autosomal = cohort.variants.table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    return cohort.exclude_variants(
        "pca", "not_autosomal", ~autosomal, description="components are of the autosomes"
    )


def pruned_variants(cohort: Cohort, rule: PcaOptions) -> pd.DataFrame:
    """Autosomal variants above the frequency limit, pruned, outside long-range LD."""
    from gwasbone.cohort.prune import prune

    return prune(autosomes(cohort), window=rule.window, step=rule.step, r2=rule.r2, maf=rule.maf)


def components_of(cohort: Cohort, rule: PcaOptions) -> PrincipalComponents:
    """Principal components of the kept people on pruned variants."""
    from gwasbone.cohort.pca import principal_components

    return principal_components(cohort, pruned_variants(cohort, rule).index, k=rule.n_components)


def write_pruned(pruned: pd.DataFrame, cohort: Cohort, prefix: Path) -> None:
    """Write ``PREFIX.prune.in``: one variant a line, as ``--extract`` and ``--step1-extract`` take.

    A variant is named by the input's own ID where no other has it, else by chr:pos:ref:alt.
    """
    rows = cohort.variants.table.index.get_indexer(pruned.index)
    names = (pa.array(some, pa.string()) for some in short_names(cohort, rows))
    write_lines(names, Path(f"{prefix}.prune.in"))


def write_components(pcs: PrincipalComponents, cohort: Cohort, prefix: Path) -> None:
    """Write scores (IDs and PC1, ...), loadings and eigenvalues as ``PREFIX.pcs.tsv`` and so on."""
    people = cohort.people.table.loc[pcs.scores.index, ["fid", "iid"]]
    people.columns = pd.Index(["FID", "IID"])
    write_table(people.join(pcs.scores), Path(f"{prefix}.pcs.tsv"))
    write_table(pcs.loadings, Path(f"{prefix}.loadings.tsv.gz"), index=False)
    names = [f"PC{i + 1}" for i in range(len(pcs.eigenvalues))]
    values = pd.DataFrame({"component": names, "eigenvalue": pcs.eigenvalues})
    write_table(values, Path(f"{prefix}.eigenvalues.tsv"), index=False)


def ancestry_scores(
    cohort: Cohort,
    rule: AncestryOptions,
    pca: PcaOptions,
    tables: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Components for the ancestry filter: the columns that the rule names, else computed.

    Parameters
    ----------
    tables : where the columns are.
    """
    if rule.scores:
        present = {str(name) for table in tables.values() for name in table}
        scores = pick_columns(tables, expand_names(rule.scores, present))
        return scores.set_axis([f"PC{i + 1}" for i in range(scores.shape[1])], axis=1)
    n = max(rule.n_components, pca.n_components)
    return components_of(cohort, dataclasses.replace(pca, n_components=n)).scores


def ancestry_filter(
    cohort: Cohort, scores: pd.DataFrame, reported: pd.Series, rule: AncestryOptions
) -> Cohort:
    """Keep people near the reference group; see :mod:`gwasbone.cohort.ancestry`."""
    from gwasbone.cohort.ancestry import british_ancestry

    return british_ancestry(
        cohort,
        scores,
        reported,
        reference=rule.reference,
        n_components=rule.n_components,
        radius=rule.radius,
    )


def related_pairs(cohort: Cohort, rule: RelatednessOptions, pca: PcaOptions) -> pd.DataFrame:
    """Pairs of kept people above the kinship that counts as related."""
    from gwasbone.cohort.relatedness import relatedness

    variants = pruned_variants(cohort, dataclasses.replace(pca, r2=rule.r2, maf=rule.maf)).index
    if len(variants) < FEW_VARIANTS:
        log.warning(
            "kinship from %d variants is unreliable, %d or more are usual: unrelated people can "
            "come out as relatives",
            len(variants),
            FEW_VARIANTS,
        )
    return relatedness(cohort, method=rule.method, min_kinship=rule.min_kinship, variants=variants)


def without_relatives(
    cohort: Cohort,
    pairs: pd.DataFrame,
    rule: RelatednessOptions,
    *,
    keep_first: pd.Series | None = None,
) -> Cohort:
    """Keep a maximal unrelated set, cases first where ``keep_first`` marks them with 1."""
    from gwasbone.cohort.relatedness import exclude_related

    return exclude_related(cohort, pairs, min_kinship=rule.min_kinship, keep_first=keep_first)


def deviation_by_group(cohort: Cohort, people: Sequence[bool] | np.ndarray) -> pd.DataFrame:
    """Per reported group: people judged, kept, and the range of their deviation."""
    table = cohort.people.table[people].assign(kept=cohort.people.kept[people])
    groups = table.groupby(table["ancestry_group"].fillna("not reported"))
    summary = groups.agg(
        people=("kept", "size"),
        kept=("kept", "sum"),
        least=("ancestry_deviation", "min"),
        median=("ancestry_deviation", "median"),
        most=("ancestry_deviation", "max"),
    )
    return summary.sort_values("people", ascending=False)

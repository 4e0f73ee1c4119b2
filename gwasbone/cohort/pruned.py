"""What is computed of pruned autosomal variants, as options say: components and kinship."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import AncestryOptions, PcaOptions, RelatednessOptions
from gwasbone.cohort.pca import PrincipalComponents, principal_components
from gwasbone.cohort.prune import prune
from gwasbone.cohort.relatedness import relatedness
from gwasbone.cohort.subsets import short_names
from gwasbone.genome import AUTOSOMES
from gwasbone.phenotypes.table import expand_names, pick_columns
from gwasbone.tables import write_lines, write_table

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
    return prune(autosomes(cohort), window=rule.window, step=rule.step, r2=rule.r2, maf=rule.maf)


def components_of(cohort: Cohort, rule: PcaOptions) -> PrincipalComponents:
    """Principal components of the retained samples on pruned variants."""
    return principal_components(cohort, pruned_variants(cohort, rule).index, k=rule.n_components)


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
    return components_of(cohort, replace(pca, n_components=n)).scores


def related_pairs(cohort: Cohort, rule: RelatednessOptions, pca: PcaOptions) -> pd.DataFrame:
    """Pairs of retained samples above the kinship that counts as related."""
    variants = pruned_variants(cohort, replace(pca, r2=rule.r2, maf=rule.maf)).index
    if len(variants) < FEW_VARIANTS:
        log.warning(
            "kinship from %d variants is unreliable, %d or more are usual: unrelated samples can "
            "come out as relatives",
            len(variants),
            FEW_VARIANTS,
        )
    return relatedness(cohort, method=rule.method, min_kinship=rule.min_kinship, variants=variants)


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

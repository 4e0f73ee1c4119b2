"""Principal components of the retained samples: pruned variants, scores, loadings and the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import PcaOptions
from gwasbone.cohort.pca import PrincipalComponents, principal_components
from gwasbone.cohort.pruned import autosomes, pruned_variants, write_components, write_pruned
from gwasbone.report.pages.cohort import components_page


@dataclass(frozen=True)
class Components:
    """Components, and the number of variants that they are of."""

    pcs: PrincipalComponents
    n_variants: int


def compute_components(
    cohort: Cohort,
    rule: PcaOptions,
    prefix: Path,
    *,
    pruned: Path | None,
    page: Path | None = None,
    title: str = "Principal components",
    groups: pd.Series | None = None,
    threads: int | None = None,
) -> Components:
    """Compute components; writes ``PREFIX.pcs.tsv``, ``.loadings.tsv.gz``, ``.eigenvalues.tsv``.

    Parameters
    ----------
    pruned : prefix of the list of pruned variants; None takes the autosomal variants as they are.
    page : where the page goes, coloured by ``groups`` of people.
    """
    if pruned is None:
        variants = autosomes(cohort).variants.kept_table()
    else:
        variants = pruned_variants(cohort, rule)
        write_pruned(variants, cohort, pruned)
    pcs = principal_components(cohort, variants.index, k=rule.n_components, threads=threads)
    write_components(pcs, cohort, prefix)
    if page is not None:
        of_people = groups.reindex(pcs.scores.index) if groups is not None else None
        components_page(pcs, page, title=title, groups=of_people)
    return Components(pcs, len(variants))

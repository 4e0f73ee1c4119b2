"""Results in a few numbers: of a trait, and of all traits in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.stats.genomic_control import lambda_gc

if TYPE_CHECKING:
    from gwasbone.association.results import AssociationResults

#: What `trait_summary` needs of a trait's results.
SUMMARY_COLUMNS = ("n", "neg_log_10_p_value", "status")


@dataclass(frozen=True)
class TraitSummary:
    """Summary of the results of a trait.

    Parameters
    ----------
    n : people, the most of any tested variant; 0 without one.
    n_tested : variants. untested : reason -> variants that were not tested.
    lambda_gc : NaN without tested variants.
    top_row, top_source_id, top_neg_log10_p : of the variant with the smallest p; -1, '' and NaN
        without one.
    """

    n: int
    n_tested: int
    untested: Mapping[str, int]
    lambda_gc: float
    top_row: int
    top_source_id: str
    top_neg_log10_p: float


def trait_summary(columns: pa.Table) -> TraitSummary:
    """All but the top variant's ID, of the columns ``SUMMARY_COLUMNS``."""
    tested = pc.equal(columns["status"], "").to_numpy()
    untested = Counter(columns["status"].filter(~tested).to_pylist())
    if not tested.any():
        return TraitSummary(0, 0, untested, float("nan"), -1, "", float("nan"))
    p = columns["neg_log_10_p_value"].to_numpy()
    top = int(np.nanargmax(np.where(tested, p, -1.0)))
    return TraitSummary(
        n=int(columns["n"].to_numpy()[tested].max()),
        n_tested=int(tested.sum()),
        untested=untested,
        lambda_gc=lambda_gc(p[tested]),
        top_row=top,
        top_source_id="",
        top_neg_log10_p=float(p[top]),
    )


def scan_summary(results: AssociationResults) -> pd.DataFrame:
    """One row per trait: participants, method, variants, λ_GC, genome-wide blocks, top variant."""
    rows = []
    for trait, summary in results.summaries.items():
        leads = results.leads(trait, p_threshold=5e-8, max_blocks=None)
        rows.append(
            {
                "trait": trait,
                "n": summary.n,
                "method": results.provenance["traits"][trait]["method"],
                "tested": summary.n_tested,
                "untested": sum(summary.untested.values()),
                "lambda_gc": summary.lambda_gc,
                "leads_5e-8": len(leads),
                "top": summary.top_source_id,
                "top_neg_log10_p": summary.top_neg_log10_p,
            }
        )
    return pd.DataFrame(rows)

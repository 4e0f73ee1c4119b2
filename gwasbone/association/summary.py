"""Results in a few numbers: of a trait, and of all traits in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.stats.genomic_control import lambda_gc

if TYPE_CHECKING:
    from gwasbone.association.results import AssociationResults

#: What `trait_summary` needs of a trait's results.
SUMMARY_COLUMNS = ("n", "neg_log_10_p_value", "status")

_GENOME_WIDE, _BLOCK_BP = 5e-8, 1_000_000


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
    genome_wide_blocks : with a p below 5e-8, of 1 Mb, as ``AssociationResults.leads`` has them.
    """

    n: int
    n_tested: int
    untested: Mapping[str, int]
    lambda_gc: float
    top_row: int
    top_source_id: str
    top_neg_log10_p: float
    genome_wide_blocks: int = 0


def trait_summary(columns: pa.Table, places: Callable[[], pa.Table]) -> TraitSummary:
    """All but the top variant's ID.

    Parameters
    ----------
    columns : ``SUMMARY_COLUMNS`` of the trait.
    places : gives ``chromosome`` and ``base_pair_location`` of the same rows; asked where a p is
        below the genome-wide line.
    """
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
        genome_wide_blocks=_blocks(np.flatnonzero(p > -np.log10(_GENOME_WIDE)), places),
    )


def _blocks(rows: npt.NDArray[np.intp], places: Callable[[], pa.Table]) -> int:
    """How many blocks of a chromosome's 1 Mb rows lie in."""
    if not rows.size:
        return 0
    taken = places().take(rows)
    block = taken["base_pair_location"].to_numpy() // _BLOCK_BP
    return len(set(zip(taken["chromosome"].to_pylist(), block.tolist(), strict=True)))


def scan_summary(results: AssociationResults) -> pd.DataFrame:
    """One row per trait: people, method, variants, λ_GC, genome-wide blocks, top variant."""
    rows = []
    for trait, summary in results.summaries.items():
        rows.append(
            {
                "trait": trait,
                "n": summary.n,
                "method": results.provenance["traits"][trait]["method"],
                "tested": summary.n_tested,
                "untested": sum(summary.untested.values()),
                "lambda_gc": summary.lambda_gc,
                "leads_5e-8": summary.genome_wide_blocks,
                "top": summary.top_source_id,
                "top_neg_log10_p": summary.top_neg_log10_p,
            }
        )
    return pd.DataFrame(rows)

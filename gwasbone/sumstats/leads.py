"""Lead variants by blocks of the genome (Eriksson & Nakamori 2025, §2.6, first step)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gwasbone.errors import UsageError


def lead_blocks(
    results_table: pd.DataFrame,
    *,
    p_threshold: float = 1e-5,
    block_bp: int = 1_000_000,
    max_blocks: int | None = 12,
) -> pd.DataFrame:
    """The blocks with the smallest p-values of one scan, each with its best variant.

    Blocks are ``position_bp // block_bp`` on each chromosome. Blocks in which no variant has
    p < ``p_threshold`` are left out. The comparison is on the −log10 scale, so variants whose
    p underflows still rank by it.

    Parameters
    ----------
    results_table : canonical results table of one trait (``results_table.COLUMNS``); untested
        variants (NaN) never lead.
    p_threshold : between 0 and 1.
    block_bp : width of a block.
    max_blocks : keep so many blocks; None keeps all.

    Returns
    -------
    DataFrame, one row per block, best first (ties by chromosome and position): ``block_start_bp``
    and ``block_end_bp`` (both inside the block), ``n_below_threshold`` (variants of the block
    under the threshold), then all columns of the lead variant's row.

    Raises
    ------
    UsageError
        Where a threshold or width makes no sense.

    References
    ----------
    Eriksson & Nakamori (2025), §2.6: p < 1e-5, blocks of 1,000,000 bp, the 12 best.
    """
    if not 0 < p_threshold <= 1:
        raise UsageError(f"p_threshold: expected a number in (0, 1], got {p_threshold}")
    if block_bp < 1 or (max_blocks is not None and max_blocks < 1):
        raise UsageError(
            f"expected block_bp and max_blocks of at least 1, got {block_bp} and {max_blocks}"
        )
    hits = results_table[results_table["neg_log_10_p_value"] > -np.log10(p_threshold)]
    hits = hits.assign(_block=hits["base_pair_location"] // block_bp)
    block = ["chromosome", "_block"]
    hits = hits.assign(
        n_below_threshold=hits.groupby(block)["base_pair_location"].transform("size")
    )
    # A stable sort keeps the table's own order of alleles where two variants share a locus.
    ranked = hits.sort_values(
        ["neg_log_10_p_value", "chromosome", "base_pair_location"],
        ascending=[False, True, True],
        kind="stable",
    )
    leads = ranked.drop_duplicates(block).head(max_blocks or len(ranked))
    start = leads["_block"].astype(np.int64) * block_bp
    leads = leads.assign(
        # Position 0 is no base: the first block of a chromosome starts at 1.
        block_start_bp=np.maximum(start, 1),
        block_end_bp=start + block_bp - 1,
    )
    first = ["block_start_bp", "block_end_bp", "n_below_threshold"]
    return leads[[*first, *results_table.columns]].reset_index(drop=True)

"""Places of the genome where several scans have a lead variant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gwasbone.errors import InputError, UsageError

_NEEDED = ("chromosome", "base_pair_location", "neg_log_10_p_value")


def shared_loci(
    leads: Mapping[str, pd.DataFrame], *, within_bp: int = 500_000, min_scans: int = 2
) -> pd.DataFrame:
    """Join the leads of several scans into loci, by distance alone.

    Leads of all scans are taken in order along each chromosome; one that lies at most
    ``within_bp`` from the one before belongs to the same locus, whichever scan it comes from.
    Linkage disequilibrium is not looked at: scans that share a locus need not share a signal.

    Parameters
    ----------
    leads : scan -> table with ``chromosome``, ``position_bp`` and ``neg_log10_p``; other
        columns, such as ``gene`` or ``source_id``, are kept. Leads without a p-value are left
        out.
    within_bp : the longest gap inside a locus, in bp.
    min_scans : loci of fewer scans are left out.

    Returns
    -------
    DataFrame, one row per locus along the genome: ``start_bp`` and ``end_bp`` (half of
    ``within_bp`` before its first lead and after its last, so that loci never overlap),
    ``n_scans``, ``scans`` (names joined by commas, in the order of ``leads``), then the
    columns of its best lead (the highest −log₁₀ p; the earliest scan among equals), with
    ``best_scan``.

    Raises
    ------
    InputError
        A table lacks a column.
    UsageError
        ``within_bp`` is negative.
    """
    if within_bp < 0:
        raise UsageError(f"within_bp: expected 0 or more, got {within_bp}")
    for name, table in leads.items():
        if absent := [column for column in _NEEDED if column not in table]:
            raise InputError(
                f"leads of {name}: expected the columns {', '.join(_NEEDED)}; no "
                f"{', '.join(absent)}"
            )
    order = {name: i for i, name in enumerate(leads)}
    parts = [table.assign(best_scan=name) for name, table in leads.items() if len(table)]
    if not parts:
        columns = ["start_bp", "end_bp", "n_scans", "scans", *_NEEDED, "best_scan"]
        return pd.DataFrame({name: [] for name in columns})
    every = pd.concat(parts, ignore_index=True).dropna(subset=["neg_log_10_p_value"])
    every = every.sort_values(
        ["chromosome", "base_pair_location"], kind="stable", ignore_index=True
    )
    starts = (every["chromosome"].diff() != 0) | (every["base_pair_location"].diff() > within_bp)
    locus = np.cumsum(starts.to_numpy())
    rows = []
    for _, members in every.groupby(locus):
        scans = sorted(set(members["best_scan"]), key=order.__getitem__)
        if len(scans) < min_scans:
            continue
        rank = members["best_scan"].map(order)
        best = members.assign(_rank=rank).sort_values(
            ["neg_log_10_p_value", "_rank"], ascending=[False, True], kind="stable"
        )
        first, last = (
            int(members["base_pair_location"].min()),
            int(members["base_pair_location"].max()),
        )
        rows.append(
            {"start_bp": max(1, first - within_bp // 2), "end_bp": last + within_bp // 2}
            | {"n_scans": len(scans), "scans": ",".join(scans)}
            | best.drop(columns="_rank").iloc[0].to_dict()
        )
    if not rows:
        return shared_loci({}, within_bp=within_bp)
    return pd.DataFrame(rows)

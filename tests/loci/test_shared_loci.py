"""Leads of several scans become loci by distance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError, UsageError
from gwasbone.sumstats.leads import shared_loci


def leads(*rows: tuple[int, int, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["chromosome", "base_pair_location", "neg_log_10_p_value"])
    return table.assign(gene=[f"G{int(p)}" for p in table["base_pair_location"] // 1_000_000])


SCANS = {
    "a": leads((1, 5_000_000, 9.0), (1, 9_000_000, 8.0), (2, 5_000_000, 30.0)),
    "b": leads((1, 5_500_000, 12.0), (1, 9_500_001, 8.0)),
    "c": leads((1, 6_000_000, 12.0), (3, 1, np.nan)),
}


def test_hand_worked_loci() -> None:
    loci = shared_loci(SCANS)
    assert len(loci) == 1  # 500,001 bp apart is not one locus, nor is one scan alone
    locus = loci.iloc[0]
    assert (locus["start_bp"], locus["end_bp"]) == (4_750_000, 6_250_000)
    assert (locus["n_scans"], locus["scans"], locus["best_scan"]) == (3, "a,b,c", "b")
    assert (locus["base_pair_location"], locus["neg_log_10_p_value"], locus["gene"]) == (
        5_500_000,
        12.0,
        "G5",
    )


def test_every_lead_lies_in_one_locus_and_loci_do_not_overlap() -> None:
    loci = shared_loci(SCANS, min_scans=1)
    for table in SCANS.values():
        for row in table.dropna().itertuples():
            inside = (
                (loci["chromosome"] == row.chromosome)
                & (loci["start_bp"] <= row.base_pair_location)
                & (row.base_pair_location <= loci["end_bp"])
            )
            assert inside.sum() == 1
    for _, part in loci.groupby("chromosome"):
        assert (part["start_bp"].to_numpy()[1:] >= part["end_bp"].to_numpy()[:-1]).all()


def test_the_order_of_scans_only_orders_their_names() -> None:
    back = shared_loci(dict(reversed(SCANS.items())))
    columns = ["start_bp", "end_bp", "n_scans", "neg_log_10_p_value"]
    pd.testing.assert_frame_equal(back[columns], shared_loci(SCANS)[columns])
    assert back["scans"].tolist() == ["c,b,a"]


def test_no_leads_no_loci() -> None:
    empty = SCANS["a"].iloc[:0]
    assert shared_loci({"a": empty, "b": empty}).empty
    assert "start_bp" in shared_loci({"a": empty})


def test_errors() -> None:
    with pytest.raises(InputError, match=r"leads of a: .* no neg_log_10_p_value"):
        shared_loci({"a": SCANS["a"].drop(columns="neg_log_10_p_value")})
    with pytest.raises(UsageError, match="within_bp"):
        shared_loci(SCANS, within_bp=-1)

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import UsageError
from gwasbone.sumstats.leads import lead_blocks
from gwasbone.sumstats.table import COLUMNS


def scan(rows: list[tuple[int, int, float]]) -> pd.DataFrame:
    """A results table of (chromosome, position, −log10 p)."""
    chromosome, position_bp, neg_log10_p = zip(*rows, strict=True)
    values: dict[str, object] = dict.fromkeys(COLUMNS, 0.0)
    values |= {"other_allele": "A", "effect_allele": "C", "test": "linear", "status": ""}
    values |= {"source_id": [f"v{i}" for i in range(len(rows))]}
    values |= {
        "chromosome": chromosome,
        "base_pair_location": position_bp,
        "neg_log_10_p_value": neg_log10_p,
    }
    return pd.DataFrame(values)


HAND_WORKED = scan(
    [
        (1, 10, 6.0),
        (1, 999_999, 7.0),  # same block as above
        (1, 1_000_000, 8.0),  # first position of the next
        (2, 10, 9.0),  # same block number, another chromosome
        (2, 1_500_000, 5.0),  # p = 1e-5 is not below 1e-5
        (2, 1_600_000, 4.9),
        (2, 1_700_000, np.nan),
    ]
)


def test_hand_worked_blocks() -> None:
    leads = lead_blocks(HAND_WORKED)
    assert leads["source_id"].tolist() == ["v3", "v2", "v1"]
    assert leads["n_below_threshold"].tolist() == [1, 1, 2]
    assert leads["block_start_bp"].tolist() == [1, 1_000_000, 1]
    assert leads["block_end_bp"].tolist() == [999_999, 1_999_999, 999_999]
    inside = leads["base_pair_location"].between(leads["block_start_bp"], leads["block_end_bp"])
    assert inside.all()


def test_number_of_blocks_is_capped_and_may_be_unlimited() -> None:
    rows = [(1, i * 1_000_000 + 5, 6.0 + i) for i in range(20)]
    assert len(lead_blocks(scan(rows))) == 12
    assert lead_blocks(scan(rows))["neg_log_10_p_value"].tolist() == [25.0 - i for i in range(12)]
    assert len(lead_blocks(scan(rows), max_blocks=None)) == 20
    assert len(lead_blocks(scan(rows), max_blocks=3)) == 3


def test_ties_go_by_chromosome_then_position() -> None:
    rows = [(2, 100, 8.0), (1, 3_000_000, 8.0), (1, 1_000_001, 8.0), (1, 1_000_007, 8.0)]
    leads = lead_blocks(scan(rows))
    assert leads[["chromosome", "base_pair_location"]].to_numpy().tolist() == [
        [1, 1_000_001],
        [1, 3_000_000],
        [2, 100],
    ]


def test_p_values_that_underflow_still_rank() -> None:
    leads = lead_blocks(scan([(1, 5, 400.0), (1, 9, 900.0), (3, 5, 500.0)]), p_threshold=1e-300)
    assert leads["neg_log_10_p_value"].tolist() == [900.0, 500.0]


def test_row_order_does_not_matter_and_input_is_left_alone() -> None:
    before = HAND_WORKED.copy()
    shuffled = HAND_WORKED.sample(frac=1, random_state=4)
    pd.testing.assert_frame_equal(lead_blocks(shuffled), lead_blocks(HAND_WORKED))
    pd.testing.assert_frame_equal(HAND_WORKED, before)


def test_other_block_width() -> None:
    assert len(lead_blocks(HAND_WORKED, block_bp=500_000)) == 4


def test_nothing_below_the_threshold_gives_an_empty_table_with_columns() -> None:
    leads = lead_blocks(HAND_WORKED, p_threshold=1e-20)
    assert len(leads) == 0
    assert leads.columns.tolist() == [
        "block_start_bp",
        "block_end_bp",
        "n_below_threshold",
        *COLUMNS,
    ]


@pytest.mark.parametrize(
    "bad", [{"p_threshold": 0.0}, {"p_threshold": 5.0}, {"block_bp": 0}, {"max_blocks": 0}]
)
def test_senseless_options_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"expected .* got"):
        lead_blocks(HAND_WORKED, **bad)  # type: ignore[arg-type]

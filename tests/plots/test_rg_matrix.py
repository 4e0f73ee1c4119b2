"""The matrix of genetic correlations marks what is undefined or outside −1 to 1."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bokeh.core.validation import check_integrity, process_validation_issues

from gwasbone.errors import InputError
from gwasbone.plots.page import description_of, notes_of
from gwasbone.plots.rg_matrix import rg_matrix

TABLE = pd.DataFrame(
    {
        "trait1": ["a", "a", "b"], "trait2": ["b", "c", "c"], "rg": [0.5, 1.2, np.nan],
        "standard_error": [0.1, 0.3, np.nan], "neg_log_10_p_value": [6.0, 4.0, np.nan],
        "status": ["", "", "a heritability is not positive"],
    }
)  # fmt: skip


def _markers(plot, marker: str) -> int:
    return sum(
        len(r.data_source.data["x"])
        for r in plot.renderers
        if getattr(r.glyph, "marker", None) == marker
    )


def test_each_pair_is_drawn_twice_and_marked():
    plot = rg_matrix(TABLE)
    cells = plot.renderers[0].data_source.data
    assert sorted(zip(cells["x"], cells["y"], strict=True)) == [
        (0, -2), (0, -1), (1, -2), (1, 0), (2, -1), (2, 0),
    ]  # fmt: skip
    assert (_markers(plot, "square"), _markers(plot, "x")) == (2, 2)
    assert "1 undefined, 1 outside" in description_of(plot)
    assert any("b and c: a heritability" in note for note in notes_of(plot))
    issues = check_integrity(plot.references())
    assert not issues.error
    process_validation_issues(issues)


def test_a_matrix_needs_pairs_and_columns():
    with pytest.raises(InputError, match="needs pairs"):
        rg_matrix(TABLE.head(0))
    with pytest.raises(InputError, match="rg"):
        rg_matrix(TABLE.drop(columns="rg"))

"""The funnel adds up, and says each step's count and reason."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.plots.funnel import funnel
from gwasbone.plots.page import description_of

pytestmark = pytest.mark.usefixtures("small_counts_shown")


def _table(k=4):
    removed = [0, *range(100, 100 * k, 100)]
    return pd.DataFrame(
        {
            "step": [f"Step {i}" for i in range(k)],
            "reason": ["", *[f"reason {i}" for i in range(1, k)]],
            "removed": removed,
            "remaining": 10_000 - np.cumsum(removed),
        }
    )


def _texts(plot):
    return [
        text
        for one in plot.renderers
        if type(one.glyph).__name__ == "Text"
        for text in one.data_source.data["text"]
    ]


def test_bars_are_in_proportion_and_top_down():
    table = _table()
    bars = funnel(table, title="t").renderers[0].data_source.data
    np.testing.assert_allclose(bars["left"] / bars["left"][0], table["remaining"] / 10_000)
    np.testing.assert_allclose(bars["before"][1:], bars["left"][:-1])
    assert (np.diff(bars["y"]) < 0).all()


@pytest.mark.parametrize("k", [1, 2, 12])
def test_counts_and_reasons_are_written(k):
    texts = _texts(funnel(_table(k), noun="variants", title="t"))
    assert "variants left" in texts
    assert "10,000" in texts
    for i in range(1, k):
        assert f"−{100 * i:,}" in texts
        assert f"reason {i}" in texts


def test_the_caption_tells_start_and_end():
    text = description_of(funnel(_table(), title="t"))
    assert text.startswith("From 10,000 to 9,400 samples in 4 rows")


def test_a_missing_removed_count_of_the_start_is_zero():
    table = _table()
    table["removed"] = table["removed"].astype(float)
    table.loc[0, "removed"] = np.nan
    assert "10,000" in _texts(funnel(table, title="t"))


def test_every_row_that_does_not_add_up_is_named():
    table = _table()
    table.loc[1, "remaining"] = 9_000
    with pytest.raises(InputError, match=r"'Step 1' says 100 removed and 9000.*'Step 2' says 200"):
        funnel(table, title="t")


def test_an_empty_table_is_refused():
    with pytest.raises(InputError, match="at least one row"):
        funnel(_table().iloc[:0], title="t")

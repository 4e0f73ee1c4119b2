"""One scan against another: what is drawn, counted and said."""

import numpy as np
import pandas as pd
import pytest
from bokeh.models import HoverTool, Span
from made_scan_tables import made_scan, marks, texts

from gwasbone.errors import InputError
from gwasbone.plots.p_scatter import p_scatter, z_scatter
from gwasbone.plots.page import description_of, notes_of

NAMES = ("bmd", "cnn_prob")
HAND_WORKED = pd.DataFrame(
    {
        "chromosome": 1,
        "base_pair_location": [10, 2_000_000, 4_000_000, 6_000_000, 8_000_000],
        "source_id": list("vwxyz"),
        "neg_log_10_p_value_a": [1.0, 20.0, 9.0, 0.5, np.nan],
        "neg_log_10_p_value_b": [2.0, 15.0, 1.0, 8.0, 1.0],
        "z_a": [1.0, 9.0, 6.0, -1.0, np.nan],
        "z_b": [-2.0, 8.0, -1.0, 6.0, 1.0],
    }
)


def _pairs(m=20_000):
    a, b = made_scan(1, m=m), made_scan(2, m=m)
    return a.assign(
        neg_log_10_p_value_a=a["neg_log_10_p_value"], neg_log_10_p_value_b=b["neg_log_10_p_value"]
    )


def test_hand_worked_quarters():
    plot = p_scatter(HAND_WORKED, names=NAMES, title="t")
    assert "1 in both, 1 in bmd only, 1 in cnn_prob only, 1 in neither" in description_of(plot)
    assert sorted(texts(plot)) == ["1", "1", "1", "w", "x", "y"]
    x, y = marks(plot)
    assert sorted(zip(x.tolist(), y.tolist(), strict=True)) == [
        (0.5, 8.0),
        (1.0, 2.0),
        (9.0, 1.0),
        (20.0, 15.0),
    ]
    assert "1 variants without a p-value in both are left out." in notes_of(plot)


def test_both_axes_have_one_scale_and_a_genome_wide_line():
    plot = p_scatter(HAND_WORKED, names=NAMES, title="t")
    assert (plot.x_range.start, plot.x_range.end) == (plot.y_range.start, plot.y_range.end)
    assert plot.x_range.end > 20
    lines = [(s.dimension, round(s.location, 3)) for s in plot.select({"type": Span})]
    assert sorted(lines) == [("height", 7.301), ("width", 7.301)]


def test_scans_in_the_other_order_mirror_the_picture():
    swapped = HAND_WORKED.rename(
        columns={
            f"{q}_{i}": f"{q}_{j}" for q in ("neg_log_10_p_value", "z") for i, j in ("ab", "ba")
        }
    )
    x, y = marks(p_scatter(HAND_WORKED, names=NAMES, title="t"))
    y2, x2 = marks(p_scatter(swapped, names=NAMES[::-1], title="t"))
    assert sorted(zip(x, y, strict=True)) == sorted(zip(x2, y2, strict=True))


def test_thinning_keeps_what_is_high_in_either_and_says_how_many_are_drawn():
    pairs = _pairs()
    pairs.loc[5, "neg_log_10_p_value_a"], pairs.loc[6, "neg_log_10_p_value_b"] = 40.0, 50.0
    plot = p_scatter(pairs, names=NAMES, title="t")
    x, y = marks(plot)
    assert x.size < 10_000
    assert f"{x.size:,} of 20,000 variants are drawn" in " ".join(notes_of(plot))
    assert x.max() == 40
    assert y.max() == 50
    high = pairs[["neg_log_10_p_value_a", "neg_log_10_p_value_b"]].max(axis=1) > 5
    assert (np.maximum(x, y) > 5).sum() == high.sum()


def test_top_points_answer_hovering_with_both_scans():
    plot = p_scatter(HAND_WORKED, names=NAMES, title="t")
    words = [
        tool.renderers[0].data_source.data for tool in plot.tools if isinstance(tool, HoverTool)
    ]
    assert [one["Variant"] for one in words] == [["x"], ["y"], ["w"]]
    assert words[2]["−log₁₀ p, cnn_prob"] == ["15.00"]


def test_z_shows_direction_and_counts_opposite_signs():
    plot = z_scatter(HAND_WORKED, names=NAMES, title="t")
    x, y = marks(plot)
    assert (9.0, 8.0) in set(zip(x.tolist(), y.tolist(), strict=True))
    assert plot.x_range.start == -plot.x_range.end
    assert "Of 3 variants below the genome-wide line in either scan, 2" in notes_of(plot)[0]


def test_errors():
    with pytest.raises(InputError, match="needs the columns neg_log_10_p_value_b"):
        p_scatter(HAND_WORKED.drop(columns="neg_log_10_p_value_b"), names=NAMES, title="t")
    with pytest.raises(InputError, match="5 rows came and none has"):
        p_scatter(HAND_WORKED.assign(neg_log_10_p_value_a=np.nan), names=NAMES, title="t")
    with pytest.raises(InputError, match="4 of 4 pairs have another"):
        p_scatter(HAND_WORKED.assign(neg_log_10_p_value_b=np.inf).iloc[:4], names=NAMES, title="t")
    with pytest.raises(InputError, match="is a p-value between 0 and 1"):
        p_scatter(HAND_WORKED, names=NAMES, title="t", genome_wide=7.3)

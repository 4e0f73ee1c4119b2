"""Forest and Deming plots."""

import numpy as np
import pandas as pd
import pytest
from bokeh.models import Segment

from gwasbone.errors import InputError
from gwasbone.plots.comparison import deming_scatter
from gwasbone.plots.forest import forest
from gwasbone.plots.page import description_of, notes_of


def _table(**more):
    rows = {
        "name": ["a / b", "a / c", "b / c"],
        "value": [2.0, np.nan, 0.5],
        "low": [1.5, np.nan, 0.01],
        "high": [2.6, np.nan, np.inf],
        "group": ["one", "one", "two"],
        "note": ["", "no signal", ""],
        "n": [40, 40, 40],
    }
    return pd.DataFrame(rows | more)


def _written(plot):
    texts = [r for r in plot.renderers if type(r.glyph).__name__ == "Text"]
    return [text for r in texts for text in (r.glyph.text or r.data_source.data["text"])]


def test_a_ratio_stands_at_its_logarithm_and_infinite_ends_get_arrows():
    plot = forest(_table(), title="t", x_label="Ratio", no_difference=1.0, log_scale=True)
    source = next(
        r.data_source.data for r in plot.renderers
        if isinstance(r.glyph, Segment) and "low" in r.data_source.data
    )  # fmt: skip
    np.testing.assert_allclose(source["x"], np.log([2.0, 0.5]))
    assert source["low"][0] == pytest.approx(np.log(1.5))
    limits = plot.xaxis[0].bounds
    assert source["high"][1] == limits[1]
    assert any("arrow" in note for note in notes_of(plot))
    assert "a / c: no signal." in notes_of(plot)
    assert "1 undefined" in description_of(plot)
    labels = plot.xaxis[0].major_label_overrides
    assert "1" in labels.values()


def test_groups_have_names_and_rows_their_order():
    plot = forest(_table(), title="t", x_label="Ratio")
    names = plot.yaxis[0].major_label_overrides
    assert [names[y] for y in sorted(names, reverse=True)] == ["a / b", "a / c", "b / c"]


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match="needs the columns"):
        forest(_table().drop(columns="low"), title="t", x_label="x")
    with pytest.raises(InputError, match="needs rows"):
        forest(_table().head(0), title="t", x_label="x")
    with pytest.raises(InputError, match="above 0"):
        forest(_table(value=[1, -1, 2]), title="t", x_label="x", log_scale=True)
    assert forest(_table(value=[np.nan] * 3), title="t", x_label="x") is not None


def test_effects_are_turned_to_be_positive_in_the_first_scan():
    points = pd.DataFrame({"x": [-1.0, 2.0], "y": [-0.5, 1.1], "se_x": 0.1, "se_y": 0.1})
    plot = deming_scatter(points, names=("a", "b"), slope=0.5, low=0.4, high=0.6, title="t")
    dots = next(r.data_source.data for r in plot.renderers if "of_x" in r.data_source.data)
    assert dots["x"].tolist() == [1, 2]
    assert dots["y"].tolist() == [0.5, 1.1]
    assert "Deming's slope, 0.5 (0.4 to 0.6)" in description_of(plot)
    none = deming_scatter(
        points, names=("a", "b"), slope=np.nan, low=-np.inf, high=np.inf, title="t"
    )
    assert "No slope can be told" in description_of(none)
    with pytest.raises(InputError, match="needs points"):
        deming_scatter(points.head(0), names=("a", "b"), slope=1, low=1, high=1, title="t")

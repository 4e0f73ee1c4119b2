"""Histograms and scatter plots of quality control: counts, thresholds, what is left out."""

import numpy as np
import pytest
from bokeh.models import Label, Span

from gwasbone.errors import InputError
from gwasbone.plots.page import description_of, notes_of
from gwasbone.plots.qc import qc_histogram, qc_scatter
from gwasbone.plots.theme import Threshold

pytestmark = pytest.mark.usefixtures("small_counts_shown")


def _data(plot, glyph):
    return [one.data_source.data for one in plot.renderers if type(one.glyph).__name__ == glyph]


def test_bars_count_every_value_once():
    values = np.random.default_rng(1).normal(size=5_000)
    bars = _data(qc_histogram(values, title="t", x_label="z"), "Quad")[0]
    assert bars["top"].sum() == 5_000
    for left, right, top in zip(bars["left"], bars["right"], bars["top"], strict=True):
        inside = ((values >= left) & (values < right)).sum()
        assert abs(top - inside) <= 1, "the last bin also holds the maximum"


def test_bins_of_a_log_axis_are_even_in_the_logarithm():
    values = 10 ** np.random.default_rng(1).uniform(-3, 3, 20_000)
    plot = qc_histogram(values, title="t", x_label="D", log_x=True, bins=12)
    bars = _data(plot, "Quad")[0]
    np.testing.assert_allclose(np.log10(bars["right"] / bars["left"]), 0.5, rtol=1e-3)
    assert bars["top"].sum() == 20_000


def test_thresholds_count_what_lies_strictly_beyond():
    values = [0.90, 0.95, 0.95, 0.99, 1.0]
    thresholds = [
        Threshold("call rate 0.95", 0.95, "below"),
        Threshold("too good 0.95", 0.95, "above"),
        Threshold("guide", 0.97),
    ]
    plot = qc_histogram(values, title="t", x_label="Call rate", thresholds=thresholds)
    texts = {one.text: one.x for one in plot.select({"type": Label})}
    assert texts == {
        "call rate 0.95\n1 below (20%)": 0.95,
        "too good 0.95\n2 above (40%)": 0.95,
        "guide": 0.97,
    }
    assert sorted(span.location for span in plot.select({"type": Span})) == [0.95, 0.95, 0.97]
    assert "call rate 0.95: 1 below (20%)" in description_of(plot)


def test_a_threshold_outside_the_data_is_still_in_the_frame():
    plot = qc_histogram([1.0, 2.0], title="t", x_label="x", thresholds=[Threshold("far", 9)])
    assert plot.x_range.start < 1
    assert plot.x_range.end > 9


def test_missing_values_are_counted():
    plot = qc_histogram([1.0, np.nan, 0.0, -1.0], title="t", x_label="x", log_x=True)
    assert notes_of(plot) == ["3 variants are left out: missing or not positive."]
    with pytest.raises(InputError, match="of 2 for 'x' none is"):
        qc_histogram([np.nan, 0.0], title="t", x_label="x", log_x=True)


def test_bars_of_a_log_count_axis_stand_on_its_floor():
    plot = qc_histogram([1.0] * 1_000 + [2.0], title="t", x_label="x", log_y=True)
    assert plot.y_range.start > 0
    assert _data(plot, "Quad")[0]["top"].tolist() == [1_000, 1]
    assert plot.y_range.end > 1_000


def test_scatter_crosses_are_those_beyond_a_threshold():
    call_rate = [0.90, 0.99, 0.98, np.nan, 0.99]
    heterozygosity = [0.19, 0.25, 0.19, 0.19, 0.18]
    plot = qc_scatter(
        call_rate,
        heterozygosity,
        title="t",
        x_label="Call rate",
        y_label="Heterozygosity",
        x_thresholds=[Threshold("call rate 0.95", 0.95, "below")],
        y_thresholds=[Threshold("heterozygosity 0.22", 0.22, "above")],
    )
    fine, crosses = _data(plot, "Scatter")
    np.testing.assert_allclose(sorted(crosses["x"]), [0.90, 0.99])
    np.testing.assert_allclose(sorted(fine["y"]), [0.18, 0.19])
    assert "2 lie beyond a threshold" in description_of(plot)
    assert "1 participants are left out: a value is missing." in notes_of(plot)
    assert plot.right[0].major_label_overrides[0.22].startswith("heterozygosity 0.22\n1 above")

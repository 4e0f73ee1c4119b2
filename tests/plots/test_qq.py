"""The QQ figure shows the points, the line and the band it is given."""

import numpy as np

from gwasbone.plots.page import description_of, notes_of
from gwasbone.plots.qq import qq
from gwasbone.stats.quantile_plot import quantile_plot_points


def _points(m=10_000, seed=1):
    return quantile_plot_points(np.random.default_rng(seed).exponential(1 / np.log(10), m))


def _by_glyph(plot, name):
    return [one for one in plot.renderers if type(one.glyph).__name__ == name]


def test_points_and_band_are_those_given():
    points = _points()
    plot = qq(points, title="t", lambda_gc=1.0342)
    marks = _by_glyph(plot, "Scatter")[0].data_source.data
    np.testing.assert_allclose(marks["x"], points.expected, rtol=1e-6)
    np.testing.assert_allclose(marks["y"], points.observed, rtol=1e-6)
    band = _by_glyph(plot, "VArea")[0].data_source.data
    np.testing.assert_array_equal(band["y1"], points.lower)
    np.testing.assert_array_equal(band["y2"], points.upper)


def test_the_identity_line_is_the_identity():
    line = _by_glyph(qq(_points(), title="t"), "Line")[0].data_source.data
    assert line["x"] == line["y"]


def test_all_points_are_inside_the_axes():
    points = quantile_plot_points([300.0, 1.0, 0.4])
    plot = qq(points, title="t")
    assert plot.y_range.end > 300
    assert plot.x_range.end > points.expected[0]


def test_lambda_and_counts_are_in_the_legend():
    plot = qq(_points(), title="t", lambda_gc=1.0342)
    assert plot.legend[0].items[0].label.value == "observed, 10,000 variants, λ = 1.034"
    assert "λ = 1.034" in description_of(plot)


def test_strata_differ_in_colour_and_shape():
    strata = {"MAF below 0.01": _points(500, 2), "MAF from 0.01": _points(700, 3)}
    plot = qq(strata, title="t", lambda_gc={"MAF below 0.01": 0.98})
    marks = _by_glyph(plot, "Scatter")
    assert len({one.glyph.fill_color for one in marks}) == 2
    assert len({one.glyph.marker for one in marks}) == 2
    labels = [item.label.value for item in plot.legend[0].items]
    assert labels == [
        "MAF below 0.01, 500 variants, λ = 0.980",
        "MAF from 0.01, 700 variants",
    ]


def test_notes_count_what_is_not_drawn():
    values = np.random.default_rng(4).exponential(size=20_000)
    values[:7] = np.nan
    points = quantile_plot_points(values, max_points=1_000)
    notes = " ".join(notes_of(qq(points, title="t")))
    assert f"{points.rank.size:,} of 19,993 points are drawn" in notes
    assert "7 variants without a p-value" in notes

"""The residual figure shows each sex with its line, and says what it does not draw."""

import numpy as np
import pytest

from gwasbone.errors import InputError
from gwasbone.plots.page import description_of, notes_of
from gwasbone.plots.residuals import formula_lines, residual_pair, residual_scatter
from gwasbone.stats.smoothing import smooth_line

pytestmark = pytest.mark.usefixtures("small_counts_shown")


def figure(n=400, seed=1, **change):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(45, 80, n), rng.normal(size=n)
    group = np.where(rng.random(n) < 0.5, "women", "men")
    lines = {g: smooth_line(x[group == g], y[group == g]) for g in ("women", "men")}
    given = {"x": x, "residual": y, "group": group, "lines": lines} | change
    labels = {"title": "t", "x_label": "Age (years)", "y_label": "Residual of bmd"}
    return residual_scatter(*given.values(), **labels), given


def by_glyph(plot, name):
    return [one for one in plot.renderers if type(one.glyph).__name__ == name]


def test_lines_and_bands_are_those_given_over_all_points():
    plot, given = figure()
    lines, bands = by_glyph(plot, "Line"), by_glyph(plot, "VArea")
    assert len(lines) == len(bands) == 2
    for one, band, line in zip(lines, bands, given["lines"].values(), strict=True):
        np.testing.assert_array_equal(one.data_source.data["fit"], line.fit)
        np.testing.assert_array_equal(band.data_source.data["lower"], line.lower)
        np.testing.assert_array_equal(band.data_source.data["upper"], line.upper)
    kinds = [type(one.glyph).__name__ for one in plot.renderers]
    assert kinds.index("VArea") > max(i for i, kind in enumerate(kinds) if kind == "Scatter")


def test_sexes_differ_in_colour_marker_and_dash_and_are_counted():
    plot, given = figure()
    points, lines = by_glyph(plot, "Scatter"), by_glyph(plot, "Line")
    for attribute in ("fill_color", "marker"):
        assert len({getattr(one.glyph, attribute) for one in points}) == 2
    assert len({str(one.glyph.line_dash) for one in lines}) == 2
    women = int((given["group"] == "women").sum())
    assert f"women, {women}" in description_of(plot)
    assert [item.label.value for item in plot.legend[0].items] == [
        f"women, {women}", f"men, {400 - women}"
    ]  # fmt: skip


def test_what_is_not_drawn_is_said_and_points_are_on_the_axes():
    residual = np.random.default_rng(2).normal(size=9_000)
    residual[:5] = np.nan
    plot, _ = figure(9_000, residual=residual)
    notes = " ".join(notes_of(plot))
    drawn = sum(len(one.data_source.data["x"]) for one in by_glyph(plot, "Scatter"))
    assert drawn < 8_995
    assert "5 participants without both numbers" in notes
    assert f"{drawn:,} of 8,995 points are drawn" in notes
    assert plot.y_range.end > np.nanmax(residual)


def test_few_people_have_points_and_no_line():
    plot, _ = figure(6, lines={"women": None, "men": None})
    assert by_glyph(plot, "Line") == []
    assert len(by_glyph(plot, "Scatter")) == 2
    with pytest.raises(InputError, match="none has both"):
        figure(6, residual=np.full(6, np.nan))


def test_the_pair_carries_the_words_of_both():
    first, second = figure()[0], figure(seed=2)[0]
    pair = residual_pair([first, second], description="What the model leaves.")
    assert description_of(pair).startswith("What the model leaves. Residual of bmd against")
    assert "95%" in notes_of(pair)[0]


def test_formulas_are_lines_with_a_legend_in_their_order():
    x = np.linspace(0, 1, 40)
    line = smooth_line(x, x**2)
    plot = formula_lines(
        {"a": line, "none": None, "b" * 90: line}, title="t", x_label="Age", y_label="Residual"
    )
    shown = [item.label.value for item in plot.legend[0].items]
    assert shown[0] == "1. a"
    assert shown[1].startswith("2. bbb")
    assert len(shown[1]) < 90
    with pytest.raises(InputError, match="needs a smooth line"):
        formula_lines({"a": None}, title="t", x_label="Age", y_label="Residual")

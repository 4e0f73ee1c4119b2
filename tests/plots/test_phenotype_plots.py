"""Figures of phenotypes: overlap of sets, distributions by group, intervals, shares."""

import numpy as np
import pandas as pd
import pytest
from bokeh.models import FactorRange

from gwasbone.errors import InputError
from gwasbone.plots.distributions import distributions
from gwasbone.plots.dots import interval_dots
from gwasbone.plots.overlap import overlap
from gwasbone.plots.page import description_of, notes_of, save_page
from gwasbone.plots.stacked_proportions import stacked_proportions
from gwasbone.plots.theme import Threshold

pytestmark = pytest.mark.usefixtures("small_counts_shown")


def _data(plot, glyph):
    return [one.data_source.data for one in plot.renderers if type(one.glyph).__name__ == glyph]


COMBINATIONS = pd.DataFrame(
    {"a": [True, True, False], "b": [False, True, True], "n_people": [5_000, 30, 2]}
)
TOTALS = pd.Series({"a": 5_030, "b": 32})


def test_bars_and_dots_of_an_overlap_stand_for_the_same_sets():
    layout = overlap(COMBINATIONS, TOTALS, title="t")
    bars, matrix = layout.children
    data = _data(bars, "VBar")[0]
    assert data["top"].tolist() == [5_000, 30, 2]
    assert data["sets"] == ["a", "a, b", "b"]
    outside, inside = _data(matrix, "Scatter")
    filled = set(zip(inside["x"].tolist(), inside["y"].tolist(), strict=True))
    assert filled == {(0, 1), (1, 1), (1, 0), (2, 0)}, "the first set is the upper row"
    assert len(outside["x"]) == 2
    assert matrix.yaxis.major_label_overrides == {1: "a  5,030", 0: "b  32"}
    assert bars.x_range is matrix.x_range
    assert "5,032 participants" in description_of(layout)


def test_combinations_that_are_not_drawn_are_counted():
    layout = overlap(COMBINATIONS, TOTALS, title="t", at_most=1)
    assert _data(layout.children[0], "VBar")[0]["top"].tolist() == [5_000]
    assert notes_of(layout)[-1].startswith(
        "Smaller combinations that are not drawn: 2, with 32 participants"
    )


def test_an_overlap_needs_sets_and_people():
    with pytest.raises(InputError, match="needs the columns b"):
        overlap(COMBINATIONS.drop(columns="b"), TOTALS, title="t")
    with pytest.raises(InputError, match="at least one combination"):
        overlap(COMBINATIONS.head(0), TOTALS, title="t")


def test_distributions_count_everybody_once_in_shared_bins():
    rng = np.random.default_rng(1)
    groups = {"Women": rng.normal(60, 8, 500), "Men": np.append(rng.normal(65, 8, 300), np.nan)}
    plot = distributions(groups, title="t", x_label="Age (years)", bin_width=2)
    women, men = _data(plot, "Line")
    assert women["y"].sum() == 2 * 500, "each bin has a left and a right end"
    assert men["y"].sum() == 2 * 300
    np.testing.assert_array_equal(women["x"], men["x"])
    assert (women["x"] % 2 == 0).all()
    x, y = women["x"], women["y"]
    inside = (groups["Women"] >= x[0]) & (groups["Women"] < x[1])
    assert y[0] == inside.sum()
    assert notes_of(plot) == ["1 participants are left out: missing."]
    mean = f"{groups['Women'].mean():.1f}"
    assert f"Women, 500 participants, mean {mean}" in description_of(plot)


def test_groups_without_numbers():
    plot = distributions({"Women": [1.0, 2.0], "Men": [np.nan]}, title="t", x_label="x")
    assert len(_data(plot, "Line")) == 1
    with pytest.raises(InputError, match="of 1 groups for 'x' none"):
        distributions({"Men": [np.nan]}, title="t", x_label="x")


ROWS = pd.DataFrame(
    {
        "name": ["neck", "shaft", "few"],
        "estimate": [0.8, 0.9, np.nan],
        "lower": [0.7, 0.85, np.nan],
        "upper": [0.9, 0.95, np.nan],
        "written": ["0.8", "0.9", "too few"],
    }
)


def test_intervals_and_the_text_beside_them():
    plot = interval_dots(
        ROWS, title="t", x_label="r", words="95% intervals", guides=(Threshold("one", 1.0),)
    )
    assert isinstance(plot.y_range, FactorRange)
    assert plot.y_range.factors == ["few", "shaft", "neck"]
    dots = _data(plot, "Scatter")[0]
    assert dots["estimate"].tolist() == [0.8, 0.9]
    assert _data(plot, "Text")[0]["text"] == ["0.8", "0.9", "too few"]
    low, high = plot.xaxis.bounds
    assert low < 0.7
    assert high > 1.0
    assert "from 0.8 (neck) to 0.9 (shaft)" in description_of(plot)
    with pytest.raises(InputError, match="of 1 rows none has"):
        interval_dots(ROWS.tail(1), title="t", x_label="r", words="w")


def test_the_proportions_of_a_row_sum_to_one():
    counts = pd.DataFrame({"measured": [90, 0], "guessed": [10, 0]}, index=["hip", "arm"])
    meanings = {"measured": "measured here", "guessed": "guessed"}
    plot = stacked_proportions(counts, title="t", x_label="Share", meanings=meanings, noun="visits")
    first, second = _data(plot, "HBar")
    np.testing.assert_allclose(first["right"], [0.9, np.nan])
    np.testing.assert_allclose(second["left"][0], 0.9)
    np.testing.assert_allclose(second["right"][0], 1.0)
    assert "measured here: 90%" in description_of(plot)
    with pytest.raises(InputError, match="got none in 2 rows"):
        stacked_proportions(counts * 0, title="t", x_label="x", meanings=meanings, noun="visits")


def test_all_of_them_on_a_page(tmp_path):
    sections = [
        ("Overlap", overlap(COMBINATIONS, TOTALS, title="t")),
        ("Dots", interval_dots(ROWS, title="t", x_label="r", words="intervals")),
    ]
    page = save_page(sections, tmp_path / "p.html", title="Page").read_text()
    assert "A bar counts the participants" in page

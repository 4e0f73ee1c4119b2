"""Two scans back to back: both read upwards from the middle as positive numbers."""

import numpy as np
import pytest
from made_scan_tables import made_scan, marks, panels, texts

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.miami import miami
from gwasbone.plots.page import description_of, notes_of


@pytest.fixture(scope="module")
def scans():
    return {
        "bmd": made_scan(1, peaks=[(1_000, 12.5)]),
        "cnn_prob": made_scan(2, chromosomes=(1, 2, 7), peaks=[(1_500, 30.0)]),
    }


def test_the_lower_half_grows_downwards_with_positive_numbers(scans):
    upper, lower = panels(miami(scans))
    assert upper.y_range.start == lower.y_range.end == 0
    assert upper.y_range.end > 12.5
    assert lower.y_range.start > 30
    for plot, table in zip((upper, lower), scans.values(), strict=True):
        _, y = marks(plot)
        assert y.min() >= 0
        assert y.max() == pytest.approx(table["neg_log_10_p_value"].max(), rel=1e-6)


def test_the_halves_share_the_genome_and_differ_in_colour(scans):
    upper, lower = panels(miami(scans))
    assert upper.x_range is lower.x_range
    assert list(upper.below[0].major_label_overrides.values()) == ["1", "2", "7", "X"]
    assert not lower.below[0].visible
    colours = [
        {one.glyph.fill_color for one in plot.renderers if isinstance(one.glyph.fill_color, str)}
        for plot in (upper, lower)
    ]
    assert set(theme.CHROMOSOME_COLOURS) <= colours[0]
    assert set(theme.MIRROR_COLOURS) <= colours[1]


def test_labels_stand_above_their_leads_and_below_in_the_lower_half(scans):
    leads = {n: t.nlargest(1, "neg_log_10_p_value").assign(gene=f"G_{n}") for n, t in scans.items()}
    for plot, name, baseline in zip(
        panels(miami(scans, leads=leads)), scans, ("bottom", "top"), strict=True
    ):
        assert texts(plot) == [f"G_{name}"]
        (label,) = [one for one in plot.renderers if type(one.glyph).__name__ == "Text"]
        assert label.data_source.data["y"][0] > leads[name]["neg_log_10_p_value"].iloc[0]
        assert label.glyph.text_baseline == baseline


def test_what_is_above_the_axis_points_away_from_the_middle(scans):
    upper, lower = panels(miami(scans, y_max=10))
    markers = [
        {m for one in plot.renderers for m in np.asarray(one.data_source.data.get("marker", []))}
        for plot in (upper, lower)
    ]
    assert "triangle" in markers[0]
    assert "inverted_triangle" in markers[1]
    notes = " ".join(notes_of(miami(scans, y_max=10)))
    assert "cnn_prob: the axis ends at 10: 1 variants above it" in notes


def test_both_halves_have_one_scale_unless_they_are_freed(scans):
    leads = {"bmd": scans["bmd"].nlargest(1, "neg_log_10_p_value")}
    upper, lower = panels(miami(scans, leads=leads))
    assert upper.y_range.end == lower.y_range.start > 30
    upper, lower = panels(miami(scans, leads=leads, common_y=False))
    assert upper.y_range.end < 20 < lower.y_range.start


def test_the_words(scans):
    layout = miami(scans, title="Hip")
    assert description_of(layout).startswith("Hip: Miami plot of two scans")
    assert "Downwards, cnn_prob: 3,000 variants, 1 reach" in description_of(layout)
    assert "cnn_prob has no variants on chromosome X." in notes_of(layout)
    with pytest.raises(InputError, match="takes 2 scans; 3 came"):
        miami(scans | {"third": scans["bmd"]})

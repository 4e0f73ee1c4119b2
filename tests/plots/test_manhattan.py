"""The Manhattan figure draws what the table holds, and says what it does not draw."""

import numpy as np
import pandas as pd
import pytest
from bokeh.models import HoverTool, Span

from gwasbone.errors import InputError
from gwasbone.plots.manhattan import manhattan
from gwasbone.plots.page import description_of, notes_of


def _results(m=4_000, seed=1):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "chromosome": np.sort(rng.choice([1, 2, 7, 23], m)).astype(np.int16),
            "base_pair_location": rng.integers(1, 50_000_000, m).astype(np.int32),
            "other_allele": "A",
            "effect_allele": "G",
            "source_id": [f"rs{i}" for i in range(m)],
            "n": np.int32(26_790),
            "effect_allele_frequency": rng.uniform(0.01, 0.5, m),
            "beta": rng.normal(size=m),
            "standard_error": 0.1,
            "neg_log_10_p_value": rng.exponential(1 / np.log(10), m),
        }
    ).sort_values(["chromosome", "base_pair_location"], ignore_index=True)
    table.loc[[10, 500, 1_000], "neg_log_10_p_value"] = [12.5, 348.58, 8.0]
    return table


def _columns(plot, name):
    return [
        np.asarray(one.data_source.data[name])
        for one in plot.renderers
        if name in one.data_source.data
    ]


def _marks(plot):
    """(x, y, colour or marker present) of every scatter renderer, leads included."""
    return [
        (one, np.asarray(one.data_source.data["x"]), np.asarray(one.data_source.data["y"]))
        for one in plot.renderers
        if type(one.glyph).__name__ == "Scatter"
    ]


def test_every_variant_is_drawn_once_at_its_height_where_there_is_room():
    results = _results(1_200)
    plot = manhattan(results, title="t", width_px=3_000, height_px=3_000)
    heights = np.concatenate([y for _, _, y in _marks(plot)])
    assert heights.size <= 1_200
    high = results.loc[results["neg_log_10_p_value"] > 3.5, "neg_log_10_p_value"]
    for height in high:
        assert np.isclose(heights, height, rtol=1e-6).sum() == 1


def test_the_axis_reaches_the_highest_peak_from_zero_without_a_break():
    plot = manhattan(_results(), title="t")
    assert plot.y_range.start == 0
    assert plot.y_range.end > 348.58
    assert max(y.max() for _, _, y in _marks(plot)) == pytest.approx(348.58)


def test_neighbouring_chromosomes_differ_in_colour_and_are_named_at_their_centres():
    plot = manhattan(_results(), title="t")
    names = plot.below[0].major_label_overrides
    assert list(names.values()) == ["1", "2", "7", "X"]
    assert plot.below[0].ticker.args["centres"] == list(names)
    first, second = _marks(plot)[:2]
    assert first[0].glyph.fill_color != second[0].glyph.fill_color
    centres = list(names)
    # Chromosomes 1 and 7 share a shade, 2 and X the other.
    limit = (centres[0] + centres[1]) / 2
    assert (first[1] < limit).any()
    assert not (second[1] < limit).any()


def test_significance_lines_lie_at_minus_log10_p_and_are_named():
    plot = manhattan(_results(), title="t", genome_wide=5e-9, suggestive=1e-6)
    spans = sorted(span.location for span in plot.select({"type": Span}))
    np.testing.assert_allclose(spans, [6, 8.30103], rtol=1e-6)
    text = " ".join(plot.right[0].major_label_overrides.values())
    assert "genome-wide, p = 5 × 10⁻⁹" in text
    assert "suggestive, p = 10⁻⁶" in text


def test_a_suggestive_line_above_the_genome_wide_one_is_not_drawn():
    plot = manhattan(_results(), title="t", genome_wide=1e-4, suggestive=1e-5)
    assert [span.location for span in plot.select({"type": Span})] == pytest.approx([4])
    assert list(plot.right[0].major_label_overrides.values()) == ["genome-wide, p = 0.0001"]


def test_missing_p_values_are_left_out_and_counted():
    results = _results()
    results.loc[[1, 2, 3], "neg_log_10_p_value"] = np.nan
    plot = manhattan(results, title="t")
    assert any("3 variants without a p-value" in note for note in notes_of(plot))
    assert "Manhattan plot of 3,997 variants" in description_of(plot)
    assert all(np.isfinite(y).all() for _, _, y in _marks(plot))


def test_the_notes_count_the_points_that_are_drawn():
    results = _results(60_000)
    plot = manhattan(results, title="t")
    n_drawn = sum(y.size for _, _, y in _marks(plot))
    assert n_drawn < 60_000
    assert f"{n_drawn:,} of 60,000 variants are drawn" in notes_of(plot)[0]


def test_with_y_max_what_is_above_becomes_triangles_and_is_counted():
    results = _results()
    leads = results.iloc[[10, 500]].assign(gene=["WNT16", "LRP5"])
    plot = manhattan(results, title="t", leads=leads, y_max=10)
    assert plot.y_range.end < 13
    markers = np.concatenate(_columns(plot, "marker"))
    heights = np.concatenate([y for one, _, y in _marks(plot) if "marker" in one.data_source.data])
    # Two variants and their two leads, clear of the points at the last true height.
    assert (heights[markers == "triangle"] > 10).sum() == 4
    assert (heights[markers != "triangle"] <= 10).all()
    assert (heights < plot.y_range.end).all()
    assert any("2 variants above" in note for note in notes_of(plot))
    texts = np.concatenate([one for one in _columns(plot, "text") if one.size])
    assert "LRP5 (349)" in texts.tolist()


def test_leads_answer_hovering_with_their_numbers():
    results = _results()
    code = results["chromosome"].iloc[1_000]
    lead = results.iloc[[1_000]].assign(gene="SOST", beta=0.0345, standard_error=0.0051)
    plot = manhattan(results, title="t", leads=lead)
    hovered = [tool.renderers for tool in plot.tools if isinstance(tool, HoverTool)]
    assert len(hovered) == 2
    data = hovered[-1][0].data_source.data
    assert data["β (s.e.)"] == ["0.0345 (0.0051)"]
    assert data["Effect / other allele"] == ["G / A"]
    assert data["−log₁₀ p"] == ["8.00"]
    assert data["Place"] == [f"{code}:{lead['base_pair_location'].iloc[0]:,}"]
    silent = [one for one, _, _ in _marks(plot)[:2]]
    assert not any(one in renderers for one in silent for renderers in hovered)


def test_more_leads_than_names_are_counted():
    results = _results()
    leads = results.nlargest(30, "neg_log_10_p_value").assign(gene=[f"GENE{i}" for i in range(30)])
    plot = manhattan(results, title="t", leads=leads, max_labels=5)
    written = np.concatenate([one for one in _columns(plot, "text") if one.size])
    assert written.size <= 5
    assert any(f"{30 - written.size} of 30 lead variants" in note for note in notes_of(plot))


def test_a_bare_table_of_three_columns_will_do():
    results = _results()[["chromosome", "base_pair_location", "neg_log_10_p_value"]]
    plot = manhattan(results, title="t", leads=results.nlargest(2, "neg_log_10_p_value"))
    texts = np.concatenate([one for one in _columns(plot, "text") if one.size])
    assert all(":" in text for text in texts)


def test_one_chromosome_shows_positions():
    results = _results().query("chromosome == 7")
    plot = manhattan(results, title="t")
    assert plot.below[0].axis_label == "Position on chromosome 7 (Mb)"


def test_the_table_is_not_changed():
    results = _results()
    before = results.copy()
    manhattan(results, title="t", leads=results.nlargest(3, "neg_log_10_p_value"))
    pd.testing.assert_frame_equal(results, before)


def test_errors_say_what_came():
    results = _results()
    with pytest.raises(InputError, match=r"needs the columns base_pair_location; the table has"):
        manhattan(results.drop(columns="base_pair_location"), title="t")
    with pytest.raises(InputError, match="1 of 4000 values are not"):
        manhattan(results.assign(neg_log_10_p_value=[np.inf] + [1.0] * 3_999), title="t")
    with pytest.raises(InputError, match="none has one"):
        manhattan(results.assign(neg_log_10_p_value=np.nan), title="t")
    with pytest.raises(InputError, match="these do not: 9"):
        manhattan(results, title="t", leads=results.iloc[:1].assign(chromosome=9))

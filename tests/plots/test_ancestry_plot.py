"""The ancestry figure: who is drawn where, filled or hollow, and the kept region's section."""

import numpy as np
import pandas as pd
import pytest
from bokeh.models import Ellipse, GlyphRenderer, Legend, Span

from gwasbone.errors import InputError
from gwasbone.plots.ancestry import KeptRegion, ancestry_pairs, scree
from gwasbone.plots.page import description_of, notes_of

pytestmark = pytest.mark.usefixtures("small_counts_shown")

COMPONENTS = [f"PC{number}" for number in range(1, 7)]
REGION = KeptRegion(centre=np.arange(6.0), sd=np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0]), radius=7.0)


def _people(n=60, seed=1):
    rng = np.random.default_rng(seed)
    index = [f"person{i}" for i in range(n)]
    scores = pd.DataFrame(rng.normal(size=(n, 6)), columns=COMPONENTS, index=index)
    groups = pd.Series(rng.choice(["British", "Irish"], n, p=[0.7, 0.3]), index=index)
    return scores, groups


def _scatters(layout):
    return [
        one
        for one in layout.select({"type": GlyphRenderer})
        if type(one.glyph).__name__ == "Scatter" and np.isfinite(one.data_source.data["x"]).all()
    ]


def test_everyone_is_drawn_in_each_panel_at_their_scores():
    scores, groups = _people()
    layout = ancestry_pairs(scores, groups)
    drawn = np.concatenate([np.asarray(one.data_source.data["x"]) for one in _scatters(layout)])
    expected = np.concatenate([scores[f"PC{j}"] for j in (1, 3, 5)])
    np.testing.assert_allclose(np.sort(drawn), np.sort(expected), rtol=1e-6)


def test_people_not_kept_are_hollow_whatever_the_order_of_the_series():
    scores, groups = _people()
    kept = pd.Series(scores["PC1"] > 0, index=scores.index)
    layout = ancestry_pairs(scores, groups[::-1], kept=kept.sample(frac=1, random_state=1))
    hollow = [one for one in _scatters(layout) if one.glyph.fill_color is None]
    x = np.concatenate([np.asarray(one.data_source.data["x"]) for one in hollow])
    first = scores.loc[~kept, "PC1"].astype("f4").to_numpy()
    assert np.isin(first, x).all()
    assert not np.isin(scores.loc[kept, "PC1"].astype("f4").to_numpy(), x).any()
    assert f"{kept.sum()} of {len(kept)} are retained" in description_of(layout)


def test_the_ellipse_is_centre_and_radius_times_sd():
    scores, groups = _people()
    layout = ancestry_pairs(scores, groups, region=REGION)
    ellipses = [
        one for one in layout.select({"type": GlyphRenderer}) if isinstance(one.glyph, Ellipse)
    ]
    found = {
        (d["x"][0], d["y"][0], d["width"][0], d["height"][0])
        for d in (one.data_source.data for one in ellipses)
    }
    assert found == {(0, 1, 7, 14), (2, 3, 21, 28), (4, 5, 35, 42)}
    assert any("6-dimensional ellipsoid of radius 7" in note for note in notes_of(layout))


def test_one_legend_governs_all_panels():
    scores, groups = _people()
    layout = ancestry_pairs(scores, groups, region=REGION)
    legends = list(layout.select({"type": Legend}))
    assert len(legends) == 1
    british = legends[0].items[0]
    assert british.label.value == f"British ({(groups == 'British').sum()})"
    assert len(british.renderers) == 1 + 3, "a swatch, and one renderer per panel"
    assert legends[0].click_policy == "hide"


def test_no_identity_is_on_the_page():
    scores, groups = _people()
    layout = ancestry_pairs(scores, groups, deviation=scores["PC1"] ** 2, threshold=49)
    for one in layout.select({"type": GlyphRenderer}):
        for values in one.data_source.data.values():
            assert not any("person" in str(value) for value in values)


def test_the_threshold_of_the_deviation_is_drawn():
    scores, groups = _people()
    deviation = pd.Series(np.linspace(1, 100, len(scores)), index=scores.index)
    layout = ancestry_pairs(scores, groups, deviation=deviation, threshold=49)
    assert [span.location for span in layout.select({"type": Span})] == [49]


def test_missing_scores_and_groups_are_counted():
    scores, groups = _people()
    scores.iloc[0, 2] = np.nan
    groups.iloc[1] = None
    layout = ancestry_pairs(scores, groups)
    assert any("1 participants without all components" in note for note in notes_of(layout))
    labels = [item.label.value for item in next(iter(layout.select({"type": Legend}))).items]
    assert "not reported (1)" in labels


def test_people_absent_from_a_series_are_an_error():
    scores, groups = _people()
    with pytest.raises(
        InputError, match=r"'groups' must have every participant.*; 2 of 60 are absent"
    ):
        ancestry_pairs(scores, groups.iloc[2:])


def test_repeated_names_are_an_error():
    scores, groups = _people()
    scores.index = groups.index = ["same"] * len(scores)
    with pytest.raises(InputError, match="59 repeat a name"):
        ancestry_pairs(scores, groups)


def test_more_groups_than_colours_still_differ():
    scores, _ = _people(120)
    groups = pd.Series([f"group {i % 12}" for i in range(120)], index=scores.index)
    layout = ancestry_pairs(scores, groups, pairs=((1, 2),))
    looks = {
        (one.glyph.marker, one.glyph.line_color)
        for one in layout.select({"type": GlyphRenderer})
        if type(one.glyph).__name__ == "Scatter"
    }
    assert len(looks) == 12


def test_scree_shows_the_eigenvalues():
    plot = scree([5.0, 2.0, 1.0])
    bars = plot.renderers[0].data_source.data
    assert np.asarray(bars["top"]).tolist() == [5.0, 2.0, 1.0]
    with pytest.raises(InputError, match="finite eigenvalues"):
        scree([])

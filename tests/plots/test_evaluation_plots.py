"""ROC, precision-recall, reliability and probability figures show the numbers they are given."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.calibration import reliability
from gwasbone.plots.page import description_of, notes_of
from gwasbone.plots.probabilities import predicted_probabilities
from gwasbone.plots.roc import precision_recall, roc
from gwasbone.stats.bootstrap import BootstrapInterval
from gwasbone.stats.calibration import calibration
from gwasbone.stats.precision_recall import precision_recall_curve
from gwasbone.stats.roc import area_under_curve, roc_curve

pytestmark = pytest.mark.usefixtures("small_counts_shown")


def _people(seed=1, n=4000):
    rng = np.random.default_rng(seed)
    eta = rng.normal(-1.5, 1.5, n)
    case = rng.random(n) < 1 / (1 + np.exp(-eta))
    good = 1 / (1 + np.exp(-eta))
    return case, {"images": good, "age": np.clip(good + rng.normal(0, 0.3, n), 0, 1)}


CASE, SCORES = _people()
CURVES = {name: roc_curve(CASE, score) for name, score in SCORES.items()}
AREAS = {name: area_under_curve(CASE, score) for name, score in SCORES.items()}


def _lines(plot):
    return [one for one in plot.renderers if type(one.glyph).__name__ == "Line"]


def _labels(plot):
    return [item.label.value for item in plot.legend[0].items]


def _area(x, y):
    return np.trapezoid(np.asarray(y, float), np.asarray(x, float))


def test_roc_lines_enclose_the_areas_of_the_legend():
    plot = roc(CURVES, AREAS, title="t")
    chance, *lines = _lines(plot)
    assert chance.data_source.data["x"] == chance.data_source.data["y"] == [0, 1]
    for line, (name, area), label in zip(lines, AREAS.items(), _labels(plot), strict=True):
        drawn = line.data_source.data
        assert (drawn["x"][0], drawn["y"][0], drawn["x"][-1], drawn["y"][-1]) == (0, 0, 1, 1)
        assert _area(drawn["x"], drawn["y"]) == pytest.approx(area.auc, abs=0.002)
        assert label == f"{name}, AUC {area.auc:.3f} [{area.lower:.3f}, {area.upper:.3f}]"
        assert label in description_of(plot)
    assert len(lines[0].data_source.data["x"]) < 2500


def test_curves_differ_in_colour_and_in_dash():
    for plot in (roc(CURVES, AREAS, title="t"), _precision_recall()):
        glyphs = [line.glyph for line in _lines(plot)[1:]]
        assert len({glyph.line_color for glyph in glyphs}) == 2
        assert len({str(glyph.line_dash) for glyph in glyphs}) == 2


def test_roc_notes_count_the_people_once_or_by_curve():
    notes = notes_of(roc(CURVES, AREAS, title="t"))
    n = int(CASE.sum())
    assert sum(f"{n:,} cases" in note for note in notes) == 1
    assert "95% interval (DeLong, wald scale)" in notes[0]
    fewer = np.where(np.arange(CASE.size) < 7, np.nan, SCORES["age"])
    curves = CURVES | {"age": roc_curve(CASE, fewer)}
    notes = " ".join(notes_of(roc(curves, AREAS, title="t")))
    assert "age: " in notes
    assert "7 participants without score or outcome" in notes


def test_a_curve_needs_its_area():
    with pytest.raises(InputError, match="an area for each, got 2 curves; age lacks it"):
        roc(CURVES, {"images": AREAS["images"]}, title="t")
    with pytest.raises(InputError, match="got 0 curves"):
        roc({}, {}, title="t")


def _precision_recall(intervals=None):
    curves = {name: precision_recall_curve(CASE, score) for name, score in SCORES.items()}
    return precision_recall(curves, intervals, title="t")


def test_the_precision_recall_stairs_enclose_the_average_precision():
    plot = _precision_recall()
    prevalence, *lines = _lines(plot)
    assert prevalence.data_source.data["y"] == pytest.approx([CASE.mean()] * 2)
    for line, score in zip(lines, SCORES.values(), strict=True):
        drawn = line.data_source.data
        truth = precision_recall_curve(CASE, score).average_precision
        assert _area(drawn["x"], drawn["y"]) == pytest.approx(truth, abs=0.003)
    assert "bootstrap" not in " ".join(notes_of(plot))


def test_stairs_are_stairs_in_a_small_case():
    plot = precision_recall({"s": precision_recall_curve([1, 0, 1, 0], [4, 3, 2, 1])}, title="t")
    drawn = _lines(plot)[1].data_source.data
    np.testing.assert_allclose(drawn["x"], [0, 0.5, 0.5, 1])
    np.testing.assert_allclose(drawn["y"], [1, 1, 2 / 3, 2 / 3])


def test_bootstrap_intervals_are_told():
    one = BootstrapInterval(0.5, 0.01, 0.41, 0.63, 0.9, "percentile", 500, 4000)
    plot = _precision_recall({"images": one, "age": one})
    assert _labels(plot)[0].endswith("[0.410, 0.630]")
    assert "90% percentile interval from 500 bootstrap samples" in notes_of(plot)[0]


def test_reliability_points_and_whiskers_are_the_bins():
    results = {name: calibration(CASE, score) for name, score in SCORES.items()}
    plot = reliability(results, title="t")
    points = [one for one in plot.renderers if type(one.glyph).__name__ == "Scatter"]
    for point, one in zip(points, results.values(), strict=True):
        drawn = point.data_source.data
        np.testing.assert_array_equal(drawn["x"], one.bins.predicted)
        np.testing.assert_array_equal(drawn["y"], one.bins.observed)
        np.testing.assert_array_equal(drawn["lower"], one.bins.lower)
        np.testing.assert_array_equal(drawn["people"], one.bins.n_people)
        assert one.bins.upper.max() < plot.y_range.end
        assert one.bins.predicted.max() < plot.x_range.end
    assert (plot.x_range.start, plot.x_range.end) == (plot.y_range.start, plot.y_range.end)
    fit = results["images"].recalibration
    assert f"slope {fit.slope:.2f}" in _labels(plot)[0]
    assert len({point.glyph.marker for point in points}) == 2
    with pytest.raises(InputError, match="at least one calibration"):
        reliability({}, title="t")


def test_a_slope_that_cannot_be_judged_is_said():
    flat = calibration([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3])
    plot = reliability({"flat": flat}, title="t")
    assert "slope NA" in _labels(plot)[0]
    assert "cannot be judged (collinear)" in " ".join(notes_of(plot))


def _predictions():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"probability": SCORES["images"], "is_case": CASE})
    return table.assign(in_training=rng.random(len(table)) < 0.7)


def test_shares_of_each_group_add_up_in_both_panels():
    table = _predictions()
    layout = predicted_probabilities(table, title="Osteoporosis", bins=20)
    panels = layout.children
    assert panels[0].x_range is panels[1].x_range
    assert panels[0].y_range.end == panels[1].y_range.end
    for panel, in_training in zip(panels, (True, False), strict=True):
        for line, is_case in zip(_lines(panel), (False, True), strict=True):
            drawn = line.data_source.data
            assert _area(drawn["x"], drawn["y"]) * 20 == pytest.approx(1)
            group = table[(table["in_training"] == in_training) & (table["is_case"] == is_case)]
            mean = _area(drawn["x"], np.asarray(drawn["x"]) * drawn["y"]) * 20
            assert mean == pytest.approx(group["probability"].mean(), abs=0.01)
            assert f"{len(group):,}" in " ".join(_labels(panel))
    assert panels[0].title.text == "Osteoporosis: in training"
    assert "held out" in description_of(layout)


def test_missing_predictions_are_counted_and_wrong_ones_refused():
    table = _predictions()
    table.loc[:8, "probability"] = np.nan
    notes = notes_of(predicted_probabilities(table, title="t"))
    assert any("9 rows" in note for note in notes)
    with pytest.raises(InputError, match=r"between 0 and 1 to draw, got .* to 3"):
        predicted_probabilities(table.assign(probability=3.0), title="t")
    with pytest.raises(InputError, match="no complete row"):
        predicted_probabilities(table.iloc[:3], title="t")
    with pytest.raises(InputError, match="needs the columns in_training"):
        predicted_probabilities(table.drop(columns="in_training"), title="t")


def test_no_panel_fails_without_cases():
    table = _predictions().query("~(in_training and is_case)")
    layout = predicted_probabilities(table, title="t")
    assert "Cases, 0" in _labels(layout.children[0])


def test_areas_without_an_interval_are_shown_without():
    single = dataclasses.replace(AREAS["images"], lower=np.nan, upper=np.nan)
    plot = roc({"images": CURVES["images"]}, {"images": single}, title="t")
    assert _labels(plot) == [f"images, AUC {single.auc:.3f}"]
    assert _lines(plot)[1].glyph.line_color == theme.GROUP_COLOURS[0]

"""Disclosure control: no single participant, no small count, none that can be worked out."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from bokeh.embed import json_item

from gwasbone.plots import disclosure
from gwasbone.plots.ancestry import ancestry_pairs
from gwasbone.plots.calibration import reliability
from gwasbone.plots.disclosure import neighbourhood_means, participant_histogram, withheld_cells
from gwasbone.plots.distributions import distributions
from gwasbone.plots.funnel import funnel, funnel_words
from gwasbone.plots.genotype_effects import genotype_effects
from gwasbone.plots.overlap import overlap
from gwasbone.plots.page import description_of, notes_of, page_figure
from gwasbone.plots.probabilities import predicted_probabilities
from gwasbone.plots.qc import qc_histogram, qc_scatter
from gwasbone.plots.residuals import residual_scatter
from gwasbone.plots.roc import precision_recall, roc
from gwasbone.plots.saliency import saliency_figure
from gwasbone.plots.stacked_proportions import stacked_proportions
from gwasbone.plots.theme import Threshold
from gwasbone.stats.calibration import calibration
from gwasbone.stats.precision_recall import precision_recall_curve
from gwasbone.stats.roc import area_under_curve, roc_curve
from gwasbone.stats.smoothing import smooth_line


def _numbers(layout):
    """Every number in the JSON of a figure, arrays decoded."""
    found = []

    def walk(value):
        if isinstance(value, dict):
            if value.get("type") == "ndarray":
                return  # read from the sources below
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append(float(value))

    item = json_item(layout)
    walk(json.loads(json.dumps(item, default=str)))
    for source in layout.select({"name": None}):
        for column in getattr(source, "data", {}).values():
            values = np.asarray(column)
            if values.dtype.kind in "if":
                found.extend(values.astype(float).ravel().tolist())
    return np.array(found)


def _shows(layout, values):
    """How many of some numbers of single participants a figure holds, to single precision."""
    numbers = _numbers(layout).astype("f4")
    return int(np.isin(np.asarray(values, dtype="f4"), numbers).sum())


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_no_small_cell_follows_from_the_total_and_the_cells_shown(k):
    """Of all rows of k small cells and others of 5 to 12, each small cell has two solutions."""
    for small in itertools.product(range(1, 5), repeat=k):
        for others in itertools.combinations_with_replacement((7, 12), 2):
            counts = np.array([*small, *others])
            hidden = withheld_cells(counts)
            assert hidden[:k].all()
            rest = counts[hidden].sum()
            extra = hidden[k:].any()
            for i in range(k):
                possible = {
                    values[i]
                    for values in itertools.product(range(1, 5), repeat=k)
                    if (rest - sum(values) >= 5 if extra else sum(values) == rest)
                }
                assert len(possible) > 1, (counts, hidden)


def test_nothing_is_withheld_without_small_cells_or_where_they_are_allowed():
    assert not withheld_cells([0, 5, 40]).any()
    with disclosure.small_counts():
        assert not withheld_cells([1, 40]).any()
        assert disclosure.count_cell(3) == "3"
    assert disclosure.count_cell(3) == "< 5"


@pytest.mark.parametrize("n", [0, 4, 5, 9, 10, 137, 2000])
def test_marks_are_means_of_five_to_nine_and_keep_the_overall_mean(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=n) ** 3
    marks = neighbourhood_means(x, y)
    if n < 5:
        assert marks.n.size == 0
        return
    assert marks.n.sum() == n
    assert marks.n.min() >= 5
    assert marks.n.max() <= 9
    assert np.average(marks.x, weights=marks.n) == pytest.approx(x.mean())
    assert np.average(marks.y, weights=marks.n) == pytest.approx(y.mean())
    # participants near each other: the marks keep most of the variance
    if n == 2000:
        assert np.average((marks.x - x.mean()) ** 2, weights=marks.n) > 0.95 * x.var()


def test_marks_do_not_depend_on_the_order_of_the_participants():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 300))
    order = rng.permutation(300)
    one, other = neighbourhood_means(x, y), neighbourhood_means(x[order], y[order])
    np.testing.assert_allclose(np.sort(one.x), np.sort(other.x))


def test_bars_hold_five_and_their_ends_are_round():
    values = np.append(np.random.default_rng(1).normal(60, 8, 500), [3.21, 171.77])
    counts, edges, withheld = participant_histogram(values)
    assert counts[counts > 0].min() >= 5
    assert counts.sum() + withheld == 502
    assert edges[0] > 30
    assert edges[-1] < 90
    np.testing.assert_allclose(edges / 5, np.rint(edges / 5), atol=1e-9)


def test_free_text_loses_small_numbers_of_participants_only():
    said = "2 women, 14 men, 3 male controls, 1 of 3 regions, 2,004 people, 25 traits, p < 5"
    assert disclosure.masked(said) == (
        "fewer than 5 women, 14 men, fewer than 5 male controls, 1 of 3 regions, 2,004 people, 25 "
        "traits, p < 5"
    )


@pytest.mark.parametrize(
    ("removed", "remaining", "gone", "left"),
    [
        ([0, 20, 30], [200, 180, 150], ["", "−20", "−30"], ["200", "180", "150"]),
        ([0, 3, 20, 30], [200, 197, 177, 147], ["", "< 5", "–", "−30"], ["200", "–", "177", "147"]),
        # a step before comes first: the funnel of an earlier stage ended after it
        ([0, 24, 3, 181], [300, 276, 273, 92], ["", "–", "< 5", "−181"], ["300", "–", "273", "92"]),
        # a small last step joins the last large one before it
        ([0, 20, 0, 3], [200, 180, 180, 177], ["", "–", "", "< 5"], ["200", "–", "–", "177"]),
        # without a large step the start is withheld
        ([0, 3, 0, 4], [200, 197, 197, 193], ["", "< 5", "", "< 5"], ["–", "–", "–", "193"]),
        ([0, 3, 20, 4], [200, 197, 177, 173], ["", "< 5", "–", "< 5"], ["200", "–", "–", "173"]),
    ],
)
def test_a_funnel_gives_no_small_step_away(removed, remaining, gone, left):
    words = funnel_words(removed, remaining)
    assert list(words.removed) == gone
    assert list(words.remaining) == left
    with disclosure.small_counts():
        assert "–" not in funnel_words(removed, remaining).remaining
    assert "–" not in funnel_words(removed, remaining, noun="variants").remaining
    # and neither do the lengths of its bars
    steps = np.diff(words.bar)
    assert not set(np.abs(steps)) & {1, 2, 3, 4}


def _figures_of_participants(rng):
    n = 400
    x, y = rng.normal(size=(2, n))
    x[:3] = [7.123, -6.321, 5.789]
    index = [f"p{i}" for i in range(n)]
    scores = pd.DataFrame({f"PC{j}": rng.permutation(x) for j in range(1, 7)}, index=index)
    groups = pd.Series(["rare"] * 3 + ["common"] * (n - 3), index=index)
    sex = np.where(np.arange(n) < 3, "women", "men")
    line = smooth_line(x, y)
    lines = {"women": None, "men": line}
    limit = Threshold("limit", 5.0, "above")
    labels = {"title": "t", "x_label": "x"}
    return x, [
        qc_histogram(x, noun="samples", thresholds=[limit], **labels),
        qc_scatter(x, y, y_label="y", x_thresholds=[limit], **labels),
        ancestry_pairs(scores, groups, deviation=scores["PC1"] ** 2 + 0.1, threshold=9.0),
        residual_scatter(x, y, list(sex), lines, y_label="y", **labels),
        distributions({"a": x, "b": x[:3]}, **labels),
    ]


def test_no_figure_of_participants_holds_the_value_of_one():
    x, figures = _figures_of_participants(np.random.default_rng(5))
    for figure in figures:
        assert _shows(figure, x) == 0, description_of(figure)
        words = " ".join([description_of(figure), *notes_of(figure)])
        assert "fewer than 5" in words or "no single participant" in words
    # and the check would notice them
    with disclosure.small_counts():
        _, figures = _figures_of_participants(np.random.default_rng(5))
        shown = [_shows(figure, x) for figure in figures]
    assert shown[1] > 300
    assert shown[2] > 300
    assert shown[3] > 300


def test_curves_of_scores_step_by_five_participants():
    rng = np.random.default_rng(6)
    p = rng.random(150)
    case = rng.random(150) < p
    n1 = int(case.sum())
    plot = roc({"a": roc_curve(case, p)}, {"a": area_under_curve(case, p)}, title="t")
    data = plot.select({"name": None})
    curve = next(s.data for s in data if "y" in getattr(s, "data", {}) and len(s.data["y"]) > 2)
    behind = np.rint(np.array(curve["x"]) * (150 - n1) + np.array(curve["y"]) * n1)
    assert np.diff(behind).min() >= 5
    assert behind[[0, -1]].tolist() == [0, 150]
    plot = precision_recall({"a": precision_recall_curve(case, p)}, title="t")
    data = plot.select({"name": None})
    curve = next(s.data for s in data if "y" in getattr(s, "data", {}) and len(s.data["y"]) > 2)
    steps = np.diff(np.rint(np.unique(curve["x"]) * n1))
    assert steps.min() >= 5


def test_bins_and_bars_of_predictions_hold_five():
    rng = np.random.default_rng(7)
    p = rng.random(200) ** 3
    case = rng.random(200) < p
    plot = reliability({"a": calibration(case, p)}, title="t")
    sources = [s.data for s in plot.select({"name": None}) if "cases" in getattr(s, "data", {})]
    for data in sources:
        controls = np.asarray(data["people"]) - np.asarray(data["cases"])
        for count in (np.asarray(data["cases"]), controls):
            assert not ((count > 0) & (count < 5)).any()
    table = pd.DataFrame({"probability": p, "is_case": case, "in_training": p < 2})
    drawn = predicted_probabilities(table, title="t")
    for source in drawn.select({"name": None}):
        if "y" in getattr(source, "data", {}):
            heights = np.asarray(source.data["y"])
            for n in (case.sum(), (~case).sum()):
                assert not np.isin(np.arange(1, 5) / n, heights).all()


def test_combinations_and_totals_of_sets_give_nobody_away():
    table = pd.DataFrame(
        {"a": [True, True, False], "b": [False, True, True], "n_people": [500, 3, 40]}
    )
    layout = overlap(table, pd.Series({"a": 503, "b": 43}), title="t", noun="cases")
    bars, matrix = layout.children
    tops = [s.data["top"] for s in bars.select({"name": None}) if "top" in getattr(s, "data", {})]
    # 40 is withheld too, since 543 cases are known; the total of a, 503, would give away the 3
    assert [list(top) for top in tops] == [[500]]
    assert matrix.yaxis.major_label_overrides == {1: "a  –", 0: "b  43"}


def test_segments_of_few_are_blank():
    counts = pd.DataFrame({"0": [90, 50], "1": [8, 40], "2": [2, 10]}, index=["rs1", "rs2"])
    plot = stacked_proportions(
        counts, title="t", x_label="x", meanings={c: c for c in counts}, noun="participants"
    )
    ends = [r.data_source.data for r in plot.renderers]
    widths = np.array([np.subtract(d["right"], d["left"]) for d in ends]).T
    np.testing.assert_allclose(widths, [[0.9, 0, 0], [0.5, 0.4, 0.1]])


def _effects(n):
    rows = [
        {"variant_id": "1_5_A_G", "effect_allele": "G", "other_allele": "A", "trait": trait,
         "copies": copies, "n": count, "mean": copies + 0.25, "lower": 0.0, "upper": 3.0,
         "mean_sd": copies + 0.5, "lower_sd": 0.0, "upper_sd": 3.0, "beta_sd": 0.1,
         "chromosome": 1, "base_pair_location": 5}
        for trait in ("hip", "spine")
        for copies, count in enumerate(n)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_genotype_of_few_has_no_mean_and_cannot_be_counted():
    plot = genotype_effects(_effects([120, 40, 2]))
    assert _shows(plot, [2.5]) == 0
    labels = list(plot.xaxis[0].major_label_overrides.values())
    assert labels[:3] == ["AA\n120", "AG\n–", "GG\n< 5"]
    with disclosure.small_counts():
        plot = genotype_effects(_effects([120, 40, 2]))
    assert _shows(plot, [2.5]) == 1
    assert list(plot.xaxis[0].major_label_overrides.values())[2] == "GG\n2"


def test_a_class_of_few_has_no_map_and_no_difference():
    rng = np.random.default_rng(8)
    picture = rng.integers(0, 256, (12, 10)).astype(np.uint8)
    maps, slope = rng.random((2, 12, 10)), rng.normal(size=(12, 10))

    def images(n):
        figure = saliency_figure(
            picture, maps, slope, slope, names=["a", "b"], n=n, critical=1.5, title="t"
        )
        return page_figure("", figure).markup.count('alt="Mean saliency'), page_figure(
            "", figure
        ).markup.count("difference of mean saliency")

    assert images([30, 40]) == (2, 1)
    assert images([30, 4]) == (1, 0)
    assert images([3, 1]) == (0, 0)
    with disclosure.small_counts():
        assert images([30, 4]) == (2, 1)


def test_the_caption_of_a_funnel_does_not_count_what_the_figure_withholds():
    table = pd.DataFrame(
        [["all", "", 0, 200], ["sex", "x", 3, 197], ["rate", "y", 20, 177]],
        columns=["step", "reason", "removed", "remaining"],
    )
    plot = funnel(table)
    assert "197" not in description_of(plot)
    assert "fewer than 5" in notes_of(plot)[0]
    texts = {t for s in plot.select({"name": None}) for t in getattr(s, "data", {}).get("text", [])}
    assert {"< 5", "–", "200", "177"} <= texts
    assert not texts & {"197", "−3", "−20"}

"""A thinned scan draws the same picture and knows the counts of the whole."""

import numpy as np
import pytest
from made_scan_tables import made_scan

from gwasbone.plots.genome_axis import genome_axis
from gwasbone.plots.manhattan import manhattan
from gwasbone.plots.page import description_of, notes_of
from gwasbone.plots.scan_points import BACKGROUND, ScanPoints


@pytest.fixture(scope="module")
def results():
    table = made_scan(1, m=300_000, peaks=[(10, 12.5), (299_000, 348.58)])
    table.loc[[1, 2, 3], "neg_log_10_p_value"] = np.nan
    return table


def test_the_extremes_and_the_ends_of_chromosomes_stay(results):
    whole = ScanPoints.of(results)
    thinned = whole.thinned()
    assert len(thinned.table) < 0.7 * len(whole.table)
    high = whole.table[whole.table["neg_log_10_p_value"] > BACKGROUND]
    assert set(high["source_id"]) <= set(thinned.table["source_id"])
    axes = [genome_axis(one.chromosome, one.position_bp) for one in (whole, thinned)]
    np.testing.assert_array_equal(axes[0].start, axes[1].start)
    np.testing.assert_array_equal(axes[0].end, axes[1].end)


def test_counts_are_those_of_the_whole(results):
    thinned = ScanPoints.of(results).thinned()
    assert (thinned.n_variants, thinned.n_missing) == (299_997, 3)
    assert thinned.n_from(4.0) == (results["neg_log_10_p_value"] >= 4).sum()


def test_the_highest_of_too_many_stay():
    crowded = made_scan(2, m=70_000)
    crowded["neg_log_10_p_value"] += 4
    thinned = ScanPoints.of(crowded).thinned()
    kept = thinned.table["neg_log_10_p_value"]
    assert len(kept) < 70_000
    highest = crowded["neg_log_10_p_value"].nlargest(60_000)
    assert set(highest.index) <= set(kept.index)
    assert thinned.n_from(4.0) == 70_000


def test_a_figure_of_thinned_points_says_and_shows_the_same(results):
    whole = manhattan(results, title="t")
    thinned = manhattan(ScanPoints.of(results).thinned(), title="t")
    assert description_of(thinned) == description_of(whole)
    assert notes_of(thinned)[1:] == notes_of(whole)[1:]
    assert "of 299,997 variants are drawn" in notes_of(thinned)[0]
    assert _occupied(whole) == pytest.approx(_occupied(thinned), rel=0.02)


def _occupied(plot, cell_px=3.5):
    """How many squares of a point's size hold a point."""
    cells = set()
    for one in plot.renderers:
        if type(one.glyph).__name__ != "Scatter":
            continue
        x, y = (np.asarray(one.data_source.data[axis], float) for axis in "xy")
        column = x / plot.x_range.end * plot.frame_width // cell_px
        row = y / plot.y_range.end * plot.frame_height // cell_px
        cells |= set(zip(column.tolist(), row.tolist(), strict=True))
    return len(cells)

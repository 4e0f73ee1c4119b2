"""Thinning: every top point stays, every spot stays covered, and the count is bounded."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.plots.thinning import thin_points


def _cells(x, y, *, columns, rows, x_range, y_range):
    """Cell of each point, worked out one by one."""
    cells = []
    for a, b in zip(x, y, strict=True):
        column = int((a - x_range[0]) * (columns / (x_range[1] - x_range[0])))
        row = int((b - y_range[0]) * (rows / (y_range[1] - y_range[0])))
        cells.append((min(max(column, 0), columns - 1), min(max(row, 0), rows - 1)))
    return cells


def test_hand_worked():
    # Two columns and one row of cells below the threshold; the third point is above it.
    x, y = [0.1, 0.2, 0.3, 0.9, 0.8], [1.0, 1.0, 9.0, 1.0, 1.0]
    kept = thin_points(
        x, y, width_px=2, height_px=1, x_range=(0, 1), y_range=(0, 10), keep_above=5, cell_px=1
    )
    assert kept.tolist() == [0, 2, 3]


@pytest.mark.parametrize("per_cell", [1, 3])
def test_every_spot_stays_covered_and_none_holds_more(per_cell):
    rng = np.random.default_rng(1)
    x, y = rng.random(5_000), rng.exponential(size=5_000)
    frame = {"x_range": (0.0, 1.0), "y_range": (0.0, 12.0)}
    kept = thin_points(
        x, y, width_px=60, height_px=40, keep_above=3.5, cell_px=2, per_cell=per_cell, **frame
    )
    cells = np.array(_cells(x, y, columns=30, rows=20, **frame))
    low = y <= 3.5
    before = Counter(map(tuple, cells[low]))
    after = Counter(map(tuple, cells[np.intersect1d(kept, np.flatnonzero(low))]))
    assert after == {cell: min(n, per_cell) for cell, n in before.items()}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(0, 400),
    max_kept=st.integers(0, 50),
    per_cell=st.integers(1, 3),
)
def test_the_highest_points_always_stay(seed, m, max_kept, per_cell):
    rng = np.random.default_rng(seed)
    x, y = rng.random(m), np.round(rng.exponential(2, size=m), 1)
    kept = thin_points(
        x, y, width_px=20, height_px=10, keep_above=3, max_kept=max_kept, per_cell=per_cell
    )
    high = sorted((i for i in range(m) if y[i] > 3), key=lambda i: (-y[i], i))
    assert set(high[:max_kept]) <= set(kept.tolist())
    assert kept.tolist() == sorted(set(kept.tolist()))
    assert kept.size <= max_kept + per_cell * 13 * 6


def test_two_million_background_points_fit_the_cells_and_all_peaks_stay():
    rng = np.random.default_rng(2)
    m = 2_000_000
    x, y = rng.random(m), rng.exponential(scale=1 / np.log(10), size=m)
    peaks = rng.choice(m, 500, replace=False)
    y[peaks] = rng.uniform(7.3, 350, 500)
    kept = thin_points(x, y, width_px=1120, height_px=400, keep_above=3.5)
    assert np.isin(np.flatnonzero(y > 3.5), kept).all()
    assert kept.size <= (y > 3.5).sum() + 746 * 266
    again = thin_points(x, y, width_px=1120, height_px=400, keep_above=3.5)
    np.testing.assert_array_equal(kept, again)


def test_points_of_one_place_thin_to_one():
    assert thin_points([1.0] * 9, [2.0] * 9, width_px=10, height_px=10).tolist() == [0]


def test_limits_that_are_not_finite_are_no_limits():
    with pytest.raises(AssertionError, match="limits must be finite"):
        thin_points([1.0, 2.0], [1.0, 2.0], width_px=9, height_px=9, x_range=(np.nan, 1.0))


def test_no_points():
    assert thin_points([], [], width_px=10, height_px=10).size == 0


def test_points_that_are_not_finite_are_left_out():
    """Of one participant some statistics of quality control are not defined."""
    x, y = [1.0, np.nan, 3.0, 4.0, np.inf], [1.0, 2.0, np.nan, 9.0, np.inf]
    assert thin_points(x, y, width_px=100, height_px=100, keep_above=5).tolist() == [0, 3]
    assert thin_points([np.nan], [np.nan], width_px=9, height_px=9).tolist() == []

"""Labels lie above what is drawn, inside the frame, and never on each other."""

import numpy as np
import pytest

from gwasbone.plots.frame import place_labels

LINE, HEIGHT = 15, 300


def _place(x, y, widths, skyline):
    return place_labels(x, y, widths, line_px=LINE, skyline_px=skyline, frame_height_px=HEIGHT)


def test_a_lone_label_stands_right_above_its_point():
    placed = _place([100.0], [50.0], [40.0], np.zeros(400))
    assert placed.rows.tolist() == [0]
    assert placed.x_px[0] == 100
    assert 50 < placed.y_px[0] < 65


@pytest.mark.parametrize("seed", range(8))
def test_none_overlaps_and_all_are_inside_and_above(seed):
    rng = np.random.default_rng(seed)
    k = 40
    x, y = rng.uniform(0, 600, k), np.sort(rng.uniform(20, 280, k))[::-1]
    widths = rng.uniform(20, 90, k)
    skyline = np.zeros(600)
    np.maximum.at(skyline, x.astype(int), y)
    placed = _place(x, y, widths, skyline)
    assert placed.rows.size > 0
    left, right = placed.x_px - widths[placed.rows] / 2, placed.x_px + widths[placed.rows] / 2
    for i in range(placed.rows.size):
        assert left[i] >= 0
        assert right[i] <= 600
        assert placed.y_px[i] + LINE <= HEIGHT
        assert placed.y_px[i] > skyline[int(left[i]) : int(right[i]) + 1].max()
        for j in range(i):
            apart = right[i] <= left[j] or right[j] <= left[i]
            stacked = abs(placed.y_px[i] - placed.y_px[j]) >= LINE - 1e-9
            assert apart or stacked, (i, j)


def test_the_first_wins_where_there_is_room_for_one():
    # The frame ends one line above the points, and is one text wide.
    placed = _place([30.0, 30.0], [HEIGHT - 30.0] * 2, [60.0, 60.0], np.zeros(60))
    assert placed.rows.tolist() == [0]


def test_no_labels():
    assert _place([], [], [], np.zeros(10)).rows.size == 0

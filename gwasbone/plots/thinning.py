"""Fewer points, the same image: which of many points to draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def thin_points(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    width_px: int,
    height_px: int,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    keep_above: float = np.inf,
    max_kept: int = 100_000,
    cell_px: float = 1.5,
    per_cell: int = 1,
) -> npt.NDArray[np.int64]:
    """The rows to draw so that the image stays the same at its own size.

    Every point with ``y`` above ``keep_above`` is kept; where they are more than ``max_kept``,
    the ``max_kept`` highest of them (earlier rows first among equals). Of all others at most
    ``per_cell`` stay in each square cell of ``cell_px`` pixels, the earliest rows first. A marker
    wider than a cell's diagonal hides what is left out. The same input gives the same rows.

    Parameters
    ----------
    x, y : (m,) numbers in data units; points that are not finite cannot be drawn.
    width_px, height_px : size of the plotting area.
    x_range, y_range : its limits in data units; the data's own by default. Points outside the
        limits count to the cells at the edge.

    Returns
    -------
    (k,) row numbers, ascending.
    """
    xs, ys = np.asarray(x), np.asarray(y)
    assert xs.shape == ys.shape, "x and y must be of one length"
    if xs.size == 0:
        return np.empty(0, dtype=np.int64)
    finite = np.isfinite(xs) & np.isfinite(ys)
    high = np.flatnonzero(finite & (ys > keep_above))
    if high.size > max_kept:
        high = high[np.argsort(-ys[high], kind="stable")[:max_kept]]
    is_low = finite
    is_low[high] = False
    low = np.flatnonzero(is_low)

    columns, column = _cells(xs[low], x_range, max(1, int(width_px / cell_px)))
    rows, row = _cells(ys[low], y_range, max(1, int(height_px / cell_px)))
    low = low[_first_in_each(row * columns + column, columns * rows, per_cell)]
    return np.sort(np.concatenate([high, low])).astype(np.int64, copy=False)


def _cells(
    values: npt.NDArray[np.floating], limits: tuple[float, float] | None, cells: int
) -> tuple[int, npt.NDArray[np.int32]]:
    if values.size == 0:
        return cells, np.empty(0, dtype=np.int32)
    start, end = limits if limits is not None else (float(values.min()), float(values.max()))
    assert np.isfinite([start, end]).all(), f"limits must be finite, got {start} and {end}"
    scale = cells / (end - start) if end > start else 0.0
    return cells, np.clip((values - start) * scale, 0, cells - 1).astype(np.int32)


def _first_in_each(
    cell: npt.NDArray[np.int32], n_cells: int, per_cell: int
) -> npt.NDArray[np.int64]:
    chosen: list[npt.NDArray[np.int64]] = []
    waiting = np.arange(cell.size)
    for _ in range(per_cell):
        first = np.full(n_cells, -1, dtype=np.int64)
        # NumPy writes repeated indices in order and the last one stays: reversed, the earliest.
        first[cell[waiting][::-1]] = waiting[::-1]
        taken = first[first >= 0]
        chosen.append(taken)
        if taken.size == waiting.size:
            break
        still = np.zeros(cell.size, dtype=bool)
        still[waiting] = True
        still[taken] = False
        waiting = np.flatnonzero(still)
    return np.concatenate(chosen)

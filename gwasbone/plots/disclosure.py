"""Disclosure control: pages that are shared show no single participant and no count below five.

Protection is on by default, for every figure and page; :func:`small_counts` turns it off for the
analyst's own use. Three rules hold while it is on:

* a cell of 1 to 4 participants reads "< 5", and where a total would give it away a second cell is
  withheld with it (:func:`withheld_cells`); an empty cell is shown, since it holds nobody;
* a scatter plot of participants shows the means of neighbourhoods of five or more
  (:func:`neighbourhood_means`), a histogram of participants leaves out bars of fewer
  (:func:`participant_histogram`);
* an image, a saliency map, a mean or an interval of fewer than five participants is not drawn.

References
----------
Hundepool et al. (2012), Statistical Disclosure Control (Wiley): threshold rule, complementary cell
suppression, microaggregation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: The smallest number of participants that a cell may show.
MIN_COUNT = 5
#: What a withheld cell reads, in a table and in a sentence.
BELOW, FEWER = f"< {MIN_COUNT}", f"fewer than {MIN_COUNT}"
#: What a cell reads that is withheld so that another cannot be worked out.
WITHHELD = "–"

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_allowed: ContextVar[bool] = ContextVar("small_counts", default=False)


def _written(count: float) -> str:
    return f"{round(count):,}"


@contextmanager
def small_counts(allowed: bool = True) -> Iterator[None]:
    """Draw figures and pages with small counts and single participants, for the analyst's eyes.

    Parameters
    ----------
    allowed : False protects, as it is by default.

    Examples
    --------
    >>> with gb.plots.small_counts():
    ...     figure = gb.plots.qc_histogram([1.0, 2.0, 3.0], title="three", x_label="x")
    """
    token = _allowed.set(allowed)
    try:
        yield
    finally:
        _allowed.reset(token)


def small_counts_allowed() -> bool:
    """Whether figures may show small counts and single participants."""
    return _allowed.get()


def is_small(count: float) -> bool:
    """Whether a count of participants must not be shown.

    >>> is_small(0), is_small(4), is_small(5)
    (False, True, False)
    """
    return not _allowed.get() and 0 < count < MIN_COUNT


def count_words(count: float) -> str:
    """A count of participants in a sentence.

    >>> count_words(1234), count_words(3)
    ('1,234', 'fewer than 5')
    """
    return FEWER if is_small(count) else _written(count)


def count_cell(count: float) -> str:
    """A count of participants in a table, a legend or a tooltip.

    >>> count_cell(1234), count_cell(3)
    ('1,234', '< 5')
    """
    return BELOW if is_small(count) else _written(count)


def part_words(part: int, whole: int) -> str:
    """``part of whole``, so that neither the part nor the rest is a small count.

    >>> part_words(180, 200), part_words(198, 200), part_words(2, 200)
    ('180 of 200', 'all but fewer than 5 of 200', 'fewer than 5 of 200')
    """
    if is_small(part):
        return f"{FEWER} of {count_words(whole)}"
    if is_small(whole - part):
        return f"all but {FEWER} of {count_words(whole)}"
    return f"{_written(part)} of {_written(whole)}"


def withheld_cells(counts: npt.ArrayLike) -> Flags:
    """The cells of a row or column that must not be shown where their total is known.

    Cells of 1 to 4 are withheld. Where these alone could be worked out from the total (a single
    one, a sum below 5, or all at 1 or all at 4), the smallest other cell is withheld too.

    Parameters
    ----------
    counts : (k,) numbers of participants.

    Returns
    -------
    (k,) True where withheld; nowhere with small counts allowed.

    Examples
    --------
    >>> withheld_cells([120, 3, 40]).tolist()
    [False, True, True]
    >>> withheld_cells([120, 3, 4, 40]).tolist()
    [False, True, True, False]
    """
    numbers = np.asarray(counts, dtype=np.float64)
    small = (numbers > 0) & (numbers < MIN_COUNT)
    if _allowed.get() or not small.any():
        return np.zeros(numbers.shape, dtype=bool)
    hidden = small.copy()
    others = np.flatnonzero(~small & (numbers > 0))
    for i in others[np.argsort(numbers[others], kind="stable")]:
        if not given_away(numbers[hidden]):
            break
        # in place of a smaller one that does not suffice
        hidden = small.copy()
        hidden[i] = True
    if given_away(numbers[hidden]):
        hidden[others] = True
    return hidden


def given_away(counts: npt.ArrayLike) -> bool:
    """Whether small counts among some withheld ones follow from the sum of these.

    Parameters
    ----------
    counts : (k,) the withheld numbers, of which a reader knows which are below five.

    Examples
    --------
    >>> given_away([3]), given_away([3, 40]), given_away([4, 4]), given_away([2, 4])
    (True, False, True, False)
    >>> given_away([1, 5])
    True
    """
    numbers = np.asarray(counts, dtype=np.float64)
    small = (numbers > 0) & (numbers < MIN_COUNT)
    k, total = int(small.sum()), float(numbers.sum())
    if _allowed.get() or not k:
        return False
    if small.all():
        return total < MIN_COUNT or not k < total < (MIN_COUNT - 1) * k
    # the others are known to be five or more
    return total - MIN_COUNT * int((~small).sum()) <= k


def cell_texts(counts: npt.ArrayLike, withheld: Flags | None = None) -> list[str]:
    """Cells of a row or column as text; see :func:`withheld_cells`.

    >>> cell_texts([120, 3, 40])
    ['120', '< 5', '–']
    """
    numbers = np.asarray(counts, dtype=np.float64)
    hidden = withheld_cells(numbers) if withheld is None else withheld
    return [
        BELOW if is_small(n) else WITHHELD if gone else _written(n)
        for n, gone in zip(numbers.tolist(), hidden.tolist(), strict=True)
    ]


_NOUNS = (
    "people|persons?|participants?|samples?|individuals?|cases?|controls?|women|woman|men|man|"
    "females?|males?|pairs?|images?|pictures?|assessments?|visits?|relatives?"
)
_SMALL_IN_TEXT = re.compile(rf"(?<![\d.,:/–-])[1-4](?= (?:[a-z-]+ )?(?:{_NOUNS})\b)")


def masked(text: str) -> str:
    """A sentence in which small numbers of participants read "fewer than 5".

    It knows numbers that stand before a noun for participants or their images; sentences that are
    made of counts use :func:`count_words`.

    >>> masked("3 people without age, 3 regions, 12 cases")
    'fewer than 5 people without age, 3 regions, 12 cases'
    """
    return text if _allowed.get() else _SMALL_IN_TEXT.sub(FEWER, text)


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a scatter plot: participants, or means of neighbourhoods of them.

    Attributes
    ----------
    x, y : (k,) in data units.
    n : (k,) participants behind each mark.
    """

    x: Floats
    y: Floats
    n: npt.NDArray[np.int64]


def neighbourhood_means(x: npt.ArrayLike, y: npt.ArrayLike) -> Marks:
    """Points of participants as means of neighbourhoods of 5 to 9 of them.

    The points are halved at the median of the wider axis (in units of its range) until a half
    would hold fewer than five, so that neighbourhoods are small where participants are many
    (microaggregation by a k-d tree). Fewer than five points give no mark. With small counts
    allowed, each participant is a mark.

    Parameters
    ----------
    x, y : (n,) finite numbers.

    Examples
    --------
    >>> marks = neighbourhood_means(range(12), [0.0] * 12)
    >>> marks.x.tolist(), marks.n.tolist()
    ([2.5, 8.5], [6, 6])
    """
    points = np.column_stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    if _allowed.get():
        return Marks(points[:, 0], points[:, 1], np.ones(len(points), dtype=np.int64))
    if len(points) < MIN_COUNT:
        none = np.empty(0)
        return Marks(none, none, np.empty(0, dtype=np.int64))
    span = np.ptp(points, axis=0)
    scaled = points / np.where(span > 0, span, 1.0)
    leaves: list[npt.NDArray[np.int64]] = []
    waiting = [np.arange(len(points))]
    while waiting:
        rows = waiting.pop()
        if rows.size < 2 * MIN_COUNT:
            leaves.append(rows)
            continue
        axis = int(np.ptp(scaled[rows], axis=0).argmax())
        order = rows[np.argsort(scaled[rows, axis], kind="stable")]
        waiting += [order[rows.size // 2 :], order[: rows.size // 2]]
    means = np.array([points[rows].mean(axis=0) for rows in leaves])
    return Marks(means[:, 0], means[:, 1], np.array([rows.size for rows in leaves]))


#: Said below a scatter plot whose marks are means.
MEANS_NOTE = (
    f"Each mark is the mean of {MIN_COUNT} to {2 * MIN_COUNT - 1} participants who lie near each "
    "other; no single participant is shown."
)


def bars_note(n_withheld: int, noun: str) -> str:
    """What is said of bars that :func:`participant_histogram` left out.

    >>> bars_note(17, "samples")
    'Bars of fewer than 5 samples are not drawn: 17 samples in all.'
    """
    return f"Bars of {FEWER} {noun} are not drawn: {count_words(n_withheld)} {noun} in all."


def participant_histogram(
    values: npt.ArrayLike, *, bins: int = 50, width: float | None = None
) -> tuple[npt.NDArray[np.int64], Floats, int]:
    """Counts of participants in bins, without bars of fewer than five.

    Bins start at multiples of a round width, so that their ends do not give away the smallest and
    the largest value, and the axis ends where the first and last bar that is shown do.

    Parameters
    ----------
    values : (n,) finite numbers.
    bins : about how many.
    width : of a bin; a round number by default.

    Returns
    -------
    counts (k,), 0 where withheld; edges (k + 1,); and how many participants are withheld.

    Examples
    --------
    >>> counts, edges, withheld = participant_histogram([20] * 8 + [22] * 6 + [90], width=10)
    >>> counts.tolist(), edges.tolist(), withheld
    ([14], [20.0, 30.0], 1)
    """
    numbers = np.asarray(values, dtype=np.float64)
    step = round_width(float(np.ptp(numbers)) / bins) if width is None else width
    first, last = np.floor(numbers.min() / step), np.floor(numbers.max() / step) + 1
    edges = np.arange(first, last + 1) * step
    counts = np.histogram(numbers, bins=edges)[0].astype(np.int64)
    if _allowed.get():
        return counts, edges, 0
    small = (counts > 0) & (counts < MIN_COUNT)
    withheld = int(counts[small].sum())
    shown = np.where(small, 0, counts)
    filled = np.flatnonzero(shown)
    if not filled.size:
        return shown[:0], edges[:1], withheld
    start, end = int(filled[0]), int(filled[-1]) + 1
    return shown[start:end], edges[start : end + 1], withheld


def round_width(width: float) -> float:
    """The next of 1, 2 and 5 times a power of ten.

    >>> round_width(0.034), round_width(7.0)
    (0.05, 10.0)
    """
    if width <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= width * (1 - 1e-9)))

"""The variants of a scan that a Manhattan panel may draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, UsageError
from gwasbone.plots.genome_axis import genome_axis
from gwasbone.plots.thinning import thin_points
from gwasbone.plots.variant_words import require_columns
from gwasbone.sumstats.scan import Scan

NEEDED = ("chromosome", "base_pair_location", "neg_log_10_p_value")
#: Below this −log₁₀ p a variant is background: one point per spot says as much as all.
BACKGROUND = 3.5
#: A thinned scan is fine enough for a panel of this size.
_WIDTH_PX, _BACKGROUND_PX, _HEIGHT_PX = 1_400, 160, 600
_MAX_FOREGROUND = 60_000


@dataclass(frozen=True, slots=True)
class ScanPoints:
    """Rows of a scan with a p-value, and counts of the rows that were left out.

    A figure of several scans takes them in this form, so that only one of them ever has to be
    in memory whole: read one, keep ``ScanPoints.of(table).thinned()``, read the next.

    Attributes
    ----------
    table : rows with a p-value; all columns.
    high : −log₁₀ p of every variant of the scan above ``BACKGROUND``, in no order.
    n_variants : variants of the scan with a p-value.
    n_missing : variants of the scan without one.
    """

    table: pd.DataFrame
    high: npt.NDArray[np.float64]
    n_variants: int
    n_missing: int

    @classmethod
    def of(cls, results: pd.DataFrame, *, figure: str = "a Manhattan plot") -> ScanPoints:
        """All variants of a results table that have a p-value.

        Parameters
        ----------
        results : one row per variant with ``chromosome`` (codes 1-25), ``base_pair_location``
            and ``neg_log_10_p_value``, NaN where there is no p-value.
        figure : what is drawn, for the words of errors.

        Raises
        ------
        InputError
            A column is missing, no −log₁₀ p is finite, or one is infinite or negative.
        """
        require_columns(results, NEEDED, figure=figure)
        height = results["neg_log_10_p_value"].to_numpy(dtype=np.float64)
        missing = np.isnan(height)
        n_missing = int(missing.sum())
        y = height[~missing] if n_missing else height
        if y.size == 0:
            raise InputError(
                f"{figure} needs at least one finite neg_log_10_p_value; {height.size} rows came "
                "and none has one"
            )
        wrong = int(np.isinf(y).sum() + (y < 0).sum())
        if wrong:
            raise InputError(
                f"neg_log_10_p_value must be finite and not negative; {wrong} of {y.size} values "
                "are not: compute it on the log scale from beta and se, not from a rounded p"
            )
        table = results[~missing] if n_missing else results
        return cls(table, y[y > BACKGROUND], y.size, n_missing)

    @property
    def chromosome(self) -> npt.NDArray[np.int64]:
        """(r,) codes of the rows."""
        return self.table["chromosome"].to_numpy(dtype=np.int64)

    @property
    def position_bp(self) -> npt.NDArray[np.int64]:
        """(r,) positions of the rows."""
        return self.table["base_pair_location"].to_numpy(dtype=np.int64)

    @property
    def height(self) -> npt.NDArray[np.float64]:
        """(r,) −log₁₀ p of the rows."""
        return self.table["neg_log_10_p_value"].to_numpy(dtype=np.float64)

    def n_from(self, neg_log10_p: float) -> int:
        """How many variants of the scan reach a −log₁₀ p above ``BACKGROUND``."""
        known = self.high if neg_log10_p > BACKGROUND else self.height
        return int((known >= neg_log10_p).sum())

    def thinned(self) -> ScanPoints:
        """The rows that a panel needs to look as if it had all of them.

        The first and the last variant of each chromosome stay, so that the axis does too, and
        the highest points; of the others some for each pixel.
        """
        chromosome, position_bp, y = self.chromosome, self.position_bp, self.height
        axis = genome_axis(chromosome, position_bp)
        x = axis.place(chromosome, position_bp)
        thinned = partial(thin_points, width_px=_WIDTH_PX, x_range=axis.limits, cell_px=1.0)
        background = np.flatnonzero(y <= BACKGROUND)
        low = thinned(
            x[background], y[background], height_px=_BACKGROUND_PX, y_range=(0.0, BACKGROUND)
        )
        above = np.flatnonzero(y > BACKGROUND)
        high = thinned(
            x[above],
            y[above],
            height_px=_HEIGHT_PX,
            y_range=(BACKGROUND, float(y.max()) + 1e-9),
            keep_above=BACKGROUND,
            max_kept=_MAX_FOREGROUND,
        )
        nth = np.searchsorted(axis.codes, chromosome)
        to_end = np.minimum(x - axis.start[nth], axis.end[nth] - x)
        ends = np.flatnonzero(to_end < 1e-7)  # a tenth of a base
        kept = np.unique(np.concatenate([background[low], above[high], ends]))
        return ScanPoints(self.table.iloc[kept], self.high, self.n_variants, self.n_missing)


def scan_points(results: Any, *, trait: str | None = None, figure: str) -> ScanPoints:
    """A scan as :class:`ScanPoints`; what is one already stays as it is.

    Parameters
    ----------
    results : a table, or what :func:`one_scan` takes.
    """
    if isinstance(results, ScanPoints):
        return results
    table = scan_table(results, trait, figure=figure)
    return ScanPoints.of(table, figure=figure)


def scan_table(results: Any, trait: str | None = None, *, figure: str) -> pd.DataFrame:
    """The table of one scan: the table itself, or that of :func:`one_scan`."""
    if isinstance(results, pd.DataFrame):
        return results
    return one_scan(results, trait, figure=figure).table()


def one_scan(results: Any, trait: str | None = None, *, figure: str) -> Scan:
    """One scan out of results of a run, :class:`Scans` or a :class:`Scan`.

    Parameters
    ----------
    trait : which of several scans.
    figure : what is drawn, for the words of errors.

    Raises
    ------
    UsageError
        It is nothing of that kind, or holds several scans and ``trait`` names none of them.
    """
    scans = getattr(results, "scans", None)
    if not callable(scans):
        raise UsageError(
            f"{figure} takes results of a run or a scan, got {type(results).__name__}: open files "
            "with gb.open_scans"
        )
    found: Scan = scans().one(trait)
    return found


def scan_name(results: Any, trait: str | None = None) -> str:
    """The trait of what :func:`one_scan` takes, for a title; empty of a table."""
    scans = getattr(results, "scans", None)
    return trait or (", ".join(scans()) if callable(scans) else "")


def scan_points_by_name(
    scans: Any, *, figure: str, at_least: int, at_most: int
) -> dict[str, ScanPoints]:
    """:func:`scan_points` of several scans; errors name the scan.

    Parameters
    ----------
    scans : name -> what :func:`scan_points` takes, or results of a run with all their traits.
    at_least, at_most : how many scans the figure takes.
    """
    by_name: Mapping[str, Any] = scans if isinstance(scans, Mapping) else scans.scans()
    n = len(by_name)
    if not at_least <= n <= at_most:
        wanted = f"{at_least}" if at_least == at_most else f"{at_least} to {at_most}"
        raise InputError(f"{figure} takes {wanted} scans; {n} came")
    points = {}
    for name, results in by_name.items():
        try:
            points[name] = scan_points(results, figure=figure)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return points

"""The table of a comparison of scans while it is made: one number with its interval a row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.stats.jackknife import JackknifeInterval, jackknife_interval

FloatArray = npt.NDArray[np.float64]

#: Columns of the table of a comparison. ``scan_b`` is empty where a number is of one scan;
#: ``low`` and ``high`` are the ends of a 95 % interval (infinite where it has none); ``value`` is
#: NaN where the quantity is undefined, and ``note`` says why; ``n`` counts variants, loci or leads.
COLUMNS = ("scan_a", "scan_b", "quantity", "value", "low", "high", "method", "n", "note")


@dataclass(frozen=True)
class LdRows:
    """LD scores at rows of the aligned scans.

    Parameters
    ----------
    rows : (r,) ascending. ld_score : (r,). m_ld : M. source : where scores come from.
    status : '' or why they cannot be used.
    note : '' or what they leave out of the scans' genome, for the table and the page.
    """

    rows: npt.NDArray[np.intp]
    ld_score: npt.NDArray[np.float64]
    m_ld: float
    source: str
    status: str = ""
    note: str = ""


class Measures:
    """Rows of the table while it is made."""

    def __init__(self) -> None:
        self._rows: list[tuple[object, ...]] = []

    def add(
        self,
        scans: tuple[str, str],
        quantity: str,
        value: float,
        low: float,
        high: float,
        *,
        method: str,
        n: int,
        note: str = "",
    ) -> None:
        """One number with its interval."""
        self._rows.append((*scans, quantity, value, low, high, method, n, note))

    def add_interval(
        self,
        scans: tuple[str, str],
        quantity: str,
        found: JackknifeInterval,
        *,
        method: str,
        n: int,
        note: str = "",
        least: float = -np.inf,
    ) -> None:
        """A jackknife interval; ``least`` is the smallest value that the quantity can have."""
        low = max(found.lower, least)
        self.add(scans, quantity, found.estimate, low, found.upper, method=method, n=n, note=note)

    def undefined(self, scans: tuple[str, str], quantity: str, why: str, *, n: int = 0) -> None:
        """A quantity that these scans do not have, and why."""
        self.add(scans, quantity, np.nan, np.nan, np.nan, method="undefined", n=n, note=why)

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self._rows, columns=list(COLUMNS))


@dataclass(frozen=True)
class OfScans:
    """A statistic of each scan, with its values without each block."""

    quantity: str
    method: str
    values: list[float]
    deleted: list[FloatArray]
    n: int
    note: str = ""

    def write(self, names: tuple[str, ...], measures: Measures, *, least: float = -np.inf) -> None:
        for name, value, deleted in zip(names, self.values, self.deleted, strict=True):
            found = jackknife_interval(value, deleted)
            measures.add_interval(
                (name, ""), self.quantity, found, method=self.method, n=self.n, least=least,
                note=self.note,
            )  # fmt: skip
        for a, b in combinations(range(len(names)), 2):
            found = jackknife_interval(
                self.values[a] - self.values[b], self.deleted[a] - self.deleted[b]
            )
            measures.add_interval(
                (names[a], names[b]), f"{self.quantity}_difference", found,
                method=f"{self.method}, paired", n=self.n, note=self.note,
            )  # fmt: skip

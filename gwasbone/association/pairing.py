"""Two scans side by side: the variants that both have, with effects of the same allele."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.sumstats.table import KEY

_NUMBERS = ("beta", "standard_error", "neg_log_10_p_value", "n", "effect_allele_frequency")
#: Columns of both scans; ``beta`` and ``se`` are needed, the others taken where present.
_NEEDED = (*KEY, "beta", "standard_error", "neg_log_10_p_value")


@dataclass(frozen=True, slots=True)
class PairedScans:
    """What two scans have in common.

    Attributes
    ----------
    table : one row per variant with a p-value in both scans, sorted as scan A is: the columns
        that name a variant and ``source_id`` as in A, then ``beta``, ``se``, ``z`` (β / s.e.),
        ``neg_log10_p``, ``n`` and ``effect_allele_frequency`` of each scan with ``_a`` and
        ``_b`` behind. All are of A's effect allele.
    n_swapped : pairs whose alleles stand the other way round in B; B's effect has changed sign.
    n_untested : pairs left out because a scan has no p-value for them.
    n_only_a, n_only_b : variants of one scan that the other does not have; a locus with other
        alleles is another variant. Strands are not compared: G/A and C/T do not meet.
    """

    table: pd.DataFrame
    n_swapped: int
    n_untested: int
    n_only_a: int
    n_only_b: int


def pair_scans(a: pd.DataFrame, b: pd.DataFrame) -> PairedScans:
    """Join two scans by chromosome, position and both alleles, whichever is the effect allele.

    Parameters
    ----------
    a, b : results tables (``results_table.COLUMNS``), or tables with the columns that name a
        variant and ``beta``, ``se`` and ``neg_log10_p``. Each variant stands once in each.

    Raises
    ------
    InputError
        A column is missing, or the scans have no variant with a p-value in common.
    """
    for name, table in (("A", a), ("B", b)):
        if absent := [column for column in _NEEDED if column not in table]:
            raise InputError(
                f"scan {name}: expected the columns {', '.join(_NEEDED)}; no {', '.join(absent)}"
            )
    row_a, row_b, swapped = _matches(a, b)
    n_matched = row_a.size
    p_a, p_b = a["neg_log_10_p_value"].to_numpy(), b["neg_log_10_p_value"].to_numpy()
    tested = np.isfinite(p_a[row_a]) & np.isfinite(p_b[row_b])
    row_a, row_b, swapped = row_a[tested], row_b[tested], swapped[tested]
    if row_a.size == 0:
        raise InputError(
            f"two scans of {len(a):,} and {len(b):,} variants were expected to share some; none "
            "with a p-value in both has the same chromosome, position and alleles: are they on "
            "one build?"
        )
    names = [name for name in (*KEY, "source_id") if name in a]
    columns = {name: a[name].to_numpy()[row_a] for name in names}
    columns |= _of_one(a, row_a, np.zeros(row_a.size, dtype=bool), "_a")
    columns |= _of_one(b, row_b, swapped, "_b")
    return PairedScans(
        table=pd.DataFrame(columns),
        n_swapped=int(swapped.sum()),
        n_untested=n_matched - row_a.size,
        n_only_a=len(a) - n_matched,
        n_only_b=len(b) - n_matched,
    )


def _of_one(
    table: pd.DataFrame, rows: npt.NDArray[np.int64], swapped: npt.NDArray[np.bool_], suffix: str
) -> dict[str, npt.NDArray[np.float64]]:
    columns = {
        f"{name}{suffix}": table[name].to_numpy()[rows] for name in _NUMBERS if name in table
    }
    beta = np.where(swapped, -columns[f"beta{suffix}"], columns[f"beta{suffix}"])
    columns[f"beta{suffix}"] = beta
    with np.errstate(divide="ignore", invalid="ignore"):
        columns[f"z{suffix}"] = beta / columns[f"standard_error{suffix}"]
    if (frequency := f"effect_allele_frequency{suffix}") in columns:
        columns[frequency] = np.where(swapped, 1 - columns[frequency], columns[frequency])
    return columns


def _matches(
    a: pd.DataFrame, b: pd.DataFrame
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Rows of A and of B that are one variant, and whether B's alleles are swapped."""
    if len(a) == len(b) and all(np.array_equal(a[k].to_numpy(), b[k].to_numpy()) for k in KEY):
        rows = np.arange(len(a))
        return rows, rows, np.zeros(len(a), dtype=bool)
    both = pd.DataFrame({"locus": _locus(a), "row_a": np.arange(len(a))}).merge(
        pd.DataFrame({"locus": _locus(b), "row_b": np.arange(len(b))}), on="locus"
    )
    row_a, row_b = both["row_a"].to_numpy(), both["row_b"].to_numpy()
    effect_a, other_a = (_alleles(a, k, row_a) for k in ("effect_allele", "other_allele"))
    effect_b, other_b = (_alleles(b, k, row_b) for k in ("effect_allele", "other_allele"))
    same = (effect_a == effect_b) & (other_a == other_b)
    swapped = (effect_a == other_b) & (other_a == effect_b) & ~same
    # a variant that B has both ways round meets the row of A's own order
    order = np.lexsort((swapped, row_a))
    order = order[(same | swapped)[order]]
    row_a, row_b, swapped = row_a[order], row_b[order], swapped[order]
    first = np.ones(row_a.size, dtype=bool)
    first[1:] = row_a[1:] != row_a[:-1]
    first &= ~pd.Series(row_b).duplicated().to_numpy()
    return row_a[first], row_b[first], swapped[first]


def _locus(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    chromosome = table["chromosome"].to_numpy(dtype=np.int64)
    return (chromosome << 32) + table["base_pair_location"].to_numpy(dtype=np.int64)


def _alleles(
    table: pd.DataFrame, name: str, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.object_]:
    return table[name].to_numpy(dtype=object)[rows]

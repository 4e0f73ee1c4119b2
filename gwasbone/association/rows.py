"""Per-variant sample statistics and assembly of the results table, for both engines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.genotypes import GenotypeSums
from gwasbone.sumstats.table import COLUMNS, VARIANT_COLUMNS, in_order

FloatArray = npt.NDArray[np.float64]

#: A genotype of which covariates leave less than this share of the variance is not tested.
UNEXPLAINED_SHARE = 1e-6

#: Dosages of one variant differ by less than this where everybody has the same genotype.
SAME_DOSAGE = 1e-9


@dataclass(frozen=True)
class RowStatistics:
    """What the participants of one group of traits have at each of m variants.

    Parameters
    ----------
    n_called : (m,) people with a dosage. mean : (m,) of their ALT dosages, NaN without any.
    sum_of_squares : (m,) Σ(x − mean)² over them; the mean-imputed others add nothing.
    constant : (m,) whether all of them have the same dosage.
    """

    n_called: FloatArray
    mean: FloatArray
    sum_of_squares: FloatArray
    constant: npt.NDArray[np.bool_]

    @cached_property
    def frequency(self) -> FloatArray:
        """(m,) of ALT, NaN without any call."""
        return np.where(self.n_called > 0, self.mean / 2, np.nan)

    @classmethod
    def from_sums(cls, parts: Iterable[GenotypeSums]) -> RowStatistics:
        """Of variants that were summed in blocks, one after the other."""
        sums = GenotypeSums.joined(parts)
        mean = np.where(sums.called > 0, sums.mean, np.nan)
        return cls(sums.called, mean, sums.about_mean, sums.constant)

    #: Numbers per group in the arrays of `row_statistics`.
    WIDTH = 5

    @classmethod
    def from_numbers(cls, numbers: FloatArray) -> RowStatistics:
        """Of the (m, WIDTH) numbers collected from `row_statistics`."""
        n_called, mean, sd, smallest, largest = numbers.T
        n_called = np.nan_to_num(n_called)
        with np.errstate(invalid="ignore"):
            constant = (n_called > 0) & (largest - smallest < SAME_DOSAGE)
        return cls(n_called, mean, np.nan_to_num(sd**2 * n_called), constant)


def variant_columns(variants: pd.DataFrame) -> pd.DataFrame:
    """The columns of results that name variants, from rows of a cohort's variant table."""
    return pd.DataFrame(
        {
            "chromosome": variants["chromosome"].to_numpy(),
            "base_pair_location": variants["base_pair_location"].to_numpy(),
            "other_allele": variants["ref"].to_numpy(),
            "effect_allele": variants["alt"].to_numpy(),
            "source_id": variants["source_id"].to_numpy(),
        }
    )


def status_of(statistics: RowStatistics, unexplained: FloatArray) -> npt.NDArray[np.object_]:
    """(m,) why a variant cannot be tested, or ''.

    Parameters
    ----------
    unexplained : (m,) share of the genotype's variance that covariates leave; NaN = none.
    """
    return np.select(
        [
            statistics.n_called == 0,
            statistics.constant,
            ~(unexplained > UNEXPLAINED_SHARE),
        ],
        ["all_missing", "monomorphic", "collinear_genotype"],
        default="",
    ).astype(object)


def with_perfect_fits(
    status: npt.NDArray[np.object_], perfect: npt.NDArray[np.bool_]
) -> npt.NDArray[np.object_]:
    """(m,) the status of one trait's tests.

    Parameters
    ----------
    perfect : (m,) whether a genotype explains the trait wholly: its standard error is 0, and no p
        can be given.
    """
    return np.where((status == "") & perfect, "perfect_fit", status) if perfect.any() else status


def results_table(
    variants: pd.DataFrame,
    statistics: RowStatistics,
    *,
    n: int,
    beta: FloatArray,
    se: FloatArray,
    statistic: FloatArray,
    dof: float,
    neg_log10_p: FloatArray,
    test: Any,
    status: npt.NDArray[np.object_],
) -> pd.DataFrame:
    """The canonical table of one trait; numbers are NaN where ``status`` is set.

    Traits of the same people share the memory of what is equal among them, which is for reading
    only.

    Parameters
    ----------
    variants : with the columns of ``VARIANT_COLUMNS``.
    test : one name, or (m,) names.
    """
    fine = status == ""
    everything = bool(fine.all())

    def known(numbers: FloatArray) -> FloatArray:
        return numbers if everything else np.where(fine, numbers, np.nan)

    m = len(status)
    columns = {
        **{
            name: variants[name].to_numpy(dtype=COLUMNS[name], copy=False)
            for name in VARIANT_COLUMNS
        },
        "n": _constant(n, m, "int32"),
        "effect_allele_frequency": statistics.frequency,
        "call_rate": statistics.n_called / n if n else np.full(m, np.nan),
        "beta": known(beta),
        "standard_error": known(se),
        "statistic": known(statistic),
        "dof": known(_constant(dof, m, "float64")),
        "neg_log_10_p_value": known(neg_log10_p),
        "test": _constant(test, m, "object") if isinstance(test, str) else test,
        "status": status,
    }
    return in_order(pd.DataFrame(columns, copy=False))


@lru_cache(maxsize=32)
def _constant(value: Any, m: int, dtype: str) -> npt.NDArray[Any]:
    """(m,) of one value, for reading only."""
    array = np.full(m, value, dtype=dtype)
    array.setflags(write=False)
    return array

"""Tables of heritabilities and genetic correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gwasbone.errors import UsageError
from gwasbone.sumstats.ldsc import Heritability
from gwasbone.sumstats.ldsc_matrix import PairOfTraits, liability_factor


def heritability_table(
    names: Sequence[str],
    found: Sequence[Heritability],
    *,
    sample_prevalence: Sequence[float] | None = None,
    population_prevalence: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Make the table of heritabilities of scans.

    Parameters
    ----------
    sample_prevalence, population_prevalence : of each scan, NaN for quantitative traits; those
        with both are on the scale of liability.

    Returns
    -------
    ``trait h2 standard_error intercept intercept_standard_error lambda_gc mean_chi2 status``, then
    ``scale`` (observed or liability), ``n_snp``, ``ratio`` and ``ratio_standard_error``.

    Raises
    ------
    UsageError
        Prevalences that are not one for each scan, or not between 0 and 1.
    """
    factors = liability_factors(names, sample_prevalence, population_prevalence)
    rows = []
    for name, one, factor in zip(names, found, factors, strict=True):
        known = np.isfinite(factor)
        status = "" if one.h2 > 0 else "heritability is not positive"
        if not np.isfinite(one.h2):
            status = "variances are not positive"
        rows.append(
            {
                "trait": name,
                "h2": one.h2 * (factor if known else 1),
                "standard_error": one.h2_se * (factor if known else 1),
                "intercept": one.intercept,
                "intercept_standard_error": one.intercept_se,
                "lambda_gc": one.lambda_gc,
                "mean_chi2": one.mean_chi2,
                "status": status,
                "scale": "liability" if known else "observed",
                "n_snp": one.n_variants,
                "ratio": one.ratio,
                "ratio_standard_error": one.ratio_se,
            }
        )
    return pd.DataFrame(rows)


def liability_factors(
    names: Sequence[str],
    sample_prevalence: Sequence[float] | None,
    population_prevalence: Sequence[float] | None,
) -> list[float]:
    """What brings h² of each scan to the scale of liability; NaN where it stays as it is."""
    if sample_prevalence is None and population_prevalence is None:
        return [np.nan] * len(names)
    sample, population = list(sample_prevalence or ()), list(population_prevalence or ())
    if not len(sample) == len(population) == len(names):
        raise UsageError(
            f"expected a sample and a population prevalence for each of {len(names)} scans "
            f"({', '.join(names)}; nan for a quantitative trait), got {len(sample)} and "
            f"{len(population)}"
        )
    if odd := [
        n for n, s, p in zip(names, sample, population, strict=True) if (s == s) != (p == p)
    ]:
        raise UsageError(f"{', '.join(odd)}: expected both prevalences or neither")
    return [
        liability_factor(s, p) if s == s else np.nan
        for s, p in zip(sample, population, strict=True)
    ]


def correlation_table(names: Sequence[str], found: Sequence[PairOfTraits]) -> pd.DataFrame:
    """Make the table of genetic correlations of pairs of scans.

    Returns
    -------
    ``trait1 trait2 rg standard_error neg_log_10_p_value intercept status``, then
    ``intercept_standard_error``, ``covariance``, ``covariance_standard_error``, ``h2_1``, ``h2_2``
    (on the observed scale) and ``n_snp``.
    """
    return pd.DataFrame(
        {
            "trait1": names[pair.first],
            "trait2": names[pair.second],
            "rg": pair.found.rg,
            "standard_error": pair.found.rg_se,
            "neg_log_10_p_value": pair.found.neg_log10_p,
            "intercept": pair.found.intercept,
            "status": pair.found.status or ("outside -1 to 1" if abs(pair.found.rg) > 1 else ""),
            "intercept_standard_error": pair.found.intercept_se,
            "covariance": pair.found.covariance,
            "covariance_standard_error": pair.found.covariance_se,
            "h2_1": pair.found.first.h2,
            "h2_2": pair.found.second.h2,
            "n_snp": pair.found.n_variants,
        }
        for pair in found
    )

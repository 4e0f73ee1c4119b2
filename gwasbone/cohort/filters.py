"""PLINK-like thresholds from the command line as named decisions."""

from __future__ import annotations

import numpy as np

from gwasbone.cohort.model import Cohort
from gwasbone.errors import InputError

STAGE = "filter"

#: A share such as 1 - 194/200 is a little more than 0.03 in float64; PLINK 2 allows for it, too.
_ROUNDING = 1e-9


def apply_filters(
    cohort: Cohort,
    *,
    maf: float | None = None,
    mac: float | None = None,
    geno: float | None = None,
    mind: float | None = None,
    hwe: float | None = None,
    info: float | None = None,
) -> Cohort:
    """Filter people by ``mind``, then variants by the others, in the people who are left.

    Parameters
    ----------
    maf, mac : least minor-allele frequency and count.
    geno, mind : highest share of missing calls per variant and per person (autosomes).
    hwe : least p of the exact Hardy-Weinberg test.
    info : least imputation information score.

    Raises
    ------
    InputError
        Nobody or no variant is left.
    """
    if mind is not None:
        from gwasbone.cohort.statistics import people_statistics

        missing = 1 - people_statistics(cohort)["call_rate"].reindex(cohort.people.table.index)
        rule = f"more than {mind:g} of the calls missing (--mind)"
        cohort = cohort.exclude_people(STAGE, "mind", missing > mind + _ROUNDING, description=rule)
    thresholds = {"maf": maf, "mac": mac, "geno": geno, "hwe": hwe, "info": info}
    given = {name: value for name, value in thresholds.items() if value is not None}
    if given:
        cohort = _filter_variants(cohort, given)
    for table in (cohort.people, cohort.variants):
        if table.n_kept == 0:
            raise InputError(f"no {table.noun} left after filtering: loosen the thresholds")
    return cohort


def _filter_variants(cohort: Cohort, given: dict[str, float]) -> Cohort:
    from gwasbone.cohort.statistics import variant_statistics

    cohort = cohort.annotate_variants(variant_statistics(cohort))
    table, kept = cohort.variants.table, cohort.variants.kept
    # what cannot be tested (NaN) stays in: the scan reports it as untested, with its status
    rules = {
        "maf": ("low_maf", "maf", "minor-allele frequency below {:g} (--maf)"),
        "mac": ("low_mac", "mac", "minor-allele count below {:g} (--mac)"),
        "info": ("low_info", "info", "imputation INFO below {:g} (--info)"),
    }
    for name, (reason, column, text) in rules.items():
        if name in given:
            low = table[column].lt(given[name] * (1 - _ROUNDING)).to_numpy() & kept
            cohort = cohort.exclude_variants(
                STAGE, reason, low, description=text.format(given[name])
            )
    if "geno" in given:
        missing = (1 - table["call_rate"]).gt(given["geno"] + _ROUNDING).to_numpy() & kept
        rule = f"more than {given['geno']:g} of the calls missing (--geno)"
        cohort = cohort.exclude_variants(STAGE, "low_call_rate", missing, description=rule)
    if given.get("hwe"):
        limit = -np.log10(given["hwe"]) + _ROUNDING
        far = table["hwe_neg_log10_p"].gt(limit).to_numpy() & kept
        rule = f"Hardy-Weinberg exact p below {given['hwe']:g} (--hwe)"
        cohort = cohort.exclude_variants(STAGE, "hwe", far, description=rule)
    return cohort

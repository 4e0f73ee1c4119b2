"""PLINK-like thresholds from the command line as named decisions."""

from __future__ import annotations

import numpy as np

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.qc import QcThresholds, variant_reasons
from gwasbone.errors import InputError

STAGE = "filter"


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
        cohort = cohort.exclude_people(STAGE, "mind", (missing > mind), description=rule)
    thresholds = {"maf": maf, "hwe": hwe, "info": info}
    given = {name: value for name, value in thresholds.items() if value is not None}
    if geno is not None:
        given["variant_call_rate"] = 1 - geno
    if given or mac is not None:
        cohort = _filter_variants(cohort, given, mac)
    for table in (cohort.people, cohort.variants):
        if table.n_kept == 0:
            raise InputError(f"no {table.noun} left after filtering: loosen the thresholds")
    return cohort


def _filter_variants(cohort: Cohort, given: dict[str, float], mac: float | None) -> Cohort:
    from gwasbone.cohort.statistics import variant_statistics

    cohort = cohort.annotate_variants(variant_statistics(cohort))
    off = {"maf": 0.0, "hwe": 0.0, "info": 0.0, "variant_call_rate": 0.0}
    kept = cohort.variants.kept
    rules = variant_reasons(cohort.variants.kept_table(), QcThresholds(**(off | given)))  # type: ignore[arg-type]
    asked = {
        "maf": "low_maf",
        "hwe": "hwe",
        "info": "low_info",
        "variant_call_rate": "low_call_rate",
    }
    for rule in rules:
        # what cannot be tested stays in: the scan reports it as untested, with its status
        if rule.name in {asked[name] for name in given}:
            mask = np.zeros(len(kept), dtype=bool)
            mask[kept] = rule.excluded
            cohort = cohort.exclude_variants(STAGE, rule.name, mask, description=rule.description)
    if mac is not None:
        rare = cohort.variants.table["mac"].lt(mac).to_numpy() & kept
        rule_text = f"minor-allele count below {mac:g} (--mac)"
        cohort = cohort.exclude_variants(STAGE, "low_mac", rare, description=rule_text)
    return cohort

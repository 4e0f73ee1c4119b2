"""The variants of a Hail Table of results below a p-value. Hail filters, nothing else is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gwasbone.cohort.sources.tables import chromosome_codes
from gwasbone.errors import InputError
from gwasbone.session import hail
from gwasbone.sumstats.table import COLUMNS, canonical_table

if TYPE_CHECKING:
    import hail as hl

#: Canonical column -> fields it is taken from, the first that is there. The later ones are those
#: of ``hl.linear_regression_rows``.
_FIELDS = {
    "neg_log_10_p_value": ("neg_log_10_p_value", "p_value"),
    "beta": ("beta",),
    "standard_error": ("standard_error", "se"),
    "statistic": ("statistic", "t_stat", "z_stat"),
    "dof": ("dof",),
    "n": ("n",),
    "effect_allele_frequency": ("effect_allele_frequency",),
    "call_rate": ("call_rate",),
    "test": ("test",),
    "status": ("status",),
}
_OTHERWISE = {"source_id": "", "test": "", "status": "", "n": 0}


def hits_of_hail_table(table: hl.Table, trait: str, least: float) -> pd.DataFrame:
    """Rows of a Hail Table whose −log10 p is above ``least``, as a canonical results table.

    Parameters
    ----------
    table : keyed by ``locus`` and ``alleles`` (other, effect), with the canonical columns as
        fields or within a struct named by the trait, as ``AssociationResults.to_hail`` gives it;
        or what ``hl.linear_regression_rows`` gives.

    Raises
    ------
    InputError
        It is keyed otherwise, has no p-value, or p-values of 0, which cannot be ranked.
    """
    hl = hail()
    if list(table.key) != ["locus", "alleles"]:
        raise InputError(
            f"scan {trait}: expected a Hail Table keyed by locus and alleles, it is keyed by "
            f"{', '.join(table.key) or 'nothing'}"
        )
    fields = table[trait] if _has_struct(table, trait) else table.row
    here: dict[str, Any] = {}
    for name, candidates in _FIELDS.items():
        field = next((one for one in candidates if one in fields), None)
        if field is not None:
            here[name] = fields[field]
    if "neg_log_10_p_value" not in here:
        raise InputError(
            f"scan {trait}: expected a field neg_log_10_p_value or p_value in the Hail Table, "
            f"it has {', '.join(fields)}"
        )
    if "neg_log_10_p_value" not in fields:
        here["neg_log_10_p_value"] = -hl.log10(here["neg_log_10_p_value"])
    source = {name: table[name] for name in ("source_id", "rsid") if name in table.row}
    # annotated first, for fields of one table may have the names of others
    found = table.select(**here, source_id=next(iter(source.values()), hl.str("")))
    found = found.filter(found.neg_log_10_p_value > least).key_by()
    found = found.select(
        chromosome=found.locus.contig,
        base_pair_location=found.locus.position,
        other_allele=found.alleles[0],
        effect_allele=found.alleles[1],
        **{name: found[name] for name in (*here, "source_id")},
    )
    # hits are few; `export` would write numbers with five or six digits
    rows = found.collect()
    return _canonical(pd.DataFrame([dict(row) for row in rows], columns=list(found.row)), trait)


def _has_struct(table: hl.Table, trait: str) -> bool:
    return trait in table.row_value and "neg_log_10_p_value" in getattr(table[trait], "dtype", {})


def _canonical(found: pd.DataFrame, trait: str) -> pd.DataFrame:
    infinite = np.isinf(found["neg_log_10_p_value"].astype(float))
    if infinite.any():
        raise InputError(
            f"scan {trait}: {int(infinite.sum())} p-values of the Hail Table are 0 and cannot be "
            "ranked: give a field neg_log_10_p_value, as gwasbone.associate does"
        )
    columns = {name: found.get(name, _OTHERWISE.get(name, np.nan)) for name in COLUMNS}
    table = pd.DataFrame(columns, index=found.index)
    for name, otherwise in _OTHERWISE.items():
        table[name] = table[name].where(table[name].notna(), otherwise)
    return canonical_table(table.assign(chromosome=chromosome_codes(table["chromosome"])))

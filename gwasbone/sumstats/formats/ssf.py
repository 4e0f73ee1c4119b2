"""GWAS-SSF, the GWAS Catalog's format: ours, and files as the Catalog publishes them.

References
----------
GWAS-SSF v1.1 (EBISPOT/gwas-summary-statistics-standard): ``p_value`` or ``neg_log_10_p_value``;
``beta``, ``odds_ratio``, ``hazard_ratio`` or ``z_score``; ``n`` is optional; missing is ``#NA``.
"""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="GWAS-SSF",
    marks=("chromosome", "base_pair_location", "effect_allele", "other_allele"),
    fields={
        "chromosome": ("chromosome",),
        "base_pair_location": ("base_pair_location",),
        "effect_allele": ("effect_allele",),
        "other_allele": ("other_allele",),
        "beta": ("beta",),
        "odds_ratio": ("odds_ratio", "hazard_ratio"),
        "z_score": ("z_score",),
        "standard_error": ("standard_error",),
        "ci_lower": ("ci_lower",),
        "ci_upper": ("ci_upper",),
        "effect_allele_frequency": ("effect_allele_frequency",),
        # the second spelling was ours in 0.1's tables of leads
        "neg_log_10_p_value": ("neg_log_10_p_value", "neg_log10_p"),
        "p_value": ("p_value",),
        "n": ("n",),
        "call_rate": ("call_rate",),
        "test": ("test",),
        "source_id": ("source_id", "rsid", "rs_id", "variant_id"),
    },
    suffixes=(".h.tsv", ".tsv"),
)

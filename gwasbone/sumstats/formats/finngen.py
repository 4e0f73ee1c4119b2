"""FinnGen's releases: alt is the effect allele; sample sizes are not in the tables."""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="FinnGen",
    marks=("chrom", "pos", "ref", "alt", "beta", "sebeta", "pval|mlogp"),
    fields={
        "chromosome": ("chrom",),
        "base_pair_location": ("pos",),
        "source_id": ("rsids",),
        "other_allele": ("ref",),
        "effect_allele": ("alt",),
        "effect_allele_frequency": ("af_alt",),
        "n": ("n",),
        "beta": ("beta",),
        "standard_error": ("sebeta",),
        "neg_log_10_p_value": ("mlogp",),
        "p_value": ("pval",),
    },
    suffixes=(".tsv",),
)

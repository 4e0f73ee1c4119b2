"""REGENIE's step 2 (``.regenie``), of one trait or of several side by side (``--no-split``)."""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="REGENIE",
    marks=("CHROM", "GENPOS", "ID", "ALLELE0", "ALLELE1", "LOG10P"),
    fields={
        "chromosome": ("CHROM",),
        "base_pair_location": ("GENPOS",),
        "source_id": ("ID",),
        "other_allele": ("ALLELE0",),
        "effect_allele": ("ALLELE1",),
        "effect_allele_frequency": ("A1FREQ",),
        "n": ("N",),
        "beta": ("BETA",),
        "standard_error": ("SE",),
        "neg_log_10_p_value": ("LOG10P",),
        "test": ("TEST",),
    },
    rows={"TEST": "ADD"},
    suffixes=(".regenie",),
    by_trait=("beta", "standard_error", "neg_log_10_p_value"),
    trait_list=".Ydict",
)

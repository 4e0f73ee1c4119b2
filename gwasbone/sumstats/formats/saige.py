"""SAIGE's step 2: Allele2 is the effect allele."""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="SAIGE",
    marks=("CHR", "POS", "Allele1", "Allele2", "p.value", "BETA"),
    fields={
        "chromosome": ("CHR",),
        "base_pair_location": ("POS",),
        "source_id": ("MarkerID", "SNPID", "rsid"),
        "other_allele": ("Allele1",),
        "effect_allele": ("Allele2",),
        "effect_allele_frequency": ("AF_Allele2",),
        "missing_rate": ("MissingRate",),
        "beta": ("BETA",),
        "standard_error": ("SE",),
        "p_value": ("p.value",),
        "n": ("N",),
        "n_cases": ("N_case", "N.Cases"),
        "n_controls": ("N_ctrl", "N.Controls"),
    },
    suffixes=(".SAIGE.txt", ".saige.txt", ".SAIGE", ".saige"),
)

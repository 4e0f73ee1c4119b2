"""METAL's ``.tbl``: Allele1 is the effect allele.

A table has positions where METAL was told to track them, or where the markers' names hold them.
"""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="METAL",
    marks=("MarkerName", "Allele1", "Allele2", "P-value"),
    fields={
        "chromosome": ("Chromosome",),
        "base_pair_location": ("Position",),
        "source_id": ("MarkerName",),
        "effect_allele": ("Allele1",),
        "other_allele": ("Allele2",),
        "effect_allele_frequency": ("Freq1",),
        "beta": ("Effect",),
        "standard_error": ("StdErr",),
        "z_score": ("Zscore",),
        "n": ("Weight", "N", "TotalSampleSize"),
        "p_value": ("P-value",),
    },
    suffixes=(".tbl", ".TBL"),
    places_in_names=True,
)

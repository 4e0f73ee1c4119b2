"""LDSC's ``.sumstats``: SNP, A1 (the effect allele), A2, N and Z; positions are not in it."""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="LDSC",
    marks=("SNP", "A1", "A2", "N", "Z"),
    fields={
        "chromosome": ("CHR",),
        "base_pair_location": ("BP", "POS"),
        "source_id": ("SNP",),
        "effect_allele": ("A1",),
        "other_allele": ("A2",),
        "effect_allele_frequency": ("FRQ", "EAF"),
        "n": ("N",),
        "z_score": ("Z",),
    },
    suffixes=(".sumstats",),
    places_in_names=True,
)

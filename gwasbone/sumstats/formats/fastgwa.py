"""GCTA's fastGWA and fastGWA-GLMM (``.fastGWA``), and its ``.mlma``: A1 is the effect allele."""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="fastGWA",
    marks=("CHR|Chr", "SNP", "POS|bp", "A1", "A2", "AF1|Freq", "BETA|b", "SE|se", "P|p"),
    fields={
        "chromosome": ("CHR", "Chr"),
        "base_pair_location": ("POS", "bp"),
        "source_id": ("SNP",),
        "effect_allele": ("A1",),
        "other_allele": ("A2",),
        "effect_allele_frequency": ("AF1", "Freq"),
        "n": ("N",),
        "beta": ("BETA", "b"),
        "standard_error": ("SE", "se"),
        "p_value": ("P", "p"),
    },
    suffixes=(".fastGWA", ".mlma", ".loco.mlma"),
)

"""BOLT-LMM's ``--statsFile``: the mixed model's p-value where there is one."""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="BOLT-LMM",
    marks=("SNP", "CHR", "BP", "GENPOS", "ALLELE1", "ALLELE0", "BETA"),
    fields={
        "chromosome": ("CHR",),
        "base_pair_location": ("BP",),
        "source_id": ("SNP",),
        "effect_allele": ("ALLELE1",),
        "other_allele": ("ALLELE0",),
        "effect_allele_frequency": ("A1FREQ",),
        "missing_rate": ("F_MISS",),
        "beta": ("BETA",),
        "standard_error": ("SE",),
        "p_value": ("P_BOLT_LMM", "P_BOLT_LMM_INF", "P_LINREG"),
    },
    suffixes=(".stats", ".bgen.stats", ".tab"),
)

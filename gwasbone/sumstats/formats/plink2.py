"""PLINK 2's ``--glm``: ``.glm.linear``, ``.glm.logistic``, ``.glm.logistic.hybrid`` and more.

The effect allele is A1, whichever of REF and ALT that is.
"""

from __future__ import annotations

from gwasbone.sumstats.formats.text_format import TextFormat

FORMAT = TextFormat(
    name="PLINK 2",
    marks=("CHROM", "POS", "ID", "REF", "ALT", "A1", "P|LOG10_P"),
    fields={
        "chromosome": ("CHROM",),
        "base_pair_location": ("POS",),
        "source_id": ("ID",),
        "ref": ("REF",),
        "alt": ("ALT",),
        "effect_allele": ("A1",),
        "other_allele": ("OMITTED", "AX"),
        "effect_allele_frequency": ("A1_FREQ",),
        "n": ("OBS_CT",),
        "beta": ("BETA",),
        "odds_ratio": ("OR",),
        "standard_error": ("SE",),
        "odds_ratio_se": ("LOG(OR)_SE",),
        "z_score": ("T_STAT", "Z_STAT", "T_OR_F_STAT", "Z_OR_F_STAT"),
        "p_value": ("P",),
        "neg_log_10_p_value": ("LOG10_P",),
        "test": ("TEST",),
    },
    rows={"TEST": "ADD"},
    suffixes=(".glm.logistic.hybrid", ".glm.logistic", ".glm.linear", ".glm.firth"),
)

"""Formats of summary statistics, one module each.

A new format is one module with ``FORMAT`` and a line here; every command that takes a scan then
takes it.
"""

from __future__ import annotations

from gwasbone.sumstats.formats import (
    bolt,
    fastgwa,
    finngen,
    ldsc,
    metal,
    plink2,
    regenie,
    saige,
    ssf,
)
from gwasbone.sumstats.formats.text_format import TextFormat

#: Formats that are tables of text, in the order in which a header is held against them.
TEXT_FORMATS: tuple[TextFormat, ...] = tuple(
    module.FORMAT for module in (ssf, regenie, plink2, bolt, saige, finngen, metal, fastgwa, ldsc)
)

"""What the columns of the stages' tables mean, and how a report writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
from pandas.api import types

from gwasbone.plots import disclosure
from gwasbone.report import Column
from gwasbone.report.document import Kind

_Known = tuple[str, str, Kind, str]

#: name -> heading, unit, kind, meaning.
_KNOWN: dict[str, _Known] = {
    "trait": ("Trait", "", "text", "phenotype column"),
    "locus": ("Locus", "", "text", ""),
    "region": ("Region", "", "text", ""),
    "chromosome": ("Chr", "", "text", "chromosome"),
    "base_pair_location": ("Position", "bp", "count", "position on the genome build of the study"),
    "start_bp": ("Start", "bp", "count", ""),
    "end_bp": ("End", "bp", "count", ""),
    "source_id": ("Variant", "", "text", "name in the genotype files"),
    "variant_id": ("Variant", "", "text", "chr_pos_other_effect"),
    "lead_variant_id": ("Lead variant", "", "text", "chr_pos_other_effect"),
    "effect_allele": ("Effect allele", "", "text", "allele whose effect is beta"),
    "other_allele": ("Other allele", "", "text", ""),
    "effect_allele_frequency": ("Frequency", "", "number", "of the effect allele"),
    "beta": ("Beta", "per allele", "number", "effect per copy of the effect allele"),
    "standard_error": ("SE", "", "number", "standard error of beta"),
    "neg_log_10_p_value": ("−log₁₀ p", "", "height", ""),
    "top_neg_log10_p": ("−log₁₀ p of the top variant", "", "height", ""),
    "n": ("Samples", "", "count", "samples with the trait and all covariates"),
    "n_below_threshold": ("Variants below", "", "count", "variants below the threshold"),
    "n_clumps": ("Clumps", "", "count", "number of clumps merged into the locus"),
    "method": ("Method", "", "text", ""),
    "tested": ("Tested", "variants", "count", ""),
    "untested": ("Not tested", "variants", "count", "variants of the table of untested variants"),
    "lambda_gc": ("λ", "GC", "thousandths", "genomic inflation: median χ² over its null median"),
    "leads_5e-8": ("Genome-wide", "blocks", "count", "1 Mb blocks with p below 5 × 10⁻⁸"),
    "top": ("Top variant", "", "text", ""),
    "nearest_gene": ("Nearest gene", "", "text", ""),
    "distance_to_gene_bp": ("Distance to gene", "bp", "count", ""),
    "distance_to_tss_bp": ("Distance to TSS", "bp", "count", "transcription start site"),
    "genes_in_window": ("Genes in window", "", "text", ""),
    "known_bone_genes": ("Known bone genes", "", "text", ""),
    "ancestry_group": ("Reported background", "", "text", ""),
    "people": ("Samples", "", "count", ""),
    "kept": ("Retained", "samples", "count", ""),
    "least": ("Minimum", "deviation", "number", "squared deviation from the reference group"),
    "median": ("Median", "deviation", "number", "squared deviation from the reference group"),
    "most": ("Maximum", "deviation", "number", "squared deviation from the reference group"),
    "rule": ("Rule", "", "text", ""),
    "n_people": ("Participants", "", "count", ""),
    "n_first": ("New", "participants", "count", "participants who meet none of the rules above"),
    "n_only": ("Only this rule", "participants", "count", "participants who meet no other rule"),
    "array": ("Image", "", "text", ""),
    "pictures": ("Images", "", "count", ""),
    "score": ("Score", "", "text", ""),
    "n_cases": ("Cases", "", "count", ""),
    "auc": ("AUC", "", "thousandths", "area under the ROC curve"),
    "auc_lower": ("AUC from", "95%", "thousandths", "lower end of the 95% interval"),
    "auc_upper": ("AUC to", "95%", "thousandths", "upper end of the 95% interval"),
    "auc_low": ("AUC from", "95%", "thousandths", "lower end of the 95% interval"),
    "auc_high": ("AUC to", "95%", "thousandths", "upper end of the 95% interval"),
    "baseline_auc": ("AUC without images", "", "thousandths", "AUC of the covariates alone"),
    "null_p": ("p", "permutation", "number", "proportion of permutations that reach the AUC"),
    "n_permutations": ("Permutations", "", "count", ""),
    "fdr": ("FDR", "", "number", "false discovery rate (Benjamini and Hochberg)"),
    "maf": ("MAF", "", "number", "minor allele frequency of the participants with images"),
    "low": ("From", "95%", "number", "lower end of the 95% interval"),
    "high": ("To", "95%", "number", "upper end of the 95% interval"),
    "scans": ("Scans", "", "text", "scans in which the variant was selected"),
    "n_scans": ("Scans", "number", "count", ""),
    "best_scan": ("Best scan", "", "text", "scan with the smallest p"),
}  # fmt: skip


def columns_of(
    table: pd.DataFrame,
    names: Sequence[str] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
) -> tuple[Column, ...]:
    """The columns of a table, those named or all.

    Parameters
    ----------
    labels : headings of columns that mean something else in this table. A column that is not
        known is called by its name.
    """
    chosen = [name for name in names if name in table] if names is not None else list(table)
    made = [_column(str(name), table[name]) for name in chosen]
    said = labels or {}
    return tuple(
        replace(one, label=said[one.name], meaning="") if one.name in said else one for one in made
    )


def _is_number(values: pd.Series) -> bool:
    """Whether a column holds numbers, some of which may be withheld."""
    if values.dtype != object:
        return types.is_numeric_dtype(values) and not types.is_bool_dtype(values)
    known = [value for value in values if not pd.isna(value) and value != disclosure.BELOW]
    return bool(known) and all(
        types.is_number(value) and not isinstance(value, bool) for value in known
    )


def _column(name: str, values: pd.Series) -> Column:
    is_number = _is_number(values)
    if name in _KNOWN:
        label, unit, kind, meaning = _KNOWN[name]
        kind = kind if is_number else "text"
        return Column(name=name, label=label, unit=unit, kind=kind, meaning=meaning)
    label = name.removesuffix("_bp").replace("_", " ")
    unit = "bp" if name.endswith("_bp") else ""
    kind = "text"
    if is_number:
        kind = "count" if types.is_integer_dtype(values) else "number"
        kind = "height" if name.endswith("neg_log_10_p_value") else kind
    return Column(name=name, label=label[:1].upper() + label[1:], unit=unit, kind=kind)

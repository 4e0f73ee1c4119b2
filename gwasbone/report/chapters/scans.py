"""The chapters of scans and of their comparison."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from gwasbone.plots.page import with_names
from gwasbone.report import Chapter, Part, Table
from gwasbone.report.chapters.columns import columns_of
from gwasbone.report.chapters.findings import Findings, counted, listed
from gwasbone.report.pages.scans import page_paths
from gwasbone.study.columns import expanded
from gwasbone.study.files import LEADS, LOCI, SCAN, SUMMARY


def scan_name(trait: str) -> str:
    """What links to a scan lead to.

    >>> scan_name("bmd.total/rint")
    'scan-bmd-total-rint'
    """
    return f"scan-{re.sub(r'[^A-Za-z0-9_]+', '-', trait)}"


def scan_links(findings: Findings) -> dict[object, str]:
    """Trait -> where its scan stands in the report."""
    summary = findings.table("scans", SUMMARY)
    return {} if summary is None else {trait: scan_name(trait) for trait in summary["trait"]}


def scans_chapter(findings: Findings) -> Chapter:
    """The scans: a table of all of them, and the Manhattan and QQ plot of each."""
    summary = findings.table("scans", SUMMARY)
    if summary is None:
        return findings.absent("scans", "scans", "Scans")
    table = Table(
        caption="Scans",
        rows=summary,
        columns=columns_of(summary),
        file_name="scans",
        links={"trait": scan_links(findings)},
    )
    parts = [Part(blocks=(table,))]
    for row in summary.itertuples():
        parts.append(_scan_part(findings, row))
    return Chapter(
        name="scans",
        title="Scans",
        sentences=_scan_sentences(findings, summary),
        parts=tuple(parts),
    )


def _scan_sentences(findings: Findings, summary: pd.DataFrame) -> tuple[str, ...]:
    model = findings.config.association
    covariates = [
        *expanded(findings.config, findings.config.covariates.quantitative),
        *expanded(findings.config, findings.config.covariates.categorical),
    ]
    named = {"linear": "linear regression", "logistic": f"logistic regression ({model.test} test)"}
    # summaries of version 0.1 do not tell the method: one for all traits, linear by default
    one = "logistic" if model.method == "logistic" else "linear"
    methods = summary["method"].unique() if "method" in summary else [one]
    method = " or ".join(named[name] for name in methods)
    changed = [
        name
        for name, on in (("normal scores", model.rint), ("standardised", model.standardize))
        if on
    ]
    adjusted = f", adjusted for {listed(covariates)}" if covariates else ", without covariates"
    hits = summary[summary["leads_5e-8"] > 0]
    found = (
        f"Blocks below p = 5 × 10⁻⁸ were found in {listed(list(hits['trait']))}."
        if len(hits)
        else "No scan reached p = 5 × 10⁻⁸."
    )
    return (
        f"{counted(len(summary), 'trait')} {'was' if len(summary) == 1 else 'were'} scanned by "
        f"{method} on the dosage of each variant{adjusted}.",
        *((f"Traits as {listed(changed)}.",) if changed else ()),
        found,
    )


def _scan_part(findings: Findings, row: object) -> Part:
    trait = str(row.trait)  # type: ignore[attr-defined]
    prefix = findings.config.output / "scans" / SCAN
    names = _gene_names(findings, trait)
    figures = [
        with_names(figure, names)
        for path, kind in zip(page_paths(prefix, trait), ("Manhattan plot", "QQ plot"), strict=True)
        for figure in findings.figures("scans", path.name, heading=f"{trait}: {kind}")
    ]
    said = f"{row.n:,} samples, {row.tested:,} variants, λ {row.lambda_gc:.3f}."  # type: ignore[attr-defined]
    return Part(heading=trait, name=scan_name(trait), sentences=(said,), blocks=tuple(figures))


def _gene_names(findings: Findings, trait: str) -> dict[str, str]:
    """Lead variant -> the gene nearest to the lead of its locus, where genes are known.

    The scans are drawn before their loci and the genes near these are found.
    """
    loci, leads = findings.table("loci", LOCI), findings.table("leads", LEADS)
    if loci is None or leads is None or not {"nearest_gene", "source_id"} <= {*loci, *leads}:
        return {}
    names: dict[str, str] = {}
    locus: Any
    for locus in loci[(loci["trait"] == trait) & loci["nearest_gene"].notna()].itertuples():
        inside = (leads["trait"] == trait) & (leads["chromosome"] == locus.chromosome)
        inside &= leads["base_pair_location"].between(locus.start_bp, locus.end_bp)
        names |= dict.fromkeys(leads.loc[inside, "source_id"].astype(str), str(locus.nearest_gene))
    return names


_COMPARISON, _COMPARISON_PAGE = "comparison.tsv", "comparison.html"


def comparison_chapter(findings: Findings) -> Chapter:
    """The comparison of the scans: measures of power, and loci of each alone."""
    table, page = (
        findings.table("comparison", _COMPARISON),
        findings.page("comparison", _COMPARISON_PAGE),
    )
    if table is None or page is None:
        return findings.absent("comparison", "comparison", "Comparison")
    links = scan_links(findings)
    numbers = Table(
        caption="Measures of the comparison, with 95% confidence intervals",
        rows=table,
        columns=columns_of(table, labels={"scan_a": "Scan", "scan_b": "With"}),
        file_name="comparison",
        links={"scan_a": links, "scan_b": links},
    )
    said = findings.summary("comparison")
    return Chapter(
        name="comparison",
        title="Comparison",
        sentences=(f"{page.subtitle}.", f"{said[:1].upper()}{said[1:]}."),
        parts=(
            Part(blocks=page.figures),
            Part(heading="All measures", points=page.notes, blocks=(numbers,)),
        ),
    )

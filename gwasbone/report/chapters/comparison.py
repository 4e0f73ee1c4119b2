"""The chapter that compares scans."""

from __future__ import annotations

from gwasbone.report import Chapter, Part, Table
from gwasbone.report.chapters.columns import columns_of
from gwasbone.report.chapters.findings import Findings
from gwasbone.report.chapters.scans import scan_links

_TABLE, _PAGE = "comparison.tsv", "comparison.html"


def comparison_chapter(findings: Findings) -> Chapter:
    """What each scan finds that the others do not, and how strongly."""
    table, page = findings.table("comparison", _TABLE), findings.page("comparison", _PAGE)
    if table is None or page is None:
        return findings.absent("comparison", "comparison", "Comparison")
    links = scan_links(findings)
    numbers = Table(
        caption="Comparison, one number a row, with its 95% interval",
        rows=table,
        columns=columns_of(table, labels={"scan_a": "Scan", "scan_b": "With"}),
        file_name="comparison",
        links={"scan_a": links, "scan_b": links},
    )
    said = findings.records["comparison"]["summary"]
    return Chapter(
        name="comparison",
        title="Comparison",
        sentences=(f"{page.subtitle}.", f"{said[:1].upper()}{said[1:]}."),
        parts=(
            Part(blocks=page.figures),
            Part(heading="All numbers", points=page.notes, blocks=(numbers,)),
        ),
    )

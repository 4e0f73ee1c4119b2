"""The report of a study: the results of its finished stages, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gwasbone.errors import GwasboneError, InputError
from gwasbone.plots import disclosure
from gwasbone.report import Report, save_report
from gwasbone.report.chapters.cohort import (
    ancestry_chapter,
    decided,
    people_chapter,
    variants_chapter,
)
from gwasbone.report.chapters.findings import Findings
from gwasbone.report.chapters.loci import loci_chapter
from gwasbone.report.chapters.phenotypes import images_chapter, models_chapter, phenotypes_chapter
from gwasbone.report.chapters.provenance import Age, provenance_chapter
from gwasbone.report.chapters.scans import comparison_chapter, scans_chapter
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import LOCI, PEOPLE, SUMMARY, VARIANTS
from gwasbone.study.runner import Stage, stage_status

#: What the stage calls its page.
REPORT = "report.html"


def write_report(config: StudyConfig, stages: Sequence[Stage], path: Path) -> Report:
    """Write the report of the finished stages.

    It shows single participants and small counts where ``report.small_counts`` of the study allows
    them.

    Parameters
    ----------
    stages : those that a report can cover, in order.

    Raises
    ------
    InputError
        No stage is finished, or the figures of a stage's page were not kept.
    """
    names = tuple(stage.name for stage in stages)
    findings = Findings(config, names)
    if not findings.records:
        raise InputError(
            f"{config.output}: no stage is finished, so there is nothing to report: gwasbone run"
        )
    try:
        stale = [name for name, why in stage_status(config, stages).items() if why is not None]
        age = Age(tuple(name for name in findings.records if name in stale))
    except GwasboneError as error:
        # results are reported as well where their inputs are not, on another machine
        age = Age((), unknown=str(error))
    with disclosure.small_counts(config.report.small_counts):
        report = study_report(findings, age)
        save_report(report, path)
    return report


def study_report(findings: Findings, age: Age) -> Report:
    """The report as a document."""
    day = max(record["started"] for record in findings.records.values())[:10]
    build = findings.config.study.build
    return Report(
        title=findings.config.study.name,
        subtitle=", ".join(filter(None, [build, f"results of {day}", _version(findings)])),
        key_numbers=tuple(_key_numbers(findings)),
        chapters=(
            people_chapter(findings),
            variants_chapter(findings),
            ancestry_chapter(findings),
            phenotypes_chapter(findings),
            images_chapter(findings),
            models_chapter(findings),
            scans_chapter(findings),
            loci_chapter(findings),
            comparison_chapter(findings),
            provenance_chapter(findings, age),
        ),
    )


def _version(findings: Findings) -> str:
    found = {record["versions"].get("gwasbone") for record in findings.records.values()}
    return f"gwasbone {' and '.join(sorted(filter(None, found)))}"


def _key_numbers(findings: Findings) -> list[tuple[str, str]]:
    numbers = []
    for name, what in ((PEOPLE, "samples analysed"), (VARIANTS, "variants analysed")):
        table = decided(findings, name)
        if table is not None:
            numbers.append((what, f"{table.n_kept:,}"))
    summary = findings.table("scans", SUMMARY)
    if summary is not None:
        numbers.append(("scans", f"{len(summary):,}"))
    loci = findings.table("loci", LOCI)
    if loci is not None:
        numbers.append(("loci", f"{loci['locus'].nunique():,}"))
    elif summary is not None:
        numbers.append(("genome-wide blocks", f"{int(summary['leads_5e-8'].sum()):,}"))
    return numbers

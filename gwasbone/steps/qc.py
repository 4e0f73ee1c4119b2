"""Quality control of participants and variants: decisions, lists, funnels and pages."""

from __future__ import annotations

from pathlib import Path

from gwasbone.cohort.biobank import BiobankQcColumns
from gwasbone.cohort.decision_files import (
    refuse_nothing_kept,
    write_decisions,
    write_funnels,
    write_lists,
)
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import QcThresholds
from gwasbone.cohort.qc import qc, qc_people, qc_variants


def check_all(
    cohort: Cohort,
    thresholds: QcThresholds,
    prefix: Path,
    *,
    biobank: BiobankQcColumns | None = None,
    page: Path | None = None,
) -> Cohort:
    """Sample QC, then variant QC in the retained samples; writes tables, lists and the page."""
    cohort = qc(cohort, thresholds, biobank=biobank)
    refuse_nothing_kept(cohort)
    write_decisions(cohort.people, Path(f"{prefix}.people.tsv.gz"))
    write_decisions(cohort.variants, Path(f"{prefix}.variants.tsv.gz"))
    write_lists(cohort, prefix)
    write_funnels(cohort, Path(f"{prefix}.funnel.tsv"))
    if page is not None:
        from gwasbone.report.pages.cohort import qc_page

        qc_page(cohort, thresholds, page, title="Quality control")
    return cohort


def check_people(
    cohort: Cohort,
    thresholds: QcThresholds,
    folder: Path,
    *,
    biobank: BiobankQcColumns | None,
    title: str,
) -> Cohort:
    """Sample QC; writes ``people.tsv.gz`` and ``people.html`` into a folder."""
    cohort = qc_people(cohort, thresholds, biobank=biobank)
    refuse_nothing_kept(cohort)
    write_decisions(cohort.people, folder / "people.tsv.gz")
    from gwasbone.report.pages.cohort import people_page

    people_page(cohort, thresholds, folder / "people.html", title=title)
    return cohort


def check_variants(cohort: Cohort, thresholds: QcThresholds, folder: Path, *, title: str) -> Cohort:
    """Variant QC; writes ``variants.tsv.gz``, ``kept.*.txt`` and ``variants.html`` in a folder."""
    cohort = qc_variants(cohort, thresholds)
    refuse_nothing_kept(cohort)
    write_decisions(cohort.variants, folder / "variants.tsv.gz")
    write_lists(cohort, folder / "kept")
    from gwasbone.report.pages.cohort import variants_page

    variants_page(cohort, thresholds, folder / "variants.html", title=title)
    return cohort

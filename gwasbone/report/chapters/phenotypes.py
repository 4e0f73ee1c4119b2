"""The chapters of phenotypes, images and models."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import replace

from gwasbone.learning.evaluation import POOLED
from gwasbone.plots.page import Page, PageFigure
from gwasbone.report import Chapter, Part, Table
from gwasbone.report.chapters.columns import columns_of
from gwasbone.report.chapters.findings import Findings, counted, protected
from gwasbone.report.pages.images import IMAGE_COUNTS
from gwasbone.study.columns import expanded

_RESIDUAL = "resid_"
_EVALUATION = (
    "score", "people", "n", "n_cases", "auc", "auc_lower", "auc_upper",
)  # fmt: skip
_GENOTYPE_MODELS = (
    "variant_id", "region", "n", "maf", "auc", "auc_low", "auc_high", "baseline_auc", "null_p",
    "n_permutations", "fdr", "status", "warning",
)  # fmt: skip


def phenotypes_chapter(findings: Findings) -> Chapter:
    """Cases and measurements, and the residuals of these after adjustment."""
    parts = [*_records_parts(findings), *_residual_parts(findings)]
    if not parts:
        return findings.absent("records", "phenotypes", "Phenotypes")
    said = findings.summary("records")
    return Chapter(
        name="phenotypes", title="Phenotypes", sentences=(f"{said}.",), parts=tuple(parts)
    )


def _records_parts(findings: Findings) -> list[Part]:
    rules = findings.table("records", "study.rules.tsv")
    figures = findings.figures("records", "study.phenotypes.html")
    if rules is None or not figures:
        return []
    rules = protected(rules, ("n_people", "n_first", "n_only"))
    table = Table(
        caption="Rules of the case definition and the participants who meet them",
        rows=rules,
        columns=columns_of(rules),
        file_name="case_rules",
    )
    return [Part(heading="Cases and measurements", blocks=(table, *figures))]


def _residual_parts(findings: Findings) -> list[Part]:
    page = findings.page("residuals", "study.residuals.html")
    if page is None:
        return []
    scanned = expanded(findings.config, findings.config.association.traits)
    wanted = [name.removeprefix(_RESIDUAL) for name in scanned if name.startswith(_RESIDUAL)]
    figures = tuple(figure for figure in page.figures if figure.heading in wanted)
    shown = (
        f"Shown are the {len(figures)} that were scanned."
        if figures
        else "None of them was scanned."
    )
    if "residuals" in findings.withheld:
        shown = "The figures are left out."
    model = findings.config.residuals.model
    of_model = re.split(r"(?:people|participants)\. ", findings.summary("residuals"))[-1]
    n = len(page.figures)
    measured = f"{counted(n, 'measurement')} {'was' if n == 1 else 'were'}" if n else "They were"
    said = (
        f"{measured} adjusted for sex, age and weight by the {model} model. {of_model} {shown} All "
        "are on the page of the stage, residuals/study.residuals.html."
    )
    return [Part(heading="Residual phenotypes", sentences=(said,), blocks=figures)]


def images_chapter(findings: Findings) -> Chapter:
    """Images by body region."""
    page = findings.page("images", "contact_sheet.html")
    counts = findings.table("images", "counts.tsv")
    if page is None or counts is None:
        return findings.absent("images", "images", "Images")
    counts = protected(counts, IMAGE_COUNTS)
    table = Table(
        caption="Images by body region",
        rows=counts,
        columns=columns_of(counts),
        file_name="images",
    )
    sheets = tuple(without_identities(figure) for figure in page.figures if "<img" in figure.markup)
    parts: tuple[Part, ...] = (Part(blocks=(table,)),)
    if sheets:
        heading = "A sample of the images" if page.small_counts else "Mean images"
        parts = (*parts, Part(heading=heading, blocks=sheets))
    return Chapter(name="images", title="Images", sentences=(f"{page.subtitle}.",), parts=parts)


def without_identities(sheet: PageFigure) -> PageFigure:
    """A sheet of images without the IDs and visits of participants: images are numbered."""
    number = itertools.count(1)
    plain = re.sub(r"<figcaption>.*?</figcaption>", "", sheet.markup, flags=re.DOTALL)
    named = re.sub(
        r'alt="[^"]*"',
        lambda _: f'alt="{html.escape(sheet.heading)}, image {next(number)}"',
        plain,
    )
    return replace(sheet, markup=named)


def models_chapter(findings: Findings) -> Chapter:
    """Networks on images: discrimination of cases, calibration and saliency."""
    page = findings.page("training", "study.train.html")
    evaluation = findings.table("training", "study.evaluation.tsv")
    if page is None or evaluation is None:
        return findings.absent("training", "models", "Models")
    evaluation = protected(evaluation, ("n", "n_cases"), beside={"n_cases": "n"})
    table = Table(
        caption="Discrimination of cases from controls by each score",
        rows=evaluation,
        columns=columns_of(evaluation, _EVALUATION, labels={"people": "Predictions"}),
        file_name="evaluation",
        notes=(f"{POOLED}: each participant predicted by models that never saw them.",),
    )
    curves, figures = _told_apart(page)
    parts = [
        Part(heading="Discrimination and calibration", blocks=(table, *figures)),
        Part(heading="Training", points=page.notes, blocks=curves),
    ]
    parts += _saliency_parts(findings, "training", "Saliency maps")
    parts += _genotype_parts(findings)
    return Chapter(name="models", title="Models", sentences=(page.subtitle,), parts=tuple(parts))


def _saliency_parts(findings: Findings, stage: str, heading: str) -> list[Part]:
    page = findings.page(stage, "study.saliency.html")
    if page is None:
        return []
    return [Part(heading=heading, sentences=(page.subtitle,), blocks=page.figures)]


def _genotype_parts(findings: Findings) -> list[Part]:
    page = findings.page("genotype_models", "study.genotype_models.html")
    table = findings.table("genotype_models", "study.genotype_models.tsv")
    if page is None or table is None:
        return []
    table = protected(table, ("n",))
    shown = Table(
        caption="Networks that predict the genotype of a SNP from images",
        rows=table,
        columns=columns_of(table, _GENOTYPE_MODELS, labels={"n": "Participants"}),
        file_name="genotype_models",
    )
    curves, figures = _told_apart(page)
    parts = [
        Part(heading="Genotypes from images", sentences=(page.subtitle,), points=page.notes,
             blocks=(shown, *figures)),
    ]  # fmt: skip
    if curves:
        parts.append(Part(heading="Training on genotypes", blocks=curves))
    heading = "Saliency maps of the genotype networks"
    return parts + _saliency_parts(findings, "genotype_models", heading)


def _told_apart(page: Page) -> tuple[tuple[PageFigure, ...], tuple[PageFigure, ...]]:
    """Learning curves, and the other figures."""
    curves = tuple(one for one in page.figures if one.heading.startswith("Learning curves"))
    return curves, tuple(one for one in page.figures if one not in curves)

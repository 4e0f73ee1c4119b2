"""The chapters of samples, variants, ancestry and relatives."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.plots import disclosure
from gwasbone.plots.funnel import funnel_words
from gwasbone.report import Chapter, Funnel, Part, Table
from gwasbone.report.chapters.columns import columns_of
from gwasbone.report.chapters.findings import Findings, listed, protected
from gwasbone.report.pages.cohort import funnel_rows
from gwasbone.study.files import DECIDING_STAGES, PEOPLE, VARIANTS

_METHODS = {"king": "KING", "pc_relate": "PC-Relate"}
#: Reasons named in a sentence; the funnel has them all.
_NAMED = 4


def decided(findings: Findings, name: str) -> MaskedTable | None:
    """The table of samples or variants as the last finished stage left it."""
    paths: list[Path | None] = [findings.path(stage, name) for stage in DECIDING_STAGES]
    last = next((path for path in reversed(paths) if path is not None), None)
    return None if last is None else MaskedTable.read(last)


def people_chapter(findings: Findings) -> Chapter:
    """From all genotyped samples to those analysed."""
    people = decided(findings, PEOPLE)
    if people is None:
        return findings.absent("people", "people", "Samples")
    parts = [_funnel_part(people, "From all genotyped samples to the samples analysed")]
    pairs = findings.table("relatedness", "pairs.tsv")
    if pairs is not None:
        rule = findings.config.relatedness
        n = disclosure.count_words(len(pairs))
        found = (
            f"{n[:1].upper()}{n[1:]} {'pair' if len(pairs) == 1 else 'pairs'} of samples had a "
            f"kinship above {rule.min_kinship:g} ({_METHODS[rule.method]}); a largest set of "
            "unrelated samples was retained."
        )
        parts.append(Part(heading="Relatives", sentences=(found,)))
    figures = findings.figures("people", "people.html", but=("Samples",))
    if figures:
        parts.append(Part(heading="Quality control", blocks=figures))
    return Chapter(
        name="people", title="Samples", sentences=_kept_sentences(people), parts=tuple(parts)
    )


def variants_chapter(findings: Findings) -> Chapter:
    """From all variants to those scanned."""
    variants = decided(findings, VARIANTS)
    if variants is None:
        return findings.absent("variants", "variants", "Variants")
    parts = [_funnel_part(variants, "From all variants to those scanned")]
    figures = findings.figures("variants", "variants.html", but=("Variants",))
    if figures:
        parts.append(Part(heading="Quality control", blocks=figures))
    return Chapter(
        name="variants", title="Variants", sentences=_kept_sentences(variants), parts=tuple(parts)
    )


def ancestry_chapter(findings: Findings) -> Chapter:
    """The ancestry filter and the components."""
    parts = []
    sentences: list[str] = []
    groups = findings.table("ancestry", "groups.tsv")
    if groups is not None:
        rule = findings.config.ancestry
        kept, judged = int(groups["kept"].sum()), int(groups["people"].sum())
        part = disclosure.part_words(kept, judged)
        sentences.append(
            f"{part[:1].upper()}{part[1:]} samples lie within {rule.radius:g} standard deviations "
            f"(squared deviation below {rule.radius**2:g}) of those who report "
            f"{listed(list(rule.reference))}, over {rule.n_components} principal components."
        )
        groups = _protected_groups(groups)
        table = Table(
            caption="Reported ethnic background and number of retained samples",
            rows=groups,
            columns=columns_of(groups),
            file_name="ancestry_groups",
        )
        figures = findings.figures(
            "ancestry", "ancestry.html", heading="Ancestry on principal components"
        )
        parts.append(Part(heading="Ancestry filter", blocks=(table, *figures)))
    elif "ancestry" in findings.records:
        sentences.append("No ancestry filter: all samples are retained.")
    figures = findings.figures("pca", "pca.html")
    if figures:
        said = f"{findings.summary('pca')}."
        parts.append(
            Part(
                heading="Principal components of the retained samples",
                sentences=(said,),
                blocks=figures,
            )
        )
    if not parts:
        return findings.absent("ancestry", "ancestry", "Ancestry")
    return Chapter(
        name="ancestry", title="Ancestry", sentences=tuple(sentences), parts=tuple(parts)
    )


def _funnel_part(table: MaskedTable, caption: str) -> Part:
    noun = "samples" if table.noun == "people" else table.noun
    return Part(blocks=(Funnel(caption=f"{caption}.", noun=noun, rows=funnel_rows(table)),))


def _protected_groups(groups: pd.DataFrame) -> pd.DataFrame:
    """The table of groups without small counts and without the values of single samples."""
    if disclosure.small_counts_allowed():
        return groups
    shown = protected(groups, ("people", "kept"), beside={"kept": "people"})
    # the extremes, and the median of a few, are values of single samples
    few = groups["people"].map(disclosure.is_small)
    medians = groups["median"].mask(few).map(lambda value: float(f"{value:.2g}"))
    return shown.drop(columns=["least", "most"], errors="ignore").assign(median=medians)


def _kept_sentences(table: MaskedTable) -> tuple[str, ...]:
    noun = "samples" if table.noun == "people" else table.noun
    with disclosure.small_counts(noun == "variants" or disclosure.small_counts_allowed()):
        return _protected_sentences(table, noun)


def _protected_sentences(table: MaskedTable, noun: str) -> tuple[str, ...]:
    funnel = table.funnel()
    removed = funnel[funnel["removed"] > 0].sort_values("removed", ascending=False, kind="stable")
    share = table.n_kept / max(len(table), 1)
    n_removed = len(table) - table.n_kept
    if disclosure.is_small(n_removed):
        return (f"{table.n_kept:,} {noun} are analysed; {disclosure.FEWER} are excluded.",)
    shown = funnel_words(funnel["removed"].fillna(0), funnel["remaining"], noun=noun)
    said = f"Of {len(table):,} {noun}, {table.n_kept:,} ({share:.0%}) are analysed."
    if shown.remaining[0] == disclosure.WITHHELD:
        said = f"{table.n_kept:,} {noun} are analysed."
    if removed.empty:
        return (said,)
    # as the funnel has them: two ways of withholding would give a number away
    of_steps = pd.Series([text.removeprefix("−") for text in shown.removed], funnel.index)
    texts = of_steps[removed.index].tolist()
    words = {disclosure.BELOW: disclosure.FEWER, disclosure.WITHHELD: "others"}
    named = [
        f"{words.get(text, text)} ({str(reason).replace('_', ' ')})"
        for text, reason in zip(texts, removed["reason"], strict=True)
    ][:_NAMED]
    rest = int(removed["removed"].iloc[_NAMED:].sum())
    if rest and disclosure.WITHHELD not in texts:
        named.append(f"{disclosure.count_words(rest)} for other reasons")
    return (said, f"Excluded: {listed(named)}.") if named else (said,)

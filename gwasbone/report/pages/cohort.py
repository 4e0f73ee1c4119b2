"""Pages of the cohort: quality control, ancestry and principal components."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gwasbone.cohort.ancestry import ancestry_deviation
from gwasbone.cohort.decision_files import funnel_summary
from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import AncestryOptions
from gwasbone.cohort.qc import QcThresholds, heterozygosity_limits
from gwasbone.plots import disclosure, theme
from gwasbone.plots.ancestry import KeptRegion, ancestry_pairs, scree
from gwasbone.plots.funnel import funnel
from gwasbone.plots.page import save_page
from gwasbone.plots.qc import qc_histogram, qc_scatter
from gwasbone.plots.theme import Threshold

if TYPE_CHECKING:
    from gwasbone.cohort.pca import PrincipalComponents


def people_page(cohort: Cohort, thresholds: QcThresholds, path: Path, *, title: str) -> None:
    """Write the page of sample quality control."""
    save_page(people_sections(cohort, thresholds), path, title=title)


def variants_page(cohort: Cohort, thresholds: QcThresholds, path: Path, *, title: str) -> None:
    """Write the page of variant quality control."""
    save_page(variant_sections(cohort, thresholds), path, title=title)


def qc_page(cohort: Cohort, thresholds: QcThresholds, path: Path, *, title: str) -> None:
    """Write the page of sample and variant quality control."""
    sections = people_sections(cohort, thresholds) + variant_sections(cohort, thresholds)
    said = ". ".join(_retained(table) for table in (cohort.people, cohort.variants))
    save_page(sections, path, title=title, subtitle=f"{said}.")


def _retained(table: MaskedTable) -> str:
    """The counts of a funnel in words, or where they are small only what is left."""
    removed = table.funnel()["removed"]
    if table.noun == "variants" or not removed.map(disclosure.is_small).any():
        return funnel_summary(table)
    return f"Samples: {disclosure.part_words(table.n_kept, len(table))} retained"


def people_sections(cohort: Cohort, thresholds: QcThresholds) -> list[tuple[str, object]]:
    """Figures of sample QC: funnel, heterozygosity and call rate, sex check."""
    table = cohort.people.table
    sections: list[tuple[str, object]] = [
        (
            "Samples",
            funnel(funnel_rows(cohort.people), noun="samples", title="Samples after each filter"),
        )
    ]
    # neither is known where there are no autosomal variants
    if "call_rate" in table and table[["call_rate", "f"]].notna().all(axis=1).any():
        rate = Threshold(
            f"call rate {thresholds.sample_call_rate:g}", thresholds.sample_call_rate, "below"
        )
        ends = heterozygosity_limits(table, thresholds)
        limits = []
        if ends is not None:
            said = f"{thresholds.het_sd:g} SD"
            limits = [
                Threshold(f"−{said}", ends[0], "below"),
                Threshold(f"+{said}", ends[1], "above"),
            ]
        sections.append(
            (
                "Heterozygosity and call rate",
                qc_scatter(
                    table["call_rate"],
                    table["f"],
                    title="Inbreeding coefficient against call rate",
                    x_label="Call rate (autosomes)",
                    y_label="Inbreeding coefficient F",
                    x_thresholds=[rate],
                    y_thresholds=limits,
                ),
            )
        )
    if "f_x" in table and table["f_x"].notna().any():
        sections.append(
            (
                "Sex",
                qc_histogram(
                    table["f_x"],
                    title="Inbreeding coefficient on chromosome X",
                    x_label="F on chromosome X (females near 0, males near 1)",
                    thresholds=[
                        Threshold(
                            f"female up to {thresholds.female_max_f:g}", thresholds.female_max_f
                        ),
                        Threshold(f"male from {thresholds.male_min_f:g}", thresholds.male_min_f),
                    ],
                    noun="samples",
                    log_y=True,
                ),
            )
        )
    return sections


def funnel_rows(table: MaskedTable) -> pd.DataFrame:
    """The funnel of a table with its reasons in words and the rule behind each."""
    rows = table.funnel()
    rows = rows.assign(step=rows["reason"].str.replace("_", " "), reason=rows["description"])
    rows.loc[0, "step"] = f"all {'samples' if table.noun == 'people' else table.noun}"
    rows.loc[0, "reason"] = ""
    return rows


def variant_sections(cohort: Cohort, thresholds: QcThresholds) -> list[tuple[str, object]]:
    """Figures of variant QC: funnel, frequency, call rate, Hardy-Weinberg, information."""
    table = cohort.variants.table
    rows = funnel_rows(cohort.variants)
    figure = funnel(rows, noun="variants", title="Variants after each filter")
    sections: list[tuple[str, object]] = [("Variants", figure)]
    hwe = -np.log10(thresholds.hwe) if thresholds.hwe else None
    for column, heading, label, limit, log_y in (
        (
            "maf",
            "Allele frequency",
            "Minor-allele frequency",
            ("MAF", thresholds.maf, "below"),
            False,
        ),
        (
            "call_rate",
            "Call rate",
            "Call rate over samples",
            ("call rate", thresholds.variant_call_rate, "below"),
            True,
        ),
        ("hwe_neg_log10_p", "Hardy-Weinberg", "−log₁₀ p, exact test", ("p", hwe, "above"), True),
        ("info", "Information", "INFO", ("INFO", thresholds.info, "below"), True),
    ):
        if column not in table or not table[column].notna().any():
            continue
        name, value, side = limit
        marks = []
        if value:
            shown = thresholds.hwe if column == "hwe_neg_log10_p" else value
            text = theme.format_p(shown) if name == "p" else f"{shown:g}"
            marks = [Threshold(f"{name} {text}", float(value), side)]  # type: ignore[arg-type]
        sections.append(
            (
                heading,
                qc_histogram(
                    table[column], title=heading, x_label=label, thresholds=marks, log_y=log_y
                ),
            )
        )
    return sections


def components_page(
    pcs: PrincipalComponents, path: Path, *, title: str, groups: pd.Series | None = None
) -> None:
    """Write the page of components, coloured by group where one is given."""
    colour = groups if groups is not None else pd.Series("participants", index=pcs.scores.index)
    pairs = _pairs(pcs.scores.shape[1])
    save_page(
        [
            ("Components", ancestry_pairs(pcs.scores, colour, pairs=pairs)),
            ("Eigenvalues", scree(pcs.eigenvalues)),
        ],
        path,
        title=title,
        subtitle=f"{disclosure.count_words(len(pcs.scores))} samples, "
        f"{len(pcs.loadings):,} variants",
    )


def _pairs(n_components: int) -> tuple[tuple[int, int], ...]:
    return tuple((i, i + 1) for i in range(1, min(n_components, 6), 2))


def ancestry_page(before: Cohort, after: Cohort, path: Path, rule: AncestryOptions) -> None:
    """Write the page of the filter: pairs of components, retained samples, the deviation.

    Parameters
    ----------
    before, after : the cohort without and with the decision.
    """
    judged = before.people.kept
    table = after.people.table[judged]
    names = [f"PC{j + 1}" for j in range(rule.n_components)]
    kept = pd.Series(after.people.kept[judged], index=table.index)
    is_reference = table["ancestry_group"].isin(list(rule.reference)).to_numpy()
    centre = ancestry_deviation(
        table[names].to_numpy(), is_reference, n_components=rule.n_components
    )
    part = disclosure.part_words(int(kept.sum()), len(kept))
    save_page(
        ancestry_pairs(
            table[names],
            table["ancestry_group"],
            kept=kept,
            region=KeptRegion(centre.centre, centre.sd, rule.radius),
            deviation=table["ancestry_deviation"],
            threshold=rule.radius**2,
            pairs=_pairs(rule.n_components),
        ),
        path,
        title=f"Ancestry: {' and '.join(rule.reference)}",
        subtitle=f"{part[:1].upper()}{part[1:]} samples are below a squared deviation of "
        f"{rule.radius**2:g} over PC1-PC{rule.n_components}",
    )

"""Decisions about people and variants, and the tables and pages that explain them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.qc import QcThresholds
from gwasbone.cohort.subsets import variant_names
from gwasbone.files import atomic_path
from gwasbone.tables import write_lines, write_pieces, write_table


def write_decisions(table: MaskedTable, path: Path) -> None:
    """Write all rows with their columns and the reasons that exclude them, as gzipped TSV."""
    write_pieces(
        (
            piece.table.assign(excluded_by=piece.reasons().replace("", "NA"))
            for piece in table.pieces()
        ),
        path,
    )


def write_keep(cohort: Cohort, prefix: Path) -> None:
    """Write ``PREFIX.keep.txt``: FID and IID of the kept people, as ``--keep`` takes them."""
    people = cohort.people.kept_table()
    with atomic_path(Path(f"{prefix}.keep.txt")) as temporary:
        people[["fid", "iid"]].to_csv(temporary, sep="\t", index=False, header=False)


def write_lists(cohort: Cohort, prefix: Path) -> None:
    """Write ``PREFIX.keep.txt``, and ``PREFIX.extract.txt`` with chr:pos:ref:alt."""
    write_keep(cohort, prefix)
    pieces = (variant_names(piece.kept_table()) for piece in cohort.variants.pieces())
    write_lines((pa.array(names, pa.string()) for names in pieces), Path(f"{prefix}.extract.txt"))


def write_funnels(cohort: Cohort, path: Path) -> None:
    """Write the funnels of people and variants as one table."""
    parts = [t.funnel().assign(of=t.noun) for t in (cohort.people, cohort.variants)]
    write_table(pd.concat(parts), path, index=False)


def funnel_summary(table: MaskedTable) -> str:
    """Who is left and what removed the others, in one line."""
    funnel = table.funnel()
    removed = funnel[funnel["removed"] > 0]
    parts = [f"{row.reason} {row.removed:,}" for row in removed.itertuples()]
    why = f" (removed: {', '.join(parts)})" if parts else ""
    return f"{table.n_kept:,} of {len(table):,} {table.noun} kept{why}"


def people_sections(cohort: Cohort, thresholds: QcThresholds) -> list[tuple[str, object]]:
    """Figures about the people: funnel, heterozygosity and call rate, sex check."""
    from gwasbone.plots.funnel import funnel
    from gwasbone.plots.qc import qc_histogram, qc_scatter
    from gwasbone.plots.theme import Threshold

    table = cohort.people.table
    sections: list[tuple[str, object]] = [
        ("People", funnel(cohort.people.funnel(), noun="people", title="From all to kept people"))
    ]
    if "call_rate" in table:
        rate = Threshold(
            f"call rate {thresholds.person_call_rate:g}", thresholds.person_call_rate, "below"
        )
        centre, sd = table["f"].mean(), table["f"].std()
        limits = [
            Threshold(f"{sign}{thresholds.het_sd:g} SD", centre + s * thresholds.het_sd * sd, side)
            for sign, s, side in (("−", -1, "below"), ("+", 1, "above"))
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
                    x_label="F on chromosome X (women near 0, men 1)",
                    thresholds=[
                        Threshold(
                            f"woman up to {thresholds.female_max_f:g}", thresholds.female_max_f
                        ),
                        Threshold(f"man from {thresholds.male_min_f:g}", thresholds.male_min_f),
                    ],
                    noun="people",
                    log_y=True,
                ),
            )
        )
    return sections


def variant_sections(cohort: Cohort, thresholds: QcThresholds) -> list[tuple[str, object]]:
    """Figures about the variants: funnel, frequency, call rate, Hardy-Weinberg, information."""
    from gwasbone.plots import theme
    from gwasbone.plots.funnel import funnel
    from gwasbone.plots.qc import qc_histogram
    from gwasbone.plots.theme import Threshold

    table = cohort.variants.table
    figure = funnel(cohort.variants.funnel(), noun="variants", title="From all to kept variants")
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
            "Share of people called",
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


def write_page(
    sections: list[tuple[str, object]], path: Path, *, title: str, subtitle: str = ""
) -> None:
    """Write sections as one page; see :func:`gwasbone.plots.page.save_page`."""
    from gwasbone.plots.page import save_page

    save_page(sections, path, title=title, subtitle=subtitle)


def qc_page(cohort: Cohort, thresholds: QcThresholds, path: Path, *, title: str) -> None:
    """Write the page of people and variants."""
    write_page(
        people_sections(cohort, thresholds) + variant_sections(cohort, thresholds),
        path,
        title=title,
        subtitle=f"{funnel_summary(cohort.people)}. {funnel_summary(cohort.variants)}.",
    )

"""``gwasbone ancestry``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import genotype_options, out_option, run_options, subset_options
from gwasbone.errors import UsageError


@click.command(
    epilog="\b\nExample:\n  gwasbone ancestry --bfile ukb --build GRCh37 --table ukb.tsv "
    "--column p21000_i0 --out brit"
)
@genotype_options
@subset_options
@click.option("--table", metavar="FILE", help="Table with the reported background.")
@click.option("--column", metavar="NAME", help="Its column.")
@click.option("--reference", help="Backgrounds that define the centre (British,Irish).")
@click.option("--components", "n_components", type=click.IntRange(1), help="How many PCs (6).")
@click.option("--radius", type=float, help="Keep squared deviations below its square (7).")
@click.option("--scores", metavar="FILE", help="Table with PC1, PC2, ...; computed otherwise.")
@click.option("--maf", type=float, help="Least frequency of variants for computed PCs (0.05).")
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Keep people near a reported ancestry group in principal components.

    D = sum over PCs of ((PC - M)/SD)^2 with M and SD over the reference group; D < radius^2 is
    kept. Writes PREFIX.people.tsv.gz, .keep.txt, .groups.tsv and a page.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.phenotypes.table import read_people_table
    from gwasbone.report.pages.cohort import ancestry_page
    from gwasbone.steps import components, people
    from gwasbone.study.config import AncestrySection, PcaSection
    from gwasbone.tables import write_table

    config = current_study()
    rule = config.ancestry if config is not None else AncestrySection()
    given = {name: options[name] for name in ("column", "n_components", "radius")}
    if options["reference"] is not None:
        given["reference"] = tuple(part.strip() for part in options["reference"].split(","))
    rule = dataclasses.replace(rule, **{k: v for k, v in given.items() if v is not None})
    if rule.column is None:
        raise UsageError(
            "no reported background: give --table FILE --column NAME, or ancestry.column in "
            "study.toml"
        )
    outputs = (".people.tsv.gz", ".keep.txt", ".groups.tsv", ".ancestry.html")
    with command_context(options, config, outputs=outputs) as context:
        cohort = context.cohort(before="ancestry")
        reported = context.column(options["table"], rule.column)
        if options["scores"] is not None:
            scores = read_people_table(options["scores"], id_rule=context.id_rule)
        else:
            pca = config.pca if config is not None else PcaSection()
            if config is None:
                pca = dataclasses.replace(pca, n_components=rule.n_components)
            if options["maf"] is not None:
                pca = dataclasses.replace(pca, maf=options["maf"])
            tables = context.people_tables() if rule.scores else {}
            scores = components.ancestry_scores(cohort, rule, pca, tables)
        before, cohort = cohort, components.ancestry_filter(cohort, scores, reported, rule)
        out = context.out
        people.write_decisions(cohort.people, Path(f"{out}.people.tsv.gz"))
        people.write_keep(cohort, out)
        by_group = components.deviation_by_group(cohort, before.people.kept)
        write_table(by_group, Path(f"{out}.groups.tsv"))
        ancestry_page(before, cohort, Path(f"{out}.ancestry.html"), rule)
        context.say(by_group.to_string(float_format=lambda v: f"{v:.1f}"))
        context.say(
            f"{people.funnel_summary(cohort.people)}\nwritten: {out}.ancestry.html, {out}.keep.txt"
        )

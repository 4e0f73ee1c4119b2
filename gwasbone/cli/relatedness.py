"""``gwasbone relatedness``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import genotype_options, out_option, run_options, subset_options


@click.command(
    epilog="\b\nExample:\n  gwasbone relatedness --bfile ukb --build GRCh37 --out unrelated"
)
@genotype_options
@subset_options
@click.option("--method", type=click.Choice(["king", "pc_relate"]), help="How (king).")
@click.option("--min-kinship", type=float, help="Pairs above are related (0.0884).")
@click.option("--pheno-file", metavar="FILE", help="Table with the cases to keep first.")
@click.option("--keep-cases-of", metavar="NAME", help="Its 0/1 column.")
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Find pairs of relatives and a maximal set of unrelated people.

    Writes PREFIX.pairs.tsv and PREFIX.keep.txt.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.steps import components, people
    from gwasbone.study.config import PcaSection, RelatednessSection
    from gwasbone.tables import write_table

    config = current_study()
    rule = config.relatedness if config is not None else RelatednessSection()
    given = {name: options[name] for name in ("method", "min_kinship", "keep_cases_of")}
    rule = dataclasses.replace(rule, **{k: v for k, v in given.items() if v is not None})
    with command_context(options, config, outputs=[".pairs.tsv", ".keep.txt"]) as context:
        cohort = context.cohort(before="relatedness")
        pca = config.pca if config is not None else PcaSection()
        pairs = components.related_pairs(cohort, rule, pca)
        first = context.column(options["pheno_file"], rule.keep_cases_of)
        cohort = components.without_relatives(cohort, pairs, rule, keep_first=first)
        write_table(pairs, Path(f"{context.out}.pairs.tsv"), index=False)
        people.write_keep(cohort, context.out)
        context.say(f"{len(pairs):,} related pairs; {people.funnel_summary(cohort.people)}")

"""``gwasbone ancestry``."""

from __future__ import annotations

from typing import Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import (
    _MAF,
    genotype_options,
    out_option,
    run_options,
    small_counts_option,
    subset_options,
    table_options,
)
from gwasbone.cohort.options import AncestryOptions, PcaOptions
from gwasbone.errors import UsageError
from gwasbone.options import with_given


@click.command(
    epilog="\b\nExample:\n  gwasbone ancestry --bfile ukb --build GRCh37 --table ukb.tsv "
    "--column p21000_i0 --out brit"
)
@genotype_options
@subset_options
@click.option("--table", metavar="FILE", help="Table with the reported ethnic background.")
@option_flags(AncestryOptions, skip=("scores",))
@click.option(
    "--scores",
    metavar="FILE",
    help="Table with precomputed components PC1, PC2, ...; they are computed where not given.",
)
@click.option("--maf", type=_MAF,
              help="Minimum minor allele frequency of the variants used for the components.  "
              f"[default: {PcaOptions.maf:g}]")  # fmt: skip
@table_options
@run_options
@small_counts_option
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Keep the samples near a reported ancestry group in principal component space.

    The squared deviation of a sample is D = sum over PCs of ((PC - M)/SD)^2, with the mean M and
    SD of the reference group; samples with D < radius^2 are kept. Writes PREFIX.people.tsv.gz,
    .keep.txt, .groups.tsv and a page.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.decision_files import funnel_summary
    from gwasbone.cohort.pruned import ancestry_scores
    from gwasbone.phenotypes.table import read_people_table
    from gwasbone.steps.ancestry import filter_ancestry

    config = current_study()
    rule = config.ancestry if config is not None else AncestryOptions()
    # the flag --scores names a file, the key columns
    rule = with_given(rule, options | {"scores": None})
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
            scores = read_people_table(
                options["scores"], id_rule=context.id_rule, reading=context.reading
            )
        else:
            pca = PcaOptions(n_components=rule.n_components) if config is None else config.pca
            pca = with_given(pca, options, ["maf"])
            tables = context.people_tables() if rule.scores else {}
            scores = ancestry_scores(cohort, rule, pca, tables)
        out = context.out
        cohort, by_group = filter_ancestry(cohort, rule, scores, reported, f"{out}.", prefix=out)
        context.say(by_group.to_string(float_format=lambda v: f"{v:.1f}"))
        context.say(
            f"{funnel_summary(cohort.people)}\nwritten: {out}.ancestry.html, {out}.keep.txt"
        )

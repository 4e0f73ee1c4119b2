"""``gwasbone pca``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import genotype_options, out_option, run_options, subset_options


@click.command(
    epilog="\b\nExample:\n  gwasbone pca --bfile ukb --build GRCh37 --keep qc.keep.txt --out ukb"
)
@genotype_options
@subset_options
@click.option("--components", "n_components", type=click.IntRange(1), help="How many (10).")
@click.option("--maf", type=float, help="Least minor-allele frequency of the variants (0.05).")
@click.option("--r2", type=float, help="Pruning threshold (0.1).")
@click.option("--window", help="Pruning window (500kb).")
@click.option("--groups", metavar="FILE", help="Table with a column to colour the page by.")
@click.option("--group-column", metavar="NAME", help="That column.")
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Principal components of the kept people.

    On autosomal variants, pruned, outside long-range-LD regions. Leave out relatives first (see
    relatedness). Writes PREFIX.pcs.tsv, .loadings.tsv.gz, .eigenvalues.tsv, .prune.in and a page.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.pca import principal_components
    from gwasbone.config import PcaSection
    from gwasbone.steps import components

    config = current_study()
    rule = config.pca if config is not None else PcaSection()
    given = {name: options[name] for name in ("n_components", "maf", "r2", "window")}
    rule = dataclasses.replace(rule, **{k: v for k, v in given.items() if v is not None})
    outputs = (".pcs.tsv", ".loadings.tsv.gz", ".eigenvalues.tsv", ".prune.in", ".pca.html")
    with command_context(options, config, outputs=outputs) as context:
        cohort = context.cohort()
        groups = context.column(options["groups"], options["group_column"])
        pruned = components.pruned_variants(cohort, rule)
        pcs = principal_components(cohort, pruned.index, k=rule.n_components)
        components.write_pruned(pruned, context.out)
        components.write_components(pcs, cohort, context.out)
        components.components_page(
            pcs,
            Path(f"{context.out}.pca.html"),
            title="Principal components",
            groups=groups.reindex(pcs.scores.index) if groups is not None else None,
        )
        click.echo(
            f"{rule.n_components} components of {len(pcs.scores):,} people from {len(pruned):,} "
            f"variants: {context.out}.pcs.tsv, {context.out}.pca.html"
        )

"""``gwasbone pca``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import (
    genotype_options,
    out_option,
    run_options,
    small_counts_option,
    subset_options,
    table_limit_option,
)
from gwasbone.cohort.options import PcaOptions, with_window


@click.command(
    epilog="\b\nExamples:\n  gwasbone pca --bfile ukb --build GRCh37 --keep qc.keep.txt --out ukb\n"
    "  gwasbone pca --bfile ukb --build GRCh37 --extract ukb.prune.in --no-prune --out ukb"
)
@genotype_options
@subset_options
@option_flags(PcaOptions)
@click.option(
    "--no-prune", is_flag=True, help="Use the variants as they are, without pruning them."
)
@click.option(
    "--groups",
    metavar="FILE",
    help="Table with the groups by which samples are coloured on the page.",
)
@click.option(
    "--group-column", metavar="NAME", help="Column of the --groups table with the groups."
)
@click.option(
    "--plots/--no-plots",
    default=True,
    show_default=True,
    help="Write the page with the plots of the components.",
)
@table_limit_option
@run_options
@small_counts_option
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Compute principal components of the retained samples.

    They are computed from autosomal variants outside regions of long-range linkage
    disequilibrium, after pruning; with --no-prune from the variants that --extract lists. Exclude
    relatives first (see gwasbone relatedness). Writes PREFIX.pcs.tsv, .loadings.tsv.gz,
    .eigenvalues.tsv, .prune.in and a page.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.steps.pca import compute_components

    config = current_study()
    rule = config.pca if config is not None else PcaOptions()
    rule = with_window(rule, options)
    no_prune, plots = options["no_prune"], options["plots"]
    _refuse_rules_without_pruning(options)
    outputs = [".pcs.tsv", ".loadings.tsv.gz", ".eigenvalues.tsv"]
    outputs += ([] if no_prune else [".prune.in"]) + ([".pca.html"] if plots else [])
    with command_context(options, config, outputs=outputs) as context:
        cohort = context.cohort()
        groups = context.column(options["groups"], options["group_column"])
        if groups is None and not context.names_genotypes:
            groups = cohort.people.table.get("ancestry_group")
        out = context.out
        made = compute_components(
            cohort, rule, out, pruned=None if no_prune else out, groups=groups,
            page=Path(f"{out}.pca.html") if plots else None, threads=options["threads"],
        )  # fmt: skip
        page = f", {out}.pca.html" if plots else ""
        context.say(
            f"{rule.n_components} components of {len(made.pcs.scores):,} samples from "
            f"{made.n_variants:,} variants: {out}.pcs.tsv{page}"
        )


def _refuse_rules_without_pruning(options: dict[str, Any]) -> None:
    from gwasbone.errors import UsageError

    given = [name for name in ("maf", "r2", "window", "step") if options[name] is not None]
    if options["no_prune"] and given:
        raise UsageError(
            f"--no-prune takes the variants as they are, got --{given[0]} too: give one of the two"
        )

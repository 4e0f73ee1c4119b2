"""``gwasbone rg``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.ldsc_options import ldsc_flags, ldsc_rule, named_ld_scores
from gwasbone.cli.options import out_option, run_options
from gwasbone.errors import UsageError

_SHOWN = 30


@click.command(
    epilog="\b\nExample:\n  gwasbone rg scans/*.tsv.gz --ref-ld-chr eur_w_ld_chr --out bones"
)
@click.argument("scans", nargs=-1, type=click.Path(path_type=Path))
@ldsc_flags
@run_options
@out_option("gwasbone")
def command(scans: tuple[Path, ...], **options: Any) -> None:
    """Estimate genetic correlations of scans by LD score regression, each with each.

    SCANS are summary statistics of any known format (see gwasbone clump --help), or folders of
    them; inside a study they are the study's scans where none are given. Each pair is regressed on
    the variants that both scans have, after the rules of LDSC's munging. Scans may share
    participants. Writes PREFIX.rg.tsv and PREFIX.rg.html with the matrix of correlations, in which
    undefined ones and those outside -1 to 1 are marked.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.steps import ldsc as step
    from gwasbone.study.scans import named_scans

    config = current_study()
    rule = ldsc_rule(options, config)
    outputs = [f".{step.RG}", f".{step.RG_PAGE}"]
    with command_context(options, config, outputs=outputs, in_effect=vars(rule)) as context:
        named = named_scans(scans, config, positions=options["positions"])
        if len(named) < 2:
            raise UsageError(f"expected two or more scans to correlate, got {', '.join(named)}")
        table = step.correlate(
            named, *named_ld_scores(context, rule), rule, f"{context.out}.",
            threads=options["threads"],
        )  # fmt: skip
        for row in table.head(_SHOWN).to_dict("records"):
            found = f"{row['rg']:.4f} ({row['standard_error']:.4f})"
            context.say(
                f"{row['trait1']} / {row['trait2']}: r_g "
                f"{found if row['rg'] == row['rg'] else 'undefined: ' + row['status']}"
            )
        more = f"{len(table):,} pairs: " if len(table) > _SHOWN else ""
        context.say(f"{more}{context.out}.{step.RG}, {context.out}.{step.RG_PAGE}")

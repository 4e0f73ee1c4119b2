"""``gwasbone select``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import out_option
from gwasbone.errors import UsageError


@click.command(epilog="\b\nExample:\n  gwasbone select results/scans/*.tsv.gz --out leads")
@click.argument("scans", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--p", "p_threshold", type=float, help="A block needs a p-value below this.")
@click.option("--block-bp", type=int, help="Length of a block in bp.")
@click.option("--max-blocks", type=int, help="Blocks per scan, the best first.")
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@out_option("gwasbone")
def command(scans: tuple[Path, ...], **options: Any) -> None:
    """Lead variants of GWAS-SSF scans by blocks of the genome.

    Per scan, the blocks (1 Mb) that hold a p-value below the threshold (1e-5), at most 12, each
    with its best variant. Writes PREFIX.leads.tsv.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.config import SelectionSection
    from gwasbone.steps.select import select_from_files, write_leads

    # a glob of a scan's output also matches its tables of untested variants
    scans = tuple(path for path in scans if not path.name.endswith(".untested.tsv.gz"))
    if not scans:
        raise UsageError("no scans: the files named hold untested variants only")
    config = current_study()
    rule = config.selection if config is not None else SelectionSection()
    names = ("p_threshold", "block_bp", "max_blocks")
    chosen = {n: options[n] if options[n] is not None else getattr(rule, n) for n in names}
    with command_context(options, config, outputs=[".leads.tsv"]) as context:
        leads = select_from_files(list(scans), **chosen)
        path = Path(f"{context.out}.leads.tsv")
        write_leads(leads, path)
        click.echo(f"{len(leads)} lead blocks in {len(scans)} scans: {path}")

"""``gwasbone report``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="\b\nExample:\n  cd demo && gwasbone report --out bone_study.html")
@click.argument("path", type=click.Path(path_type=Path), default="study.toml")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default="report.html",
    show_default=True,
    help="The page; its log stands beside it.",
)
@click.option("--force", is_flag=True, help="Replace an existing page.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(path: Path, out: Path, force: bool, debug: bool) -> None:
    """Make one page of all that a study's finished stages left.

    The page opens without a network: funnel, quality control, ancestry, phenotypes, models, scans,
    loci, provenance. No stage is run; `gwasbone run` makes the same page as its last stage.
    """
    from gwasbone.cli.context import command_line, full_disk_named
    from gwasbone.files import refuse_overwrite
    from gwasbone.report.study_report import write_report
    from gwasbone.run_log import run_log
    from gwasbone.steps.stages import REPORTED
    from gwasbone.study.config import load_config

    config = load_config(path)
    refuse_overwrite([out], force=force)
    with (
        run_log(out.with_suffix(".log"), command=command_line(), options={"out": out}),
        full_disk_named(out.parent),
    ):
        report = write_report(config, REPORTED, out)
        empty = [chapter.title for chapter in report.chapters if not chapter.parts]
        left = f"; nothing on {', '.join(empty)}" if empty else ""
        click.echo(f"{len(report.figures)} figures, {out.stat().st_size / 1e6:.1f} MB{left}: {out}")

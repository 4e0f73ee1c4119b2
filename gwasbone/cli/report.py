"""``gwasbone report``."""

from __future__ import annotations

from pathlib import Path

import click

from gwasbone.cli.options import small_counts_option


@click.command(epilog="\b\nExample:\n  cd demo && gwasbone report --out bone_study.html")
@click.argument("path", type=click.Path(path_type=Path), default="study.toml")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    default="report.html",
    show_default=True,
    help="File of the page; the log is written beside it.",
)
@small_counts_option
@click.option("--force", is_flag=True, help="Replace an existing page.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(path: Path, out: str, small_counts: bool, force: bool, debug: bool) -> None:
    """Write one page with the results of the finished stages of a study.

    The page opens offline and shows the exclusions, quality control, ancestry, phenotypes, models,
    scans, loci and provenance. No stage is run; `gwasbone run` writes the same page as its last
    stage. With --small-counts the tables of the report show small counts; its figures do where
    their stages ran with --small-counts too.
    """
    from gwasbone.cli.context import command_context
    from gwasbone.report.study_report import write_report
    from gwasbone.steps.stages import REPORTED
    from gwasbone.study.config import load_config

    config = load_config(path).with_small_counts(small_counts)
    name = Path(out).name
    options = {"out": out.removesuffix(Path(name).suffix), "force": force, "study": path}
    with command_context(options, config, outputs=[Path(name)]) as context:
        page = context.out.with_name(name)
        report = write_report(config, REPORTED, page)
        empty = [chapter.title for chapter in report.chapters if not chapter.parts]
        left = f"; nothing on {', '.join(empty)}" if empty else ""
        size_mb = page.stat().st_size / 1e6
        context.say(f"{len(report.figures)} figures, {size_mb:.1f} MB{left}: {page}")

"""``gwasbone run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import small_counts_option


@click.command(epilog="\b\nExample:\n  gwasbone run study.toml --until pca")
@click.argument("path", type=click.Path(path_type=Path), default="study.toml")
@click.option("--until", metavar="STAGE", help="Last stage to run.")
@click.option("--threads", type=click.IntRange(1), help="Number of cores to use.  [default: all]")
@click.option("--memory", "memory_gb", type=float, help="Memory of the JVM in GB.")
@click.option(
    "--master",
    help="Address of the Spark master, where the configuration of Spark does not name it.",
)
@small_counts_option
@click.option("--force", is_flag=True, help="Also run the stages that are up to date.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(path: Path, until: str | None, **options: Any) -> None:
    """Run the stages of a study that are not up to date.

    Finished stages are skipped; a stage that was interrupted is started again.
    """
    from gwasbone.cli.context import command_line, full_disk_named, start_session_options, tell
    from gwasbone.run_log import run_log
    from gwasbone.steps.stages import STAGES
    from gwasbone.study.config import load_config
    from gwasbone.study.files import run_logs
    from gwasbone.study.runner import run_study

    config = load_config(path).with_small_counts(options["small_counts"])
    log, hail_log = run_logs(config)
    start_session_options(options, config.output, hail_log)
    shown = {k: v for k, v in options.items() if v}
    with full_disk_named(config.output):
        run_study(
            config,
            STAGES,
            until=until,
            force=options["force"],
            threads=options["threads"],
            say=tell,
            around=lambda: run_log(log, command=command_line(), options=shown),
        )

"""``gwasbone demo``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click


@click.command(
    epilog="\b\nExample:\n  gwasbone demo demo && cd demo && gwasbone assoc --pheno cnn_prob"
)
@click.argument("folder", type=click.Path(path_type=Path), default="demo")
@click.option("--threads", type=click.IntRange(1), help="Number of cores to use.  [default: all]")
@click.option("--memory", "memory_gb", type=float, help="Memory of the JVM in GB.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path, **options: Any) -> None:
    """Simulate a small study, run all of its stages and write a report.

    FOLDER becomes a study folder. Stages that an earlier demo finished there are skipped.
    """
    from gwasbone.cli.context import command_line, full_disk_named, start_session_options, tell
    from gwasbone.files import staged_outputs
    from gwasbone.progress import counted_progress
    from gwasbone.report.study_report import REPORT
    from gwasbone.run_log import run_log
    from gwasbone.simulate.demo import write_demo_study
    from gwasbone.steps.stages import STAGES
    from gwasbone.study.config import load_config
    from gwasbone.study.files import run_logs
    from gwasbone.study.runner import run_study

    started = time.monotonic()
    with (
        staged_outputs(folder, [], command="demo", claims=["demo.log"]),
        run_log(folder / "demo.log", command=command_line(), options={}),
        full_disk_named(folder),
    ):
        tell(f"simulating a cohort in {folder}")
        with counted_progress() as progress:
            made = write_demo_study(folder, progress=progress)
        tell(made)
        config = load_config(folder / "study.toml")
        start_session_options(options, config.output, run_logs(config)[1])
        run_study(config, STAGES, threads=options["threads"], say=tell)
    tell(f"\ndone in {time.monotonic() - started:.0f} s; {config.output} has each stage's own page")
    tell(f"next: cd {folder} && gwasbone assoc --pheno cnn_prob")
    tell(f"\nthe report: {config.output / 'report' / REPORT}")

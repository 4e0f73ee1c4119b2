"""``gwasbone config``."""

from __future__ import annotations

from pathlib import Path

import click

_DEBUG = click.option("--debug", is_flag=True, help="Show the traceback of an error.")


@click.group(
    epilog="\b\nExample:\n  gwasbone config show > study.toml\n  gwasbone config check",
    no_args_is_help=False,
)
def command() -> None:
    """Show or check a study.toml."""


@command.command(epilog="\b\nExample:\n  gwasbone config show > study.toml")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@_DEBUG
def show(path: Path | None, debug: bool) -> None:
    """Print all keys of a study.toml with values and meanings.

    PATH is the study.toml; that of the current folder where it is not given. The defaults are
    printed where there is no study.toml, or where it is empty (as the shell creates it for
    `gwasbone config show > study.toml`).
    """
    from gwasbone.study import find_study
    from gwasbone.study.config import StudyConfig, load_config, show_config

    found = path or find_study()
    empty = found is None or (found.is_file() and not found.read_bytes().strip())
    click.echo(show_config(StudyConfig() if empty or found is None else load_config(found)))


@command.command(epilog="\b\nExample:\n  gwasbone config check study.toml")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@_DEBUG
def check(path: Path | None, debug: bool) -> None:
    """Check a study.toml and list the stages that would run.

    Reports invalid values, and traits, covariates and other columns that are in no table of
    participants and that no stage computes; only the headers of tables are read.
    """
    from gwasbone.errors import ConfigError
    from gwasbone.steps.stages import STAGES
    from gwasbone.study import FILE_NAME
    from gwasbone.study.columns import column_faults
    from gwasbone.study.config import load_config
    from gwasbone.study.runner import stage_status

    config = load_config(path or Path(FILE_NAME))
    faults = column_faults(config)
    if faults:
        raise ConfigError(f"{path or FILE_NAME}: {'; '.join(faults)}")
    click.echo(f"{path or FILE_NAME}: no fault found")
    for name, why in stage_status(config, STAGES).items():
        click.echo(f"  {name:<12} {'up to date' if why is None else f'would run: {why}'}")

"""``gwasbone config``."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(epilog="\b\nExample:\n  gwasbone config show > study.toml")
def command() -> None:
    """Show or check a study.toml."""


@command.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
def show(path: Path | None) -> None:
    """Print all keys with their values in effect and their meaning.

    Of the given study.toml, else of the current folder's, else the defaults.
    """
    from gwasbone.config import StudyConfig, find_study, load_config, show_config

    found = path or find_study()
    click.echo(show_config(load_config(found) if found is not None else StudyConfig()))


@command.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
def check(path: Path | None) -> None:
    """Say whether a study.toml is right, and which stages would run."""
    from gwasbone.config import FILE_NAME, load_config
    from gwasbone.steps.stages import STAGES
    from gwasbone.study import stage_status

    config = load_config(path or Path(FILE_NAME))
    click.echo(f"{path or FILE_NAME}: no fault found")
    for name, why in stage_status(config, STAGES).items():
        click.echo(f"  {name:<12} {'up to date' if why is None else f'would run: {why}'}")

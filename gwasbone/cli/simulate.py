"""``gwasbone simulate``."""

from __future__ import annotations

import dataclasses
from typing import Any

import click


@click.command(
    epilog="\b\nExamples:\n  gwasbone simulate --out cohort\n"
    "  gwasbone simulate --out cohort --people 500 --set h2_bmd=0.3 --set n_planted=2"
)
@click.option("--out", metavar="FOLDER", required=True, help="Folder for the files.")
@click.option("--people", "n_people", type=int, help="How many people (2000).")
@click.option("--variants", "n_variants", type=int, help="How many variants (25000).")
@click.option("--seed", type=int, help="Equal seeds give equal files (1).")
@click.option("--build", type=click.Choice(["GRCh37", "GRCh38"]), help="Where segments lie.")
@click.option("--light", is_flag=True, help="One population, no relatives, no planted faults.")
@click.option("--set", "others", multiple=True, metavar="NAME=VALUE", help="Any other setting.")
@click.option("--format", "formats", default="plink,vcf", show_default=True, help="One or both.")
@click.option("--settings", is_flag=True, help="Print all settings with their meaning, and stop.")
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(**options: Any) -> None:
    """Simulate a small biobank with real LD and known truth.

    Coalescent genotypes of several ancestries with relatives, sex, missing calls and a second
    genotyping array; bone densities with known causal variants; covariates. Writes PLINK and VCF
    files, phenotypes.tsv, covariates.tsv and truth/.
    """
    from pathlib import Path

    from gwasbone.cli.context import command_line
    from gwasbone.docstrings import parameter_docs
    from gwasbone.files import refuse_overwrite
    from gwasbone.progress import counted_progress
    from gwasbone.run_log import run_log
    from gwasbone.simulate import SimulationSettings, simulate_cohort
    from gwasbone.simulate.files import output_names

    chosen = _settings(options, SimulationSettings)
    if options["settings"]:
        docs = parameter_docs(SimulationSettings)
        for field in dataclasses.fields(SimulationSettings):
            click.echo(f"{field.name} = {getattr(chosen, field.name)!r}")
            click.echo("    " + docs[field.name].replace("\n", "\n    "))
        return
    out = Path(options["out"])
    formats = tuple(options["formats"].split(","))
    refuse_overwrite([out / name for name in output_names(formats)], force=options["force"])
    shown = dataclasses.asdict(chosen)
    with (
        run_log(out / "simulate.log", command=command_line(), options=shown),
        counted_progress() as progress,
    ):
        made = simulate_cohort(
            chosen, out, formats=formats, force=options["force"], progress=progress
        )
    click.echo(
        f"{made.n_people:,} people, {made.n_variants:,} variants, {made.n_relative_pairs} pairs of "
        f"relatives, {made.n_causal} causal variants: {made.folder}"
    )


def _settings(options: dict[str, Any], kind: Any) -> Any:
    """The settings that flags ask for."""
    import ast

    from gwasbone.errors import UsageError

    names = ("n_people", "n_variants", "seed", "build")
    chosen = {name: options[name] for name in names if options[name] is not None}
    known = {field.name for field in dataclasses.fields(kind)}
    for text in options["others"]:
        name, _, value = text.partition("=")
        if name not in known:
            raise UsageError(f"--set {text}: no such setting; see gwasbone simulate --settings")
        try:
            chosen[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            chosen[name] = value
    return kind.light(**chosen) if options["light"] else kind(**chosen)

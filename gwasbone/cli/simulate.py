"""``gwasbone simulate``."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import click


@click.command(
    epilog="\b\nExamples:\n  gwasbone simulate --out cohort\n"
    "  gwasbone simulate --out cohort --people 500 --set h2_bmd=0.3 --set n_planted=2\n"
    "  gwasbone simulate --out cohort --questionnaire parquet --set questionnaire.n_filler=20\n"
    "  gwasbone simulate --out survey --questionnaire csv --no-genotypes --people 500000\n"
    "  gwasbone simulate --out cohort --questionnaire parquet --images 500 "
    "--set phantoms.scale=0.25\n  gwasbone images --dicom cohort/images --preset age --out cache"
)
@click.option("--out", metavar="FOLDER", required=True, help="Folder of the output files.")
@click.option(
    "--people",
    "n_people",
    type=int,
    help="Number of participants.  [default: 2000; with --no-genotypes, 5000]",
)
@click.option("--variants", "n_variants", type=int, help="Number of variants.  [default: 25000]")
@click.option("--seed", type=int, help="Random seed.  [default: 1]")
@click.option(
    "--build",
    type=click.Choice(["GRCh37", "GRCh38"]),
    help="Reference genome build of the positions.  [default: GRCh37]",
)
@click.option(
    "--light",
    is_flag=True,
    help="Simulate a single population without relatives or planted faults.",
)
@click.option(
    "--set",
    "others",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of any other setting (see --settings); the option can be repeated.",
)
@click.option(
    "--format",
    "formats",
    default="plink,vcf",
    show_default=True,
    help="Formats of the genotype files: plink, vcf or both.",
)
@click.option(
    "--questionnaire",
    "table_format",
    type=click.Choice(["parquet", "csv"]),
    help="Also write a table of questionnaires, DXA bone densities and records of the same "
    "participants, in this format.",
)
@click.option(
    "--images",
    "n_images",
    type=click.IntRange(1),
    is_flag=False,
    flag_value=sys.maxsize,
    metavar="[N]",
    help="Also write DXA-like DICOM images of the imaged participants, or of the first N of them.",
)
@click.option(
    "--no-genotypes",
    is_flag=True,
    help="Write only the questionnaire table (and images), without genotypes.",
)
@click.option("--settings", is_flag=True, help="Print all settings with their meaning and exit.")
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(**options: Any) -> None:
    """Simulate a small biobank with realistic linkage disequilibrium and known causal variants.

    Genotypes come from a coalescent simulation of several ancestries, with relatives, sex,
    missing calls and a second genotyping array; phenotypes are bone densities with known causal
    variants. Writes PLINK and VCF files, phenotypes.tsv, covariates.tsv and truth/.

    With --questionnaire it also writes a table in UK Biobank's format: questionnaires, bone
    densities at one or two visits with missing values and measurement error, diagnoses and
    medication. With --images it also writes DICOM images of the imaged participants in images/:
    they depend on the true bone density, age and sex, and each of three causal variants brightens
    one location (truth/phantom_effects.tsv).
    """
    from gwasbone.errors import UsageError
    from gwasbone.simulate import QuestionnaireSettings, SimulationSettings

    if options["n_images"] is not None and options["table_format"] is None:
        raise UsageError("--images draws the participants of a questionnaire: add --questionnaire")
    asked = _questionnaire_settings(options, QuestionnaireSettings)
    if options["no_genotypes"] and not options["settings"]:
        if options["table_format"] is None:
            raise UsageError("--no-genotypes leaves nothing to write: add --questionnaire")
        _questionnaire_alone(options, asked)
        return
    chosen = _settings(options, SimulationSettings)
    if options["settings"]:
        _show(chosen, "")
        _show(asked, _QUESTIONNAIRE)
        _show(_phantom_settings(options), _PHANTOMS)
    else:
        _cohort(options, chosen, asked)


def _cohort(options: dict[str, Any], chosen: Any, asked: Any) -> None:
    from gwasbone.cli.context import command_context
    from gwasbone.progress import counted_progress
    from gwasbone.simulate import simulate_cohort
    from gwasbone.simulate.files import output_names
    from gwasbone.simulate.questionnaire_files import questionnaire_names

    table_format = options["table_format"]
    formats = tuple(options["formats"].split(","))
    names = output_names(formats)
    shown = dataclasses.asdict(chosen)
    further: dict[str, Any] = {}
    if table_format is not None:
        names += questionnaire_names(table_format)
        shown |= _prefixed(asked)
        further = {"questionnaire": asked, "table_format": table_format}
    phantoms = _phantoms(options)
    names += _image_names(options)
    with (
        command_context(
            options, None, outputs=names, in_effect=shown | _shown(phantoms), folder=True
        ) as context,
        counted_progress() as progress,
    ):
        made = simulate_cohort(chosen, context.out, formats=formats, progress=progress, **further)
        if phantoms is not None:
            from gwasbone.simulate.phantom_people import cohort_phantoms

            _draw(cohort_phantoms(chosen, asked), context, phantoms, options, progress)
        context.say(
            f"{made.n_people:,} participants, {made.n_variants:,} variants, "
            f"{made.n_relative_pairs} pairs of relatives, {made.n_causal} causal variants: "
            f"{options['out']}"
        )


def _questionnaire_alone(options: dict[str, Any], asked: Any) -> None:
    from gwasbone.cli.context import command_context
    from gwasbone.progress import counted_progress
    from gwasbone.simulate import save_questionnaire, simulate_questionnaire
    from gwasbone.simulate.questionnaire_files import questionnaire_names

    table_format = options["table_format"]
    phantoms = _phantoms(options)
    names = [*questionnaire_names(table_format), *_image_names(options)]
    shown = _prefixed(asked) | _shown(phantoms)
    with (
        command_context(options, None, outputs=names, in_effect=shown, folder=True) as context,
        counted_progress() as progress,
    ):
        made = simulate_questionnaire(asked)
        path = save_questionnaire(made, context.out, table_format=table_format)
        if phantoms is not None:
            from gwasbone.simulate.phantom_people import stranger_phantoms

            _draw(stranger_phantoms(asked), context, phantoms, options, progress)
        context.say(
            f"{len(made.table):,} participants, {made.table.shape[1] - 1} columns, "
            f"{int(made.people['is_case'].sum()):,} cases: {path}"
        )


def _draw(chosen: Any, context: Any, phantoms: Any, options: dict[str, Any], progress: Any) -> None:
    """Draw images, and say how many."""
    from gwasbone.simulate.phantom_people import IMAGES, write_phantoms

    out = context.out
    made = write_phantoms(
        chosen, out, settings=phantoms, n_people=options["n_images"], progress=progress
    )
    context.say(f"{len(made):,} images of {made['eid'].nunique():,} participants: {out / IMAGES}")


def _image_names(options: dict[str, Any]) -> list[str]:
    """The file that stands for all images, where there will be any; the truth about them."""
    if options["n_images"] is None:
        return []
    from gwasbone.simulate.phantom_people import EFFECTS_FILE, PEOPLE_FILE

    return ["images/.phantoms.json", f"truth/{PEOPLE_FILE}", f"truth/{EFFECTS_FILE}"]


_QUESTIONNAIRE, _PHANTOMS = "questionnaire.", "phantoms."


def _phantoms(options: dict[str, Any]) -> Any:
    """The settings of images, None where none are asked for."""
    return None if options["n_images"] is None else _phantom_settings(options)


def _phantom_settings(options: dict[str, Any]) -> Any:
    from gwasbone.simulate.phantoms import PhantomSettings

    chosen = {} if options["seed"] is None else {"seed": options["seed"]}
    return PhantomSettings(**(chosen | _set_by_name(options["others"], PhantomSettings, _PHANTOMS)))


def _shown(phantoms: Any) -> dict[str, Any]:
    """Settings of images for the log."""
    if phantoms is None:
        return {}
    return {_PHANTOMS + name: value for name, value in dataclasses.asdict(phantoms).items()}


def _prefixed(asked: Any) -> dict[str, Any]:
    return {_QUESTIONNAIRE + name: value for name, value in dataclasses.asdict(asked).items()}


def _show(chosen: Any, prefix: str) -> None:
    from gwasbone.docstrings import parameter_docs

    docs = parameter_docs(type(chosen))
    for field in dataclasses.fields(chosen):
        click.echo(f"{prefix}{field.name} = {getattr(chosen, field.name)!r}")
        click.echo("    " + docs[field.name].replace("\n", "\n    "))


def _settings(options: dict[str, Any], kind: Any) -> Any:
    """The settings of the cohort that flags ask for."""
    names = ("n_people", "n_variants", "seed", "build")
    chosen = {name: options[name] for name in names if options[name] is not None}
    chosen |= _set_by_name(options["others"], kind, "")
    return kind.light(**chosen) if options["light"] else kind(**chosen)


def _questionnaire_settings(options: dict[str, Any], kind: Any) -> Any:
    """The settings of the questionnaire: those of ``--set`` whose names begin so."""
    chosen = {name: options[name] for name in ("n_people", "seed") if options[name] is not None}
    return kind(**(chosen | _set_by_name(options["others"], kind, _QUESTIONNAIRE)))


def _set_by_name(texts: tuple[str, ...], kind: Any, prefix: str) -> dict[str, Any]:
    """Values of ``--set`` for one kind of settings; those of other kinds are passed over."""
    import ast

    from gwasbone.errors import UsageError

    chosen: dict[str, Any] = {}
    known = {field.name for field in dataclasses.fields(kind)}
    for text in texts:
        name, _, value = text.partition("=")
        if _prefix(name) != prefix:
            continue
        name = name.removeprefix(prefix)
        if name not in known:
            raise UsageError(f"--set {text}: no such setting; see gwasbone simulate --settings")
        try:
            chosen[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            chosen[name] = value
    return chosen


def _prefix(name: str) -> str:
    """Which settings a name belongs to; empty for the cohort's."""
    return next((p for p in (_QUESTIONNAIRE, _PHANTOMS) if name.startswith(p)), "")

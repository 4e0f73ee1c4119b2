"""``gwasbone residuals`` and the stage of that name: phenotypes without sex, age and weight."""

from __future__ import annotations

from pathlib import Path

from gwasbone.learning.options import ResidualOptions
from gwasbone.learning.residual_run import ResidualRun, compared_formulas, run_transformer
from gwasbone.phenotypes.confounders import read_assessments
from gwasbone.phenotypes.formula_comparison import FormulaComparison
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.residual_tables import models_table, residual_table
from gwasbone.phenotypes.residuals import residual_phenotypes, with_logarithms
from gwasbone.phenotypes.table import expand_names
from gwasbone.progress import counted_progress
from gwasbone.report.pages.formulas import formula_sections, formulas_summary
from gwasbone.report.pages.residuals import residuals_page, run_notes, run_sections, run_summary
from gwasbone.tables import write_table

#: What a run leaves beside its log, as suffixes of the prefix.
OUTPUTS = (".residuals.tsv", ".models.tsv", ".confounding.tsv", ".residuals.html")
MODELS = ".models"
#: What it leaves besides where formulas are compared or the transformer is tuned.
FORMULAS, TUNING = ".formulas.tsv", ".tuning.tsv"


def make_residuals(
    table: str, options: ResidualOptions, prefix: Path, *, models: Path,
    reading: TableReading | None = None,
) -> list[str]:  # fmt: skip
    """Take confounders out of the measurements of a table and write what is left of them.

    ``models`` is the folder of the transformer's networks, ``reading`` how tables are read.
    Returns the lines that sum it up.
    """
    measured = read_assessments(table, reading=reading)
    columns = [str(name) for name in measured.columns]
    measured = with_logarithms(measured, expand_names(options.log_traits, columns))
    traits = expand_names(options.traits, columns) or None
    compared = compared_formulas(measured, traits, options)
    if options.model == "transformer":
        with counted_progress() as progress:
            run = run_transformer(
                measured, traits, options, models=models, reading=reading, progress=progress
            )
    else:
        result = residual_phenotypes(
            measured, traits, model=options.model, formula=options.formula, n_folds=options.folds,
            covariates=expand_names(options.covariates, columns), seed=options.seed,
        )  # fmt: skip
        run = ResidualRun(result)
    write_residuals(run, compared, prefix)
    return [*formulas_summary(compared), *run_summary(run)]


def outputs(options: ResidualOptions) -> tuple[str, ...]:
    """What a run of these options leaves, as suffixes of the prefix."""
    compared = (FORMULAS,) if options.formulas is not None else ()
    return (*OUTPUTS, *compared, *((TUNING,) if options.tunes else ()))


def models_folder(prefix: Path, *, refit: bool) -> Path:
    """Where the networks of a transformer are kept beside the outputs."""
    return Path(f"{prefix}{MODELS}") / ("transformer_refit" if refit else "transformer")


def write_residuals(run: ResidualRun, compared: FormulaComparison | None, prefix: Path) -> None:
    """Write the files of ``outputs``."""
    result = run.phenotypes
    tables = {
        ".residuals.tsv": residual_table(result), ".models.tsv": models_table(result),
        ".confounding.tsv": result.confounding,
    }  # fmt: skip
    tables |= {} if compared is None else {FORMULAS: compared.table}
    tables |= {} if run.tuning is None else {TUNING: run.tuning.table}
    for ending, made in tables.items():
        write_table(made, Path(f"{prefix}{ending}"), index=False)
    residuals_page(
        result, Path(f"{prefix}.residuals.html"), notes=run_notes(run),
        sections=[*formula_sections(compared), *run_sections(run)],
    )  # fmt: skip

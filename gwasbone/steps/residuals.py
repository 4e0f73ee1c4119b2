"""``gwasbone residuals`` and the stage of that name: phenotypes without sex, age and weight."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import Encoder, ResidualOptions
from gwasbone.options import part_of
from gwasbone.phenotypes.confounders import read_assessments
from gwasbone.phenotypes.formula_comparison import compare_formulas
from gwasbone.phenotypes.formulas import read_formulas
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.residual_tables import models_table, residual_table
from gwasbone.phenotypes.residuals import (
    ResidualPhenotypes,
    residual_phenotypes,
    with_logarithms,
)
from gwasbone.phenotypes.table import expand_names
from gwasbone.progress import counted_progress
from gwasbone.report.pages.formulas import formula_sections, formulas_summary
from gwasbone.report.pages.residuals import (
    residuals_page,
    residuals_summary,
    transformer_notes,
    transformer_sections,
    transformer_summary,
)
from gwasbone.tables import write_table

#: What a run leaves beside its log, as suffixes of the prefix.
OUTPUTS = (".residuals.tsv", ".models.tsv", ".confounding.tsv", ".residuals.html")
MODELS = ".models"
#: What it leaves besides where formulas are compared.
FORMULAS = ".formulas.tsv"


def make_residuals(
    table: str,
    options: ResidualOptions,
    prefix: Path,
    *,
    models: Path,
    reading: TableReading | None = None,
) -> list[str]:
    """Take confounders out of the measurements of a table and write what is left of them.

    ``models`` is the folder of the transformer's networks, ``reading`` how tables are read.
    Returns the lines that sum it up.
    """
    measured = read_assessments(table, reading=reading)
    columns = [str(name) for name in measured.columns]
    measured = with_logarithms(measured, expand_names(options.log_traits, columns))
    traits = expand_names(options.traits, columns) or None
    if options.model == "transformer":
        return _transformer(measured, traits, options, prefix, models, reading)
    result = residual_phenotypes(
        measured, traits, model=options.model, formula=options.formula,
        covariates=expand_names(options.covariates, columns), n_folds=options.folds,
        seed=options.seed,
    )  # fmt: skip
    sections, lines = _compared(measured, traits, options, prefix)
    write_residuals(result, prefix, sections=sections)
    return [*lines, residuals_summary(result)]


def _compared(
    measured: pd.DataFrame, traits: list[str] | None, options: ResidualOptions, prefix: Path
) -> tuple[list[tuple[str, Any]], list[str]]:
    """Compare formulas, if there are any: sections of the page, and a line that sums it up."""
    if options.formulas is None:
        return [], []
    found = compare_formulas(
        measured, read_formulas(options.formulas), traits,
        participants=options.formula_participants, seed=options.seed,
    )  # fmt: skip
    write_table(found.table, Path(f"{prefix}{FORMULAS}"), index=False)
    return formula_sections(found), [formulas_summary(found)]


def _transformer(
    measured: pd.DataFrame, traits: list[str] | None, options: ResidualOptions, prefix: Path,
    models: Path, reading: TableReading | None,
) -> list[str]:  # fmt: skip
    from gwasbone.learning import residuals as learning
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.model_folder import compiled_in
    from gwasbone.learning.visit_answers import read_visit_answers

    assert options.inputs is not None, "a transformer without inputs is refused by its options"
    answers = read_visit_answers(
        options.inputs, measured, expand_names(options.input_columns) or None,
        categories=options.input_categories, logarithms=options.log_inputs,
        left_out=expand_names(options.leave_out), reading=reading,
    )  # fmt: skip
    n_models = options.networks * (1 if options.refit else options.folds)
    with compiled_in(models.parent), counted_progress() as progress:
        made = learning.transformer_residuals(
            measured, answers, load_backend(options.backend), traits, folder=models,
            plan=part_of(TrainingPlan, options), encoder=part_of(Encoder, options),
            n_folds=options.folds, n_networks=options.networks, refit=options.refit,
            on_epoch=learning.epoch_follower(n_models, options.epochs, progress),
        )  # fmt: skip
    write_table(learning.inputs_table(made), models / "inputs.tsv", index=False)
    sections = transformer_sections(made, learning.variance_explained(made))
    write_residuals(made.phenotypes, prefix, sections=sections, notes=list(transformer_notes(made)))
    return [transformer_summary(made), residuals_summary(made.phenotypes)]


def models_folder(prefix: Path, *, refit: bool) -> Path:
    """Where the networks of a transformer are kept beside the outputs."""
    return Path(f"{prefix}{MODELS}") / ("transformer_refit" if refit else "transformer")


def write_residuals(
    result: ResidualPhenotypes, prefix: Path, *, sections: Sequence[tuple[str, Any]] = (),
    notes: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write the files of ``OUTPUTS``; ``sections`` and ``notes`` are added to the page."""
    tables = {
        ".residuals.tsv": residual_table(result), ".models.tsv": models_table(result),
        ".confounding.tsv": result.confounding,
    }  # fmt: skip
    for ending, made in tables.items():
        write_table(made, Path(f"{prefix}{ending}"), index=False)
    residuals_page(result, Path(f"{prefix}.residuals.html"), sections=sections, notes=notes)

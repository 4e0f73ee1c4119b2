"""A run of ``gwasbone residuals`` as its options say: formulas compared, the transformer tuned.

What needs a deep-learning backend is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from gwasbone.learning.backend import Progress, load_backend
from gwasbone.learning.model_folder import compiled_in
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import Encoder, ResidualOptions
from gwasbone.learning.residuals import (
    TransformerResiduals,
    epoch_follower,
    inputs_table,
    transformer_residuals,
)
from gwasbone.learning.tuning import Tuning, read_grid, tune_transformer
from gwasbone.learning.visit_answers import VisitAnswers, read_visit_answers
from gwasbone.options import part_of
from gwasbone.phenotypes.formula_comparison import FormulaComparison, compare_formulas
from gwasbone.phenotypes.formulas import read_formulas
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.residuals import ResidualPhenotypes
from gwasbone.phenotypes.table import expand_names
from gwasbone.tables import write_table


@dataclass(frozen=True)
class ResidualRun:
    """Residual phenotypes, with what the transformer made beside them.

    Parameters
    ----------
    phenotypes : the residuals.
    transformer : None of another model. tuning : None where it was not tuned.
    """

    phenotypes: ResidualPhenotypes
    transformer: TransformerResiduals | None = None
    tuning: Tuning | None = None


def compared_formulas(
    measured: pd.DataFrame, traits: Sequence[str] | None, options: ResidualOptions
) -> FormulaComparison | None:
    """Compare the formulas that the options name; None where there are none."""
    if options.formulas is None:
        return None
    return compare_formulas(
        measured, read_formulas(options.formulas), traits,
        participants=options.formula_participants, seed=options.seed,
    )  # fmt: skip


def run_transformer(
    measured: pd.DataFrame,
    traits: Sequence[str] | None,
    options: ResidualOptions,
    *,
    models: Path,
    reading: TableReading | None = None,
    progress: Progress | None = None,
) -> ResidualRun:
    """Read the answers, tune where that is asked, and cross-fit.

    Parameters
    ----------
    measured : the table of assessments; traits : None for every measurement.
    models : folder of the networks; those of candidates in its folder ``tuning``.

    Raises
    ------
    InputError
        See :func:`gwasbone.learning.visit_answers.read_visit_answers`,
        :func:`gwasbone.learning.tuning.tune_transformer` and
        :func:`gwasbone.learning.residuals.transformer_residuals`.
    """
    assert options.inputs is not None, "a transformer without inputs is refused by its options"
    answers = read_visit_answers(
        options.inputs, measured, expand_names(options.input_columns) or None,
        categories=options.input_categories, logarithms=options.log_inputs,
        left_out=expand_names(options.leave_out), reading=reading,
    )  # fmt: skip
    with compiled_in(models.parent):
        run = _trained(measured, traits, options, answers, models, progress)
    assert run.transformer is not None
    write_table(inputs_table(run.transformer), models / "inputs.tsv", index=False)
    return run


def _trained(
    measured: pd.DataFrame, traits: Sequence[str] | None, options: ResidualOptions,
    answers: VisitAnswers, models: Path, progress: Progress | None,
) -> ResidualRun:  # fmt: skip
    backend = load_backend(options.backend)
    plan, encoder, tuning = part_of(TrainingPlan, options), part_of(Encoder, options), None
    if options.tunes:
        grid = read_grid(options.grid)
        tuning = tune_transformer(
            measured, answers, backend, traits, folder=models / "tuning", plan=plan,
            grid=grid, on_epoch=epoch_follower(len(grid), options.epochs, progress),
        )  # fmt: skip
        encoder = tuning.best.encoder
        plan = replace(plan, learning_rate=tuning.best.learning_rate)
    n_models = options.networks * (1 if options.refit else options.folds)
    made = transformer_residuals(
        measured, answers, backend, traits, folder=models, plan=plan, encoder=encoder,
        n_folds=options.folds, n_networks=options.networks, refit=options.refit,
        on_epoch=epoch_follower(n_models, options.epochs, progress),
    )  # fmt: skip
    return ResidualRun(made.phenotypes, made, tuning)

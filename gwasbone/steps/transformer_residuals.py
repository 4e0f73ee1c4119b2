"""What a transformer's residuals have beside those of other models: curves, cards, variance."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.learning.backend import Epoch
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import Encoder, ResidualOptions
from gwasbone.learning.residuals import TransformerResiduals, transformer_residuals
from gwasbone.options import part_of
from gwasbone.phenotypes.table import expand_names
from gwasbone.progress import counted_progress
from gwasbone.stats.agreement import out_of_fold_r2
from gwasbone.steps.residuals import write_residuals
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

#: Folder of the models, as a suffix of the prefix; below it ``transformer`` or
#: ``transformer_refit``, with a folder for each fold.
MODELS = ".models"
_RESAMPLES = 200

Progress = Callable[[str, int, int], None]


def models_folder(prefix: Path, *, refit: bool) -> Path:
    """Where the models of a run are kept."""
    return Path(f"{prefix}{MODELS}") / ("transformer_refit" if refit else "transformer")


def make_residuals(
    assessments: pd.DataFrame,
    options: ResidualOptions,
    traits: list[str] | None,
    *,
    folder: Path,
) -> TransformerResiduals:
    """Fit the transformer, and take what it predicts out of the traits.

    Parameters
    ----------
    folder : where models are kept; see :func:`models_folder`.
    """
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.visit_answers import read_visit_answers
    from gwasbone.steps.train import compiled_in

    assert options.inputs is not None, "a transformer without inputs is refused by its options"
    answers = read_visit_answers(
        options.inputs, assessments, expand_names(options.input_columns) or None,
        left_out=expand_names(options.leave_out),
    )  # fmt: skip
    n_models = options.networks * (1 if options.refit else options.folds)
    with compiled_in(folder.parent), counted_progress() as progress:
        return transformer_residuals(
            assessments, answers, load_backend(options.backend), traits, folder=folder,
            plan=part_of(TrainingPlan, options), encoder=part_of(Encoder, options),
            n_folds=options.folds, n_networks=options.networks, refit=options.refit,
            on_epoch=epoch_follower(n_models, options.epochs, progress),
        )  # fmt: skip


def write_transformer(made: TransformerResiduals, prefix: Path, *, folder: Path) -> None:
    """Write the files of every model's residuals, and ``inputs.tsv`` into the folder of models."""
    from gwasbone.report.pages.residuals import transformer_notes, transformer_sections

    write_table(inputs_table(made), folder / "inputs.tsv", index=False)
    explained = variance_explained(made)
    write_residuals(
        made.phenotypes, prefix,
        sections=transformer_sections(made, explained), notes=list(transformer_notes(made)),
    )  # fmt: skip


def inputs_table(made: TransformerResiduals) -> pd.DataFrame:
    """One row per input: ``name kind levels missing`` (share of the assessments)."""
    rows = []
    for name, values in made.encoded.inputs.items():
        levels = made.encoded.categorical.get(name)
        absent = np.isnan(values) if levels is None else values < 0
        kind = "number" if levels is None else "category"
        rows.append((name, kind, levels or np.nan, float(absent.mean())))
    return pd.DataFrame(rows, columns=["name", "kind", "levels", "missing"])


def variance_explained(made: TransformerResiduals) -> pd.DataFrame:
    """Per trait ``trait r2 lower upper r2_seen n``: out of fold (after a refit in sample).

    The interval is of a bootstrap over people, 95 %.
    """
    rows = []
    predicted = made.predictions
    for trait in made.measured.columns:
        found = out_of_fold_r2(
            made.measured[trait], predicted.predictions[trait], person=made.person,
            n_resamples=_RESAMPLES,
        )  # fmt: skip
        rows.append(
            {
                "trait": trait, "r2": found.r2, "lower": found.interval.lower,
                "upper": found.interval.upper, "r2_seen": predicted.r2_seen[trait], "n": found.n,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def summary(made: TransformerResiduals) -> str:
    """Variance explained over the traits, in one line."""
    seen = made.predictions.r2_seen
    if made.predictions.refit:
        return f"R2 in sample: mean {seen.mean():.3f} ({seen.min():.3f} to {seen.max():.3f})"
    r2 = made.predictions.r2
    return (
        f"R2 out of fold: mean {r2.mean():.3f} ({r2.min():.3f} to {r2.max():.3f}); of people seen "
        f"in training {seen.mean():.3f}"
    )


def epoch_follower(n_models: int, epochs: int, progress: Progress | None) -> Any:
    """A line in the log for each epoch, and a bar for each model."""

    def follow(model: int, epoch: Epoch) -> None:
        log.info(
            "model %d epoch %d: loss %.4f, validation %.4f, %.1f s",
            model, epoch["epoch"], epoch["loss"], epoch["validation_loss"], epoch["seconds"],
        )  # fmt: skip
        if progress is not None:
            progress(f"model {model + 1} of {n_models}, epochs", int(epoch["epoch"]), epochs)

    return follow

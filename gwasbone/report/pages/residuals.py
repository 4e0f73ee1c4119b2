"""The page of residual phenotypes, and what that of a transformer has beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gwasbone.learning.cross_fit import read_card
from gwasbone.learning.residuals import variance_explained
from gwasbone.phenotypes.confounders import AGE, SEX, WEIGHT, sex_labels
from gwasbone.phenotypes.fitted_trait import TraitModel
from gwasbone.phenotypes.residuals import ResidualPhenotypes, confounding_left, left_summary
from gwasbone.plots import disclosure
from gwasbone.plots.dots import interval_dots
from gwasbone.plots.learning_curves import has_curve, learning_curves
from gwasbone.plots.page import save_page
from gwasbone.plots.residuals import residual_pair, residual_scatter
from gwasbone.stats.smoothing import smooth_line

if TYPE_CHECKING:
    from gwasbone.learning.residual_run import ResidualRun
    from gwasbone.learning.residuals import TransformerResiduals
    from gwasbone.learning.tuning import Tuning

_X_LABELS = {
    AGE: "Age at assessment (years, mean over visits)",
    WEIGHT: "Weight (kg, mean over visits)",
}


def residuals_page(
    result: ResidualPhenotypes,
    path: Path,
    *,
    sections: Sequence[tuple[str, Any]] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write the page with each residual against age and weight, by sex, below ``sections``."""
    drawn = [
        (
            model.trait,
            residual_pair(_figures(result, model), description=_description(result, model)),
        )
        for model in result.models
        if model.people is not None
    ]
    save_page(
        [*sections, *drawn],
        path,
        title="Residual phenotypes against age and weight",
        subtitle=(
            f"{len(drawn)} trait{'s' if len(drawn) > 1 else ''}, "
            f"{_participants(result)} participants. {left_summary(result)}"
        ),
        notes=[
            *notes,
            *(
                disclosure.masked(f"{model.trait} has no residual: {model.message}")
                for model in result.models
                if model.people is None
            ),
        ],
    )


def _participants(result: ResidualPhenotypes) -> str:
    n, some = len(result.residuals), int(result.residuals.notna().any(axis=1).sum())
    return disclosure.count_words(n) if some == n else disclosure.part_words(some, n)


def residuals_summary(result: ResidualPhenotypes) -> str:
    """Traits, participants, and the confounding that is left, in one line."""
    return (
        f"{len(result.fitted)} of {len(result.models)} traits, {result.n_people} participants. "
        f"{left_summary(result)}"
    )


def _figures(result: ResidualPhenotypes, model: TraitModel) -> list[Any]:
    assert model.people is not None, "only fitted traits are drawn"
    labels = sex_labels(result.sexes)
    sex = result.covariates[SEX].to_numpy()
    residual = model.people.residual
    group = np.select([sex == code for code in range(len(labels))], labels, default="")
    return [
        residual_scatter(
            values,
            residual,
            list(group),
            {
                label: smooth_line(values[group == label], residual[group == label])
                for label in labels
            },
            title=f"Against {name}",
            x_label=_X_LABELS[name],
            y_label=f"Residual of {model.trait}",
        )
        for name, values in ((AGE, model.people.age), (WEIGHT, model.people.weight))
    ]


def _description(result: ResidualPhenotypes, model: TraitModel) -> str:
    found = confounding_left(result)
    found = found[found["trait"] == model.trait]
    left = ", ".join(
        f"{one.covariate} ({one.form}, {one.stratum}, {one.r2:.1%} of the variance)"
        for one in found.itertuples()
    )
    return f"{model.describe()}. Residual confounding: {left or 'none found'}."


def run_sections(run: ResidualRun) -> list[tuple[str, Any]]:
    """What the page has beside the residuals: of a transformer, how well it predicts."""
    made = run.transformer
    return [] if made is None else transformer_sections(made, variance_explained(made))


def run_notes(run: ResidualRun) -> list[str]:
    """How the residuals of a transformer were made, a note each."""
    if run.transformer is None:
        return []
    return [*tuning_notes(run.tuning), *transformer_notes(run.transformer)]


def run_summary(run: ResidualRun) -> list[str]:
    """The lines that sum up a run."""
    made = run.transformer
    said = [] if made is None else [*tuning_notes(run.tuning), transformer_summary(made)]
    return [*said, residuals_summary(run.phenotypes)]


def transformer_sections(
    made: TransformerResiduals, explained: pd.DataFrame
) -> list[tuple[str, Any]]:
    """Variance explained by trait, and learning curves.

    Parameters
    ----------
    explained : ``trait r2 lower upper r2_seen n``.
    """
    where = "in sample" if made.predictions.refit else "out of fold"
    drawn = explained.rename(columns={"trait": "name", "r2": "estimate"})
    drawn = drawn.sort_values("estimate", ascending=False).assign(
        written=[
            f"{row.estimate:.3f} [{row.lower:.3f}, {row.upper:.3f}]"
            + ("" if made.predictions.refit else f"; seen {row.r2_seen:.3f}")
            for row in drawn.sort_values("estimate", ascending=False).itertuples()
        ]
    )
    dots = interval_dots(
        drawn, title="Variance explained",
        x_label=f"Proportion of variance explained, {where}", words="95% intervals",
    )  # fmt: skip
    sections: list[tuple[str, Any]] = [("Variance explained by trait", dots)]
    histories = made.predictions.fit.histories
    if has_curve(histories):
        curves = learning_curves(histories, title="Losses")
        curves.yaxis.axis_label = "Loss (squared error, SD²)"
        sections.append(("Learning curves", curves))
    return sections


def transformer_notes(made: TransformerResiduals) -> Iterator[str]:
    """How the predictions were made, a note each."""
    fit = made.predictions.fit
    card = read_card(fit.models[0])
    network, plan = card["network"], card["plan"]
    refit = made.predictions.refit
    per_fold = len(fit.models) if refit else len(fit.models) // len(np.unique(fit.fold))
    networks = "a network" if per_fold == 1 else f"the mean of {per_fold} networks"
    if refit:
        yield (
            f"Refit: all participants are predicted by {networks} fitted to all of them; the "
            "residuals are in sample, and lack what was learned of the participants themselves. "
            "Compare with the out-of-fold residuals before a scan."
        )
    else:
        yield (
            f"Each participant is predicted by {networks} that never saw them. Networks of "
            "different folds differ a little: fold is offered as a categorical covariate."
        )
    yield (
        f"{len(made.encoded.numeric)} numbers and {len(made.encoded.categorical)} categories, "
        "missing answers as tokens of their own; transformer encoder of "
        f"{network['layers']} layers of {network['hidden']} with {network['attention_heads']} "
        f"heads ({card['n_parameters']:,} parameters) on {card['backend']}/{card['engine']} "
        f"({card['device']}); Adam {plan['learning_rate']:g} ({plan['schedule']}), batches of "
        f"{plan['batch_size']}, at most {plan['epochs']} epochs; data {made.data_hash}, models "
        f"{', '.join(fit.model_hashes)}."
    )
    words = disclosure.count_words
    yield (
        f"{words(len(made.person))} assessments; excluded: {words(made.n_without_answers)} without "
        f"answers, {words(made.n_incomplete)} without sex, age or weight."
    )


def tuning_notes(tuning: Tuning | None) -> list[str]:
    """How the size and the rate of the transformer were chosen, if they were."""
    if tuning is None:
        return []
    best = tuning.table.iloc[0]
    return [
        f"Tuned on an even split ({tuning.n_training:,} participants in training, "
        f"{tuning.n_validation:,} in validation): of {len(tuning.table)} candidates "
        f"{tuning.best.describe()} has the smallest validation loss ({best['validation_loss']:.4f},"
        f" mean R2 {best['r2']:.3f}). Its choice has seen everybody, so that variance explained "
        "out of fold is a little too high."
    ]


def transformer_summary(made: TransformerResiduals) -> str:
    """Variance explained over the traits, in one line."""
    seen = made.predictions.r2_seen
    if made.predictions.refit:
        return f"R2 in sample: mean {seen.mean():.3f} ({seen.min():.3f} to {seen.max():.3f})"
    r2 = made.predictions.r2
    return (
        f"R2 out of fold: mean {r2.mean():.3f} ({r2.min():.3f} to {r2.max():.3f}); of people seen "
        f"in training {seen.mean():.3f}"
    )

"""Residual phenotypes of a table of assessments: the tables and the page that explain them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.phenotypes.confounders import AGE, SEX, WEIGHT, sex_labels
from gwasbone.phenotypes.fitted_trait import TraitModel
from gwasbone.phenotypes.residuals import ResidualPhenotypes, confounding_left
from gwasbone.stats.smoothing import smooth_line
from gwasbone.tables import write_table

#: What a run leaves beside its log, as suffixes of the prefix.
OUTPUTS = (".residuals.tsv", ".models.tsv", ".confounding.tsv", ".residuals.html")

_X_LABELS = {
    AGE: "Age at assessment (years, mean of the person's)",
    WEIGHT: "Weight (kg, mean of the person's)",
}


def write_residuals(
    result: ResidualPhenotypes,
    prefix: Path,
    *,
    sections: Sequence[tuple[str, Any]] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write the files of ``OUTPUTS``; ``sections`` and ``notes`` are added to the page."""
    write_table(residual_table(result), Path(f"{prefix}.residuals.tsv"), index=False)
    write_table(models_table(result), Path(f"{prefix}.models.tsv"), index=False)
    write_table(result.confounding, Path(f"{prefix}.confounding.tsv"), index=False)
    residuals_page(result, Path(f"{prefix}.residuals.html"), sections=sections, notes=notes)


def residual_table(result: ResidualPhenotypes) -> pd.DataFrame:
    """``IID`` and ``resid_<trait>``; of predictions out of fold ``fold`` too.

    For deepnull there is also ``deepnull_<trait>``, its covariate.
    """
    fitted = list(result.fitted)
    parts = [result.residuals[fitted].add_prefix("resid_")]
    if result.model == "deepnull":
        parts.append(result.predictions[fitted].add_prefix("deepnull_"))
    if result.folds is not None:
        parts.append(result.folds.to_frame())
    return pd.concat(parts, axis=1).rename_axis("IID").reset_index()


def models_table(result: ResidualPhenotypes) -> pd.DataFrame:
    """What was fitted, one number per row.

    Columns: ``trait model estimator status n_people n_assessments n_repeated kind term estimate
    se statistic dof neg_log10_p``. ``kind`` is ``coefficient``; ``variance`` (``person``,
    ``residual``); ``r2`` (share of variance explained by the models nested up to a term, or of
    predictions ``seen`` and ``out of fold``); ``fit`` (``log_likelihood``, ``boundary`` 1 where the
    variance between people is 0, ``seed`` of a prediction); or ``none`` for a trait without a fit.
    """
    lines = [line for model in result.models for line in _model_lines(model, result.seed)]
    return pd.DataFrame(lines)


def residuals_page(
    result: ResidualPhenotypes,
    path: Path,
    *,
    sections: Sequence[tuple[str, Any]] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write the page with each residual against age and weight, by sex, below ``sections``."""
    from gwasbone.plots.page import save_page
    from gwasbone.plots.residuals import residual_pair

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
            f"{len(result.residuals):,} people. {left_summary(result)}"
        ),
        notes=[
            *notes,
            *(
                f"{model.trait} has no residual: {model.message}"
                for model in result.models
                if model.people is None
            ),
        ],
    )


def left_summary(result: ResidualPhenotypes) -> str:
    """In how many traits tests still find each confounder."""
    n_tests = int((result.confounding["status"] == "").sum())
    left = confounding_left(result)
    where = ", ".join(
        f"{name} in {len(set(part['trait']))}" for name, part in left.groupby("covariate")
    )
    return (
        f"Confounding left (p < 0.05 over {n_tests:,} tests): "
        f"{f'{where} of {len(result.fitted)} traits' if where else 'none found'}."
    )


def _figures(result: ResidualPhenotypes, model: TraitModel) -> list[Any]:
    from gwasbone.plots.residuals import residual_scatter

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
    return f"{model.describe()}. Confounding left: {left or 'none found'}."


def _model_lines(model: TraitModel, seed: int | None) -> list[dict[str, Any]]:
    common: dict[str, Any] = {
        "trait": model.trait,
        "model": model.model,
        "estimator": model.estimator or np.nan,
        "status": model.status or "ok",
        "n_people": model.counts.people,
        "n_assessments": model.counts.assessments,
        "n_repeated": model.counts.repeated,
    }

    def line(kind: str, term: str, estimate: float, **more: float) -> dict[str, Any]:
        empty = dict.fromkeys(("standard_error", "statistic", "dof", "neg_log_10_p_value"), np.nan)
        return common | {"kind": kind, "term": term, "estimate": estimate} | empty | more

    if model.people is None:
        return [line("none", model.status, np.nan)]
    lines = []
    if (found := model.coefficients) is not None:
        for j, term in enumerate(found.terms):
            lines.append(
                line(
                    "coefficient",
                    term,
                    found.beta[j],
                    standard_error=found.se[j],
                    statistic=found.statistic[j],
                    dof=found.dof,
                    neg_log_10_p_value=found.neg_log10_p[j],
                )
            )
        lines.append(line("variance", "person", model.sigma2_person))
    lines.append(line("variance", "residual", model.sigma2_residual))
    lines += [line("r2", step, value) for step, value in model.r2_steps.items()]
    if model.coefficients is not None:
        lines.append(line("fit", "log_likelihood", model.log_likelihood))
        lines.append(line("fit", "boundary", float(model.boundary)))
    if seed is not None:
        lines.append(line("fit", "seed", seed))
    return lines

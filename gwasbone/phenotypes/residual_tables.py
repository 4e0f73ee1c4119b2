"""Tables of residual phenotypes: a row per participant, and a row per number of each model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gwasbone.phenotypes.fitted_trait import TraitModel
from gwasbone.phenotypes.residuals import ResidualPhenotypes


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
    """Tabulate the fitted models, one number per row.

    Columns: ``trait model estimator status n_people n_assessments n_repeated kind term estimate
    standard_error statistic dof neg_log_10_p_value``. ``kind`` is ``coefficient``; ``variance``
    (``person``, ``residual``); ``r2`` (proportion of variance explained by the models nested up to
    a term, or by predictions ``seen`` and ``out of fold``); ``fit`` (``log_likelihood``,
    ``boundary`` 1 where the variance between people is 0, ``seed`` of a prediction); or ``none``
    for a trait without a fit.
    """
    lines = [line for model in result.models for line in _model_lines(model, result.seed)]
    return pd.DataFrame(lines)


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

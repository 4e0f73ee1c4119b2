"""A trait's fitted model and its residual per person, or the named reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gwasbone.errors import GwasboneError
from gwasbone.stats.pvalues import neg_log10_p_t

FloatArray = npt.NDArray[np.float64]


class UnfitError(GwasboneError):
    """A trait that cannot be fitted; ``status`` names why."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Coefficients:
    """Fixed effects: (k,) each, t statistics on ``dof`` degrees of freedom (``inf``: normal)."""

    terms: tuple[str, ...]
    beta: FloatArray
    se: FloatArray
    dof: float

    @property
    def statistic(self) -> FloatArray:
        return self.beta / self.se

    @property
    def neg_log10_p(self) -> FloatArray:
        return neg_log10_p_t(self.statistic, self.dof)


@dataclass(frozen=True)
class Counts:
    """Participants and assessments used, and participants with two assessments or more."""

    people: int
    assessments: int
    repeated: int


@dataclass(frozen=True)
class PersonMeans:
    """Means over the assessments used of each participant of the table; NaN where there is none.

    Parameters
    ----------
    residual : (p,) the phenotype. prediction : (p,) what was subtracted.
    X : (p, k) the model's columns (of a prediction the intercept). age, weight : (p,).
    """

    residual: FloatArray
    prediction: FloatArray
    X: FloatArray
    age: FloatArray
    weight: FloatArray


@dataclass(frozen=True)
class TraitModel:
    """A trait's model, and its residual per participant.

    Parameters
    ----------
    trait : its column. model : ``linear``, ``nonlinear``, ``formula``, ``deepnull`` or
        ``transformer``.
    people : the residual and its companions, per person; None where there is no fit.
    status, message : empty; else why there is no fit (``all_missing``, ``constant``,
        ``too_few``, ``rank_deficient``, ``no_convergence``, ``explained``) and what to do.
    estimator : ``reml``, ``least_squares``, ``least_squares_person_means``,
        ``boosted_trees_out_of_fold``, ``network_out_of_fold`` or ``network_in_sample``.
    formula : as R writes it.
    counts : people and assessments used.
    coefficients : None for ``deepnull`` and ``transformer``.
    r2_steps : share of variance that the fixed effects of nested models explain, by their last
        step. For ``reml`` var(Xβ̂)/(var(Xβ̂) + σ²_person + σ²_residual) (Nakagawa & Schielzeth
        2013, Methods Ecol Evol 4:133); of a prediction for rows ``seen`` in fitting, and then
        ``out of fold`` where it is.
    sigma2_person, sigma2_residual : variances between and within people; the first is 0 without
        a random intercept.
    log_likelihood : restricted, as lme4 and R's ``logLik(lm, REML = TRUE)`` give it.
    boundary : the best variance between people is 0.
    """

    trait: str
    model: str
    people: PersonMeans | None = None
    status: str = ""
    message: str = ""
    estimator: str = ""
    formula: str = ""
    counts: Counts = Counts(0, 0, 0)
    coefficients: Coefficients | None = None
    r2_steps: Mapping[str, float] = field(default_factory=dict)
    sigma2_person: float = float("nan")
    sigma2_residual: float = float("nan")
    log_likelihood: float = float("nan")
    boundary: bool = False

    @property
    def r2(self) -> float:
        """Share of variance that the whole model explains (a prediction: out of fold)."""
        return list(self.r2_steps.values())[-1] if self.r2_steps else float("nan")

    def describe(self) -> str:
        """The model in one line, for a log."""
        note = "; the variance between participants is 0" if self.boundary else ""
        if self.model == "nonlinear" and self.estimator == "least_squares":
            note = "; no participant has two assessments, so there is no intercept for each"
        if self.estimator.endswith("_in_sample"):
            note = "; in sample, by a model that was fitted to the same participants"
        return (
            f"{self.formula} by {self.estimator}, {self.counts.assessments:,} assessments of "
            f"{self.counts.people:,} participants ({self.counts.repeated:,} with two or more), "
            f"R2 {self.r2:.3f}"
            f"{note}"
        )

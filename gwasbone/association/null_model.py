"""The logistic model of a trait on its covariates alone, which both engines start from."""

from __future__ import annotations

from gwasbone.association.design import TraitGroup
from gwasbone.errors import InputError
from gwasbone.stats.logistic import LogisticFit, fit_logistic


def fit_null_model(group: TraitGroup, j: int) -> LogisticFit:
    """Fit trait j of a group on its covariates.

    Raises
    ------
    InputError
        The likelihood has no maximum.
    """
    fit = fit_logistic(group.X, group.Y[:, j])
    if not fit.converged:
        name, cases = group.names[j], group.traits[j].n_cases
        raise InputError(
            f"expected a logistic model of {name} ({cases:,} cases) on its covariates, it has no "
            f"maximum ({fit.status}): some covariate ({', '.join(group.covariates[1:])}) "
            "predicts cases perfectly; leave it out or merge levels"
        )
    return fit

"""Distance from a reference group in principal components, and the filter built on it.

Eriksson & Nakamori (2025), Eq. 2: D = Σ ((PC_j − M_j) / SD_j)² over the first components, with M
and SD over the people of the reference group; people with D below the squared radius are kept.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import AncestryOptions
from gwasbone.errors import InputError, UsageError
from gwasbone.phenotypes.codings import level_name, level_names, unknown_levels
from gwasbone.stats.variation import varies

log = logging.getLogger(__name__)

STAGE = "ancestry"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AncestryDeviation:
    """Squared deviations of samples from a reference group, with its mean and SD.

    Parameters
    ----------
    squared : (n,) D; NaN where a component is missing. Compare it with the radius squared.
    centre, sd : (p,) mean and standard deviation (n − 1) of the reference people.
    n_reference : reference people with all components.
    """

    squared: FloatArray
    centre: FloatArray
    sd: FloatArray
    n_reference: int


def ancestry_deviation(
    scores: npt.ArrayLike,
    reference: npt.ArrayLike,
    *,
    n_components: int = AncestryOptions.n_components,
) -> AncestryDeviation:
    """Compute the squared deviation of each sample from the reference group.

    Parameters
    ----------
    scores : (n, p) principal components; NaN where a person has none.
    reference : (n,) bool, who belongs to the reference group.
    n_components : how many of the first components to use.

    Raises
    ------
    InputError
        Too few components or reference people, or a component that does not vary among them.

    References
    ----------
    Eriksson & Nakamori (2025), Eq. 2.

    Examples
    --------
    >>> scores = np.array([[-1.0], [1.0], [0.0], [3.0]])
    >>> ancestry_deviation(scores, [True, True, True, False], n_components=1).squared
    array([1., 1., 0., 9.])
    """
    values, mask = np.asarray(scores, dtype=float), np.asarray(reference, dtype=bool)
    if values.ndim != 2 or values.shape[1] < n_components or n_components < 1:
        raise InputError(
            f"ancestry deviation over {n_components} components: expected at least as many "
            f"columns of scores (one or more), got an array of shape {values.shape}"
        )
    values = values[:, :n_components]
    complete = np.isfinite(values).all(axis=1)
    group = values[mask & complete]
    if len(group) < max(3, n_components + 1):
        raise InputError(
            f"ancestry deviation: expected more than {max(2, n_components)} reference participants "
            f"with all {n_components} components, got {len(group)}: name the reference groups as "
            "they are spelt in the table"
        )
    centre, sd = group.mean(axis=0), group.std(axis=0, ddof=1)
    same = ~varies(group, magnitude=np.abs(values[complete]).max())
    if same.any():
        shown = ", ".join(str(j + 1) for j in np.flatnonzero(same))
        raise InputError(
            f"ancestry deviation: expected components that vary in the reference group, component "
            f"{shown} is the same in all {len(group):,} participants: recompute the components"
        )
    squared = (((values - centre) / sd) ** 2).sum(axis=1)
    return AncestryDeviation(np.where(complete, squared, np.nan), centre, sd, len(group))


def _name_absent_groups(reference: Collection[str], group: pd.Series) -> None:
    """Warn of reference groups that no participant reports; raise where there is none of any."""
    present = [str(name) for name in group.dropna().value_counts().index]
    absent = unknown_levels(reference, present)
    if not absent:
        return
    near = difflib.get_close_matches(absent[0], present, 2, 0.5)
    shown = ", ".join(present[:8]) or "none"
    hint = f"did you mean {' or '.join(near)}?" if near else f"reported groups are: {shown}"
    message = f"ancestry filter: no participant reports {' or '.join(absent)}; {hint}"
    if len(absent) == len({level_name(name) for name in reference}):
        raise InputError(message)
    log.warning("%s", message)


def british_ancestry(
    cohort: Cohort,
    scores: pd.DataFrame,
    reported: pd.Series,
    *,
    reference: Collection[str] = AncestryOptions.reference,
    n_components: int = AncestryOptions.n_components,
    radius: float = AncestryOptions.radius,
) -> Cohort:
    """Keep the samples whose principal components resemble those of the reference group.

    Parameters
    ----------
    scores : index = sample ID, columns ``PC1``, ``PC2``, ...
    reported : reported group by sample ID; samples without one are judged by their components like
        all others, but do not contribute to the centre.
    reference : reported groups that define the centre, spelt as in ``reported``.
    radius : radius in standard deviations; samples with D ≥ radius² are excluded.

    Returns
    -------
    The cohort with columns ``ancestry_deviation`` (D), ``ancestry_group`` and the components used
    on its people table, and the decisions ``no_scores`` and ``ancestry_deviation`` of stage
    ``ancestry``. Only retained samples define the centre; people excluded earlier get a D too.

    Raises
    ------
    InputError
        Components or reference people are missing.
    UsageError
        ``radius`` is not positive.

    Examples
    --------
    >>> cohort = gb.example_cohort()
    >>> scores = gb.principal_components(cohort, k=6).scores
    >>> reported = pd.Series("British", index=scores.index)
    >>> gb.british_ancestry(cohort, scores, reported)
    Cohort: 300 samples, 400 variants, GRCh37, PLINK .bed
    """
    if radius <= 0:
        raise UsageError(f"ancestry filter: expected a radius above 0, got {radius}")
    names = [f"PC{j + 1}" for j in range(n_components)]
    absent = [name for name in names if name not in scores]
    if absent:
        raise InputError(
            f"ancestry filter: expected columns {names[0]} to {names[-1]} in the scores, "
            f"{', '.join(absent)} missing; it has {', '.join(map(str, scores.columns[:8]))}"
        )
    people = cohort.people.table.index
    reported = reported.reindex(people)
    held = scores[names].reindex(people)
    group = pd.Series(level_names(reported), people, name=reported.name, dtype=object)
    kept = cohort.people.kept
    _name_absent_groups(reference, group[kept])
    is_reference = group.isin([level_name(name) for name in reference]).to_numpy()
    result = ancestry_deviation(held.to_numpy(), is_reference & kept, n_components=n_components)
    columns = held.assign(ancestry_deviation=result.squared, ancestry_group=group)
    cohort = cohort.annotate_people(columns)
    without = ~np.isfinite(result.squared)
    far = result.squared >= radius**2
    words = f"squared deviation over PC1-PC{n_components} from {' and '.join(reference)}"
    cohort = cohort.exclude_people(
        STAGE, "no_scores", without, description=f"no principal components 1 to {n_components}"
    ).exclude_people(
        STAGE,
        "ancestry_deviation",
        far,
        description=f"{words} not below {radius:g}² = {radius**2:g}",
    )
    log.info(
        "ancestry: %d reference participants; %d without components, %d at or beyond %g SD; %d "
        "remain",
        result.n_reference, (without & kept).sum(), (far & kept).sum(), radius,
        cohort.people.n_kept,
    )  # fmt: skip
    return cohort


def ancestry_filter(
    cohort: Cohort, scores: pd.DataFrame, reported: pd.Series, rule: AncestryOptions
) -> Cohort:
    """Keep participants near the reference group."""
    return british_ancestry(
        cohort,
        scores,
        reported,
        reference=rule.reference,
        n_components=rule.n_components,
        radius=rule.radius,
    )


def deviation_by_group(cohort: Cohort, people: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Per reported group: participants judged, kept, and the range of their deviation."""
    table = cohort.people.table[people].assign(kept=cohort.people.kept[people])
    groups = table.groupby(table["ancestry_group"].fillna("not reported"))
    summary = groups.agg(
        people=("kept", "size"),
        kept=("kept", "sum"),
        least=("ancestry_deviation", "min"),
        median=("ancestry_deviation", "median"),
        most=("ancestry_deviation", "max"),
    )
    return summary.sort_values("people", ascending=False)

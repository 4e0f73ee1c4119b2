"""From simulated participants to the images they would have: densities, bodies and local variants.

The density that an image shows is the true one of its site, in standard deviations over all
imaging visits, so that a network can at best find what the diagnosis shares with it. A few causal
variants also brighten a place of their own, which no density holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone import genome
from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.simulate.assessments import draw_assessments
from gwasbone.simulate.genotypes import Progress, SimulatedGenotypes, simulate_genotypes
from gwasbone.simulate.phantom_anatomy import LocalEffect
from gwasbone.simulate.phantoms import PhantomSettings, simulate_phantoms
from gwasbone.simulate.phenotypes import simulate_phenotypes
from gwasbone.simulate.questionnaire import (
    SimulatedQuestionnaire,
    questionnaire_people,
    simulate_questionnaire,
)
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings
from gwasbone.simulate.settings import SimulationSettings

#: Site of a picture -> the true densities whose mean it shows.
MEASUREMENTS: Mapping[str, tuple[str, ...]] = {
    "ap_spine": ("bmd_spine_l1_l4",),
    "lateral_spine": ("bmd_spine_l1_l4",),
    "hip": ("bmd_femur_total_left", "bmd_femur_total_right"),
    "knee": ("bmd_leg_left", "bmd_leg_right"),
    "whole_body": ("bmd_total",),
}

#: Places that variants brighten: third lumbar vertebra, neck of the femur, head of the tibia.
PLACES: tuple[tuple[str, tuple[float, float], float], ...] = (
    ("ap_spine", (0.0, 0.47), 0.05),
    ("hip", (0.08, 0.41), 0.05),
    ("knee", (0.0, 0.66), 0.05),
)
#: Share of the grey level that each copy adds to its place.
PER_COPY = 0.06

IMAGES, PEOPLE_FILE, EFFECTS_FILE = "images", "phantom_people.parquet", "phantom_effects.tsv"
_MIN_FREQUENCY = 0.05


@dataclass(frozen=True)
class CohortPhantoms:
    """Whose images to draw, and which variants show in them.

    Parameters
    ----------
    people : one row per person and imaging visit, as
        :func:`gwasbone.simulate.phantoms.simulate_phantoms` takes them.
    effects : what variants do to places.
    variants : one row per effect: ``source_id chromosome position_bp effect_allele other_allele``.
    """

    people: pd.DataFrame
    effects: tuple[LocalEffect, ...]
    variants: pd.DataFrame


def phantom_people(
    made: SimulatedQuestionnaire,
    people: pd.DataFrame | None = None,
    dosages: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The imaging visits of a questionnaire as bodies to draw.

    Parameters
    ----------
    people : what the questionnaire was simulated for; None where it drew strangers.
    dosages : indexed by eid, one column per variant that shows in images.

    Returns
    -------
    ``eid instance male age height weight``, ``density_<site>`` for each site of
    :data:`MEASUREMENTS` (mean 0, SD 1 over all visits), and the dosages. Those who have withdrawn
    have none.

    Raises
    ------
    InputError
        Somebody has no dosage.
    """
    # the same draw that the questionnaire was made of: it holds what the table rounds or loses
    visits = draw_assessments(made.settings, people)
    imaged = visits.instance >= 2
    person = visits.person[imaged]
    table = pd.DataFrame(
        {
            "eid": visits.eid[person],
            "instance": visits.instance[imaged].astype(np.int64),
            "male": visits.is_man[person].astype(np.int8),
            "age": visits.age[imaged].astype(np.float64),
            "height": visits.height[imaged],
            "weight": visits.weight[imaged],
        }
    )
    true = made.true_bmd
    assert (true[["eid", "instance"]].to_numpy() == table[["eid", "instance"]].to_numpy()).all()
    for site, names in MEASUREMENTS.items():
        mean = true[list(names)].mean(axis=1)
        table[f"density_{site}"] = (mean - mean.mean()) / mean.std(ddof=0)
    table = table[table["eid"] > 0].reset_index(drop=True)
    if dosages is None:
        return table
    lacking = table.loc[~table["eid"].isin(dosages.index), "eid"]
    if len(lacking):
        raise InputError(
            f"phantoms: expected dosages of all participants, {len(lacking):,} participants have "
            f"none ({', '.join(map(str, lacking[:3]))})"
        )
    return pd.concat([table, dosages.loc[table["eid"]].reset_index(drop=True)], axis=1)


def local_effects(
    causal_variants: pd.DataFrame, *, n: int = len(PLACES), per_copy: float = PER_COPY
) -> tuple[LocalEffect, ...]:
    """Give the strongest causal variants a place each, in the order of :data:`PLACES`.

    Parameters
    ----------
    causal_variants : of :class:`gwasbone.simulate.SimulatedPhenotypes`; autosomal ones with both
        alleles above 5 % count, planted ones first, then by the variance they explain.
    n : how many, at most as many as there are places.
    """
    table = causal_variants
    frequency = table["frequency_all"]
    usable = (table["chromosome"] < genome.X) & frequency.between(
        _MIN_FREQUENCY, 1 - _MIN_FREQUENCY
    )
    ranked = table[usable].sort_values(["planted", "variance_share"], ascending=False)
    chosen = ranked["source_id"].drop_duplicates().head(n)
    return tuple(
        LocalEffect(str(name), region, at, radius, per_copy)
        for name, (region, at, radius) in zip(chosen, PLACES[:n], strict=False)
    )


def cohort_phantoms(
    settings: SimulationSettings,
    asked: QuestionnaireSettings,
    *,
    effects: Sequence[LocalEffect] | None = None,
    genotypes: SimulatedGenotypes | None = None,
    progress: Progress | None = None,
) -> CohortPhantoms:
    """The people of :func:`gwasbone.simulate.simulate_cohort` of the same settings, to be drawn.

    The cohort is drawn again from its seeds, which gives true dosages and unrounded densities.

    Parameters
    ----------
    effects : :func:`local_effects` of the cohort where None.
    genotypes : those of the cohort, where they are at hand.
    """
    if genotypes is None:
        genotypes = simulate_genotypes(settings, progress=progress)
    phenotypes = simulate_phenotypes(genotypes, settings)
    causal = phenotypes.causal_variants
    effects = local_effects(causal) if effects is None else tuple(effects)
    names = [effect.variant for effect in effects]
    row = pd.Series(np.arange(len(genotypes.variants)), genotypes.variants["source_id"])
    if missing := [name for name in names if name not in row.index]:
        raise InputError(f"phantoms: expected variants of the cohort, {missing} are not")
    rows = row.loc[names].to_numpy()
    people = questionnaire_people(phenotypes.covariates, phenotypes.genetic_values)
    dosages = pd.DataFrame(
        genotypes.true_dosages(rows).T.astype(np.float64), index=people["eid"], columns=names
    )
    made = simulate_questionnaire(asked, people)
    columns = ["source_id", "chromosome", "base_pair_location", "effect_allele", "other_allele"]
    return CohortPhantoms(
        phantom_people(made, people, dosages),
        tuple(effects),
        genotypes.variants.iloc[rows][columns].reset_index(drop=True),
    )


def stranger_phantoms(asked: QuestionnaireSettings) -> CohortPhantoms:
    """The participants of a questionnaire without genotypes, to be drawn."""
    return CohortPhantoms(phantom_people(simulate_questionnaire(asked)), (), pd.DataFrame())


def write_phantoms(
    chosen: CohortPhantoms,
    folder: Path,
    *,
    settings: PhantomSettings,
    n_people: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Draw the images of a cohort into ``folder/images``, and write the truth beside others.

    Parameters
    ----------
    folder : of the cohort. ``truth/phantom_people.parquet`` gets the bodies that were drawn,
        ``truth/phantom_effects.tsv`` what each variant brightens where.
    n_people : at most so many, those with the lowest eid; all their visits.

    Returns
    -------
    A row per image: ``eid instance picture path``.
    """
    people = chosen.people
    if n_people is not None:
        first = np.sort(people["eid"].unique())[:n_people]
        people = people[people["eid"].isin(first)]
    made = simulate_phantoms(
        people, folder / IMAGES, settings=settings, effects=chosen.effects, progress=progress
    )
    with atomic_path(folder / "truth" / PEOPLE_FILE) as partial:
        people.to_parquet(partial, index=False)
    with atomic_path(folder / "truth" / EFFECTS_FILE) as partial:
        _effects_table(chosen).to_csv(partial, sep="\t", index=False)
    return made


def _effects_table(chosen: CohortPhantoms) -> pd.DataFrame:
    rows = [asdict(effect) for effect in chosen.effects]
    table = pd.DataFrame(rows, columns=["variant", "region", "at", "radius", "per_copy"])
    x, y = table["at"].str[0], table["at"].str[1]
    table = table.drop(columns="at").assign(x=x, y=y)
    if chosen.variants.empty:
        return table
    known = chosen.variants.rename(columns={"source_id": "variant"})
    labels = known["chromosome"].map(genome.chromosome_label)
    return table.merge(known.assign(chromosome=labels), on="variant", how="left")

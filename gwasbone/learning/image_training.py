"""A binary trait from pictures of regions: one split of people, a model per region and fold.

Nothing here reads or writes but the folder of models; see :mod:`gwasbone.steps.train`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.files import content_hash
from gwasbone.images.cache import Pictures
from gwasbone.learning.backend import Backend, Epoch
from gwasbone.learning.cross_fit import CrossFit, cross_fit
from gwasbone.learning.folds import PersonFolds, person_folds
from gwasbone.learning.image_phenotype import balanced, person_scores, stack_regions
from gwasbone.learning.networks import Head, ImageNetwork, TrainingPlan
from gwasbone.learning.options import ImageNetworkOptions, NetworkChoice
from gwasbone.learning.picture_rows import ReducedPictures, reduced_size

log = logging.getLogger(__name__)

#: Name of the one output of every network.
TARGET = "target"
STACKED = "stacked"
#: Columns of :class:`TrainingPeople`'s table beside the side inputs.
CASE, SEX = "case", "sex"

#: Longer side of pictures where none is asked for; Eriksson & Nakamori 2025 use 672 and 224.
SIZES = {"small": 96, "efficientnet_b0": 224}
_PAPER_SIZE = 672


@dataclass(frozen=True)
class TrainingPeople:
    """Who is trained on.

    Parameters
    ----------
    table : indexed by person, sorted: ``case`` (1 or 0), ``sex`` (-1 where not known), and the
        side inputs, standardised, 0 where not known.
    side_inputs : their names.
    class_names : what 0 and 1 are called.
    """

    table: pd.DataFrame
    side_inputs: tuple[str, ...] = ()
    class_names: tuple[str, str] = ("0", "1")

    @property
    def strata(self) -> npt.NDArray[np.str_]:
        """(n,) case and sex, which folds have in equal shares."""
        parts = [self.table[name].astype(int).astype(str) for name in (CASE, SEX)]
        return (parts[0] + " " + parts[1]).to_numpy(str)


@dataclass(frozen=True)
class RegionFit:
    """A region's cross-fitted models.

    Parameters
    ----------
    network : what was built; fit : its predictions of pictures; scores : of people, see
        :func:`gwasbone.learning.image_phenotype.person_scores`.
    most_pictures : of a person; n_pictures : in all.
    log_odds_shift : what was added to log odds against the class weights.
    """

    network: ImageNetwork
    fit: CrossFit
    scores: pd.DataFrame
    data_hash: str
    n_pictures: int
    most_pictures: int
    log_odds_shift: float


def split_people(
    people: TrainingPeople, *, folds: int, validation_share: float, seed: int
) -> PersonFolds:
    """One split for all regions, with case and sex in equal shares; rows are those of the table.

    Raises
    ------
    InputError
        Fewer cases or controls than folds.
    """
    check_classes(people.table[CASE], folds, "all regions")
    return person_folds(
        people.table.index.to_numpy(), people.strata, folds=folds,
        validation_share=validation_share, seed=seed,
    )  # fmt: skip


def check_classes(case: pd.Series, folds: int, where: str) -> None:
    """Raise where a fold would lack cases or controls."""
    n_cases = int((case == 1).sum())
    n_controls = int((case == 0).sum())
    if min(n_cases, n_controls) < folds:
        raise InputError(
            f"training: expected at least {folds} cases and {folds} controls with pictures of "
            f"{where} for {folds} folds, got {n_cases} and {n_controls}: give more people, fewer "
            "folds, or look at the coding of the target"
        )


def network_for(
    choice: ImageNetworkOptions, pictures: Pictures, people: TrainingPeople
) -> ImageNetwork:
    """The network of a region's pictures."""
    _, height, width, channels = pictures.shape
    longest = max(height, width)
    architecture = choice.architecture or "small"
    wanted = choice.size or min(SIZES.get(architecture, _PAPER_SIZE), longest)
    rows, columns = reduced_size(height, width, wanted)
    return ImageNetwork(
        heads=(Head(TARGET, "binary"),), architecture=architecture, height=rows,
        width=columns, channels=channels, side_inputs=dict.fromkeys(people.side_inputs, 1),
        weights=choice.weights, mixed_precision=choice.mixed_precision, dropout=choice.dropout,
        augment=dict(choice.augment),
    )  # fmt: skip


def data_hash(pictures: Pictures, people: TrainingPeople, choice: ImageNetworkOptions) -> str:
    """16 digits that differ where pictures, their people, side inputs or first weights do."""
    digest = hashlib.sha256()
    columns = ["person", "visit", "side", "content_sha256", "settings_hash"]
    digest.update(pictures.table[columns].to_csv(index=False).encode())
    for name in people.side_inputs:
        digest.update(people.table[name].to_csv().encode())
    if choice.weights != "random" and Path(choice.weights).is_file():
        digest.update(content_hash(Path(choice.weights)).encode())
    return digest.hexdigest()[:16]


def fit_region(
    backend: Backend,
    region: str,
    pictures: Pictures,
    people: TrainingPeople,
    split: PersonFolds,
    choice: NetworkChoice,
    plan: TrainingPlan,
    *,
    folder: Path,
    on_epoch: Callable[[int, Epoch], None] | None = None,
) -> RegionFit:
    """Cross-fit one region; people without its pictures, and pictures of others, are left out.

    Parameters
    ----------
    split : of the people, rows as in their table.
    folder : of the region's models; finished folds and epochs of the same training are taken.

    Raises
    ------
    InputError
        Too few cases or controls have the region's pictures, or the backend refuses something.
    """
    place = people.table.index.get_indexer(pd.Index(pictures.people))
    rows = np.flatnonzero(place >= 0)
    place = place[rows]
    person = people.table.index.to_numpy()[place]
    seen = people.table.loc[np.unique(person), CASE]
    check_classes(seen, split.n_folds, region)
    used = replace(
        pictures, table=pictures.table.iloc[rows].reset_index(drop=True), rows=pictures.rows[rows]
    )
    network = network_for(choice, used, people)
    inputs: dict[str, Any] = {
        name: people.table[name].to_numpy(np.float32)[place][:, None] for name in people.side_inputs
    }
    reduced = ReducedPictures(used, np.arange(len(used)), network.height, network.width)
    inputs["image"] = reduced.held()
    case = people.table[CASE].to_numpy(np.float64)[place]
    weights = balanced(case) if choice.class_weights else None
    hashed = data_hash(used, people, choice)
    fit = cross_fit(
        backend, network, plan, inputs, {TARGET: case},
        PersonFolds(split.fold[place], split.validation[:, place]),
        folder=folder, data_hash=hashed,
        weights=None if weights is None else {TARGET: weights.weights}, on_epoch=on_epoch,
    )  # fmt: skip
    shift = 0.0 if weights is None else weights.log_odds_shift
    scores = person_scores(person, fit, TARGET, log_odds_shift=shift)
    return RegionFit(
        network, fit, scores, hashed, len(used), int(scores["n_pictures"].max()), shift
    )


def all_scores(fits: Mapping[str, RegionFit], case: pd.Series) -> dict[str, pd.DataFrame]:
    """Scores by region, and for several regions those that stack them, under ``stacked``."""
    scores = {region: fit.scores for region, fit in fits.items()}
    if len(scores) > 1:
        scores[STACKED] = stack_regions(scores, case)
    return scores


def phenotype_table(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table that an association takes, indexed by person.

    Columns: ``cnn_prob cnn_logit cnn_logit_std cnn_logit_rint cnn_fold n_pictures`` of the
    stacked score (of the region where there is one), and ``cnn_prob_<region>
    cnn_logit_std_<region>``. Everything is out of fold. ``cnn_logit_rint`` are normal scores of
    ``cnn_logit_std``, which is standardised within folds.
    """
    from gwasbone.phenotypes.transforms import normal_scores

    main = scores[STACKED] if STACKED in scores else next(iter(scores.values()))
    table = main[["cnn_prob", "cnn_logit", "cnn_logit_std"]].copy()
    table["cnn_logit_rint"] = normal_scores(main[["cnn_logit_std"]])["cnn_logit_std"]
    table["cnn_fold"], table["n_pictures"] = main["cnn_fold"], main["n_pictures"]
    for region, of_region in scores.items():
        if region != STACKED:
            named = of_region[["cnn_prob", "cnn_logit_std"]].add_suffix(f"_{region}")
            table = table.join(named)
    return table

"""Where the networks that learned genotypes look (Eriksson & Nakamori 2025, Figure 10)."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.errors import InputError, reading
from gwasbone.images.cache import ImageCache
from gwasbone.learning.backend import Backend, Progress
from gwasbone.learning.cross_fit import read_card
from gwasbone.learning.genotype_job import JOB, JOB_PEOPLE
from gwasbone.learning.genotype_run import FDR
from gwasbone.learning.networks import Head
from gwasbone.learning.options import GenotypeHead
from gwasbone.learning.person_maps import (
    KEPT,
    MOST_PEOPLE,
    RegionSaliency,
    SaliencyRequest,
    keep_saliency,
    person_maps,
    region_saliency,
)
from gwasbone.learning.saliency import dosage_question

_COUNTS = ("no", "one", "two")


@dataclass(frozen=True)
class FinishedModel:
    """A trained genotype classifier as a run has left it.

    Parameters
    ----------
    region, variant_id : of the job. head : categorical or ordinal; the output's name is
        ``genotype``.
    classes : copies of the effect allele that each class holds.
    models : per fold, the file to load with the backend; model_hashes : what was recorded of it.
    held_out : per fold, the people whom its model never saw.
    copies : by person, copies of the effect allele (NaN for no hard call).
    """

    region: str
    variant_id: str
    head: GenotypeHead
    classes: tuple[tuple[int, ...], ...]
    models: tuple[Path, ...]
    model_hashes: tuple[str, ...]
    held_out: tuple[pd.Index, ...]
    copies: pd.Series


def finished_models(models: Path) -> list[FinishedModel]:
    """The genotype classifiers in a folder of models that are finished, in order of their names.

    Raises
    ------
    InputError
        There is no such folder.
    """
    if not models.is_dir():
        raise InputError(f"{models}: expected a folder of models, there is none")
    found = []
    for path in sorted(models.glob(f"*/*/{JOB}")):
        with reading(path, "a finished genotype model"):
            about = json.loads(path.read_text())
            people = pd.read_csv(path.parent / JOB_PEOPLE, sep="\t", dtype={"IID": str})
            people = people.set_index("IID")
            files = tuple(path.parent / name for name in about["models"])
        if not all(file.exists() for file in files):
            continue
        found.append(
            FinishedModel(
                about["region"],
                about["variant_id"],
                about["head"],
                tuple(tuple(members) for members in about["classes"]),
                files,
                tuple(about["model_hashes"]),
                tuple(people.index[people["fold"] == j] for j in range(len(files))),
                people["copies"],
            )
        )
    return found


def genotype_saliency(
    backend: Backend,
    cache: ImageCache,
    models: Path,
    jobs: Collection[tuple[str, str]],
    *,
    most: int = MOST_PEOPLE,
    seed: int = 1,
    progress: Progress | None = None,
) -> list[RegionSaliency]:
    """Where networks look for copies of the effect allele, in participants whom they never saw.

    Parameters
    ----------
    models : folder of ``gwasbone train --task genotype``; ``<region>/<variant_id>/saliency.npz``
        is added.
    jobs : (region, variant_id) of those that are drawn: where a network has learned nothing,
        there is nothing that its maps could be of.
    most : people of each class whose maps are made.

    Raises
    ------
    InputError
        No such folder, or a model that cannot be read.
    """
    found = []
    for model in finished_models(models):
        if (model.region, model.variant_id) not in jobs:
            continue
        asked = genotype_request(model, most=most, seed=seed)
        made = person_maps(backend, cache, model.region, asked, progress=progress)
        seen = region_saliency(asked, model.region, made)
        keep_saliency(seen, model.models[0].parents[1] / KEPT)
        found.append(seen)
    return found


def learned_jobs(table: pd.DataFrame) -> set[tuple[str, str]]:
    """(region, variant_id) that networks learned: a false discovery rate below 5 %.

    Parameters
    ----------
    table : of ``gwasbone train --task genotype``.
    """
    found = table[table["fdr"] < FDR]
    return set(zip(found["region"], found["variant_id"], strict=True))


def genotype_request(
    model: FinishedModel, *, most: int = MOST_PEOPLE, seed: int = 1
) -> SaliencyRequest:
    """Ask a finished classifier about the number of copies."""
    card = read_card(model.models[0])
    network = card["network"]
    (head,) = network["heads"]
    group = pd.Series(np.nan, model.copies.index)
    for number, members in enumerate(model.classes):
        group[model.copies.isin(members)] = number
    fold = pd.concat([pd.Series(j, people) for j, people in enumerate(model.held_out)])
    shares = [float((group == k).sum()) for k in range(len(model.classes))]
    return SaliencyRequest(
        title=f"copies at {model.variant_id} from {model.region.replace('_', ' ')}",
        models=model.models,
        fold=fold,
        group=group,
        names=class_names(model.variant_id, model.classes),
        question=dosage_question(Head(head["name"], head["kind"], head["size"]), shares),
        size=(network["height"], network["width"]),
        data_hash=card["data_hash"],
        model_hashes=model.model_hashes,
        side_inputs={},
        most=most,
        seed=seed,
    )


def class_names(variant_id: str, classes: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """What the classes of a variant are called; its name ends in the effect allele.

    >>> class_names("7_120_G_T", [(0,), (1, 2)])
    ('no T', 'one or two T')
    """
    allele = variant_id.rsplit("_", 1)[-1]
    return tuple(f"{' or '.join(_COUNTS[c] for c in members)} {allele}" for members in classes)

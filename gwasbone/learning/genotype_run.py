"""A run of genotype models: jobs of a region and a SNP, finished one by one.

``PREFIX.models/<region>/sex`` holds the networks pretrained on sex, a folder per fold; those of a
SNP are said in :mod:`gwasbone.learning.genotype_job`. A killed run goes on there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.images.cache import ImageCache
from gwasbone.learning.backend import Backend, Progress, ReusingBackend
from gwasbone.learning.folds import PersonFolds, person_folds
from gwasbone.learning.genotype_inputs import GenotypeInputs
from gwasbone.learning.genotype_job import COLUMNS, SEX, epoch_rows, run_job
from gwasbone.learning.genotype_models import (
    GenotypeTrainer,
    RegionPictures,
    SexModels,
    prepare_region,
    pretrain_on_sex,
)
from gwasbone.learning.model_folder import claim, full_disk
from gwasbone.learning.networks import TrainingPlan, as_mapping
from gwasbone.learning.options import GenotypeRequest, GenotypeTraining, ImageNetworkOptions
from gwasbone.learning.training_people import region_pictures
from gwasbone.learning.training_run import default_architecture
from gwasbone.options import part_of
from gwasbone.stats.permutation import false_discovery_rates

log = logging.getLogger(__name__)

#: AUC of the pretraining on sex that the paper reports in all regions.
PAPER_SEX_AUC = 0.98
FDR = 0.05


@dataclass(frozen=True)
class GenotypeRun:
    """The tables of a run of genotype models.

    Parameters
    ----------
    table : a row per job in order, with the columns of `PREFIX.genotype_models.tsv`.
    null : ``region variant_id permutation auc``.
    epochs : ``region variant_id fold epoch loss validation_loss``; the variant ``sex`` is the
        pretraining.
    sex : ``region n auc auc_low auc_high``.
    """

    table: pd.DataFrame
    null: pd.DataFrame
    epochs: pd.DataFrame
    sex: pd.DataFrame


def train_genotypes(
    backend: Backend,
    cache: ImageCache,
    jobs: pd.DataFrame,
    inputs: GenotypeInputs,
    options: GenotypeTraining,
    *,
    models: Path,
    force: bool = False,
    progress: Progress | None = None,
) -> GenotypeRun:
    """Learn each job, and test what was learned against shuffled labels.

    Parameters
    ----------
    jobs : ``region variant_id``.
    models : folder; finished folds and permutations of the same training are taken.
    force : replace models of another training.

    Raises
    ------
    InputError
        A region has no images, ``models`` holds another training and ``force`` is not set, or
        nobody's sex is known for the pretraining.
    GwasboneError
        The disk is full; what is finished is kept.
    """
    architecture = options.architecture or default_architecture(backend, "efficientnet_b0")
    choice = part_of(ImageNetworkOptions, options, architecture=architecture)
    plan, request = part_of(TrainingPlan, options), part_of(GenotypeRequest, options)
    if request.pretrain and inputs.is_male.nunique() < 2:
        raise InputError(
            "pretraining on sex: expected men and women in a column sex of the tables: give a "
            "--table with it, or --no-pretrain"
        )
    if not jobs["variant_id"].isin(inputs.genotypes.columns).any():
        raise InputError(
            "genotypes: expected columns named by variant_id, such as "
            f"{jobs['variant_id'].iloc[0]}, "
            f"got {', '.join(map(str, inputs.genotypes.columns[:4])) or 'none'}"
        )
    split = split_of(inputs, request, seed=plan.seed)
    asked = {
        "task": "genotype", "cache": str(cache.folder.absolute()),
        "cache_settings": cache.settings.hash, "network": asdict(choice), "plan": as_mapping(plan),
        "request": {k: v for k, v in asdict(request).items() if k not in _MAY_CHANGE},
        "people": len(inputs.people),
    }  # fmt: skip
    rows, nulls, epochs, sexes = {}, [], [], []
    with full_disk(models):
        claim(models, asked, force=force)
        for region, of_region in jobs.groupby("region", sort=False):
            pictures = prepare_region(
                str(region), region_pictures(cache, str(region)), inputs.people, split, choice
            )
            # one region's networks at a time are held, compiled, in memory
            once = ReusingBackend(backend)
            sex = None
            if request.pretrain:
                sex = _pretrained(once, pictures, inputs, plan, models, progress)
                sexes.append(_sex_row(pictures, sex))
                epochs.append(epoch_rows(pictures.region, SEX, sex.fit.histories))
            first = None if sex is None else sex.fit.models
            trainer = GenotypeTrainer(once, pictures, request.head, plan, first)
            for row_number, variant in of_region["variant_id"].items():
                say = _job_progress(progress, jobs, row_number)
                done = run_job(
                    trainer, str(variant), inputs, request, models / pictures.region, say
                )
                rows[row_number] = done.row
                nulls.append(done.null)
                epochs.append(done.epochs)
    table = pd.DataFrame([rows[i] for i in jobs.index]).reindex(columns=list(COLUMNS))
    table["fdr"] = false_discovery_rates(table["null_p"].astype(np.float64))
    _warn(table, request)
    return GenotypeRun(
        table,
        _together(nulls),
        _together(epochs),
        pd.DataFrame(sexes, columns=["region", "n", "auc", "auc_low", "auc_high"]),
    )


def split_of(inputs: GenotypeInputs, request: GenotypeRequest, *, seed: int) -> PersonFolds:
    """The one split of participants of a run: sexes in equal shares, whatever the genotypes."""
    return person_folds(
        inputs.people.to_numpy(), inputs.is_male.fillna(-1).to_numpy(), folds=request.folds,
        validation_share=request.validation_share, rotate=request.rotate_folds, seed=seed,
    )  # fmt: skip


#: A later run may ask for more permutations, and takes those that are there.
_MAY_CHANGE = ("permutations", "stop_at")


def _pretrained(
    backend: Backend, pictures: RegionPictures, inputs: GenotypeInputs, plan: TrainingPlan,
    models: Path, progress: Progress | None,
) -> SexModels:  # fmt: skip
    def on_epoch(fold: int, epoch: Mapping[str, float]) -> None:
        log.info("%s sex fold %d epoch %d: loss %.4f, validation %.4f", pictures.region, fold,
                 epoch["epoch"], epoch["loss"], epoch["validation_loss"])  # fmt: skip
        if progress is not None:
            step = f"{pictures.region} sex, fold {fold + 1} of {pictures.folds.n_folds}, epochs"
            progress(step, int(epoch["epoch"]), plan.epochs)

    made = pretrain_on_sex(
        backend, pictures, inputs.is_male[pictures.people].to_numpy(), plan,
        folder=models / pictures.region / SEX, on_epoch=on_epoch,
    )  # fmt: skip
    area = made.area
    if area is not None:
        log.info("%s: AUC of sex out of fold %.4f", pictures.region, area.auc)
        if area.auc < PAPER_SEX_AUC:
            log.warning(
                "%s: the pretrained network classifies sex with an AUC of %.3f [%.3f, %.3f]; the "
                "paper's reach %.2f in all regions",
                pictures.region, area.auc, area.lower, area.upper, PAPER_SEX_AUC,
            )  # fmt: skip
    return made


def _together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _sex_row(pictures: RegionPictures, sex: SexModels) -> tuple[Any, ...]:
    area = sex.area
    n = len(pictures.people)
    if area is None:
        return (pictures.region, n, np.nan, np.nan, np.nan)
    return (pictures.region, area.n_cases + area.n_controls, area.auc, area.lower, area.upper)


def _job_progress(progress: Progress | None, jobs: pd.DataFrame, row: Any) -> Progress | None:
    """Progress of a job's permutations, under the job's place among all."""
    if progress is None:
        return None
    region, variant = jobs.loc[row, "region"], jobs.loc[row, "variant_id"]
    progress("jobs", list(jobs.index).index(row), len(jobs))
    return lambda step, done, total: progress(f"{region} {variant}, {step}", done, total)


def _warn(table: pd.DataFrame, request: GenotypeRequest) -> None:
    tested = int(table["null_p"].notna().sum())
    if not tested:
        return
    smallest = 1 / (1 + request.permutations)
    if smallest * tested > FDR:
        log.warning(
            "with %d permutations no p is below %.3g: of %d jobs at least %d must reach it before "
            "any has a false-discovery rate below %g; %d permutations would let one stand alone",
            request.permutations, smallest, tested, int(np.ceil(smallest * tested / FDR)), FDR,
            int(np.ceil(tested / FDR)),
        )  # fmt: skip

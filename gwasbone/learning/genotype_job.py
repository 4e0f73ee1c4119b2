"""One job: a SNP learned from the images of a region, and its permutations.

The folder of a job, ``PREFIX.models/<region>/<variant_id>``, holds a folder per fold with the
model; ``job.json`` says what it is, ``people.tsv`` who was predicted how, and
``permutations.tsv`` grows by a line per permutation.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.learning.backend import Progress
from gwasbone.learning.cross_fit import DivergedError, read_card
from gwasbone.learning.genotype_inputs import GenotypeInputs, is_autosomal
from gwasbone.learning.genotype_labels import (
    RARE_WORDS,
    STATUSES,
    GenotypeLabels,
    genotype_labels,
)
from gwasbone.learning.genotype_models import GenotypeFit, GenotypeTrainer
from gwasbone.learning.options import GenotypeRequest
from gwasbone.stats.permutation import IntArray, sequential_test
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

SEX, JOB, JOB_PEOPLE, PERMUTATIONS = "sex", "job.json", "people.tsv", "permutations.tsv"

COLUMNS = (
    "region", "variant_id", "head", "n", "n_0", "n_1", "n_2", "n_uncertain", "maf", "classes",
    "auc", "auc_low", "auc_high", "auc_in_training", "auc_by_class", "baseline_auc", "difference",
    "difference_low", "difference_high", "null_p", "n_permutations", "n_exceeding", "fdr", "status",
    "warning",
)  # fmt: skip


@dataclass(frozen=True)
class JobResult:
    """What a job gave: its row of :data:`COLUMNS` but ``fdr``, and rows of the other tables."""

    row: dict[str, Any]
    null: pd.DataFrame
    epochs: pd.DataFrame


def run_job(
    trainer: GenotypeTrainer,
    variant: str,
    inputs: GenotypeInputs,
    request: GenotypeRequest,
    folder: Path,
    say: Progress | None,
) -> JobResult:
    """Learn a SNP, and test what was learned; what is finished in the folder is taken.

    Parameters
    ----------
    folder : of the region's models. say : told of permutations.
    """
    pictures = trainer.pictures
    region, people = pictures.region, pictures.people
    dosage = np.full(len(people), np.nan)
    if variant in inputs.genotypes:
        dosage = inputs.genotypes.loc[people, variant].to_numpy(np.float64)
    try:
        labels = genotype_labels(dosage, least=request.min_per_class)
    except InputError as error:
        raise InputError(f"{variant}: {error}") from None
    row: dict[str, Any] = {
        "region": region, "variant_id": variant, "head": request.head,
        "n": sum(map(int, labels.counts)),
        "n_0": labels.counts[0], "n_1": labels.counts[1], "n_2": labels.counts[2],
        "n_uncertain": labels.n_uncertain, "maf": labels.maf, "n_permutations": 0,
        "n_exceeding": 0, "status": labels.status, "warning": "",
    }  # fmt: skip
    if labels.is_rare and any(labels.counts):
        row["warning"] = "rare"
        log.warning("%s %s: MAF %.4f: %s", region, variant, labels.maf, RARE_WORDS)
    if labels.status == "ok" and not is_autosomal(variant):
        row["status"] = "sex_chromosome"
    if row["status"] == "ok":
        try:
            return _learned(trainer, labels, row, inputs, request, folder, say)
        except DivergedError as error:
            log.warning("%s %s: %s", region, variant, error)
            row["status"] = "diverged"
    log.warning("%s %s is left out: %s", region, variant, STATUSES[row["status"]])
    return JobResult(row, _null_rows(region, variant, []), epoch_rows(region, variant, ()))


def _learned(
    trainer: GenotypeTrainer, labels: GenotypeLabels, row: dict[str, Any], inputs: GenotypeInputs,
    request: GenotypeRequest, folder: Path, say: Progress | None,
) -> JobResult:  # fmt: skip
    """Train and test the classifier of a job that has labels."""
    region, variant, people = row["region"], row["variant_id"], trainer.pictures.people
    job = folder / folder_name(variant)
    covariates = inputs.covariates.loc[people].to_numpy(np.float64)
    fit = trainer.fit(labels, covariates, folder=job)
    _describe_job(job, region, variant, request.head, fit)
    strata = inputs.strata[inputs.people.get_indexer(people)]
    null = _permutations(trainer, fit, strata, request, job, say)
    test = sequential_test(
        fit.area.estimate, null, most=request.permutations, stop_at=request.stop_at
    )
    log.info(
        "%s %s: AUC %.3f [%.3f, %.3f] (%.3f in training), null p %.3g of %d permutations",
        region, variant, fit.area.estimate, fit.area.lower, fit.area.upper,
        fit.in_training.estimate, test.p, test.n_permutations,
    )  # fmt: skip
    tested = {
        "null_p": test.p, "n_permutations": test.n_permutations, "n_exceeding": test.n_exceeding,
    }  # fmt: skip
    return JobResult(
        row | _fit_columns(fit) | tested,
        _null_rows(region, variant, null[: test.n_permutations]),
        epoch_rows(region, variant, fit.fit.histories),
    )


def _permutations(
    trainer: GenotypeTrainer, fit: GenotypeFit, strata: IntArray, request: GenotypeRequest,
    job: Path, say: Progress | None,
) -> list[float]:  # fmt: skip
    """Null statistics until the test is decided; each is kept as soon as it is there."""
    digest = hashlib.sha256(np.ascontiguousarray(strata).tobytes())
    digest.update(np.ascontiguousarray(fit.labels.label).tobytes())
    for model in fit.fit.models:
        digest.update(read_card(model)["key"].encode())
    path, key = job / PERMUTATIONS, digest.hexdigest()[:32]
    null = _kept_permutations(path, key)
    if not null:
        with atomic_path(path) as partial:
            partial.write_text(f"# {key}\n")

    def decided() -> bool:
        return sequential_test(
            fit.area.estimate, null, most=request.permutations, stop_at=request.stop_at
        ).decided

    while not decided():
        # of a permutation's own seed, so that a run that goes on draws what it would have drawn
        rng = np.random.default_rng([trainer.plan.seed, len(null), 7])
        null.append(trainer.null_statistic(fit.labels, strata, rng))
        with open(path, "a") as handle:
            handle.write(f"{len(null) - 1}\t{null[-1]!r}\n")
        if say is not None:
            say("permutations", len(null), request.permutations)
    return null


def _kept_permutations(path: Path, key: str) -> list[float]:
    """Those of the same training; a last line that was cut off does not count."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")
    if lines[0] != f"# {key}":
        return []
    whole = [line.split("\t") for line in lines[1:-1]]
    null = [float(value) for _, value in whole]
    if lines[-1]:
        with atomic_path(path) as partial:
            partial.write_text("\n".join(lines[:-1]) + "\n")
    return null


def folder_name(variant: str) -> str:
    """The folder of a variant's models: its name, or where that is no name for a file, a hash.

    >>> folder_name("1_2_A_C"), len(folder_name("1_2_A_" + "C" * 300))
    ('1_2_A_C', 57)
    """
    plain = re.fullmatch(r"[\w.+-]+", variant) is not None and variant not in (SEX, ".", "..")
    if plain and len(variant) <= 120:
        return variant
    short = re.sub(r"[^\w+-]", "_", variant)[:40]
    return f"{short}_{hashlib.sha256(variant.encode()).hexdigest()[:16]}"


def _describe_job(job: Path, region: str, variant: str, head: str, fit: GenotypeFit) -> None:
    write_table(fit.scores.rename_axis("IID"), job / JOB_PEOPLE)
    about = {
        "region": region,
        "variant_id": variant,
        "head": head,
        "classes": fit.labels.classes,
        "models": [str(path.relative_to(job)) for path in fit.fit.models],
        "model_hashes": fit.fit.model_hashes,
    }
    with atomic_path(job / JOB) as partial:
        partial.write_text(json.dumps(about, indent=1) + "\n")


def _fit_columns(fit: GenotypeFit) -> dict[str, Any]:
    row: dict[str, Any] = {
        "classes": "/".join("+".join(map(str, members)) for members in fit.labels.classes),
        "auc": fit.area.estimate, "auc_low": fit.area.lower, "auc_high": fit.area.upper,
        "auc_in_training": fit.in_training.estimate,
        "auc_by_class": "/".join(f"{area.estimate:.4f}" for area in fit.by_class),
    }  # fmt: skip
    if fit.baseline is not None and fit.difference is not None:
        row |= {
            "baseline_auc": fit.baseline.estimate, "difference": fit.difference.difference,
            "difference_low": fit.difference.lower, "difference_high": fit.difference.upper,
        }  # fmt: skip
    return row


def _null_rows(region: str, variant: str, null: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"region": region, "variant_id": variant, "permutation": range(len(null)), "auc": null},
        columns=["region", "variant_id", "permutation", "auc"],
    )


def epoch_rows(region: str, variant: str, histories: Any) -> pd.DataFrame:
    """``region variant_id fold epoch loss validation_loss`` of the histories of folds."""
    rows = [
        (region, variant, fold, int(e["epoch"]), e["loss"], e["validation_loss"])
        for fold, history in enumerate(histories)
        for e in history
    ]
    names = ["region", "variant_id", "fold", "epoch", "loss", "validation_loss"]
    return pd.DataFrame(rows, columns=names)

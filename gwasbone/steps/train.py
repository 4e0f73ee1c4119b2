"""``gwasbone train`` of a column, and the stage ``training``: networks on images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from gwasbone.images.cache import open_cache
from gwasbone.learning.backend import load_backend
from gwasbone.learning.image_training import phenotype_table
from gwasbone.learning.model_folder import MODELS_TABLE, PEOPLE, compiled_in
from gwasbone.learning.options import ImageTraining
from gwasbone.learning.person_maps import training_saliency
from gwasbone.learning.training_people import LEFT_OUT
from gwasbone.learning.training_run import Trained, models_table, train
from gwasbone.progress import counted_progress
from gwasbone.report.pages.saliency import PAGE, sentence, write_saliency
from gwasbone.report.pages.training import left_out_lines, summary, training_page
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

#: What a run leaves beside its log and the folder of models, as suffixes of the prefix.
OUTPUTS = (".cnn.tsv", ".evaluation.tsv", ".left_out.tsv", ".train.html")


def train_images(
    options: ImageTraining, images: Path, tables: Mapping[str, pd.DataFrame], prefix: Path, *,
    models: Path, force: bool = False, say: Callable[[str], None] = log.info,
) -> list[str]:  # fmt: skip
    """Train networks on the images of a cache and write their scores of participants.

    Returns the lines that sum it up; the details are given to ``say``.
    """
    cache, seen = open_cache(images), []
    with compiled_in(models), counted_progress() as progress:
        backend = load_backend(options.backend)
        trained = train(
            backend, cache, tables, options, models=models, force=force, progress=progress
        )
        write_training(trained, prefix, models=models)
        if options.saliency:
            seen = training_saliency(
                backend, cache, trained, models=models, most=options.saliency_participants,
                seed=options.seed, progress=progress,
            )  # fmt: skip
            write_saliency(seen, prefix, task=options.task)
    for line in [*map(sentence, seen), *left_out_lines(trained.left_out, LEFT_OUT)]:
        say(line)
    return summary(trained)


def outputs(options: ImageTraining) -> tuple[str, ...]:
    """What a run of these options leaves, as suffixes of the prefix."""
    return (*OUTPUTS, PAGE) if options.saliency else OUTPUTS


def write_training(trained: Trained, prefix: Path, *, models: Path) -> None:
    """Write the files of ``OUTPUTS``, and tables about models and people into their folder."""
    write_table(models_table(trained, models), models / MODELS_TABLE, index=False)
    folds = trained.scores[trained.main]["cnn_fold"].rename_axis("IID")
    write_table(folds.to_frame(), models / PEOPLE)
    training_page(trained, Path(f"{prefix}.train.html"))
    write_table(trained.left_out, Path(f"{prefix}.left_out.tsv"), index=False)
    write_table(trained.evaluation, Path(f"{prefix}.evaluation.tsv"), index=False)
    write_table(
        phenotype_table(trained.scores, trained.people.task).rename_axis("IID"),
        Path(f"{prefix}.cnn.tsv"),
    )

"""The stages of a study that make phenotypes of records and of images.

What takes long is kept outside the stage's own folder (``cache/`` beside the stages), because a
stage that is killed starts again: pictures that were decoded, and folds and epochs that were
trained, are then taken as they are.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.errors import ConfigError
from gwasbone.phenotypes.table import expand_names
from gwasbone.study.config import StudyConfig
from gwasbone.study.files import (
    MADE_TABLES,
    PREFIX,
    assessments,
    image_cache,
    named_tables,
    people_tables,
    residual_models,
    training_models,
)
from gwasbone.study.runner import Stage, StageRun
from gwasbone.tables import write_table


def _record_files(config: StudyConfig) -> list[str]:
    return [name for name in vars(config.resolved(config.records)).values() if name is not None]


def _records(run: StageRun) -> str:
    from gwasbone.phenotypes.bone_density import make_bmd
    from gwasbone.phenotypes.case_definition import osteoporosis_definition, read_definition
    from gwasbone.phenotypes.measurements import bmd_measurements
    from gwasbone.report.pages.phenotypes import phenotypes_page
    from gwasbone.steps import phenotypes as step

    config, rules = run.config, run.config.records
    if rules.table is None:
        return "no records.table in study.toml: no cases or measurements of records"
    path = config.path(rules.definition)
    definition = read_definition(path) if path is not None else osteoporosis_definition()
    measurements = bmd_measurements(config.path(rules.measurements))
    table = step.read_phenotypes(
        str(config.path(rules.table)), definition, measurements, id_rule=config.genotypes.id
    )
    cases, bmd = step.make_cases(table, definition), make_bmd(table, measurements)
    prefix = run.folder / PREFIX
    page = Path(f"{prefix}.phenotypes.html")
    phenotypes_page(cases, bmd, page, source=table.path)
    step.write_cases(cases, prefix)
    columns = [cases.is_case]
    if bmd is not None:
        step.write_bmd(bmd, prefix)
        columns.append(bmd.people[measurements["name"]])
    # sex, age and the like stand in the study's own tables; a column may stand in one table only
    made = pd.concat(columns, axis=1).rename_axis("IID")
    write_table(made, run.folder / MADE_TABLES[run.stage])
    said = f"{cases.n_cases:,} cases of {definition.name}, {len(made) - cases.n_cases:,} controls"
    return said + (f", bone density of {len(bmd.people):,} people" if bmd is not None else "")


def _residuals(run: StageRun) -> str:
    from gwasbone.phenotypes.confounders import read_assessments
    from gwasbone.phenotypes.residuals import left_summary, residual_phenotypes
    from gwasbone.steps import transformer_residuals as transformer
    from gwasbone.steps.residuals import write_residuals

    config, chosen = run.config, run.config.resolved(run.config.residuals)
    if chosen.model is None:
        return "no residuals.model in study.toml: no residual phenotypes"
    table = assessments(config)
    if not table.exists():
        raise ConfigError("residuals.model needs records.table with bone measurements")
    measured = read_assessments(table)
    columns = [str(name) for name in measured.columns]
    traits = expand_names(chosen.traits, columns) or None
    if chosen.model == "transformer":
        folder = residual_models(config)
        made = transformer.make_residuals(measured, chosen, traits, folder=folder)
        transformer.write_transformer(made, run.folder / PREFIX, folder=folder)
        result = made.phenotypes
    else:
        result = residual_phenotypes(
            measured, traits, model=chosen.model,
            covariates=expand_names(chosen.covariates, columns), n_folds=chosen.folds,
            seed=chosen.seed,
        )  # fmt: skip
        write_residuals(result, run.folder / PREFIX)
    return f"{len(result.fitted)} traits, {len(result.residuals):,} people. {left_summary(result)}"


def _residual_files(config: StudyConfig) -> list[str]:
    inputs = config.path(config.residuals.inputs)
    return [inputs] if inputs is not None and config.residuals.model == "transformer" else []


def _dicom(config: StudyConfig) -> list[str]:
    return list(config.resolved(config.images).dicom)


def _images(run: StageRun) -> str:
    from gwasbone.images.settings import ImageSettings
    from gwasbone.progress import counted_progress
    from gwasbone.steps.images import make_images

    chosen = run.config.images
    if not chosen.dicom:
        return "no images.dicom in study.toml: no pictures"
    cache = image_cache(run.config)
    settings = ImageSettings.sized(chosen.size, scale=chosen.scale, **chosen.of_levels)
    with counted_progress() as progress:
        made = make_images(
            _dicom(run.config), cache, settings, tables=run.folder, workers=run.threads or 1,
            progress=progress,
        )  # fmt: skip
    index = made.cache.index
    return (
        f"{len(index):,} pictures of {index['person'].nunique():,} people, "
        f"{len(made.cache.refusals):,} files refused"
    )


def _training(run: StageRun) -> str:
    from gwasbone.images.cache import open_cache
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.networks import TrainingPlan
    from gwasbone.learning.options import NetworkChoice
    from gwasbone.options import part_of
    from gwasbone.progress import counted_progress
    from gwasbone.report.pages.saliency import write_saliency
    from gwasbone.steps import saliency
    from gwasbone.steps import train as step

    config, chosen = run.config, run.config.resolved(run.config.training)
    if not chosen.regions:
        return "no training.regions in study.toml: no network is trained"
    if not config.images.dicom:
        raise ConfigError("training.regions needs images.dicom")
    models, cache = training_models(config), open_cache(image_cache(config))
    with step.compiled_in(models), counted_progress() as progress:
        backend = load_backend(chosen.backend)
        architecture = chosen.architecture or step.default_architecture(backend)
        trained = step.train(
            backend,
            cache,
            chosen.regions,
            people_tables(config, before=run.stage),
            chosen.task,
            part_of(NetworkChoice, chosen, architecture=architecture),
            part_of(TrainingPlan, chosen),
            models=models,
            side_inputs=chosen.side_inputs,
            folds=chosen.folds,
            validation_share=chosen.validation_share,
            force=True,
            progress=progress,
        )
        step.write_training(trained, run.folder / PREFIX, models=models)
        if chosen.saliency:
            seen = saliency.training_saliency(
                backend, cache, trained, models=models, most=chosen.saliency_people,
                seed=chosen.seed, progress=progress,
            )  # fmt: skip
            write_saliency(seen, run.folder / PREFIX, task=chosen.task)
    return "; ".join(step.summary(trained))


#: In order; all are left out where their section is.
BONE_STAGES = (
    Stage("records", "cases and bone measurements", ("records",), (), _record_files, _records),
    Stage(
        "residuals",
        "residual phenotypes",
        ("residuals",),
        ("records",),
        _residual_files,
        _residuals,
    ),
    Stage("images", "reading bone images", ("images",), (), _dicom, _images),
    Stage(
        "training",
        "training networks on images",
        ("training", "images"),
        ("records", "images"),
        named_tables,
        _training,
    ),
)

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
from gwasbone.study.files import MADE_TABLES, study_assessments, study_image_cache
from gwasbone.study.runner import Stage, StageRun
from gwasbone.tables import write_table

_PREFIX = "study"
_CACHE = "cache"


def _record_files(config: StudyConfig) -> list[str]:
    rules = config.records
    named = (rules.table, rules.definition, rules.measurements)
    return [str(config.path(name)) for name in named if name is not None]


def _records(run: StageRun) -> str:
    from gwasbone.phenotypes.case_definition import osteoporosis_definition, read_definition
    from gwasbone.phenotypes.measurements import bmd_measurements
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
    cases, bmd = step.make_cases(table, definition), step.make_bmd(table, measurements)
    prefix = run.folder / _PREFIX
    page = Path(f"{prefix}.phenotypes.html")
    step.phenotypes_page(cases, bmd, page, source=table.path)
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
    from gwasbone.phenotypes.residuals import residual_phenotypes
    from gwasbone.steps import transformer_residuals as transformer
    from gwasbone.steps.residuals import left_summary, write_residuals

    config, chosen = run.config, run.config.resolved(run.config.residuals)
    if chosen.model is None:
        return "no residuals.model in study.toml: no residual phenotypes"
    table = study_assessments(config)
    if not table.exists():
        raise ConfigError("residuals.model needs records.table with bone measurements")
    assessments = read_assessments(table)
    columns = [str(name) for name in assessments.columns]
    traits = expand_names(chosen.traits, columns) or None
    if chosen.model == "transformer":
        folder = config.output / _CACHE / "residuals"
        made = transformer.make_residuals(assessments, chosen, traits, folder=folder)
        transformer.write_transformer(made, run.folder / _PREFIX, folder=folder)
        result = made.phenotypes
    else:
        result = residual_phenotypes(
            assessments, traits, model=chosen.model,
            covariates=expand_names(chosen.covariates, columns), n_folds=chosen.folds,
            seed=chosen.seed,
        )  # fmt: skip
        write_residuals(result, run.folder / _PREFIX)
    return f"{len(result.fitted)} traits, {len(result.residuals):,} people. {left_summary(result)}"


def _residual_files(config: StudyConfig) -> list[str]:
    inputs = config.path(config.residuals.inputs)
    return [inputs] if inputs is not None and config.residuals.model == "transformer" else []


def _dicom(config: StudyConfig) -> list[str]:
    return [str(config.path(name)) for name in config.images.dicom]


def _images(run: StageRun) -> str:
    from gwasbone.images.settings import ImageSettings
    from gwasbone.progress import counted_progress
    from gwasbone.steps.images import make_images

    chosen = run.config.images
    if not chosen.dicom:
        return "no images.dicom in study.toml: no pictures"
    cache = study_image_cache(run.config)
    settings = ImageSettings.sized(
        chosen.size, scale=chosen.scale, mirror="" if chosen.mirror == "none" else chosen.mirror
    )
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
    from gwasbone.phenotypes.table import read_people_table
    from gwasbone.progress import counted_progress
    from gwasbone.steps import saliency, saliency_page
    from gwasbone.steps import train as step

    config, chosen = run.config, run.config.resolved(run.config.training)
    if not chosen.regions:
        return "no training.regions in study.toml: no network is trained"
    pictures = study_image_cache(config)
    if not config.images.dicom:
        raise ConfigError("training.regions needs images.dicom")
    records = run.finished("records")
    made = [records / f"{_PREFIX}.cases.tsv", records / f"{_PREFIX}.bmd.tsv"]
    tables = [path for path in made if path.exists()]
    if not tables:
        tables = [Path(str(config.path(name))) for name in config.phenotypes.tables]
    models = config.output / _CACHE / "models"
    with step.compiled_in(models), counted_progress() as progress:
        backend = load_backend(chosen.backend)
        architecture = chosen.architecture or step.default_architecture(backend)
        trained = step.train(
            backend,
            open_cache(pictures),
            chosen.regions,
            {str(t): read_people_table(t, id_rule=config.genotypes.id) for t in tables},
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
        step.write_training(trained, run.folder / _PREFIX, models=models)
        if chosen.saliency:
            seen = saliency.training_saliency(
                backend, open_cache(pictures), trained, models=models,
                most=chosen.saliency_people, seed=chosen.seed, progress=progress,
            )  # fmt: skip
            saliency_page.write_saliency(seen, run.folder / _PREFIX, task=chosen.task)
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
        lambda config: [str(config.path(name)) for name in config.phenotypes.tables],
        _training,
    ),
)

"""The stages of a study that make phenotypes of records and of images.

What takes long is kept outside the stage's own folder (``cache/`` beside the stages), because a
stage that is killed starts again: images that were decoded, and folds and epochs that were
trained, are then taken as they are.
"""

from __future__ import annotations

import pandas as pd

from gwasbone.errors import ConfigError
from gwasbone.learning.options import ResidualOptions
from gwasbone.options import part_of
from gwasbone.study.config import StudyConfig, study_reading
from gwasbone.study.files import (
    MADE_TABLES,
    PREFIX,
    assessments,
    image_cache,
    people_tables,
    residual_models,
    table_files,
    training_models,
)
from gwasbone.study.runner import Stage, StageRun
from gwasbone.tables import write_table


def _record_files(config: StudyConfig) -> list[str]:
    withdrawn = study_reading(config).withdrawn
    named = [*vars(config.resolved(config.records)).values(), withdrawn]
    return [name for name in named if name is not None]


def _records(run: StageRun) -> str:
    from gwasbone.phenotypes.measurements import bmd_measurements
    from gwasbone.steps.phenotypes import make_phenotypes

    config, records = run.config, run.config.resolved(run.config.records)
    if records.table is None:
        return "no records.table in study.toml: no cases or measurements of records"
    cases, bmd = make_phenotypes(
        records, run.folder / PREFIX, id_rule=config.genotypes.id, reading=study_reading(config)
    )
    columns = [cases.is_case]
    if bmd is not None:
        columns.append(bmd.people[bmd_measurements(records.measurements)["name"]])
    # sex, age and the like stand in the study's own tables; a column may stand in one table only
    made = pd.concat(columns, axis=1).rename_axis("IID")
    write_table(made, run.folder / MADE_TABLES[run.stage])
    n_controls = len(made) - cases.n_cases
    said = f"{cases.n_cases:,} cases of {cases.definition.name}, {n_controls:,} controls"
    return said + (f", bone density of {len(bmd.people):,} participants" if bmd is not None else "")


def _residuals(run: StageRun) -> str:
    from gwasbone.steps.residuals import make_residuals

    config, chosen = run.config, run.config.resolved(run.config.residuals)
    if chosen.model is None:
        return "no residuals.model in study.toml: no residual phenotypes"
    table = assessments(config)
    if not table.exists():
        raise ConfigError("residuals.model needs records.table with bone measurements")
    options = part_of(ResidualOptions, chosen, model=chosen.model)
    lines = make_residuals(
        str(table), options, run.folder / PREFIX, models=residual_models(config),
        reading=study_reading(config),
    )  # fmt: skip
    return lines[-1]


def _residual_files(config: StudyConfig) -> list[str]:
    chosen = config.residuals
    if chosen.model is None:
        return []
    of_network = (chosen.inputs, chosen.grid) if chosen.model == "transformer" else ()
    names = (*of_network, chosen.formulas)
    return [path for name in names if (path := config.path(name)) is not None]


def _dicom(config: StudyConfig) -> list[str]:
    return list(config.resolved(config.images).dicom)


def _images(run: StageRun) -> str:
    from gwasbone.images.settings import ImageSettings
    from gwasbone.progress import counted_progress
    from gwasbone.steps.images import make_images

    chosen = run.config.images
    if not chosen.dicom:
        return "no images.dicom in study.toml: no images"
    cache = image_cache(run.config)
    settings = ImageSettings.sized(chosen.size, scale=chosen.scale, **chosen.of_levels)
    with counted_progress() as progress:
        _, cache, _ = make_images(
            _dicom(run.config), cache, settings, tables=run.folder, workers=run.threads or 1,
            max_bytes=chosen.max_bytes, progress=progress,
        )  # fmt: skip
    index = cache.index
    return (
        f"{len(index):,} images of {index['person'].nunique():,} participants, "
        f"{len(cache.refusals):,} files refused"
    )


def _training(run: StageRun) -> str:
    from gwasbone.steps.train import train_images

    config, chosen = run.config, run.config.resolved(run.config.training)
    if not chosen.regions:
        return "no training.regions in study.toml: no network is trained"
    if not config.images.dicom:
        raise ConfigError("training.regions needs images.dicom")
    lines = train_images(
        chosen, image_cache(config), people_tables(config, before=run.stage), run.folder / PREFIX,
        models=training_models(config), force=True,
    )  # fmt: skip
    return "; ".join(lines)


#: In order; all are left out where their section is.
BONE_STAGES = (
    Stage(
        "records",
        "cases and bone measurements",
        ("records", "phenotypes"),
        (),
        _record_files,
        _records,
    ),
    Stage(
        "residuals",
        "residual phenotypes",
        ("residuals", "phenotypes"),
        ("records",),
        _residual_files,
        _residuals,
    ),
    Stage("images", "reading bone images", ("images",), (), _dicom, _images),
    Stage(
        "training",
        "training networks on images",
        ("training", "images", "phenotypes"),
        ("records", "images"),
        table_files,
        _training,
    ),
)

"""What flags of ``gwasbone train`` mean, for every task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig

#: The folder of models, as a suffix of the prefix of outputs.
MODELS = ".models"


def local_out(options: dict[str, Any]) -> Path:
    """The prefix of outputs, where models are kept beside them.

    Raises
    ------
    UsageError
        The prefix is a URL: models grow while they are trained.
    """
    from gwasbone.errors import UsageError
    from gwasbone.ranges import is_url

    if is_url(options["out"]):
        raise UsageError(
            f"--out {options['out']}: models are kept beside the output, expected a path of this "
            "machine, got a URL: copy the results there afterwards"
        )
    return Path(options["out"])


def models_folder(options: dict[str, Any]) -> Path:
    """Where the models of a training are kept."""
    return Path(f"{local_out(options)}{MODELS}")


def people_tables(options: dict[str, Any], context: Any) -> dict[str, Any]:
    """The tables that flags name, else the study's."""
    from gwasbone.errors import UsageError

    tables: dict[str, Any] = context.people_tables(options["tables"])
    if not tables:
        raise UsageError(
            "no table of participants: give --table FILE, or phenotypes.tables in study.toml"
        )
    return tables


def study_images(options: dict[str, Any], config: StudyConfig | None) -> Path:
    """The cache that ``--images`` names, else the study's."""
    from gwasbone.study.files import image_cache, of_study

    if options["images"] is not None:
        return Path(options["images"])
    return of_study(config, image_cache, "pictures", flag="--images FOLDER", key="images.dicom")

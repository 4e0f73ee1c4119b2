"""What flags of ``gwasbone train`` mean, for every task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig


def local_out(options: dict[str, Any]) -> Path:
    """The prefix of outputs, where models are kept beside them.

    Raises
    ------
    UsageError
        The prefix is a URL: models grow while they are trained.
    """
    from gwasbone.errors import UsageError
    from gwasbone.files import is_url

    if is_url(options["out"]):
        raise UsageError(
            f"--out {options['out']}: models are kept beside the output, expected a path of this "
            "machine, got a URL: copy the results there afterwards"
        )
    return Path(options["out"])


def image_cache(options: dict[str, Any], config: StudyConfig | None) -> str:
    """The cache of pictures that a flag names, else the study's.

    Raises
    ------
    UsageError
        No flag, and no study that has read images.
    """
    from gwasbone.errors import UsageError
    from gwasbone.study.files import study_image_cache

    if options["images"] is not None:
        return str(options["images"])
    if config is None or not study_image_cache(config).is_dir():
        raise UsageError("no images: give --images FOLDER, a cache that `gwasbone images` makes")
    return str(study_image_cache(config))


def people_tables(options: dict[str, Any], context: Any) -> dict[str, Any]:
    """The tables that flags name, else the study's."""
    from gwasbone.errors import UsageError
    from gwasbone.phenotypes.table import read_people_table
    from gwasbone.study.files import study_tables

    paths = list(options["tables"])
    if not paths and context.config is not None:
        paths = study_tables(context.config)
    if not paths:
        raise UsageError("no table of people: give --table FILE, or run inside a study")
    return {path: read_people_table(path, id_rule=context.id_rule) for path in paths}

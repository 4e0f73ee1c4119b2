"""What flags of ``gwasbone train`` mean, for every task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gwasbone.learning.image_training import NetworkChoice
    from gwasbone.learning.networks import TrainingPlan
    from gwasbone.study.config import StudyConfig


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


def training_plan(options: dict[str, Any]) -> TrainingPlan:
    """How a network is trained."""
    from gwasbone.learning.networks import TrainingPlan

    return TrainingPlan(
        epochs=options["epochs"], batch_size=options["batch_size"],
        learning_rate=options["learning_rate"], schedule=options["schedule"],
        patience=options["patience"], seed=options["seed"],
    )  # fmt: skip


def network_choice(options: dict[str, Any], architecture: str) -> NetworkChoice:
    """Which network is trained."""
    from gwasbone.learning.image_training import NetworkChoice

    return NetworkChoice(
        architecture=architecture, weights=options["weights"], size=options["size"],
        dropout=options["dropout"], mixed_precision=options["mixed_precision"],
        augment=_augment(options["augment"]), class_weights=options["class_weights"],
    )  # fmt: skip


def people_tables(options: dict[str, Any], context: Any) -> dict[str, Any]:
    """The tables that flags name, else the study's."""
    from gwasbone.errors import UsageError

    tables: dict[str, Any] = context.people_tables(options["tables"])
    if not tables:
        raise UsageError(
            "no table of people: give --table FILE, or phenotypes.tables in study.toml"
        )
    return tables


def study_images(options: dict[str, Any], config: StudyConfig | None) -> Path:
    """The cache that ``--images`` names, else the study's."""
    from gwasbone.study.files import image_cache, of_study

    if options["images"] is not None:
        return Path(options["images"])
    return of_study(config, image_cache, "pictures", flag="--images FOLDER", key="images.dicom")


def _augment(text: str | None) -> dict[str, float]:
    """``shift=0.02,rotate=3`` as a mapping."""
    from gwasbone.errors import UsageError

    chosen: dict[str, float] = {}
    for part in (text or "").split(","):
        if not part:
            continue
        name, _, value = part.partition("=")
        try:
            chosen[name.strip()] = float(value)
        except ValueError:
            raise UsageError(
                f"--augment {part}: expected NAME=NUMBER of shift, zoom, rotate"
            ) from None
    unknown = sorted(set(chosen) - {"shift", "zoom", "rotate"})
    if unknown or any(value < 0 for value in chosen.values()):
        raise UsageError(
            f"--augment {text}: expected numbers from 0 for shift, zoom and rotate"
            f"{f', got {unknown[0]}' if unknown else ''}"
        )
    return chosen

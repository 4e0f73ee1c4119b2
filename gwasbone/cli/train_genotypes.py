"""``gwasbone train --task genotype``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone.cli.flags import given_flags, option_flags
from gwasbone.cli.options import _stack
from gwasbone.errors import UsageError
from gwasbone.learning.options import GenotypeTraining, ImageTraining
from gwasbone.options import option_kinds, part_of, with_given

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig

GENOTYPE_TASK = "genotype"

#: Options of this task that no other has; options of other tasks only.
_FIELDS = tuple(n for n in option_kinds(GenotypeTraining) if n not in option_kinds(ImageTraining))
_OF_OTHERS = tuple(
    n for n in option_kinds(ImageTraining) if n not in (*option_kinds(GenotypeTraining), "task")
)
_FILES = ("genotypes", "snps", "keep")

_HELP = "With --task genotype: "

genotype_task_options = _stack(
    click.option("--genotypes", metavar="FILE",
                 help=f"{_HELP}table of genotypes from `gwasbone select` (IID, and a column per "
                 "variant_id)."),
    click.option("--snps", metavar="FILE",
                 help=f"{_HELP}pairs of regions and SNPs, as in PREFIX.selected.tsv of `gwasbone "
                 "select`.  [default: each --region with each column]"),
    click.option("--keep", metavar="FILE",
                 help=f"{_HELP}keep only the participants listed in FILE (IID, or FID and IID), "
                 "who should be unrelated and of one ancestry.  [default: those of the study]"),
    option_flags(GenotypeTraining, only=_FIELDS, before_help=_HELP),
)  # fmt: skip


def refuse_of_genotypes(options: dict[str, Any], task: str) -> None:
    """Raise where flags of this task are given to another."""
    given = given_flags(options, (*_FILES, *_FIELDS))
    if given:
        raise UsageError(f"{given[0]} is of --task genotype, got --task {task}")


def train_on_genotypes(options: dict[str, Any]) -> None:
    """Train networks that learn SNPs from images."""
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cli.train_options import models_folder, people_tables, study_images
    from gwasbone.phenotypes.table import expand_names
    from gwasbone.steps import genotype_models as step

    others = given_flags(options, _OF_OTHERS)
    if others:
        raise UsageError(
            f"{others[0]}: not an option of networks of genotypes, which take images only and "
            "do not weight classes; leave it out"
        )
    config = current_study()
    chosen = with_given(_base(config), options)
    chosen = replace(chosen, regions=tuple(expand_names(chosen.regions)))
    genotypes, selected = _selection(options, config)
    models, outputs = models_folder(options), step.outputs(chosen)
    with command_context(options, config, outputs=outputs, in_effect=vars(chosen)) as context:
        lines = step.learn_genotypes(
            chosen, study_images(options, config), genotypes, selected,
            people_tables(options, context), context.out, keep=_kept(options["keep"], context),
            models=models, only_with_images=options["snps"] is None and selected is not None,
            force=options["force"], say=context.say,
        )  # fmt: skip
        written = [f"{context.out}{name}" for name in step.OUTPUTS]
        for line in [*lines, f"written: {', '.join(written)}, {models}"]:
            context.say(line)


def _base(config: StudyConfig | None) -> GenotypeTraining:
    """The study's options, its stage left out or not, else the defaults."""
    if config is None:
        return GenotypeTraining()
    section = config.resolved(config.genotype_models)
    return part_of(GenotypeTraining, section, head=section.head or GenotypeTraining.head)


def _selection(options: dict[str, Any], config: StudyConfig | None) -> tuple[Path, Path | None]:
    """The table of genotypes, and that of pairs of region and SNP where one is named.

    Without ``--genotypes`` those that the study selected.
    """
    from gwasbone.study.files import of_study, selected_genotypes, selected_snps

    snps = Path(options["snps"]) if options["snps"] is not None else None
    if options["genotypes"] is not None:
        return Path(options["genotypes"]), snps
    genotypes = of_study(
        config, selected_genotypes, "genotypes of SNPs", key="selection.regions",
        flag="--genotypes FILE, which `gwasbone select` writes",
    )  # fmt: skip
    return genotypes, snps or (selected_snps(config) if config is not None else None)


def _kept(path: str | None, context: Any) -> Any:
    """People to keep: of the flag, else of the study; None where neither says."""
    from gwasbone.phenotypes.id_lists import read_participant_list
    from gwasbone.study.files import kept_people

    if path is not None:
        return read_participant_list(Path(path)).names(context.id_rule)
    return None if context.config is None else kept_people(context.config)

"""``gwasbone train --task genotype``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone.cli.options import _stack
from gwasbone.errors import UsageError

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig

GENOTYPE_TASK = "genotype"

#: Flags of this task only, None or False where they are not given.
_OWN = ("genotypes", "snps", "keep", "head", "permutations", "stop_at", "least", "covar",
        "strata_bins")  # fmt: skip

_HELP = "With --task genotype: "

genotype_task_options = _stack(
    click.option("--genotypes", metavar="FILE",
                 help=f"{_HELP}people × SNPs of `gwasbone select` (IID, a column per "
                 "variant_id)."),
    click.option("--snps", metavar="FILE",
                 help=f"{_HELP}pairs of region and SNP, PREFIX.selected.tsv of `gwasbone "
                 "select`.  [default: each --region with each column]"),
    click.option("--keep", metavar="FILE",
                 help=f"{_HELP}the homogeneous, unrelated people (IID, or FID IID).  [default: "
                 "those the study keeps]"),
    click.option("--head", type=click.Choice(["categorical", "ordinal"]),
                 help=f"{_HELP}genotypes as classes, or ordered by copies.  [default: "
                 "categorical]"),
    click.option("--permutations", type=click.IntRange(0), metavar="B",
                 help=f"{_HELP}networks per SNP that are trained on shuffled labels, at most.  "
                 "[default: 199]"),
    click.option("--stop-at", type=click.IntRange(1), metavar="H",
                 help=f"{_HELP}a SNP's permutations end when so many reach its AUC.  [default: "
                 "10]"),
    click.option("--min-per-class", "least", type=click.IntRange(1), metavar="N",
                 help=f"{_HELP}people that a genotype needs; fewer homozygotes join the "
                 "heterozygotes.  [default: 30]"),
    click.option("--covar", metavar="COLUMNS",
                 help=f"{_HELP}of the baseline.  [default: sex,age,weight,PC1-PC10, those there "
                 "are]"),
    click.option("--strata", "strata_bins", type=click.IntRange(1), metavar="K",
                 help=f"{_HELP}labels are shuffled within K parts of PC1, each in K of PC2.  "
                 "[default: 4]"),
    click.option("--pretrain/--no-pretrain", default=True,
                 help=f"{_HELP}start from networks that tell sex, or from random weights."),
)  # fmt: skip


def refuse_of_genotypes(options: dict[str, Any]) -> None:
    """Raise where flags of this task are given to another."""
    given = [name for name in _OWN if options[name] is not None]
    if given:
        flag = {"least": "min-per-class", "strata_bins": "strata"}.get(given[0], given[0])
        raise UsageError(
            f"--{flag.replace('_', '-')} is of --task genotype, got --task {options['task']}"
        )


def train_on_genotypes(options: dict[str, Any]) -> None:
    """Learn SNPs from pictures."""
    from gwasbone.cli.context import command_context, completed, current_study
    from gwasbone.cli.train_options import (
        local_out,
        network_choice,
        people_tables,
        study_images,
        training_plan,
    )
    from gwasbone.images.cache import open_cache
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.person_maps import sentence
    from gwasbone.phenotypes.table import expand_names, read_people_table
    from gwasbone.progress import counted_progress
    from gwasbone.report.pages.saliency import PAGE as SALIENCY_PAGE
    from gwasbone.report.pages.saliency import write_saliency
    from gwasbone.steps import genotype_models as step
    from gwasbone.steps import genotype_saliency
    from gwasbone.steps.genotype_inputs import (
        LEFT_OUT,
        genotype_inputs,
        genotype_jobs,
        pictured_jobs,
        pictured_people,
    )
    from gwasbone.steps.genotype_job import GenotypeRequest
    from gwasbone.steps.train import MODELS, compiled_in, default_architecture

    config = current_study()
    options = completed(
        options, config, "genotype_models", min_per_class="least", strata="strata_bins",
        covariates="covar",
    )  # fmt: skip
    genotypes_path, pairs_path = _selection(options, config)
    regions = expand_names(options["regions"] or "")
    if options["side_inputs"]:
        raise UsageError("--side-inputs: a network of genotypes sees pictures only")
    if options["weights"] != "random" and options["pretrain"]:
        raise UsageError("--weights: give --no-pretrain with it, or no weights: sex gives them")
    given = {name: options[name] for name in _REQUEST if options[name] is not None}
    request = GenotypeRequest(
        pretrain=options["pretrain"], folds=options["folds"],
        validation_share=options["validation_share"], **given,
    )  # fmt: skip
    models = Path(f"{local_out(options)}{MODELS}")
    outputs = (*step.OUTPUTS, *([SALIENCY_PAGE] if options["saliency"] else []))
    with command_context(options, config, outputs=outputs) as context:
        # `select` has named people by the rule already
        genotypes = read_people_table(genotypes_path, id_rule="iid")
        selected = None
        if pairs_path is not None:
            selected = _selected(pairs_path)
        elif not regions:
            regions = ["ap_spine"]
        jobs = genotype_jobs(selected, regions, list(genotypes.columns))
        cache = open_cache(study_images(options, config))
        if options["snps"] is None and selected is not None:
            jobs, absent = pictured_jobs(jobs, cache)
            if absent:
                context.say(f"no pictures of {', '.join(absent)}: its SNPs are not learned")
        inputs = genotype_inputs(
            genotypes, pictured_people(cache, jobs), people_tables(options, context),
            keep=_kept(options["keep"], context),
            covariates=None if options["covar"] is None else options["covar"].split(","),
            strata_bins=options["strata_bins"] or 4,
        )  # fmt: skip
        with compiled_in(models), counted_progress() as progress:
            backend = load_backend(options["backend"])
            architecture = options["architecture"] or default_architecture(
                backend, "efficientnet_b0"
            )
            run = step.train_genotypes(
                backend, cache, jobs, inputs, network_choice(options, architecture),
                training_plan(options), request, models=models, force=options["force"],
                progress=progress,
            )  # fmt: skip
            step.write_genotype_models(run, inputs, context.out)
            seen = []
            if options["saliency"]:
                seen = genotype_saliency.genotype_saliency(
                    backend, cache, models, genotype_saliency.learned_jobs(run.table),
                    most=options["saliency_people"], seed=options["seed"], progress=progress,
                )  # fmt: skip
                write_saliency(seen, context.out, task="Genotypes")
        for line in [*step.summary(run), *map(sentence, seen)]:
            context.say(line)
        for reason, count in inputs.left_out["reason"].value_counts().items():
            context.say(f"{count:,} people {LEFT_OUT[str(reason)]} ({reason})")
        context.say(
            f"written: {', '.join(f'{context.out}{name}' for name in step.OUTPUTS)}, {models}"
            + (f", {context.out}{SALIENCY_PAGE}" * bool(seen))
        )


_REQUEST = ("head", "permutations", "stop_at", "least")


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


def _selected(path: Path) -> Any:
    import pandas as pd

    from gwasbone.sumstats.table import with_names_of_today

    if not path.is_file():
        raise UsageError(f"--snps {path}: no such file; `gwasbone select` writes one")
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return with_names_of_today(table, path)


def _kept(path: str | None, context: Any) -> Any:
    """People to keep: of the flag, else of the study; None where neither says."""
    from gwasbone.steps.genotype_inputs import read_keep
    from gwasbone.study.files import kept_people

    if path is not None:
        return read_keep(Path(path), id_rule=context.id_rule)
    return None if context.config is None else kept_people(context.config)

"""A whole simulated cohort: genotypes, traits, and their files in one folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gwasbone.errors import UsageError
from gwasbone.simulate import files, questionnaire_files
from gwasbone.simulate.files import write_vcf
from gwasbone.simulate.genotypes import Progress, SimulatedGenotypes, simulate_genotypes
from gwasbone.simulate.phenotypes import simulate_phenotypes
from gwasbone.simulate.questionnaire import questionnaire_people, simulate_questionnaire
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings
from gwasbone.simulate.settings import SimulationSettings


@dataclass(frozen=True)
class SimulatedCohort:
    """Folder and counts of a simulated cohort.

    Parameters
    ----------
    folder : the folder of all files.
    bfile : PLINK prefix (without ``.bed``), None where not written.
    vcf : ``.vcf.bgz`` file, None where not written.
    phenotypes, covariates, truth : the two tables, and the folder of what is really true.
    questionnaire : the questionnaire's table, None where not written.
    n_people, n_variants : size of the genotypes.
    group_counts : ancestry group -> people.
    n_relative_pairs, n_people_faults, n_variant_faults, n_causal, n_cases : what was planted;
        ``n_cases`` counts people whose osteoporosis is recorded, None without that trait.
    """

    folder: Path
    bfile: Path | None
    vcf: Path | None
    phenotypes: Path
    covariates: Path
    questionnaire: Path | None
    truth: Path
    n_people: int
    n_variants: int
    group_counts: dict[str, int]
    n_relative_pairs: int
    n_people_faults: int
    n_variant_faults: int
    n_causal: int
    n_cases: int | None


def simulate_cohort(
    settings: SimulationSettings,
    out_dir: str | os.PathLike[str],
    *,
    formats: Sequence[str] = ("plink", "vcf"),
    questionnaire: QuestionnaireSettings | None = None,
    table_format: questionnaire_files.TableFormat = "parquet",
    force: bool = False,
    genotypes: SimulatedGenotypes | None = None,
    progress: Progress | None = None,
) -> SimulatedCohort:
    """Simulate a cohort and write its genotypes, phenotypes, covariates and true effects.

    Parameters
    ----------
    out_dir : made where absent. Holds ``genotypes.bed/.bim/.fam`` (A1 = ALT, reported sex),
        ``genotypes.vcf.bgz`` (men haploid on X), ``phenotypes.tsv``, ``covariates.tsv`` and
        ``truth/``; ``truth/settings.json`` is renamed last, so it marks a complete folder.
    formats : genotype formats, some of ``plink`` and ``vcf``.
    questionnaire : write a questionnaire of the same people too, whose bone densities and cases
        share the genetic values of the densities here (its cases are drawn anew, they are not
        those of ``phenotypes.tsv``); its ``n_people`` is ignored.
    table_format : ``parquet`` or ``csv``, for the questionnaire.
    force : replace files of an earlier simulation.
    genotypes : of the same settings, where they are at hand; drawn where None.
    progress : called with a stage, how much of it is done, and how much there is.

    Raises
    ------
    UsageError
        For an unknown format, or where files exist and ``force`` is not set (before anything is
        computed).
    GwasboneError
        When the folder cannot be written; nothing is left then.

    Examples
    --------
    >>> import tempfile
    >>> from gwasbone.simulate import SimulationSettings, simulate_cohort
    >>> small = SimulationSettings.light(
    ...     n_people=60, n_variants=400, n_segments=4, chromosomes=(1, 23), n_causal=10, n_planted=1
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     simulate_cohort(small, folder, formats=["plink"]).n_variants
    400
    """
    folder = Path(out_dir)
    names = files.output_names(formats)
    if questionnaire is not None:
        # Before the genotypes' own settings, which mark a complete folder.
        names[-1:-1] = questionnaire_files.questionnaire_names(table_format)
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise UsageError(
            f"simulate: {folder} already holds {there[0]} (and {len(there) - 1} more of the files "
            "to be written): choose another folder or pass force"
        )
    with files.all_or_nothing(folder, names) as unfinished:
        if genotypes is None:
            genotypes = simulate_genotypes(settings, progress=progress)
        phenotypes = simulate_phenotypes(genotypes, settings)
        if "plink" in formats:
            files.write_plink(unfinished / "genotypes", genotypes)
        if "vcf" in formats:
            write_vcf(
                unfinished / "genotypes.vcf.bgz",
                genotypes.G,
                genotypes.variants,
                genotypes.people["iid"].to_numpy(),
                is_male=genotypes.people["is_male"].to_numpy(),
                build=settings.build,
                progress=progress,
            )
        files.write_tables(unfinished, genotypes, phenotypes, settings)
        if questionnaire is not None:
            people = questionnaire_people(phenotypes.covariates, phenotypes.genetic_values)
            made = simulate_questionnaire(questionnaire, people)
            questionnaire_files.write_questionnaire(unfinished, made, table_format)

    has_cases = "osteoporosis" in settings.traits
    return SimulatedCohort(
        folder=folder,
        bfile=folder / "genotypes" if "plink" in formats else None,
        vcf=folder / "genotypes.vcf.bgz" if "vcf" in formats else None,
        phenotypes=folder / files.PHENOTYPES,
        covariates=folder / files.COVARIATES,
        questionnaire=None if questionnaire is None else folder / f"questionnaire.{table_format}",
        truth=folder / "truth",
        n_people=len(genotypes.people),
        n_variants=len(genotypes.variants),
        group_counts={
            str(group): int(count)
            for group, count in genotypes.people["ancestry"].value_counts().items()
        },
        n_relative_pairs=len(genotypes.relatives),
        n_people_faults=int(np.count_nonzero(genotypes.people["fault"] != "")),
        n_variant_faults=int(np.count_nonzero(genotypes.variants["fault"] != "")),
        n_causal=settings.n_causal,
        n_cases=int(phenotypes.phenotypes["osteoporosis"].sum()) if has_cases else None,
    )

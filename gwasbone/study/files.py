"""The cohort of a study as its last finished stage left it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.read import read_genotypes
from gwasbone.study.config import StudyConfig
from gwasbone.study.runner import fingerprint, read_record

#: Stages that decide about people or variants, in their order.
DECIDING_STAGES = ("genotypes", "people", "ancestry", "relatedness", "variants")

#: Names of what stages leave for later ones.
PEOPLE, VARIANTS, SCORES, MATRIX = "people.parquet", "variants.parquet", "pcs.tsv", "genotypes.mt"
SCAN, RESULTS, SUMMARY, LEADS = "scan", "results", "summary.tsv", "leads.tsv"


#: Tables of people that earlier stages make: stage -> file in its folder.
MADE_TABLES = {
    "records": "phenotypes.tsv",
    "residuals": "study.residuals.tsv",
    "training": "study.cnn.tsv",
}


def study_tables(config: StudyConfig) -> list[str]:
    """Tables of people of a study: those that ``study.toml`` names, and those its stages made."""
    named = [str(config.path(name)) for name in config.phenotypes.tables]
    made = [config.output / stage / name for stage, name in MADE_TABLES.items()]
    return named + [str(path) for path in made if path.exists()]


def study_assessments(config: StudyConfig) -> Path:
    """The assessments that the stage ``records`` makes."""
    return config.output / "records" / "study.assessments.parquet"


def study_image_cache(config: StudyConfig) -> Path:
    """Where the stage ``images`` keeps the pictures that it has read."""
    return config.output / "cache" / "images"


def genotype_files(config: StudyConfig) -> list[str]:
    """The files that the genotypes of a study depend on."""
    import glob

    g = config.genotypes
    if g.bfile is not None:
        from gwasbone.cohort.sources.bed import find_filesets

        sets = find_filesets(str(config.path(g.bfile)))
        return [str(path) for s in sets for path in (s.bed, s.bim, s.fam)]
    names: list[str] = []
    for name in (g.vcf, g.bgen, g.sample, g.mt, g.reference_fasta):
        path = config.path(name)
        if path is not None:
            names += sorted(glob.glob(path)) if glob.has_magic(path) else [path]
    return names


def read_study_genotypes(config: StudyConfig, *, keep_at: str | None = None) -> Cohort:
    """Read the genotypes that ``study.toml`` names."""
    g = config.genotypes
    return read_genotypes(
        bfile=config.path(g.bfile),
        bgen=config.path(g.bgen),
        sample=config.path(g.sample),
        vcf=config.path(g.vcf),
        mt=config.path(g.mt),
        build=config.study.build,
        id_rule=g.id,
        reference_fasta=config.path(g.reference_fasta),
        keep_at=keep_at,
    )


def study_cohort(config: StudyConfig, *, before: str | None = None) -> Cohort:
    """The study's genotypes with the decisions of the stages that are finished.

    Genotypes of a VCF come from the MatrixTable that the first stage kept.

    Parameters
    ----------
    before : leave out this stage and later ones.
    """
    matrix = config.output / "genotypes" / MATRIX
    if config.genotypes.vcf is not None and matrix.exists():
        from gwasbone.cohort.sources.matrix_table import MatrixTableSource
        from gwasbone.session import hail

        source = MatrixTableSource(
            hail().read_matrix_table(str(matrix)),
            tuple(genotype_files(config)),
            str(config.path(config.genotypes.vcf)),
        )
        people = MaskedTable.read(config.output / "genotypes" / PEOPLE)
        variants = MaskedTable.read(config.output / "genotypes" / VARIANTS)
        cohort = Cohort(
            source, str(source.matrix.locus.dtype.reference_genome.name), people, variants
        )
    else:
        cohort = read_study_genotypes(config)
    decided = _finished_in_order(config, before)
    return with_tables(cohort, config.output / decided[-1]) if decided else cohort


def _finished_in_order(config: StudyConfig, before: str | None) -> list[str]:
    """The deciding stages from the first on that are finished and were made from one another."""
    finished: list[str] = []
    fingerprints: dict[str, str] = {}
    for stage in DECIDING_STAGES:
        record = read_record(config.output / stage)
        if stage == before or record is None:
            break
        before_it = record["made_from"]["stages"]
        if any(fingerprints[name] != made for name, made in before_it.items()):
            break
        fingerprints[stage] = fingerprint(record)
        finished.append(stage)
    return finished


def with_tables(cohort: Cohort, folder: Path) -> Cohort:
    """The cohort with the people and variant tables that a stage wrote, where it wrote them."""
    if (folder / PEOPLE).exists():
        cohort = replace(cohort, people=MaskedTable.read(folder / PEOPLE))
    if (folder / VARIANTS).exists():
        cohort = replace(cohort, variants=MaskedTable.read(folder / VARIANTS))
    return cohort


def kept_people(config: StudyConfig) -> pd.Index | None:
    """People whom the finished stages of a study keep; None before there are any."""
    decided = _finished_in_order(config, None)
    if not decided:
        return None
    return MaskedTable.read(config.output / decided[-1] / PEOPLE).kept_table().index


def principal_component_table(config: StudyConfig) -> dict[str, pd.DataFrame]:
    """The components that the study computed, as a phenotype table by its path; {} before that."""
    path = config.output / "pca" / SCORES
    if read_record(path.parent) is None:
        return {}
    return {str(path): pd.read_csv(path, sep="\t", index_col="id", dtype={"id": str})}

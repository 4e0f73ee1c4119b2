"""Where a study keeps what: the only module that knows the names in its results folder.

Commands and stages ask here for the study's cohort, tables of people, images, models and scans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.sources.source import CACHE_FOLDER
from gwasbone.errors import ConfigError, UsageError, reading
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import IdRule
from gwasbone.phenotypes.table import read_people_table
from gwasbone.study.config import StudyConfig, study_reading
from gwasbone.study.runner import fingerprint, read_record

#: Stages that decide about people or variants, in their order.
DECIDING_STAGES = ("genotypes", "people", "ancestry", "relatedness", "variants")

#: Names of what stages leave for later ones.
PEOPLE, VARIANTS, SCORES = "people.parquet", "variants.parquet", "pcs.tsv"
SCAN, RESULTS, SUMMARY, LEADS = "scan", "results", "summary.tsv", "leads.tsv"
CLUMPS, LOCI = "clumps.tsv", "loci.tsv"
#: Folder within a stage's: the figures of its pages as JSON, which the report shows.
FIGURES = "figures"

#: Prefix of the files in a stage's folder that have one, such as ``study.cnn.tsv``.
PREFIX = "study"

#: What stands for a file in the section ``comparison``.
SIMULATED_TRUTH, GENOTYPES = "simulated truth", "genotypes"
_CAUSAL = Path("truth") / "causal_variants.tsv"

#: Tables of people that stages make: stage -> file in its folder.
MADE_TABLES = {
    "records": "phenotypes.tsv",
    "residuals": f"{PREFIX}.residuals.tsv",
    "training": f"{PREFIX}.cnn.tsv",
}


def study_tables(config: StudyConfig, *, before: str | None = None) -> list[str]:
    """Tables of people of a study: those that ``study.toml`` names, and those its stages made.

    Parameters
    ----------
    before : leave out the tables that this stage and later ones made.
    """
    made = []
    for stage, name in MADE_TABLES.items():
        if stage == before:
            break
        made.append(config.output / stage / name)
    return named_tables(config) + [str(path) for path in made if path.exists()]


def named_tables(config: StudyConfig) -> list[str]:
    """The tables of participants that ``study.toml`` names."""
    return [str(config.path(name)) for name in config.phenotypes.tables]


def table_files(config: StudyConfig) -> list[str]:
    """The files that a stage depends on which reads tables of participants."""
    withdrawn = study_reading(config).withdrawn
    return named_tables(config) + ([withdrawn] if withdrawn is not None else [])


def people_tables(
    config: StudyConfig,
    *,
    before: str | None = None,
    id_rule: IdRule | None = None,
    reading: TableReading | None = None,
) -> dict[str, pd.DataFrame]:
    """All tables in which a column of participants is looked for by name: path -> table.

    Those of :func:`study_tables`, the principal components that the study computed, and, for
    columns that none of these has (sex, age, weight), the bone measurements of its records.

    Parameters
    ----------
    before : as in :func:`study_tables`; components are left out too.
    id_rule, reading : what identifies a participant, and how tables are read; as the study says
        where None.
    """
    reading = reading or study_reading(config)
    rule = id_rule or config.genotypes.id
    tables = {
        name: read_people_table(name, id_rule=rule, reading=reading)
        for name in study_tables(config, before=before)
    }
    if before is None:
        tables |= principal_component_table(config)
    measured = config.output / "records" / f"{PREFIX}.bmd.tsv"
    if measured.exists():
        known = {name for table in tables.values() for name in table}
        more = read_people_table(measured, id_rule=rule, reading=reading)
        tables[str(measured)] = more[[name for name in more if name not in known]]
    return tables


def of_study(
    config: StudyConfig | None,
    find: Callable[[StudyConfig], Path],
    what: str,
    *,
    flag: str,
    key: str,
) -> Path:
    """A file or folder that a stage of the study made, for a command without the flag.

    Parameters
    ----------
    find : where the study keeps it.
    what : it is, for the message.
    flag, key : the flag that would name it, and the key of ``study.toml`` that has it made.

    Raises
    ------
    UsageError
        There is no study, or its stage has not made it.
    """
    if config is None:
        raise UsageError(f"no {what}: give {flag}, or run inside a folder with a study.toml")
    path = find(config)
    if not path.exists():
        raise UsageError(
            f"no {what} in this study yet (expected {path}): give {flag}, or set {key} in "
            "study.toml and give `gwasbone run`"
        )
    return path


def run_logs(config: StudyConfig) -> tuple[Path, Path]:
    """The log of `gwasbone run`, and that of its Hail session."""
    return config.output / f"{PREFIX}.run.log", config.output / f"{PREFIX}.run.hail.log"


def image_cache(config: StudyConfig) -> Path:
    """The cache of arrays that the stage ``images`` extends; it outlives a stage that is killed."""
    return config.output / "cache" / "images"


def training_models(config: StudyConfig) -> Path:
    """The models that the stage ``training`` trains; they outlive a stage that is killed."""
    return config.output / "cache" / "models"


def residual_models(config: StudyConfig) -> Path:
    """The transformer's models of the stage ``residuals``; they outlive a stage that is killed."""
    return config.output / "cache" / "residuals"


def genotype_models(config: StudyConfig) -> Path:
    """The models of SNPs; they outlive a stage that is killed."""
    return config.output / "cache" / "genotype_models"


def assessments(config: StudyConfig) -> Path:
    """Bone measurements by participant and visit, of the stage ``records``."""
    return config.output / "records" / f"{PREFIX}.assessments.parquet"


def scan_results(config: StudyConfig) -> Path:
    """The results folder of all scans."""
    return config.output / "scans" / RESULTS


def selected_snps(config: StudyConfig) -> Path:
    """The pairs of region and SNP that the stage ``leads`` selected."""
    return _in_leads(config, "selected.tsv")


def selected_genotypes(config: StudyConfig) -> Path:
    """The genotypes of the selected SNPs, by participant."""
    return _in_leads(config, "genotypes.parquet")


def _in_leads(config: StudyConfig, name: str) -> Path:
    folder = config.output / "leads"
    # earlier versions put a prefix before the name
    return next(iter(sorted(folder.glob(f"*{name}"))), folder / name)


def compared_scans(config: StudyConfig) -> dict[str, Path]:
    """The scans to compare by name: files that are named, and the study's own scans."""
    from gwasbone.association.result_files import trait_stem
    from gwasbone.sumstats.ssf_write import SsfPaths

    named = {}
    for name in config.comparison.scans:
        path = config.folder / name
        if name in config.association.traits or not path.exists():
            path = SsfPaths.of(trait_stem(config.output / "scans" / SCAN, name)).data
        named[name] = path
    return named


def loci_file(config: StudyConfig) -> Path | None:
    """The table of known loci; of a simulation that of its causal variants.

    Raises
    ------
    ConfigError
        There is no simulated truth beside the genotypes.
    """
    name = config.comparison.loci
    if name != SIMULATED_TRUTH:
        return Path(str(config.path(name))) if name is not None else None
    g = config.genotypes
    genotypes = g.bfile or g.pfile or g.vcf or g.bgen
    path = Path(str(config.path(genotypes or ""))).parent / _CAUSAL
    if not path.exists():
        raise ConfigError(
            f"comparison.loci = {SIMULATED_TRUTH!r}: expected {path}, which `gwasbone simulate` "
            "writes; give a table of loci"
        )
    return path


def ld_score_folder(config: StudyConfig) -> Path | None:
    """The LD scores (folder or prefix) that the comparison names; None if none or genotypes."""
    name = config.comparison.ld_scores
    return None if name in (None, GENOTYPES) else Path(str(config.path(name)))


def comparison_files(config: StudyConfig) -> list[str]:
    """Files from outside the study that the comparison reads."""
    if not config.comparison.scans:
        return []
    own = config.output / "scans"
    paths = [path for path in compared_scans(config).values() if path.parent != own]
    scores = ld_score_folder(config)
    if scores is not None:
        from gwasbone.sumstats.ld_score_files import find_ld_scores

        # the path may be what the names of several files begin with
        paths += [scores] if scores.is_dir() else find_ld_scores(scores) or [scores]
    paths += [path for path in [loci_file(config)] if path is not None]
    return [str(path) for path in paths]


def genotype_files(config: StudyConfig) -> list[str]:
    """The files that the genotypes of a study depend on."""
    import glob

    g = config.genotypes
    withdrawn = study_reading(config).withdrawn
    sex = config.path(g.sex)
    names = [name for name in (sex, withdrawn) if name is not None]
    if g.bfile is not None:
        from gwasbone.cohort.sources.bed import find_filesets

        sets = find_filesets(str(config.path(g.bfile)))
        return [*(str(path) for s in sets for path in (s.bed, s.bim, s.fam)), *names]
    if g.pfile is not None:
        from gwasbone.cohort.sources.pgen import find_filesets as find_pgen_filesets

        return [
            *(str(path) for s in find_pgen_filesets(str(config.path(g.pfile))) for path in s.files),
            *names,
        ]
    for name in (g.vcf, g.bcf, g.bgen, g.sample, g.mt, g.reference_fasta):
        path = config.path(name)
        if path is not None:
            names += sorted(glob.glob(path)) if glob.has_magic(path) else [path]
    return names


def read_study_genotypes(config: StudyConfig, *, cache: Path | None = None) -> Cohort:
    """Read the genotypes that ``study.toml`` names.

    Parameters
    ----------
    cache : where packed blocks of VCF files are kept; in the study folder by default.
    """
    g = config.genotypes
    cohort = read_genotypes(
        bfile=config.path(g.bfile),
        pfile=config.path(g.pfile),
        bgen=config.path(g.bgen),
        sample=config.path(g.sample),
        ref_last=g.ref_last,
        vcf=config.path(g.vcf),
        bcf=config.path(g.bcf),
        mt=config.path(g.mt),
        build=config.study.build,
        id_rule=g.id,
        reference_fasta=config.path(g.reference_fasta),
        cache=cache or config.folder / CACHE_FOLDER,
    )
    sex = config.path(g.sex)
    if sex is None:
        return cohort
    from gwasbone.cohort.sex import read_sex, with_sex

    return with_sex(cohort, read_sex(sex, id_rule=g.id), where=sex)


def study_cohort(
    config: StudyConfig, *, before: str | None = None, cache: Path | None = None
) -> Cohort:
    """The study's genotypes with the decisions of the stages that are finished.

    Parameters
    ----------
    before : leave out this stage and later ones.
    cache : see :func:`read_study_genotypes`.
    """
    cohort = read_study_genotypes(config, cache=cache)
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
    with reading(path, "the table of components that `gwasbone run` writes"):
        return {str(path): pd.read_csv(path, sep="\t", index_col="id", dtype={"id": str})}

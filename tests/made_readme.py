"""A folder with all the files that README names: a tiny cohort, its records, pictures and scans."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from made_comparison import made_scans, ssf

import gwasbone as gb
from gwasbone.phenotypes.table import read_people_table
from gwasbone.simulate import QuestionnaireSettings, SimulationSettings, simulate_cohort
from gwasbone.simulate.phantom_people import cohort_phantoms, write_phantoms
from gwasbone.simulate.phantoms import PhantomSettings

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
#: Both are of the left hip, so that one network learns the SNP of both.
RESIDUALS = ("resid_bmd_femur_neck_left", "resid_bmd_femur_total_left")

DEMO = """\
[study]
build = "GRCh37"
[genotypes]
bfile = "../ukb_chr*"
[phenotypes]
tables = ["../people.tsv"]
"""


def code_blocks(language: str) -> list[str]:
    """The code blocks of README in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def make_readme_folder(folder: Path) -> None:
    """Write everything that the commands of README read and do not make themselves."""
    data = folder / ".made"
    settings = SimulationSettings.light(
        n_people=240, n_variants=400, n_segments=4, chromosomes=(1, 2), n_causal=10, n_planted=1,
        planted_share=0.25, missing_rate=0.005,
    )  # fmt: skip
    asked = QuestionnaireSettings(
        n_filler=2, imaged_share=0.6, prevalence=0.3, weight_missing_rate=0.0
    )
    simulate_cohort(settings, data, formats=("plink",), questionnaire=asked, table_format="parquet")
    pictures = PhantomSettings(
        pictures=("ap_spine", "lateral_spine", "left_hip", "right_hip"), scale=0.08
    )
    write_phantoms(cohort_phantoms(settings, asked), data, settings=pictures)
    shutil.copytree(data / "images", folder / "scans")
    shutil.copy(data / "questionnaire.parquet", folder / "ukb.parquet")
    _split_by_chromosome(data / "genotypes", folder / "ukb_chr")
    people = _people(data)
    people.to_csv(folder / "people.tsv", sep="\t", na_rep="NA")
    _genes(folder / "gencode.v19.annotation.gtf.gz")
    _scans(folder, people)
    shutil.rmtree(data)
    (folder / "demo").mkdir()
    (folder / "demo" / "study.toml").write_text(DEMO)
    program = folder / ".venv" / "bin" / "gwasbone"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gwasbone.cli "$@"\n')
    program.chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    """Variables of a shell in which ``gwasbone`` is this version."""
    path = f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}


def _split_by_chromosome(prefix: Path, stem: Path) -> None:
    """One fileset per chromosome, with a log of PLINK's beside it."""
    lines = Path(f"{prefix}.bim").read_text().splitlines(keepends=True)
    chromosomes = np.array([line.split()[0] for line in lines])
    calls = np.fromfile(f"{prefix}.bed", np.uint8)
    rows = calls[3:].reshape(len(lines), -1)
    for name in np.unique(chromosomes):
        here = chromosomes == name
        Path(f"{stem}{name}.bed").write_bytes(calls[:3].tobytes() + rows[here].tobytes())
        Path(f"{stem}{name}.bim").write_text("".join(np.array(lines)[here]))
        shutil.copy(f"{prefix}.fam", f"{stem}{name}.fam")
        Path(f"{stem}{name}.log").write_text("PLINK v1.90\n")


def _people(data: Path) -> pd.DataFrame:
    """Covariates, components, densities, reported background and scores, indexed by IID."""
    tables = [read_people_table(data / name) for name in ("covariates.tsv", "phenotypes.tsv")]
    people = tables[0].join(tables[1]).rename_axis("IID")
    people = people.rename(columns={"ethnic_background": "p21000_i0"})
    rng = np.random.default_rng(3)
    for k in range(1, 11):
        people[f"PC{k}"] = rng.standard_normal(len(people))
    people["cnn_prob"] = rng.random(len(people))
    for name in RESIDUALS:
        people[name] = people["bmd_spine"] - people["bmd_spine"].mean()
    return people


def _genes(path: Path) -> None:
    lines = ["##description: evidence-based annotation of the human genome (GRCh37)\n"]
    for chromosome in (1, 2):
        for k in range(1, 240):
            attributes = (
                f'gene_id "E{chromosome}.{k}"; gene_type "protein_coding"; '
                f'gene_name "G{chromosome}_{k}";'
            )
            for kind, of_kind in (("gene", ""), ("exon", f' transcript_id "T{chromosome}.{k}";')):
                lines.append(
                    f"chr{chromosome}\tHAVANA\t{kind}\t{k}000001\t{k}400000\t.\t+\t.\t"
                    f"{attributes}{of_kind}\n"
                )
    path.write_bytes(gzip.compress("".join(lines).encode()))


def _scans(folder: Path, people: pd.DataFrame) -> None:
    """Scans of residuals with a SNP to find, of a case and a score, and of three traits at once."""
    cohort = gb.read_genotypes(bfile=str(folder / "ukb_chr*"), build="GRCh37")
    results = gb.associate(cohort, ["bmd_hip", "bmd_spine", "cnn_prob"], phenotypes=people)
    results.write(folder / "scans", formats=("parquet",))
    table = results.tested("bmd_spine")
    common = np.flatnonzero(table["effect_allele_frequency"].between(0.4, 0.6))
    variants = table.rename(columns={"effect_allele_frequency": "frequency"})
    for i, name in enumerate(RESIDUALS):
        z = np.random.default_rng(i).standard_normal(len(table))
        z[common[0]] = 7.0
        ssf(variants, z, len(people)).to_csv(
            folder / "scans" / f"{name}.tsv.gz", sep="\t", index=False
        )
    compared = made_scans(np.random.default_rng(5), names=("cnn_prob", "case"))
    compared.write(folder)
    (folder / "loci.tsv").rename(folder / "known.tsv")
    (folder / "ld").rename(folder / "eur_w_ld_chr")

"""The files of a simulated cohort, which appear together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone import genome
from gwasbone.errors import GwasboneError, UsageError
from gwasbone.files import staged_outputs
from gwasbone.simulate.genotypes import SimulatedGenotypes
from gwasbone.simulate.phenotypes import SimulatedPhenotypes
from gwasbone.simulate.settings import SimulationSettings

#: Genotype formats and the files of each.
FORMATS: dict[str, tuple[str, ...]] = {
    "plink": ("genotypes.bed", "genotypes.bim", "genotypes.fam"),
    "vcf": ("genotypes.vcf.bgz",),
}
PHENOTYPES, COVARIATES = "phenotypes.tsv", "covariates.tsv"
TRUTH = (
    "truth/causal_variants.tsv",
    "truth/genetic_values.tsv",
    "truth/ancestry.tsv",
    "truth/relatives.tsv",
    "truth/people_faults.tsv",
    "truth/variant_faults.tsv",
    "truth/settings.json",
)


def output_names(formats: Sequence[str]) -> list[str]:
    """The files that a simulation writes, relative to its folder; the settings come last.

    Raises
    ------
    UsageError
        When a format is none of ``FORMATS``.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"simulate: formats must be some of {', '.join(FORMATS)}, got {unknown}")
    genotypes = [file for name in formats for file in FORMATS[name]]
    return [*genotypes, PHENOTYPES, COVARIATES, *TRUTH]


@contextmanager
def all_or_nothing(out_dir: Path, names: Sequence[str]) -> Iterator[Path]:
    """A hidden folder beside the results; on a clean exit its files take their final names.

    Whatever kills the run, no file under a final name is half written. An exception removes the
    hidden folder and a failing disk becomes a one-line error.

    Raises
    ------
    GwasboneError
        When the folder cannot be made or written.
    """
    try:
        with staged_outputs(out_dir, names, command="simulate", force=True) as staging:
            (staging.files / "truth").mkdir()
            yield staging.files
            staging.commit()
    except OSError as error:
        raise GwasboneError(
            f"simulate: could not write to {out_dir} ({error.strerror or error}): nothing was "
            "kept; free some space or choose another folder"
        ) from error


def write_plink(prefix: Path, genotypes: SimulatedGenotypes) -> None:
    """Write ``prefix``.bed/.bim/.fam; A1 is ALT, chromosome X is 23, the sex is the reported one.

    References
    ----------
    https://www.cog-genomics.org/plink/1.9/formats
    """
    import bed_reader

    variants, people = genotypes.variants, genotypes.people
    bed_reader.to_bed(
        f"{prefix}.bed",
        genotypes.G.T,
        properties={
            "fid": people["fid"].to_numpy(),
            "iid": people["iid"].to_numpy(),
            "father": np.full(len(people), "0"),
            "mother": np.full(len(people), "0"),
            "sex": np.where(people["reported_is_male"], 1, 2),
            "pheno": np.full(len(people), "-9"),
            "chromosome": variants["chromosome"].astype(str).to_numpy(),
            "sid": variants["source_id"].to_numpy(),
            "cm_position": np.zeros(len(variants)),
            "bp_position": variants["base_pair_location"].to_numpy(),
            "allele_1": variants["effect_allele"].to_numpy(),
            "allele_2": variants["other_allele"].to_numpy(),
        },
    )


def write_tables(
    folder: Path,
    genotypes: SimulatedGenotypes,
    phenotypes: SimulatedPhenotypes,
    settings: SimulationSettings,
) -> None:
    """Write the phenotype and covariate tables and everything under ``truth/``."""
    people, variants = genotypes.people, genotypes.variants
    ancestry = people.assign(
        genetic_sex=np.where(people["is_male"], "man", "woman"),
        reported_sex=np.where(people["reported_is_male"], "man", "woman"),
    ).rename(columns={"fid": "FID", "iid": "IID"})
    tables = {
        PHENOTYPES: phenotypes.phenotypes,
        COVARIATES: phenotypes.covariates,
        "truth/causal_variants.tsv": phenotypes.causal_variants,
        "truth/genetic_values.tsv": phenotypes.genetic_values,
        "truth/ancestry.tsv": ancestry[
            ["FID", "IID", "ancestry", "genetic_sex", "reported_sex", "array"]
        ],
        "truth/relatives.tsv": genotypes.relatives,
        "truth/people_faults.tsv": ancestry.loc[people["fault"] != "", ["FID", "IID", "fault"]],
        "truth/variant_faults.tsv": variants.loc[variants["fault"] != ""],
    }
    for name, table in tables.items():
        _write_tsv(folder / name, table)
    text = json.dumps(dataclasses.asdict(settings), indent=2)
    (folder / "truth/settings.json").write_text(text + "\n")


def _write_tsv(path: Path, table: pd.DataFrame) -> None:
    if "chromosome" in table:
        labels = table["chromosome"].map(genome.chromosome_label)
        table = table.assign(chromosome=labels)
    table.to_csv(path, sep="\t", index=False, na_rep="NA", float_format="%.8g")

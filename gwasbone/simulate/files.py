"""The files of a simulated cohort, each written under a temporary name and then renamed."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone import genome
from gwasbone.errors import GwasboneError, UsageError
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

_HIDDEN, _LOCK = ".simulate-", "lock"


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
        out_dir.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(out_dir)
        folder = Path(tempfile.mkdtemp(prefix=_HIDDEN, dir=out_dir))
        try:
            with (folder / _LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                (folder / "truth").mkdir()
                yield folder
                (out_dir / "truth").mkdir(exist_ok=True)
                for name in names:
                    os.replace(folder / name, out_dir / name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise GwasboneError(
            f"simulate: could not write to {out_dir} ({error.strerror or error}): nothing was "
            "kept; free some space or choose another folder"
        ) from error


def _remove_abandoned(out_dir: Path) -> None:
    # The kernel drops the lock of a killed run, so a lock that can be had marks its leftovers.
    for old in out_dir.glob(f"{_HIDDEN}*"):
        with suppress(OSError), (old / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old, ignore_errors=True)


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

"""Cohorts to measure on, written once and kept between runs.

Random cohorts (calls drawn independently, 1 % missing) where what is computed does not depend on
the genotypes; simulated ones, with real linkage disequilibrium and 0.1 % missing, where it does.
Both have one population on the autosomes, which gwasbone and its peers read without special
options. The traits are normal, covariates explaining a tenth of each; no genotype has an effect:
how long a scan takes hardly depends on it, and Firth's test, which ``score`` falls back to at
p < 0.05, then runs on 5 % of the variants.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.files import atomic_path
from gwasbone.simulate import SimulationSettings, simulate_cohort, simulate_genotypes

BUILD = "GRCh37"
COVARIATES = tuple(f"covar_{i}" for i in range(1, 7))
TRAITS = tuple(f"trait_{i}" for i in range(1, 101))
CASES = "cases"

QUICK = os.environ.get("GWASBONE_BENCH_QUICK") == "1"
LARGE = os.environ.get("GWASBONE_BENCH_LARGE") == "1"
_ROUNDS = int(os.environ.get("GWASBONE_BENCH_ROUNDS", "1" if QUICK else "3"))

_FRACTION_CASES = 0.2
_VARIANCE_OF_COVARIATES = 0.1
_SHARE_MISSING = 0.01
_VARIANTS_AT_A_TIME = 512


@dataclass(frozen=True)
class Size:
    """How big a cohort is, and how often each job is timed on it."""

    n_people: int
    n_variants: int
    rounds: int = _ROUNDS

    def __str__(self) -> str:
        return f"{self.n_people}x{self.n_variants}"

    @property
    def once(self) -> Size:
        """The same, timed once."""
        return Size(self.n_people, self.n_variants, 1)


#: Of the linear scans.
SCAN = Size(2_000, 10_000) if QUICK else Size(10_000, 100_000)
#: Of what linkage disequilibrium or the calls themselves matter to.
LINKED = Size(1_000, 10_000) if QUICK else Size(4_000, 120_000)
#: A tenth and the whole, for memory.
FEW_VARIANTS = Size(500, 5_000, 1) if QUICK else Size(2_000, 50_000, 1)
MANY_VARIANTS = Size(500, 50_000, 1) if QUICK else Size(2_000, 500_000, 1)
#: Rising n·m, for growth.
GROWTH = (
    (Size(500, 10_000), Size(1_000, 10_000), Size(1_000, 20_000))
    if QUICK
    else (Size(5_000, 50_000), Size(10_000, 50_000), Size(10_000, 100_000))
)
#: Of formats that Hail reads; all files, VCF too.
ANY_FORMAT = Size(4_000, 20_000, 1)


@dataclass(frozen=True)
class BenchData:
    """Files of one cohort.

    Parameters
    ----------
    bfile : PLINK prefix.
    vcf : the same genotypes as ``.vcf.bgz``, where ``with_vcf`` was asked for.
    traits : FID, IID, ``TRAITS`` (no value missing), ``CASES`` (0/1).
    covariates : FID, IID, ``COVARIATES``.
    """

    size: Size
    bfile: Path
    vcf: Path
    traits: Path
    covariates: Path

    @classmethod
    def of(cls, folder: Path, size: Size) -> BenchData:
        """The files of a folder."""
        return cls(
            size=size,
            bfile=folder / "genotypes",
            vcf=folder / "genotypes.vcf.bgz",
            traits=folder / "traits.tsv",
            covariates=folder / "six_covariates.tsv",
        )


def data_folder() -> Path:
    """``GWASBONE_BENCH_DATA``, else ``benchmarks/.data``."""
    given = os.environ.get("GWASBONE_BENCH_DATA")
    return Path(given).absolute() if given else Path(__file__).parent / ".data"


def random_data(size: Size) -> BenchData:
    """A cohort of independent calls: 10⁹ of them take two seconds."""
    data = BenchData.of(data_folder() / f"random-{size}", size)
    if not data.covariates.exists():
        data.bfile.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(Path(f"{data.bfile}.bed")) as partial:
            _write_random_bed(partial, size)
        _write_bim_and_fam(data.bfile, size)
        write_people_tables(data)
    return data


def linked_data(size: Size) -> BenchData:
    """A cohort whose variants are as correlated as neighbours are: a coalescent simulation."""
    data = BenchData.of(data_folder() / f"linked-{size}", size)
    if not data.covariates.exists():
        from gwasbone.simulate.files import write_plink

        data.bfile.parent.mkdir(parents=True, exist_ok=True)
        write_plink(data.bfile, simulate_genotypes(_settings(size)))
        write_people_tables(data)
    return data


def any_format_data(size: Size) -> BenchData:
    """A simulated cohort with all its files, VCF too."""
    folder = data_folder() / f"all-{size}"
    data = BenchData.of(folder, size)
    if not data.covariates.exists():
        simulate_cohort(_settings(size), folder, force=True)
        write_people_tables(data)
    return data


def _settings(size: Size) -> SimulationSettings:
    return SimulationSettings.light(
        n_people=size.n_people,
        n_variants=size.n_variants,
        build=BUILD,
        chromosomes=tuple(range(1, 23)),
    )


def _write_random_bed(path: Path, size: Size) -> None:
    """Calls in Hardy-Weinberg proportions, allele frequencies even between 0.01 and 0.5.

    A random byte becomes a call by a table of the variant, so frequencies have steps of 1/256.
    """
    rng = np.random.default_rng(21)
    width = -(-size.n_people // 4)
    byte = np.arange(256)
    in_last = (1 << 2 * (size.n_people % 4 or 4)) - 1
    with path.open("wb") as file:
        file.write(b"\x6c\x1b\x01")
        for top in range(0, size.n_variants, _VARIANTS_AT_A_TIME):
            m = min(_VARIANTS_AT_A_TIME, size.n_variants - top)
            p = rng.uniform(0.01, 0.5, m)
            missing = np.floor(256 * _SHARE_MISSING + rng.random(m))
            shares = np.stack([missing, (256 - missing) * p**2, (256 - missing) * 2 * p * (1 - p)])
            ends = np.cumsum(np.round(shares), axis=0)
            # .bed: 01 missing, 00 two copies of A1, 10 one, 11 none
            codes = np.array([1, 0, 2, 3], dtype=np.uint8)
            tables = codes[(byte >= ends[:, :, None]).sum(axis=0)]
            draws = np.frombuffer(rng.bytes(m * width * 4), dtype=np.uint8).reshape(m, -1)
            packed = np.empty((m, width), dtype=np.uint8)
            for row, table, draw in zip(packed, tables, draws, strict=True):
                four = table.take(draw).view(np.uint32)
                row[:] = four | four >> 6 | four >> 12 | four >> 18
            packed[:, -1] &= in_last
            packed.tofile(file)


def _write_bim_and_fam(bfile: Path, size: Size) -> None:
    m, people = size.n_variants, [f"p{i}" for i in range(size.n_people)]
    chromosome = np.sort(np.arange(m) % 22 + 1)
    names = [f"rs{i}" for i in range(m)]
    bim = {"chromosome": chromosome, "id": names, "cm": 0, "bp": 10_000 + 100 * np.arange(m)}
    fam = {"fid": people, "iid": people, "father": 0, "mother": 0, "sex": 1, "phenotype": -9}
    for suffix, columns in (("bim", bim | {"a1": "A", "a2": "G"}), ("fam", fam)):
        pd.DataFrame(columns).to_csv(f"{bfile}.{suffix}", sep="\t", header=False, index=False)


def write_people_tables(data: BenchData) -> None:
    """Traits and covariates; the covariates last, whose presence means that all is there."""
    fam = pd.read_csv(f"{data.bfile}.fam", sep=r"\s+", header=None, usecols=[0, 1], dtype=str)
    ids = fam.set_axis(["FID", "IID"], axis=1)
    rng = np.random.default_rng(20)
    X = rng.standard_normal((len(ids), len(COVARIATES)))
    effects = rng.standard_normal((len(COVARIATES), len(TRAITS)))
    effects *= np.sqrt(_VARIANCE_OF_COVARIATES / (effects**2).sum(axis=0))
    noise = rng.standard_normal((len(ids), len(TRAITS)))
    Y = X @ effects + np.sqrt(1 - _VARIANCE_OF_COVARIATES) * noise
    cases = Y[:, 0] > np.quantile(Y[:, 0], 1 - _FRACTION_CASES)
    traits = pd.DataFrame(Y, columns=list(TRAITS)).assign(**{CASES: cases.astype(int)})
    for path, table in (
        (data.traits, traits),
        (data.covariates, pd.DataFrame(X, columns=list(COVARIATES))),
    ):
        with atomic_path(path) as partial:
            pd.concat([ids, table], axis=1).to_csv(
                partial, sep="\t", index=False, float_format="%.8g"
            )

"""Cohorts to measure on, written once and kept between runs.

Random cohorts (independent calls, none or 0.2 % of them missing; dosages drawn by PLINK 2) where
what is computed does not depend on the genotypes; simulated ones, with real linkage
disequilibrium, where it does. All have one population on the autosomes, which gwasbone and its
peers read without special options. The traits are normal, covariates explaining a tenth of each;
no genotype has an effect: how long a scan takes hardly depends on it, and Firth's test, which
``score`` falls back to at p < 0.05, then runs on 5 % of the variants.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.files import atomic_path
from gwasbone.simulate import SimulationSettings, simulate_cohort, simulate_genotypes

BUILD = "GRCh37"
COVARIATES = tuple(f"covar_{i}" for i in range(1, 4))
TRAITS = tuple(f"trait_{i}" for i in range(1, 101))
CASES = "cases"

QUICK = os.environ.get("GWASBONE_BENCH_QUICK") == "1"
LARGE = os.environ.get("GWASBONE_BENCH_LARGE") == "1"
_ROUNDS = int(os.environ.get("GWASBONE_BENCH_ROUNDS", "1" if QUICK else "3"))

_FRACTION_CASES = 0.13
_VARIANCE_OF_COVARIATES = 0.1
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


#: Of the scans, of pruning and quality control; and the same jobs at biobank-like growth.
SCAN = Size(2_000, 10_000) if QUICK else Size(10_000, 81_880)
LARGE_SCAN = Size(3_000, 20_000, 1) if QUICK else Size(20_000, 200_000, 1)
#: Of files that hold text or compressed probabilities, beside ``SCAN``.
SHORT = Size(2_000, 2_000) if QUICK else Size(10_000, 14_717)
#: Of the exact method of principal components, where Hail is a peer.
LINKED = Size(1_000, 10_000) if QUICK else Size(4_000, 120_000)
#: Of the start of a command: nothing to compute.
TINY = Size(300, 4, 5)
#: Of PLINK's full Firth regression, a subset.
FIRTH = Size(2_000, 500, 1) if QUICK else Size(10_000, 4_000, 1)
#: A tenth and the whole, for memory.
FEW_VARIANTS = Size(500, 5_000, 1) if QUICK else Size(2_000, 50_000, 1)
MANY_VARIANTS = Size(500, 50_000, 1) if QUICK else Size(2_000, 500_000, 1)
#: Rising n·m, for growth.
GROWTH = (
    (Size(500, 10_000), Size(1_000, 10_000), Size(1_000, 20_000))
    if QUICK
    else (Size(5_000, 50_000), Size(10_000, 50_000), Size(10_000, 100_000))
)
#: Of jobs on Hail's engine.
ANY_FORMAT = Size(4_000, 20_000, 1)


@dataclass(frozen=True)
class BenchData:
    """Files of one cohort.

    Parameters
    ----------
    bfile : PLINK prefix of .bed, .bim and .fam; of dosages, of .pgen, .pvar and .psam.
    vcf : the same genotypes as ``.vcf.gz`` (BGZF), where :func:`vcf_data` wrote them.
    bgen, sample : dosages with 8 bits, where :func:`dosage_data` wrote them.
    traits : FID, IID, ``TRAITS`` (no value missing), ``CASES`` (0/1).
    covariates : FID, IID, ``COVARIATES``.
    """

    size: Size
    bfile: Path
    vcf: Path
    bgen: Path
    sample: Path
    traits: Path
    covariates: Path

    @classmethod
    def of(cls, folder: Path, size: Size) -> BenchData:
        """The files of a folder."""
        return cls(
            size=size,
            bfile=folder / "genotypes",
            vcf=folder / "genotypes.vcf.gz",
            bgen=folder / "genotypes.bgen",
            sample=folder / "genotypes.sample",
            traits=folder / "traits.tsv",
            covariates=folder / "covariates.tsv",
        )


def data_folder() -> Path:
    """``GWASBONE_BENCH_DATA``, else ``benchmarks/.data``."""
    given = os.environ.get("GWASBONE_BENCH_DATA")
    return Path(given).absolute() if given else Path(__file__).parent / ".data"


def random_data(size: Size, missing: float = 0.0) -> BenchData:
    """A cohort of independent calls: 10⁹ of them take two seconds.

    Parameters
    ----------
    missing : share of missing calls.
    """
    data = BenchData.of(data_folder() / f"random-{size}-{missing:g}", size)
    if not data.covariates.exists():
        data.bfile.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(Path(f"{data.bfile}.bed")) as partial:
            _write_random_bed(partial, size, missing)
        _write_bim_and_fam(data.bfile, size)
        write_people_tables(data)
    return data


def vcf_data(size: Size) -> BenchData:
    """Independent calls as a VCF too, written by PLINK 2: GT, block-gzipped."""
    data = random_data(size)
    if not data.vcf.exists():
        _plink2(data.bfile, "--bfile", data.bfile, "--export", "vcf", "bgz", "id-paste=iid")
    return data


def dosage_data(size: Size) -> BenchData:
    """Dosages of which three in ten are no whole number, as .pgen and as BGEN of 8 bits."""
    data = BenchData.of(data_folder() / f"dosages-{size}", size)
    if not data.covariates.exists():
        data.bfile.parent.mkdir(parents=True, exist_ok=True)
        sizes = [str(size.n_people), str(size.n_variants)]
        _plink2(data.bfile, "--dummy", *sizes, "acgt", "dosage-freq=0.3")
        _write_bim_and_fam(data.bfile, size, pgen=True)
        _plink2(
            data.bfile,
            "--pfile",
            data.bfile,
            "--export",
            "bgen-1.2",
            "bits=8",
            "ref-first",
            "id-paste=iid",
        )
        write_people_tables(data)
    return data


def _plink2(out: Path, *arguments: str | Path) -> None:
    command = ["plink2", *map(str, arguments), "--threads", "2", "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


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


def _write_random_bed(path: Path, size: Size, share_missing: float) -> None:
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
            ends = np.cumsum(np.round(256 * np.stack([p**2, 2 * p * (1 - p)])), axis=0)
            # .bed: 00 two copies of A1, 10 one, 11 none; 01 is missing
            codes = np.array([0, 2, 3], dtype=np.uint8)
            tables = codes[(byte >= ends[:, :, None]).sum(axis=0)]
            draws = np.frombuffer(rng.bytes(m * width * 4), dtype=np.uint8).reshape(m, -1)
            packed = np.empty((m, width), dtype=np.uint8)
            for row, table, draw in zip(packed, tables, draws, strict=True):
                four = table.take(draw).view(np.uint32)
                row[:] = four | four >> 6 | four >> 12 | four >> 18
            packed[:, -1] &= in_last
            every = np.arange(m)
            for _ in range(round(share_missing * size.n_people)):
                sample = rng.integers(0, size.n_people, m)
                shift = (2 * (sample % 4)).astype(np.uint8)
                byte_of = packed[every, sample // 4]
                packed[every, sample // 4] = (
                    byte_of & ~(np.uint8(3) << shift) | np.uint8(1) << shift
                )
            packed.tofile(file)


def _write_bim_and_fam(bfile: Path, size: Size, *, pgen: bool = False) -> None:
    """The tables of variants and of samples, or those of a .pgen in their place."""
    m, people = size.n_variants, [f"p{i}" for i in range(size.n_people)]
    chromosome = np.sort(np.arange(m) % 22 + 1)
    names, position = [f"rs{i}" for i in range(m)], 10_000 + 100 * np.arange(m)
    if pgen:
        pvar = {"#CHROM": chromosome, "POS": position, "ID": names, "REF": "G", "ALT": "A"}
        psam = {"#FID": people, "IID": people, "SEX": 1}
        for suffix, columns in (("pvar", pvar), ("psam", psam)):
            pd.DataFrame(columns).to_csv(f"{bfile}.{suffix}", sep="\t", index=False)
        return
    bim = {"chromosome": chromosome, "id": names, "cm": 0, "bp": position, "a1": "A", "a2": "G"}
    fam = {"fid": people, "iid": people, "father": 0, "mother": 0, "sex": 1, "phenotype": -9}
    for suffix, columns in (("bim", bim), ("fam", fam)):
        pd.DataFrame(columns).to_csv(f"{bfile}.{suffix}", sep="\t", header=False, index=False)


def write_people_tables(data: BenchData) -> None:
    """Traits and covariates; the covariates last, whose presence means that all is there."""
    fam = Path(f"{data.bfile}.fam")
    if fam.exists():
        ids = pd.read_csv(fam, sep=r"\s+", header=None, usecols=[0, 1], dtype=str)
        ids = ids.set_axis(["FID", "IID"], axis=1)
    else:
        people = [f"p{i}" for i in range(data.size.n_people)]
        ids = pd.DataFrame({"FID": people, "IID": people})
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

"""What is to be reached: each job with its peer, how much faster, and what the machine allows.

The limit of a job is the least work it cannot avoid, done at the rates that the machine showed in
the same run, one step after the other: reading the genotypes' bytes, multiplying them in float32
with every column of covariates and traits, compressing the text that is written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench_data import COVARIATES, Size
from bench_timing import HAIL, PLINK2, THREADS

JOB_START = "start-up: linear, 4 variants"
JOB_ONE, JOB_ONE_MISSING = "linear, 1 trait, complete", "linear, 1 trait, 0.2 % missing"
JOB_ONE_LARGE = "linear, 1 trait, complete, large"
JOB_PARQUET = "linear, 75 traits, complete, Parquet"
JOB_SSF = "linear, 75 traits, complete, GWAS-SSF"
JOB_MISSING = "linear, 75 traits, 0.2 % missing, Parquet"
JOB_BINARY = "binary: score, Firth at p < 0.05 (peer: Wald, Firth where it fails)"
JOB_WALD = "binary: Wald (peer: Wald)"
JOB_FIRTH = "binary: Firth (peer: Firth)"
JOB_VCF, JOB_VCF_SHORT = "linear, VCF, first read", "linear, VCF, first read, short"
JOB_BGEN, JOB_BGEN_SHORT = "linear, BGEN 8 bit dosages", "linear, BGEN 8 bit dosages, short"
JOB_PGEN = "linear, PGEN dosages"
JOB_PRUNE, JOB_PRUNE_LARGE = "LD prune, 500 kb, r² 0.1", "LD prune, 500 kb, r² 0.1, large"
JOB_PRUNE_HAIL = "LD prune, 500 kb, r² 0.1, beside Hail"
JOB_PCA = "PCA, 10 components, pruned set, no page"
JOB_QC, JOB_QC_LARGE = "QC: counts, HWE, call rates, tables", "QC, large"
JOB_QC_HAIL = "QC, beside Hail"

N_MANY = 75
#: Memory that no job may take, and that reading a VCF may not.
MOST_BYTES, MOST_BYTES_VCF = 1_500_000_000, 1_000_000_000

# Of a line of GWAS-SSF before compression.
_LINE_BYTES = 106
_BUFFER_BYTES = 2**23
_GEMM_SIZE = 3_000


@dataclass(frozen=True)
class Rates:
    """What the machine does: bytes read from a .bed in the page cache by one core, float32
    operations of products of matrices, bytes compressed and inflated by igzip on all cores used."""

    read_bytes_s: float
    float32_flops_s: float
    gzip_bytes_s: float
    inflate_bytes_s: float


@dataclass(frozen=True)
class Work:
    """The least work of a job."""

    read_bytes: float
    flops: float = 0.0
    text_bytes: float = 0.0
    inflated_bytes: float = 0.0

    def seconds(self, rates: Rates) -> float:
        """How long it takes at these rates."""
        return (
            self.read_bytes / rates.read_bytes_s
            + self.flops / rates.float32_flops_s
            + self.text_bytes / rates.gzip_bytes_s
            + self.inflated_bytes / rates.inflate_bytes_s
        )


@dataclass(frozen=True)
class Target:
    """A row of the table of targets.

    Parameters
    ----------
    peer : the program to compare with, whose records have the same name.
    ratio : minimum of the peer's seconds over gwasbone's; None where time alone is the goal, or
        where the job is shown without one.
    seconds : maximum of gwasbone's seconds.
    work : the least work at a size.
    """

    job: str
    peer: str
    work: Callable[[Size], Work]
    ratio: float | None = None
    seconds: float | None = None


def bed_bytes(size: Size) -> float:
    """Bytes of a .bed file."""
    return float(size.n_variants * -(-size.n_people // 4))


def scan_work(n_traits: int, *, text: bool) -> Callable[[Size], Work]:
    """Of a linear scan: every call times every covariate and trait."""

    def work(size: Size) -> Work:
        calls = size.n_people * size.n_variants
        text_bytes = size.n_variants * n_traits * _LINE_BYTES if text else 0
        return Work(bed_bytes(size), 2 * calls * (len(COVARIATES) + n_traits), text_bytes)

    return work


def score_work(size: Size) -> Work:
    """Of a score scan: every call times the residual, every weighted covariate with the
    intercept, and its square times the weights; Firth's tests come on top."""
    calls = size.n_people * size.n_variants
    return Work(bed_bytes(size), 2 * calls * (len(COVARIATES) + 3), size.n_variants * _LINE_BYTES)


def read_work(size: Size) -> Work:
    """Reading, and nothing else."""
    return Work(bed_bytes(size))


def relationship_work(size: Size) -> Work:
    """Of the exact method of few people: one half of the relationship matrix."""
    return Work(bed_bytes(size), size.n_people**2 * size.n_variants)


def vcf_work(size: Size) -> Work:
    """Inflating "0/1" and a tab for each call, then the scan; compressed bytes are not counted."""
    calls = size.n_people * size.n_variants
    scan = scan_work(1, text=True)(size)
    return Work(0.0, scan.flops, scan.text_bytes, inflated_bytes=4.0 * calls)


def dosage_work(size: Size) -> Work:
    """Inflating two bytes of probabilities and one of ploidy for each genotype, then the scan."""
    calls = size.n_people * size.n_variants
    scan = scan_work(1, text=True)(size)
    return Work(0.0, scan.flops, scan.text_bytes, inflated_bytes=3.0 * calls)


def no_work(size: Size) -> Work:
    """Nothing to compute."""
    return Work(0.0)


TARGETS = (
    Target(JOB_START, PLINK2, no_work, seconds=0.55),
    Target(JOB_ONE, PLINK2, scan_work(1, text=True), seconds=1.0),
    Target(JOB_ONE_LARGE, PLINK2, scan_work(1, text=True), ratio=2),
    Target(JOB_ONE_MISSING, PLINK2, scan_work(1, text=True), ratio=4.5),
    Target(JOB_PARQUET, PLINK2, scan_work(N_MANY, text=False), ratio=6),
    Target(JOB_SSF, PLINK2, scan_work(N_MANY, text=True), ratio=4),
    Target(JOB_MISSING, PLINK2, scan_work(N_MANY, text=False), ratio=35),
    Target(JOB_BINARY, PLINK2, score_work, ratio=3),
    Target(JOB_WALD, PLINK2, score_work),
    Target(JOB_FIRTH, PLINK2, score_work),
    Target(JOB_VCF, PLINK2, vcf_work, ratio=2),
    Target(JOB_VCF_SHORT, PLINK2, vcf_work, ratio=1),
    Target(JOB_BGEN, PLINK2, dosage_work, ratio=1.5),
    Target(JOB_BGEN_SHORT, PLINK2, dosage_work, ratio=1),
    Target(JOB_PGEN, PLINK2, scan_work(1, text=True)),
    Target(JOB_PRUNE, PLINK2, read_work, seconds=0.9),
    Target(JOB_PRUNE_LARGE, PLINK2, read_work, ratio=0.8),
    Target(JOB_PRUNE_HAIL, HAIL, read_work, ratio=100),
    Target(JOB_PCA, PLINK2, relationship_work, ratio=1 / 1.5),
    Target(JOB_PCA, HAIL, relationship_work, ratio=15),
    Target(JOB_QC, PLINK2, read_work, seconds=1.1),
    Target(JOB_QC_LARGE, PLINK2, read_work, ratio=0.7),
    Target(JOB_QC_HAIL, HAIL, read_work, ratio=10),
)


def measure_rates(bed: Path) -> Rates:
    """Measure the machine, in about two seconds.

    Parameters
    ----------
    bed : a large file, which has been read before.
    """
    from isal import isal_zlib
    from threadpoolctl import threadpool_limits

    text = np.random.default_rng(22).standard_normal(200_000).astype(str)
    line = "\t".join(text.tolist()).encode()

    packed = isal_zlib.compress(line, 1)

    def compress(_: int) -> int:
        return len(isal_zlib.compress(line, 1))

    def inflate(_: int) -> int:
        return len(isal_zlib.decompress(packed))

    with ThreadPoolExecutor(THREADS) as pool:
        gzip_s = _seconds(lambda: list(pool.map(compress, range(4 * THREADS))))
        inflate_s = _seconds(lambda: list(pool.map(inflate, range(4 * THREADS))))
    matrix = np.ones((_GEMM_SIZE, _GEMM_SIZE), dtype=np.float32)
    with threadpool_limits(THREADS, user_api="blas"):
        gemm_s = min(_seconds(lambda: matrix @ matrix) for _ in range(4))
    return Rates(
        read_bytes_s=os.path.getsize(bed) / min(_seconds(lambda: _read(bed)) for _ in range(2)),
        float32_flops_s=2 * _GEMM_SIZE**3 / gemm_s,
        gzip_bytes_s=4 * THREADS * len(line) / gzip_s,
        inflate_bytes_s=4 * THREADS * len(line) / inflate_s,
    )


def _read(path: Path) -> None:
    buffer = bytearray(_BUFFER_BYTES)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

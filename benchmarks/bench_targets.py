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

JOB_ONE = "linear, 1 trait"
JOB_MANY = "linear, 75 traits"
JOB_PARQUET = f"{JOB_MANY}, one Parquet file"
JOB_SSF = f"{JOB_MANY}, GWAS-SSF files"
JOB_BINARY = "binary, score and Firth"
JOB_PRUNE = "LD prune, 500 kb, r² 0.1"
JOB_PCA = "PCA, 10 components, pruned set, no page"
JOB_QC = "QC statistics and tables, no page"

N_MANY = 75
#: Memory that no job may take.
MOST_BYTES = 1_500_000_000

# Of a line of GWAS-SSF before compression.
_LINE_BYTES = 106
_BUFFER_BYTES = 2**23
_GEMM_SIZE = 3_000


@dataclass(frozen=True)
class Rates:
    """What the machine does: bytes read from a .bed in the page cache by one core, float32
    operations of products of matrices, bytes compressed by igzip, both on all cores used."""

    read_bytes_s: float
    float32_flops_s: float
    gzip_bytes_s: float


@dataclass(frozen=True)
class Work:
    """The least work of a job."""

    read_bytes: float
    flops: float = 0.0
    text_bytes: float = 0.0

    def seconds(self, rates: Rates) -> float:
        """How long it takes at these rates."""
        return (
            self.read_bytes / rates.read_bytes_s
            + self.flops / rates.float32_flops_s
            + self.text_bytes / rates.gzip_bytes_s
        )


@dataclass(frozen=True)
class Target:
    """A row of the table of targets.

    Parameters
    ----------
    peer, peer_job : the program to compare with and the name of its records.
    least_ratio : the peer's seconds over gwasbone's.
    work : the least work at a size.
    """

    job: str
    peer: str
    peer_job: str
    least_ratio: float
    work: Callable[[Size], Work]


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


TARGETS = (
    Target(JOB_ONE, PLINK2, JOB_ONE, 2.5, scan_work(1, text=True)),
    Target(JOB_PARQUET, PLINK2, JOB_MANY, 25, scan_work(N_MANY, text=False)),
    Target(JOB_SSF, PLINK2, JOB_MANY, 12, scan_work(N_MANY, text=True)),
    Target(JOB_BINARY, PLINK2, JOB_BINARY, 5, score_work),
    Target(JOB_PRUNE, PLINK2, JOB_PRUNE, 1 / 2, read_work),
    Target(JOB_PRUNE, HAIL, JOB_PRUNE, 100, read_work),
    Target(JOB_PCA, PLINK2, JOB_PCA, 1 / 1.5, relationship_work),
    Target(JOB_PCA, HAIL, JOB_PCA, 15, relationship_work),
    Target(JOB_QC, HAIL, JOB_QC, 10, read_work),
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

    def compress(_: int) -> int:
        return len(isal_zlib.compress(line, 1))

    with ThreadPoolExecutor(THREADS) as pool:
        gzip_s = _seconds(lambda: list(pool.map(compress, range(4 * THREADS))))
    matrix = np.ones((_GEMM_SIZE, _GEMM_SIZE), dtype=np.float32)
    with threadpool_limits(THREADS, user_api="blas"):
        gemm_s = min(_seconds(lambda: matrix @ matrix) for _ in range(4))
    return Rates(
        read_bytes_s=os.path.getsize(bed) / min(_seconds(lambda: _read(bed)) for _ in range(2)),
        float32_flops_s=2 * _GEMM_SIZE**3 / gemm_s,
        gzip_bytes_s=4 * THREADS * len(line) / gzip_s,
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

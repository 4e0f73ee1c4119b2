"""Simulated cohorts to measure on, kept between runs.

One British-like population on the autosomes, without relatives or planted faults, 0.1 % of calls
missing: what gwasbone and its peers all read without special options.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.files import atomic_path
from gwasbone.simulate import SimulationSettings, simulate_cohort

BUILD = "GRCh37"
COVARIATES = tuple(f"covar_{i}" for i in range(1, 7))
TRAITS = tuple(f"trait_{i}" for i in range(1, 21))
CASES = "cases"

_FRACTION_CASES = 0.2
_VARIANCE_OF_COVARIATES = 0.1


@dataclass(frozen=True)
class Size:
    """How big a cohort is, and how often each job is timed on it."""

    n_people: int
    n_variants: int
    rounds: int

    def __str__(self) -> str:
        return f"{self.n_people}x{self.n_variants}"


SMALL = Size(1_000, 10_000, rounds=int(os.environ.get("GWASBONE_BENCH_ROUNDS", "3")))
MEDIUM = Size(4_000, 20_000, rounds=1)
LARGE = Size(10_000, 100_000, rounds=1)


@dataclass(frozen=True)
class BenchData:
    """Files of one cohort.

    Parameters
    ----------
    bfile : PLINK prefix.
    vcf : the same genotypes as ``.vcf.bgz``.
    traits : FID, IID, ``TRAITS`` (no value missing), ``CASES`` (0/1).
    covariates : FID, IID, ``COVARIATES``.
    """

    size: Size
    bfile: Path
    vcf: Path
    traits: Path
    covariates: Path


def data_folder() -> Path:
    """``GWASBONE_BENCH_DATA``, else ``benchmarks/.data``."""
    given = os.environ.get("GWASBONE_BENCH_DATA")
    return Path(given).absolute() if given else Path(__file__).parent / ".data"


def bench_data(size: Size) -> BenchData:
    """The cohort of a size; simulated where it is absent or was made with other settings."""
    folder = data_folder() / str(size)
    settings = SimulationSettings.light(
        n_people=size.n_people,
        n_variants=size.n_variants,
        build=BUILD,
        chromosomes=tuple(range(1, 23)),
    )
    data = BenchData(
        size=size,
        bfile=folder / "genotypes",
        vcf=folder / "genotypes.vcf.bgz",
        traits=folder / "traits.tsv",
        covariates=folder / "six_covariates.tsv",
    )
    marker = folder / "truth" / "settings.json"
    wanted = json.dumps(dataclasses.asdict(settings))
    if not marker.exists() or json.loads(marker.read_text()) != json.loads(wanted):
        # so that a run killed between the two renames of an overwrite is not taken as complete
        marker.unlink(missing_ok=True)
        simulate_cohort(settings, folder, force=True)
    write_people_tables(data)
    return data


def write_people_tables(data: BenchData) -> None:
    """Traits and covariates: normal, the covariates explaining a tenth of each trait.

    No genotype has an effect: how long a scan takes hardly depends on it, and Firth's test, which
    ``score`` falls back to at p < 0.05, then runs on 5 % of the variants.
    """
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

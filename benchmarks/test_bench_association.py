"""Association scans, timed beside PLINK 2 and compared with its results.

Pages are left out (``--no-plots``), since the peer draws none. All files that the command line
promises are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bench_data import (
    BUILD,
    CASES,
    COVARIATES,
    FIRTH,
    LARGE_SCAN,
    SCAN,
    SHORT,
    TINY,
    TRAITS,
    BenchData,
    dosage_data,
    random_data,
    vcf_data,
)
from bench_targets import (
    JOB_BGEN,
    JOB_BGEN_SHORT,
    JOB_BINARY,
    JOB_FIRTH,
    JOB_MISSING,
    JOB_ONE,
    JOB_ONE_LARGE,
    JOB_ONE_MISSING,
    JOB_PARQUET,
    JOB_PGEN,
    JOB_SSF,
    JOB_START,
    JOB_VCF,
    JOB_VCF_SHORT,
    JOB_WALD,
    N_MANY,
)
from bench_timing import gwasbone, plink2

MANY = TRAITS[:N_MANY]
MISSING = 0.002


@pytest.mark.parametrize(
    ("job", "size", "missing"),
    [
        (JOB_START, TINY, 0.0),
        (JOB_ONE, SCAN, 0.0),
        (JOB_ONE_MISSING, SCAN, MISSING),
        (JOB_ONE_LARGE, LARGE_SCAN, 0.0),
    ],
    ids=["start", "complete", "missing", "large"],
)
def test_linear_one_trait(job, size, missing, plink2_only, stopwatch):
    """``gwasbone assoc``. Peer: ``plink2 --glm hide-covar``, which writes plain text."""
    data = random_data(size, missing)
    time_scan(stopwatch, job, data, TRAITS[:1], compare=agreement(TRAITS[0], missing=bool(missing)))


@pytest.mark.parametrize(
    ("job", "kind", "missing", "makes"),
    [
        (JOB_PARQUET, "parquet", 0.0, "out.parquet"),
        (JOB_SSF, "ssf", 0.0, f"out.{MANY[-1]}.tsv.gz"),
        (JOB_MISSING, "parquet", MISSING, "out.parquet"),
    ],
    ids=["parquet", "ssf", "missing"],
)
def test_linear_many_traits(job, kind, missing, makes, plink2_only, stopwatch):
    """``gwasbone assoc --format parquet|ssf``. Peer: all traits in one command; once where calls
    are missing, since it takes minutes."""
    data = random_data(SCAN, missing)
    time_scan(
        stopwatch, job, data, MANY, "--format", kind,
        makes=makes, once=bool(missing),
        compare=agreement(MANY[-1], parquet=kind == "parquet", missing=bool(missing)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("job", "test", "model", "size"),
    [
        (JOB_BINARY, "score", "firth-fallback", SCAN),
        (JOB_WALD, "wald", "firth-fallback", SCAN),
        (JOB_FIRTH, "firth", "firth", FIRTH),
    ],
    ids=["score", "wald", "firth"],
)
def test_binary(job, test, model, size, plink2_only, stopwatch):
    """``gwasbone assoc --method logistic --test score``: score, and Firth's likelihood-ratio test
    where p < 0.05. Peer: ``--glm firth-fallback``: Wald, and Firth only where that does not
    converge. The jobs differ; Wald beside Wald, and Firth beside Firth on a subset, do not, but
    for Firth's p (ours of the likelihood ratio, PLINK's of Wald)."""
    time_scan(
        stopwatch, job, random_data(size), [CASES],
        "--method", "logistic", "--binary-coding", "01", "--test", test,
        model=[model], peer_options=["--1"], once=True,
        compare=agreement(CASES, logistic=True) if test == "wald" else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("job", "size"), [(JOB_VCF, SCAN), (JOB_VCF_SHORT, SHORT)], ids=["whole", "short"]
)
def test_linear_vcf(job, size, plink2_only, stopwatch):
    """``gwasbone assoc --vcf``, packed blocks written to a new folder. Peer: ``plink2 --vcf
    --glm``, which converts first."""
    data = vcf_data(size)
    time_scan(
        stopwatch, job, data, TRAITS[:1],
        genotypes=["--vcf", data.vcf],
        peer_genotypes=["--vcf", data.vcf, "--double-id"],
        compare=agreement(TRAITS[0]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("job", "size"), [(JOB_BGEN, SCAN), (JOB_BGEN_SHORT, SHORT)], ids=["whole", "short"]
)
def test_linear_bgen(job, size, plink2_only, stopwatch):
    """``gwasbone assoc --bgen``: dosages. Peer: ``plink2 --bgen --glm``, which converts first."""
    data = dosage_data(size)
    files = ["--bgen", data.bgen]
    time_scan(
        stopwatch, job, data, TRAITS[:1],
        genotypes=[*files, "--sample", data.sample],
        peer_genotypes=[*files, "ref-first", "--sample", data.sample],
        compare=agreement(TRAITS[0]),
    )  # fmt: skip


def test_linear_pgen(plink2_only, stopwatch):
    """``gwasbone assoc --pfile``: dosages in PLINK 2's own format."""
    data = dosage_data(SCAN)
    files = ["--pfile", data.bfile]
    time_scan(
        stopwatch, JOB_PGEN, data, TRAITS[:1],
        genotypes=files, peer_genotypes=files, compare=agreement(TRAITS[0]),
    )  # fmt: skip


def time_scan(
    stopwatch,
    job: str,
    data: BenchData,
    traits: Sequence[str],
    *options: str,
    model: Sequence[str] = (),
    peer_options: Sequence[str] = (),
    genotypes: Sequence[str | Path] | None = None,
    peer_genotypes: Sequence[str | Path] | None = None,
    makes: str | None = None,
    once: bool = False,
    compare: Callable[[Path, Path], str] | None = None,
) -> None:
    """A scan beside PLINK's of the same files.

    Parameters
    ----------
    options : gwasbone's. model : PLINK's modifiers of ``--glm`` besides ``hide-covar``.
    genotypes, peer_genotypes : the .bed by default.
    """
    own = scan_command(data, traits, *options, genotypes=genotypes)
    read = ["--bfile", data.bfile] if peer_genotypes is None else peer_genotypes
    peers = plink2(
        *read, "--pheno", data.traits, "--pheno-name", ",".join(traits),
        "--covar", data.covariates, "--glm", *model, "hide-covar", *peer_options,
    )  # fmt: skip
    stopwatch.shell(
        job,
        data.size,
        own,
        makes=makes or f"out.{traits[0]}.tsv.gz",
        peers=peers,
        peer_makes=f"out.{traits[-1]}.glm.{peer_ending(model)}",
        once=once,
        compare=compare,
    )


def scan_command(
    data: BenchData,
    traits: Sequence[str],
    *options: str,
    genotypes: Sequence[str | Path] | None = None,
) -> list[str]:
    """``gwasbone assoc`` with the covariates, without pages."""
    genotypes = ["--bfile", data.bfile] if genotypes is None else genotypes
    files = ["--pheno-file", data.traits, "--covar-file", data.covariates]
    names = ["--pheno", ",".join(traits), "--covar", ",".join(COVARIATES)]
    return gwasbone("assoc", *genotypes, "--build", BUILD, "--no-plots", *files, *names, *options)


def peer_ending(model: Sequence[str]) -> str:
    """How PLINK 2 names the results of a model."""
    if not model:
        return "linear"
    return "logistic.hybrid" if "firth-fallback" in model else "firth"


def agreement(
    trait: str, *, parquet: bool = False, logistic: bool = False, missing: bool = False
) -> Callable[[Path, Path], str]:
    """A comparison of every variant's effect and p-value with PLINK's.

    On complete genotypes the goal is 1e-5 standard errors and 1e-4 of −log₁₀ p: what is above is
    printed bold. A missing call is imputed by gwasbone with the variant's mean dosage, while PLINK
    leaves the sample out, so that 0.2 % of missing calls may move an effect by some hundredths of
    its standard error.

    Raises
    ------
    AssertionError
        PLINK tested variants that gwasbone did not, or the results differ by a hundred times as
        much (missing calls: 0.3 standard errors or 1 of −log₁₀ p).
    """

    def compare(own: Path, peer: Path) -> str:
        name = f"out.{trait}.glm.{'logistic.hybrid' if logistic else 'linear'}"
        theirs = pd.read_csv(peer / name, sep="\t").set_index("ID")
        effect = np.log(theirs["OR"]) if logistic else theirs["BETA"]
        se = theirs["LOG(OR)_SE"] if logistic else theirs["SE"]
        wald = ~theirs["FIRTH?"].eq("Y") if logistic else pd.Series(True, index=theirs.index)
        theirs = theirs[theirs["ERRCODE"].eq(".") & wald]
        if parquet:
            columns = [f"{trait}.beta", f"{trait}.neg_log_10_p_value"]
            ours = pd.read_parquet(
                own / "out.parquet", columns=["source_id", "effect_allele", *columns]
            ).rename(columns=lambda c: c.removeprefix(f"{trait}."))
        else:
            ours = pd.read_csv(own / f"out.{trait}.tsv.gz", sep="\t")
        ours = ours.set_index("rsid" if "rsid" in ours else "source_id")
        both = theirs.index.intersection(ours.index)
        assert len(both) == len(theirs), f"{len(theirs) - len(both)} variants only in PLINK's"
        ours, theirs = ours.loc[both], theirs.loc[both]
        sign = np.where(ours["effect_allele"].eq(theirs["A1"]), 1.0, -1.0)
        d_effect = ((ours["beta"] * sign - effect[both]) / se[both]).abs().max()
        p = -np.log10(theirs["P"].to_numpy(dtype=np.float64))
        d_p = np.abs(ours["neg_log_10_p_value"] - p).max()
        most = (0.3, 1.0) if missing else (1e-3, 1e-2)
        assert d_effect < most[0], f"effects differ by {d_effect:.2g} standard errors"
        assert d_p < most[1], f"-log10 p differ by {d_p:.2g}"
        shown = f"{d_effect:.0e}, {d_p:.0e}"
        return shown if missing or (d_effect <= 1e-5 and d_p <= 1e-4) else f"**{shown}**"

    return compare

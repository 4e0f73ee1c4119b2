"""LD, clumps and relationships equal those of PLINK 1.9 and PLINK 2."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.cohort.ld import ld_matrix, relationship_matrix
from gwasbone.cohort.read import read_genotypes
from gwasbone.loci.clump import clump


@pytest.fixture(scope="module")
def plink19():
    found = [shutil.which(name) for name in ("plink1.9", "plink")]
    if not any(found):
        pytest.skip("PLINK 1.9 is not installed (apt-get install plink1.9)")
    return next(path for path in found if path)


def run(*arguments):
    subprocess.run([str(a) for a in arguments], check=True, capture_output=True)


def clumps_of_plink(plink19, prefix, scan, out, *options):
    """{index: (TOTAL, members)} in PLINK's order."""
    scan[["SNP", "P"]].to_csv(f"{out}.txt", sep="\t", index=False)
    run(plink19, "--bfile", prefix, "--clump", f"{out}.txt", *options, "--out", out)
    rows = [line.split() for line in Path(f"{out}.clumped").read_text().splitlines()]
    return {
        row[2]: (int(row[5]), set() if row[11] == "NONE" else {m[:-3] for m in row[11].split(",")})
        for row in rows[1:]
        if row
    }


def ours(clumps):
    return {
        row.variant: (row.n_linked, set(filter(None, row.members.split(","))))
        for row in clumps.table.itertuples()
    }


def scan_of(cohort, neg_log10_p):
    table = cohort.variants.table
    return pd.DataFrame(
        {
            "chromosome": table["chromosome"],
            "base_pair_location": table["base_pair_location"],
            # the scan counts the other allele: clumps are matched whichever is counted
            "other_allele": table["alt"],
            "effect_allele": table["ref"],
            "neg_log_10_p_value": neg_log10_p,
            "SNP": table["source_id"],
            "P": 10.0**-neg_log10_p,
        }
    )


def scan_with_signals(cohort, G, rng, n_signals):
    """A scan that rises at some variants and at what is linked to them."""
    X = G - G.mean(axis=1, keepdims=True)
    norm = np.sqrt((X**2).sum(axis=1))
    causal = rng.choice(np.flatnonzero(norm > np.median(norm)), n_signals, replace=False)
    y = rng.standard_normal(G.shape[1]) + 0.5 * (X[causal] / X[causal].std(1, keepdims=True)).sum(0)
    y -= y.mean()
    r2 = (X @ y) ** 2 / np.maximum(norm**2 * (y @ y), 1e-12)
    # not a p-value of any test; only the order matters, and that it spans p1 and p2
    return scan_of(cohort, G.shape[1] * r2 / 2 / np.log(10))


@pytest.mark.peer
@pytest.mark.real
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"p1": 1e-6, "p2": 1e-3, "r2": 0.1, "kb": 100},
        {"p1": 1e-3, "p2": 0.5, "r2": 0.8, "kb": 2000},
    ],
)
def test_clumps_of_real_variants(plink19, shared_data, tmp_path, options):
    from bed_reader import open_bed

    prefix = shared_data / "genotypes" / "1kg_eur_82k" / "1000G.subset.22"
    cohort = read_genotypes(bfile=str(prefix), build="GRCh37")
    G = open_bed(f"{prefix}.bed").read(dtype="float64").T[cohort.variants.table["row"]]
    scan = scan_with_signals(cohort, G, np.random.default_rng(7), 10)
    flags = [word for k, v in options.items() for word in (f"--clump-{k}", v)]
    want = clumps_of_plink(plink19, prefix, scan, tmp_path / "plink", *flags)
    got = ours(clump(scan, cohort, **{"p1": 1e-4, "r2": 0.5} | options))
    assert got == want
    assert list(got) == list(want)
    assert len(want) >= 10
    assert sum(len(members) for _, members in want.values()) > 20


def linked(rng, m, n):
    G = np.empty((m, n), dtype=np.int8)
    latent = rng.standard_normal((2, n))
    for v in range(m):
        latent = 0.95 * latent + np.sqrt(1 - 0.95**2) * rng.standard_normal((2, n))
        G[v] = (latent > rng.uniform(-1.3, 1.3)).sum(axis=0)
    return G


def write(prefix, G, chromosome, position, sex):
    m, n = G.shape
    to_bed(
        f"{prefix}.bed",
        np.where(G < 0, np.nan, G).T.astype(np.float32),
        properties={
            "iid": [f"p{i}" for i in range(n)], "fid": ["f"] * n, "sex": sex,
            "chromosome": np.asarray(chromosome).astype(str), "bp_position": position,
            "sid": [f"v{i}" for i in range(m)],
            "allele_1": ["G"] * m, "allele_2": ["A"] * m,
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Chromosomes 3 and X (men homozygous), some calls missing."""
    rng = np.random.default_rng(41)
    sex = np.array([1, 2] * 60)
    G = linked(rng, 800, 120)
    men = sex == 1
    G[400:, men] = 2 * (G[400:, men] > 0)
    G[rng.random(G.shape) < 0.03] = -1
    chromosome = np.repeat([3, 23], 400)
    position = np.concatenate([5_000_000 + np.arange(400) * 4000] * 2)
    prefix = tmp_path_factory.mktemp("made") / "made"
    write(prefix, G, chromosome, position, sex)
    return G, prefix, read_genotypes(bfile=str(prefix), build="GRCh37")


@pytest.mark.peer
def test_clumps_with_missing_calls_and_of_x(plink19, made, tmp_path):
    G, prefix, cohort = made
    scan = scan_of(cohort, np.random.default_rng(42).exponential(1.2, len(G)))
    want = clumps_of_plink(
        plink19, prefix, scan, tmp_path / "plink", "--clump-p1", 0.05, "--clump-p2", 0.5,
        "--clump-r2", 0.3, "--clump-kb", 100,
    )  # fmt: skip
    got = ours(clump(scan, cohort, p1=0.05, p2=0.5, r2=0.3, kb=100))
    assert got == want
    assert sum(int(name[1:]) >= 400 for name in want) > 10


@pytest.mark.peer
def test_pairwise_r(plink19, made, tmp_path):
    _, prefix, cohort = made
    run(
        plink19, "--bfile", prefix, "--chr", 3, "--keep-allele-order", "--r", "square",
        "--out", tmp_path / "r",
    )  # fmt: skip
    want = np.loadtxt(tmp_path / "r.ld")
    got = ld_matrix(cohort, region="3", signed=True, missing="pairwise")
    np.testing.assert_allclose(got.values, want, atol=2e-6)


@pytest.mark.peer
def test_relationships(plink2, made, tmp_path):
    _, prefix, cohort = made
    run(
        plink2, "--bfile", prefix, "--autosome", "--make-rel", "square", "--out", tmp_path / "rel",
        "--threads", 1, "--memory", 1000,
    )  # fmt: skip
    want = np.loadtxt(tmp_path / "rel.rel")
    got = relationship_matrix(cohort)
    np.testing.assert_allclose(got.matrix.to_numpy(), want, atol=1e-5)
    assert got.n_variants.min() < got.n_variants.max() <= 400

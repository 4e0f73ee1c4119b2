"""Pruning equals ``plink2 --indep-pairwise`` exactly, with and without missing calls."""

import subprocess

import numpy as np
import pandas as pd
import pytest
from bed_reader import open_bed, to_bed

from gwasbone.blocks import prune
from gwasbone.blocks.bit_planes import PackedArray

SPELLINGS = [
    (["500kb", "0.1"], {"window_kb": 500, "r2": 0.1}),
    (["500", "10", "0.1"], {"window_variants": 500, "step": 10, "r2": 0.1}),
    (["20kb", "0.5"], {"window_kb": 20, "r2": 0.5}),
    (["50", "5", "0.8"], {"window_variants": 50, "step": 5, "r2": 0.8}),
]


def prune_pairwise(G, *places, **options):
    return prune.prune_pairwise(PackedArray.of(G), *places, **options)


def pruned_in(plink2, prefix, arguments, out):
    subprocess.run(
        [plink2, "--bfile", prefix, "--bad-ld", "--indep-pairwise", *arguments, "--out", out,
         "--threads", "1", "--memory", "1000"],
        check=True, capture_output=True,
    )  # fmt: skip
    return (out.parent / f"{out.name}.prune.in").read_text().split()


@pytest.mark.peer
@pytest.mark.real
@pytest.mark.parametrize("chromosome", [1, 6, 22])
def test_real_variants(plink2, shared_data, tmp_path, chromosome):
    prefix = shared_data / "genotypes" / "1kg_eur_82k" / f"1000G.subset.{chromosome}"
    G = open_bed(f"{prefix}.bed").read(dtype="int8").T
    bim = pd.read_csv(f"{prefix}.bim", sep=r"\s+", header=None)
    assert G.min() == 0  # no missing calls
    for arguments, options in SPELLINGS:
        want = pruned_in(plink2, prefix, arguments, tmp_path / "out")
        got = bim[1][prune_pairwise(G, bim[0], bim[3], **options)].tolist()
        assert got == want
        assert 100 < len(want) < len(G) / 2


def linked(rng, m, n):
    """Correlated calls of all frequencies, with copies, mirror images and few distinct values."""
    G = np.empty((m, n), dtype=np.int8)
    latent = rng.standard_normal((2, n))
    for v in range(m):
        latent = 0.95 * latent + np.sqrt(1 - 0.95**2) * rng.standard_normal((2, n))
        G[v] = (latent > rng.uniform(-2, 2)).sum(axis=0)
        if v and rng.random() < 0.15:
            G[v] = G[v - 1] if rng.random() < 0.5 else 2 - G[v - 1]
    return G


def write(prefix, G, chromosome, position, sex):
    n = G.shape[1]
    to_bed(
        f"{prefix}.bed",
        np.where(G < 0, np.nan, G).T.astype(np.float32),
        properties={
            "iid": [f"p{i}" for i in range(n)], "fid": ["f"] * n, "sex": sex,
            "chromosome": np.asarray(chromosome).astype(str), "bp_position": position,
            "sid": [f"v{i}" for i in range(len(G))],
            "allele_1": ["G"] * len(G), "allele_2": ["A"] * len(G),
        },
    )  # fmt: skip


@pytest.mark.peer
@pytest.mark.parametrize("missing", [0.0, 0.03])
@pytest.mark.parametrize("n", [30, 211])
def test_simulated_variants(plink2, tmp_path, missing, n):
    """Small n makes ties of r² with its threshold, and of frequencies, common."""
    rng = np.random.default_rng(n)
    G = linked(rng, 1500, n)
    G[rng.random(G.shape) < missing] = -1
    chromosome = np.repeat([3, 4], 750)
    position = np.concatenate([np.sort(rng.integers(1, 5_000_000, 750)) for _ in range(2)])
    write(tmp_path / "made", G, chromosome, position, np.ones(n, int))
    for arguments, options in SPELLINGS:
        want = pruned_in(plink2, tmp_path / "made", arguments, tmp_path / "out")
        kept = prune_pairwise(G, chromosome, position, **options)
        varies = np.array([len(np.unique(g[g >= 0])) > 1 for g in G])
        # PLINK does not look at a variant alone in its window, not even whether it varies
        want = [v for v in want if varies[int(v[1:])]]
        assert [f"v{i}" for i in np.flatnonzero(kept)] == want


@pytest.mark.peer
def test_men_count_once_on_x(plink2, tmp_path):
    rng = np.random.default_rng(9)
    n = 120
    G = linked(rng, 600, n)
    sex = np.array([1, 2, 2] * (n // 3))
    men = sex == 1
    G[:, men] = 2 * (G[:, men] > 0)
    G[rng.random(G.shape) < 0.01] = -1
    position = np.sort(rng.choice(np.arange(5_000_000, 8_000_000), 600, replace=False))
    write(tmp_path / "x", G, np.full(600, 23), position, sex)
    for arguments, options in SPELLINGS:
        want = pruned_in(plink2, tmp_path / "x", arguments, tmp_path / "out")
        kept = prune_pairwise(G, np.full(600, 23), position, weights=np.where(men, 1, 2), **options)
        assert [f"v{i}" for i in np.flatnonzero(kept)] == want

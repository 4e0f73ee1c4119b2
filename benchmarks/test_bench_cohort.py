"""Pruning for linkage disequilibrium, principal components, and quality control."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_data import BUILD, LARGE_SCAN, LINKED, SCAN, Size, linked_data, random_data
from bench_targets import (
    JOB_PCA,
    JOB_PRUNE,
    JOB_PRUNE_HAIL,
    JOB_PRUNE_LARGE,
    JOB_QC,
    JOB_QC_HAIL,
    JOB_QC_LARGE,
)
from bench_timing import gwasbone, plink2, run_command

PRUNE = ["--window", "500kb", "--r2", "0.1", "--keep-long-range-ld", "--engine", "blocks"]


@pytest.mark.parametrize(
    ("job", "size"), [(JOB_PRUNE, SCAN), (JOB_PRUNE_LARGE, LARGE_SCAN)], ids=["usual", "large"]
)
def test_prune(job, size, plink2_only, stopwatch):
    """``gwasbone prune``. Peer: ``plink2 --indep-pairwise 500kb 0.1``, the same variants."""
    bfile = linked_data(size).bfile
    stopwatch.shell(
        job,
        size,
        gwasbone("prune", "--bfile", bfile, "--build", BUILD, *PRUNE),
        makes="out.prune.in",
        peers=plink2("--bfile", bfile, "--indep-pairwise", "500kb", "0.1"),
        peer_makes="out.prune.in",
        compare=_same_variants,
    )


def _same_variants(own: Path, peer: Path) -> str:
    ours, theirs = (set((f / "out.prune.in").read_text().split()) for f in (own, peer))
    assert ours == theirs, f"{len(ours ^ theirs)} variants only in one of the lists"
    return "equal"


def test_prune_beside_hail(stopwatch):
    """``gwasbone prune``, for the next."""
    command = gwasbone("prune", "--bfile", linked_data(LINKED).bfile, "--build", BUILD, *PRUNE)
    stopwatch.shell(JOB_PRUNE_HAIL, LINKED, command, makes="out.prune.in")


def test_prune_by_hail(stopwatch):
    """``hl.ld_prune(r2=0.1, bp_window_size=500000)``, another rule with a like outcome."""
    stopwatch.hail(JOB_PRUNE_HAIL, LINKED.once, "ld_prune", linked_data(LINKED).bfile, "-")


def test_pca(plink2_only, stopwatch, pruned):
    """``gwasbone pca --extract --no-prune --no-plots``. Peer: ``plink2 --extract --pca 10 approx``,
    which draws no page either."""
    source = ["--bfile", linked_data(LINKED).bfile, "--extract", pruned]
    stopwatch.shell(
        JOB_PCA,
        pruned_size(pruned),
        gwasbone("pca", *source, "--build", BUILD, "--no-prune", "--no-plots"),
        makes="out.pcs.tsv",
        peers=plink2(*source, "--pca", "10", "approx"),
        peer_makes="out.eigenvec",
    )


def test_pca_by_hail(stopwatch, pruned):
    """``hl.hwe_normalized_pca(k=10)`` of the same variants."""
    stopwatch.hail(JOB_PCA, pruned_size(pruned).once, "pca", linked_data(LINKED).bfile, pruned)


@pytest.mark.parametrize(
    ("job", "size"), [(JOB_QC, SCAN), (JOB_QC_LARGE, LARGE_SCAN)], ids=["usual", "large"]
)
def test_qc(job, size, plink2_only, stopwatch):
    """``gwasbone qc --no-plots``: statistics, exclusions, tables and lists, no page. Peer:
    ``plink2 --freq --hardy --missing --het``, tables alone."""
    bfile = random_data(size, 0.002).bfile
    stopwatch.shell(
        job,
        size,
        gwasbone("qc", "--bfile", bfile, "--build", BUILD, "--no-plots"),
        makes="out.people.tsv.gz",
        peers=plink2("--bfile", bfile, "--freq", "--hardy", "--missing", "--het"),
        peer_makes="out.hardy",
    )


def test_qc_beside_hail(stopwatch):
    """``gwasbone qc``, for the next."""
    command = gwasbone("qc", "--bfile", linked_data(LINKED).bfile, "--build", BUILD, "--no-plots")
    stopwatch.shell(JOB_QC_HAIL, LINKED, command, makes="out.people.tsv.gz")


def test_qc_by_hail(stopwatch):
    """``hl.variant_qc`` and ``hl.sample_qc``, the statistics alone."""
    stopwatch.hail(JOB_QC_HAIL, LINKED.once, "qc", linked_data(LINKED).bfile, "-")


@pytest.fixture(scope="session")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Common variants, pruned, outside regions of long-range LD."""
    folder = tmp_path_factory.mktemp("pruned")
    bfile = linked_data(LINKED).bfile
    rule = ["--window", "500kb", "--r2", "0.1", "--maf", "0.05", "--engine", "blocks"]
    run_command(gwasbone("prune", "--bfile", bfile, "--build", BUILD, *rule), folder)
    return folder / "out.prune.in"


def pruned_size(pruned: Path) -> Size:
    return Size(LINKED.n_people, len(pruned.read_text().split()))

"""Pruning for linkage disequilibrium, principal components, and quality control."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_data import BUILD, LINKED, Size, linked_data
from bench_targets import JOB_PCA, JOB_PRUNE, JOB_QC
from bench_timing import GWASBONE, gwasbone, plink2, run_command

PRUNE = ["--window", "500kb", "--r2", "0.1", "--keep-long-range-ld", "--engine", "blocks"]


def test_prune(tool, stopwatch):
    """``gwasbone prune``. Peer: ``plink2 --indep-pairwise 500kb 0.1``, the same variants."""
    bfile = linked_data(LINKED).bfile
    if tool == GWASBONE:
        command = gwasbone("prune", "--bfile", bfile, "--build", BUILD, *PRUNE)
    else:
        command = plink2("--bfile", bfile, "--indep-pairwise", "500kb", "0.1")
    stopwatch.shell(JOB_PRUNE, tool, LINKED, [command], makes="out.prune.in", engine="blocks")


def test_prune_by_hail(stopwatch):
    """``hl.ld_prune(r2=0.1, bp_window_size=500000)``, another rule with a like outcome."""
    stopwatch.hail(JOB_PRUNE, LINKED.once, "ld_prune", linked_data(LINKED).bfile, "-")


def test_pca(tool, stopwatch, pruned):
    """``gwasbone pca --extract --no-prune --no-plots``. Peer: ``plink2 --extract --pca 10 approx``,
    which draws no page either."""
    source = ["--bfile", linked_data(LINKED).bfile, "--extract", pruned]
    if tool == GWASBONE:
        as_given = ["--build", BUILD, "--no-prune", "--no-plots"]
        command, makes = gwasbone("pca", *source, *as_given), "out.pcs.tsv"
    else:
        command, makes = plink2(*source, "--pca", "10", "approx"), "out.eigenvec"
    stopwatch.shell(JOB_PCA, tool, pruned_size(pruned), [command], makes=makes)


def test_pca_by_hail(stopwatch, pruned):
    """``hl.hwe_normalized_pca(k=10)`` of the same variants."""
    stopwatch.hail(JOB_PCA, pruned_size(pruned).once, "pca", linked_data(LINKED).bfile, pruned)


def test_qc(stopwatch):
    """``gwasbone qc --no-plots``: statistics, exclusions, tables and lists, no page."""
    source = ["--bfile", linked_data(LINKED).bfile, "--build", BUILD]
    command = gwasbone("qc", *source, "--no-plots")
    stopwatch.shell(JOB_QC, GWASBONE, LINKED, [command], makes="out.people.tsv.gz")


def test_qc_by_hail(stopwatch):
    """``hl.variant_qc`` and ``hl.sample_qc``, the statistics alone."""
    stopwatch.hail(JOB_QC, LINKED.once, "qc", linked_data(LINKED).bfile, "-")


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

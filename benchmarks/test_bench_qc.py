"""Quality control, pruning for linkage disequilibrium, and principal components."""

from __future__ import annotations

import pytest
from bench_data import BUILD, MEDIUM, SMALL
from bench_timing import GWASBONE, gwasbone, plink2

JOB_QC = "QC of people and variants"
JOB_PRUNE = "LD pruning, 500 kb, r² 0.1"
JOB_PCA = "pruning and PCA, 10 components"
JOB_PCA_APPROX = f"{JOB_PCA}, peer approximate"

BOTH_SIZES = pytest.mark.parametrize("size", [SMALL, MEDIUM], ids=str)
MEDIUM_ONLY = pytest.mark.parametrize("size", [MEDIUM], ids=str)


@MEDIUM_ONLY
def test_qc(size, tool, data, stopwatch):
    """``gwasbone qc``, with its page. Peer: ``plink2 --missing --freq --hardy --het``."""
    bfile = data(size).bfile
    if tool == GWASBONE:
        command, makes = gwasbone("qc", "--bfile", bfile, "--build", BUILD), "out.people.tsv.gz"
    else:
        statistics = ["--missing", "--freq", "--hardy", "--het"]
        command, makes = plink2("--bfile", bfile, *statistics), "out.het"
    stopwatch.shell(JOB_QC, tool, size, [command], makes=makes)


@BOTH_SIZES
def test_prune(size, tool, data, stopwatch):
    """``gwasbone prune``. Peer: ``plink2 --indep-pairwise 500kb 0.1``, the same variants."""
    bfile = data(size).bfile
    if tool == GWASBONE:
        rule = ["--window", "500kb", "--r2", "0.1", "--keep-long-range-ld", "--engine", "blocks"]
        command = gwasbone("prune", "--bfile", bfile, "--build", BUILD, *rule)
    else:
        command = plink2("--bfile", bfile, "--indep-pairwise", "500kb", "0.1")
    stopwatch.shell(JOB_PRUNE, tool, size, [command], makes="out.prune.in", engine="blocks")


@MEDIUM_ONLY
@pytest.mark.parametrize(
    ("job", "mode"), [(JOB_PCA, []), (JOB_PCA_APPROX, ["approx"])], ids=["exact", "approx"]
)
def test_pca(size, tool, job, mode, data, stopwatch):
    """``gwasbone pca``, outside regions of long-range LD, the same in both jobs. Peer: ``plink2
    --maf 0.05 --indep-pairwise 500kb 0.1``, then ``plink2 --extract --pca 10``, everywhere:
    exact as PLINK advises below 5,000 people, and by its faster random approximation."""
    bfile = data(size).bfile
    if tool == GWASBONE:
        commands = [gwasbone("pca", "--bfile", bfile, "--build", BUILD)]
    else:
        commands = [
            plink2("--bfile", bfile, "--maf", "0.05", "--indep-pairwise", "500kb", "0.1"),
            plink2("--bfile", bfile, "--extract", "out.prune.in", "--pca", "10", *mode),
        ]
    makes = "out.pcs.tsv" if tool == GWASBONE else "out.eigenvec"
    stopwatch.shell(job, tool, size, commands, makes=makes)


@MEDIUM_ONLY
def test_qc_in_session(size, data, stopwatch, hail_session):
    """``read_genotypes`` and ``qc``. Peer: that of the command."""
    import gwasbone as gb

    bfile = str(data(size).bfile)
    cohort = stopwatch.session(
        JOB_QC, size, lambda: gb.qc(gb.read_genotypes(bfile=bfile, build=BUILD))
    )
    assert cohort.people.table["call_rate"].notna().all()


@MEDIUM_ONLY
def test_pca_in_session(size, data, stopwatch, hail_session):
    """``read_genotypes`` and ``principal_components``. Peer: that of the command."""
    import gwasbone as gb

    bfile = str(data(size).bfile)
    components = stopwatch.session(
        JOB_PCA,
        size,
        lambda: gb.principal_components(gb.read_genotypes(bfile=bfile, build=BUILD)),
    )
    assert len(components.scores) == size.n_people

"""Blocks of a VCF are kept, found again while the file is the same, and never taken half made."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.sources import kept_blocks, vcf_blocks
from gwasbone.cohort.sources.kept_blocks import kept_folder

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=249250621>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n"
)


def write(path, *calls):
    lines = [f"1\t{i + 1}\t.\tA\tG\t.\t.\t.\tGT\t{c}\n" for i, c in enumerate(calls)]
    path.write_text(HEADER + "".join(lines))
    return path


def entries(cache):
    return sorted(p.name for p in cache.iterdir() if not p.name.startswith("."))


def dosages(cohort):
    return cohort.source.genotypes(cohort.participants).dosages(cohort.variants.table)


def test_blocks_are_used_again_until_the_file_changes(tmp_path, monkeypatch):
    path, cache = write(tmp_path / "a.vcf", "0/0\t0/1"), tmp_path / "cache"
    read_genotypes(vcf=path, cache=cache)
    first = entries(cache)
    assert len(first) == 1
    with monkeypatch.context() as patched:
        patched.setattr("gwasbone.cohort.sources.vcf.write_blocks", None)
        assert dosages(read_genotypes(vcf=path, cache=cache)).tolist() == [[0, 1]]
    # of the same length and time: the content counts as well
    status = path.stat()
    write(path, "0/0\t1/1")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert dosages(read_genotypes(vcf=path, cache=cache)).tolist() == [[0, 2]]
    assert len(entries(cache)) == 2
    # blocks that were cut are made anew
    for name in entries(cache):
        with open(cache / name / vcf_blocks.CALLS, "r+b") as handle:
            handle.truncate(3)
    assert dosages(read_genotypes(vcf=path, cache=cache)).tolist() == [[0, 2]]


def test_a_conversion_that_fails_leaves_nothing(tmp_path, monkeypatch):
    path, cache = write(tmp_path / "a.vcf", "0/0\t0/1"), tmp_path / "cache"

    def full(self, fasta):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(vcf_blocks._Writer, "finish", full)
        with pytest.raises(OSError, match="No space"):
            read_genotypes(vcf=path, cache=cache)
    assert entries(cache) == []
    assert dosages(read_genotypes(vcf=path, cache=cache)).tolist() == [[0, 1]]


_KILLED = """
import os, signal, sys
from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.sources import vcf_blocks
vcf_blocks._Writer.finish = lambda self, fasta: os.kill(os.getpid(), signal.SIGKILL)
read_genotypes(vcf=sys.argv[1], cache=sys.argv[2])
"""


def test_a_conversion_that_is_killed_leaves_nothing_that_counts(tmp_path):
    path, cache = write(tmp_path / "a.vcf", "0/0\t0/1"), tmp_path / "cache"
    command = [sys.executable, "-c", _KILLED, str(path), str(cache)]
    assert subprocess.run(command, check=False).returncode == -9
    assert entries(cache) == []
    assert dosages(read_genotypes(vcf=path, cache=cache)).tolist() == [[0, 1]]
    # the next conversion has cleared what was left
    assert [p.name for p in cache.iterdir()] == entries(cache)


def test_another_writer_waits_and_takes_what_was_made(tmp_path):
    path, cache = write(tmp_path / "a.vcf", "0/0\t0/1"), tmp_path / "cache"
    begun, go, made = threading.Event(), threading.Event(), []

    def slowly(folder):
        begun.set()
        assert go.wait(20)
        made.append("first")
        (folder / vcf_blocks.ENTRY).write_text('{"bytes": {}}')

    def never(folder):
        made.append("second")

    first = threading.Thread(target=kept_folder, args=(path, cache, {}, slowly))
    second = threading.Thread(target=kept_folder, args=(path, cache, {}, never))
    first.start()
    assert begun.wait(20)
    second.start()
    second.join(0.2)
    assert second.is_alive()
    go.set()
    first.join(20)
    second.join(20)
    assert made == ["first"]


def test_temporary_blocks_go_with_the_process(tmp_path):
    path = write(tmp_path / "a.vcf", "0/0\t0/1")
    code = (
        "import sys; from gwasbone.cohort.read import read_genotypes as r\n"
        "print(r(vcf=sys.argv[1]).source.folders[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    assert not os.path.exists(done.stdout.strip())
    assert kept_blocks._VERSION == 1


@pytest.mark.hail
def test_the_matrix_table_is_that_of_hail(tmp_path, hail_session):
    """Calls, split variants and dosages, as Hail's own reader has them."""
    rng = np.random.default_rng(7)
    samples = [f"s{i}" for i in range(20)]
    head = HEADER.replace("\ta\tb", "\t" + "\t".join(samples)).replace(
        "#CHROM",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
        '##FORMAT=<ID=DS,Number=A,Type=Float,Description="">\n#CHROM',
    )
    lines = ""
    for i in range(30):
        n_alt = 1 + i % 2
        alts = ",".join("GT"[:n_alt])
        entries_ = []
        for a, b in rng.integers(0, n_alt + 1, (20, 2)):
            stated = ",".join(f"{x:.3f}" for x in rng.uniform(0, 2, n_alt))
            entries_.append("./.:" + stated if rng.random() < 0.1 else f"{a}|{b}:{stated}")
        fields = ("1", str(100 + i), f"v{i}", "A", alts, ".", ".", ".", "GT:DS", *entries_)
        lines += "\t".join(fields) + "\n"
    path = tmp_path / "a.vcf"
    path.write_text(head + lines)
    cohort = read_genotypes(vcf=path)
    hl = hail_session
    mt = hl.split_multi(hl.import_vcf(str(path), reference_genome="GRCh37"))
    mt = mt.select_entries(dosage=hl.float64(mt.DS[mt.a_index - 1]))
    expected = np.array(mt.localize_entries("e", "c").e.dosage.collect(), dtype=float)
    np.testing.assert_allclose(dosages(cohort), expected, atol=1e-6)
    ours = cohort.mt.localize_entries("e", "c")
    np.testing.assert_allclose(np.array(ours.e.dosage.collect(), dtype=float), expected, atol=1e-6)
    assert ours.alleles.collect() == mt.alleles.collect()
    assert ours.source_id.collect() == mt.rsid.collect()

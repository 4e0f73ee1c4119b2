"""PLINK filesets at URLs: read and scanned like those of this machine."""

import fsspec
import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

import gwasbone as gb
from gwasbone.errors import InputError

N, M = 90, 30


@pytest.fixture
def copies(tmp_path):
    """Two chromosomes, here and at ``memory://bucket/study``."""
    rng = np.random.default_rng(2)
    memory = fsspec.filesystem("memory")
    for chromosome in ("2", "10"):
        told = {
            "iid": [f"i{i}" for i in range(N)],
            "chromosome": [chromosome] * M,
            "bp_position": 100 + np.arange(M),
            "sid": [f"c{chromosome}v{i}" for i in range(M)],
            "allele_1": ["A"] * M,
            "allele_2": ["G"] * M,
        }
        G = rng.binomial(2, 0.4, (N, M)).astype(np.float32)
        to_bed(tmp_path / f"chr{chromosome}.bed", G, properties=told)
    for path in tmp_path.iterdir():
        memory.pipe_file(f"/bucket/study/{path.name}", path.read_bytes())
    yield tmp_path, "memory://bucket/study"
    memory.rm("/bucket", recursive=True)


def test_a_scan_of_a_bucket_is_that_of_its_copy(copies):
    rng = np.random.default_rng(6)
    ids = pd.Index([f"i{i}" for i in range(N)], name="IID")
    people = pd.DataFrame({"y": rng.standard_normal(N), "age": rng.uniform(40, 70, N)}, index=ids)
    here, there = (gb.read_genotypes(bfile=f"{at}/chr*", build="GRCh37") for at in copies)
    pd.testing.assert_frame_equal(here.variants.table, there.variants.table)
    assert there.source.files[0].endswith("bucket/study/chr2.bed")
    assert "://" in there.source.files[0]
    cohorts = [c.exclude_variants("t", "s", np.arange(2 * M) % 4 == 1, description="")
               for c in (here, there)]  # fmt: skip
    scans = [gb.associate(c, ["y"], ["age"], phenotypes=people).table("y") for c in cohorts]
    pd.testing.assert_frame_equal(*scans, rtol=0, atol=0)


def test_one_prefix_and_lists_of_them(copies):
    _, url = copies
    assert len(gb.read_genotypes(bfile=f"{url}/chr2.bed", build="GRCh37").variants) == M
    both = gb.read_genotypes(bfile=f"{url}/chr2,{url}/chr10", build="GRCh37")
    assert len(both.variants) == 2 * M


def test_what_is_wrong_in_a_bucket_is_named(copies):
    _, url = copies
    memory = fsspec.filesystem("memory")
    with pytest.raises(InputError, match=r"expected .bed files of that pattern, found none"):
        gb.read_genotypes(bfile=f"{url}/c_*", build="GRCh37")
    memory.pipe_file("/bucket/study/chr2.bed", memory.cat("/bucket/study/chr2.bed")[:-5])
    with pytest.raises(InputError, match=r"chr2.bed: expected 693 bytes for .* got 688"):
        gb.read_genotypes(bfile=f"{url}/chr2", build="GRCh37")
    memory.rm("/bucket/study/chr10.fam")
    with pytest.raises(InputError, match=r"study/chr10.fam is missing"):
        gb.read_genotypes(bfile=f"{url}/chr10", build="GRCh37")

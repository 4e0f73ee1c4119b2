"""BGEN v1.2 gives the dosages it holds; what is wrong with a file is named."""

import struct
import subprocess

import numpy as np
import pytest
from bed_reader import to_bed

from gwasbone.cohort.bgen_files import read_header
from gwasbone.cohort.read import read_genotypes
from gwasbone.errors import InputError

PEOPLE, VARIANTS = 6, 5


@pytest.fixture
def bgen(tmp_path, plink2):
    values = np.random.default_rng(5).integers(0, 3, (PEOPLE, VARIANTS)).astype("float32")
    values[2, 1] = np.nan
    to_bed(
        tmp_path / "a.bed",
        values,
        properties={
            "iid": [f"i{i}" for i in range(PEOPLE)],
            "fid": [f"f{i}" for i in range(PEOPLE)],
            "sex": [1, 2, 1, 2, 1, 2],
            "chromosome": ["3"] * VARIANTS,
            "sid": [f"rs{i}" for i in range(VARIANTS)],
            "bp_position": [100 * (i + 1) for i in range(VARIANTS)],
            "allele_1": ["A"] * VARIANTS,
            "allele_2": ["G"] * VARIANTS,
        },
    )
    command = [plink2, "--bfile", "a", "--export", "bgen-1.2", "bits=8", "ref-first", "--out", "a"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "a.bgen", values


def read(path, **options):
    told = {"sample": path.with_suffix(".sample"), "build": "GRCh37"} | options
    return read_genotypes(bgen=str(path), **told)


@pytest.mark.peer
@pytest.mark.hail
def test_dosages_and_people(bgen, hail_session):
    path, values = bgen
    cohort = read(path)
    assert cohort.people.table.index.tolist() == [f"i{i}" for i in range(PEOPLE)]
    assert cohort.people.table["sex"].tolist() == [1, 2, 1, 2, 1, 2]
    table = cohort.variants.table
    assert table["chromosome"].tolist() == [3] * VARIANTS
    assert table[["ref", "alt"]].iloc[0].tolist() == ["G", "A"]
    dosage = np.array(cohort.mt.localize_entries("e", "c").e.dosage.collect(), dtype=float)
    np.testing.assert_allclose(dosage, values.T, atol=1e-9)


@pytest.mark.peer
def test_a_sample_file_of_other_people(bgen):
    path, _ = bgen
    lines = path.with_suffix(".sample").read_text().splitlines()
    path.with_suffix(".sample").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match=r"has 6 people, .* lists 5"):
        read(path)


@pytest.mark.peer
def test_no_sample_file(bgen):
    with pytest.raises(InputError, match="give --sample FILE"):
        read(bgen[0], sample=None)


@pytest.mark.peer
@pytest.mark.parametrize("lost", [1, 20, 60])
def test_a_file_cut_short(bgen, lost):
    path, _ = bgen
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(InputError, match=r"ends inside variant \d of 5"):
        read(path)


@pytest.mark.peer
def test_another_layout_is_named(bgen):
    path, _ = bgen
    data = bytearray(path.read_bytes())
    length = struct.unpack("<I", data[4:8])[0]
    data[4 + length - 4] = 0b0101  # zlib, layout 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="got layout 1"):
        read(path)


def test_not_a_bgen(tmp_path):
    (tmp_path / "a.bgen").write_bytes(b"x" * 100)
    with pytest.raises(InputError, match="the header is not one"):
        read_header(tmp_path / "a.bgen")
    (tmp_path / "b.bgen").write_bytes(b"")
    with pytest.raises(InputError, match="got 0 bytes"):
        read_header(tmp_path / "b.bgen")


def test_sample_file_without_its_second_header(tmp_path):
    from gwasbone.cohort.bgen_files import read_sample

    (tmp_path / "a.sample").write_text("ID_1 ID_2 missing\n1 1 0\n")
    with pytest.raises(InputError, match="two header lines"):
        read_sample(tmp_path / "a.sample")

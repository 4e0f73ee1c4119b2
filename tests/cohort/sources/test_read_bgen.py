"""BGEN v1.2 gives the dosages it holds; what is wrong with a file is named."""

import struct
import subprocess

import numpy as np
import pytest
from bed_reader import to_bed
from made_bgen import MadeVariant, write_bgen

from gwasbone.cli import main
from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.sources.bgen import read_header, read_sample
from gwasbone.cohort.statistics import variant_statistics
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
    with pytest.raises(InputError, match=r"has 6 participants, .* lists 5"):
        read(path)


def test_a_file_without_ids_needs_a_sample_file(tmp_path):
    path = write_bgen(tmp_path / "a.bgen", two_people({}))
    with pytest.raises(InputError, match="no IDs of its own: give --sample FILE"):
        read(path, sample=None)


def test_ref_last_takes_the_second_allele_for_the_reference(tmp_path, monkeypatch):
    """In calls and dosages; and by the flag of commands."""
    path = write_bgen(tmp_path / "a.bgen", two_people({}))
    tables, genotypes = [], []
    for ref_last in (False, True):
        cohort = read(path, ref_last=ref_last)
        tables.append(cohort.variants.table[["ref", "alt"]].iloc[0].tolist())
        calls = np.empty((1, 2), np.int8)
        reader = cohort.source.genotypes(cohort.participants)
        reader.read(cohort.variants.table, calls=calls)
        genotypes.append((reader.dosages(cohort.variants.table).tolist(), calls.tolist()))
        counts = variant_statistics(cohort).iloc[0]
        assert counts[["hom_ref", "het", "hom_alt"]].tolist() == [1 - ref_last, 1, 0 + ref_last]
    assert tables == [["A", "G"], ["G", "A"]]
    assert genotypes == [([[0, 1]], [[0, 1]]), ([[2, 1]], [[2, 1]])]
    seen = []

    def seeing(**given):
        seen.append(given)
        raise InputError("seen")

    monkeypatch.setattr("gwasbone.cohort.read.read_genotypes", seeing)
    command = ["pca", "--bgen", str(path), "--sample", str(path.with_suffix(".sample"))]
    told = ["--build", "GRCh37", "--ref-last", "--out", str(tmp_path / "o")]
    assert main([*command, *told]) == 1
    assert seen[0]["ref_last"] is True


def test_ids_inside_the_file_do_without_a_sample_file(tmp_path):
    path = write_bgen(tmp_path / "a.bgen", two_people({}), ids=["p", "q"], ids_inside=True)
    people = read(path, sample=None).people.table
    assert people.index.tolist() == ["p", "q"]
    assert people["sex"].tolist() == [0, 0]


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
    data[4 + length - 4] = 0b1101  # zlib, layout 3
    path.write_bytes(data)
    with pytest.raises(InputError, match="got layout 3"):
        read(path)


def two_people(*variants):
    return [MadeVariant([[255, 0], [0, 255]], **v) for v in variants]


def test_variants_of_several_files(tmp_path):
    """Spellings of chromosomes, names and places; no Hail, every reason named."""
    write_bgen(
        tmp_path / "c1.bgen",
        two_people(
            {"chromosome": "chr7", "position": 20, "source_id": "rs7"},
            {"chromosome": "07", "position": 10, "alleles": ("AT", "A"), "source_id": ""},
            {"chromosome": "scaffold", "position": 5, "source_id": "."},
            {"chromosome": "7", "position": 200_000_000, "source_id": "far"},
        ),
        ids_inside=True,
    )
    three = MadeVariant([[0] * 5] * 2, "8", 30, ("A", "C", "GTT"), "three")
    more = two_people({"chromosome": "8", "position": 31, "source_id": "x", "alleles": ("A", "*")})
    write_bgen(tmp_path / "c2.bgen", [three, *more], compression=2)
    cohort = read_genotypes(
        bgen=f"{tmp_path}/c*.bgen", sample=tmp_path / "c1.sample", build="GRCh37"
    )
    table = cohort.variants.table
    assert table["chromosome"].tolist() == [0, 7, 7, 7, 8, 8]
    assert table["base_pair_location"].tolist() == [5, 10, 20, 200_000_000, 30, 31]
    assert table["ref"].tolist() == ["A", "AT", "A", "A", "A", "A"]
    assert table["alt"].tolist() == ["G", "A", "G", "G", "C,GTT", "*"]
    assert table["source_id"].tolist() == [".", ".", "rs7", "far", "three", "x"]
    assert table["file"].tolist() == [0, 0, 0, 0, 1, 1]
    assert cohort.variants.reasons().tolist() == [
        "unknown_chromosome", "", "", "position_outside_chromosome", "multiallelic",
        "symbolic_allele",
    ]  # fmt: skip
    with pytest.raises(InputError, match="every variant has two alleles, 1 variants have others"):
        _ = cohort.mt


def test_the_same_people_in_another_order(tmp_path):
    path = write_bgen(tmp_path / "a.bgen", two_people({}), ids=["p", "q"], ids_inside=True)
    sample = path.with_suffix(".sample")
    assert read(path).people.table.index.tolist() == ["p", "q"]
    lines = sample.read_text().splitlines()
    sample.write_text("\n".join([*lines[:2], lines[3], lines[2]]) + "\n")
    with pytest.raises(InputError, match=r"the same order, got p instead of q as number 1"):
        read(path)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (MadeVariant([[1, 2], [3, 4]], ploidies=[3, 2]), "copies.*got byte 3 for participant 1"),
        (MadeVariant([[1, 2, 3], [4, 5, 6]], copies=[3, 3]), "one or two copies"),
    ],
)
def test_a_file_of_another_kind_is_refused_at_once(tmp_path, variant, message):
    path = write_bgen(tmp_path / "a.bgen", [variant])
    with pytest.raises(InputError, match=message):
        read(path)


@pytest.mark.hail
@pytest.mark.parametrize(
    "variant",
    [
        MadeVariant([[1, 2], [3, 4]], bits=16),
        MadeVariant([[1, 2], [3, 4]], phased=1),
        MadeVariant([[1], [3, 4]], copies=[1, 2]),
    ],
)
def test_what_hail_cannot_read_is_named(tmp_path, hail_session, variant):
    cohort = read(write_bgen(tmp_path / "a.bgen", [variant]))
    with pytest.raises(InputError, match=r"Hail reads unphased.*use engine blocks"):
        _ = cohort.mt


@pytest.mark.parametrize("lost", [1, 9, 20, 35, 60])
def test_cut_short_without_any_program(tmp_path, lost):
    path = write_bgen(tmp_path / "a.bgen", two_people({}, {"position": 1001, "source_id": "b"}))
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(InputError, match=r"ends inside variant \d of 2"):
        read(path)


@pytest.mark.parametrize("at", [24, 40])
def test_ids_that_are_not_whole(tmp_path, at):
    path = write_bgen(tmp_path / "a.bgen", two_people({}), ids=["p" * 9, "q" * 9], ids_inside=True)
    data = bytearray(path.read_bytes())
    data[at + 8] = 250
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"IDs of 2 participants in the file, they are not whole"):
        read(path)


def test_names_that_are_no_text(tmp_path):
    path = write_bgen(tmp_path / "a.bgen", two_people({"source_id": "rsX"}))
    path.write_bytes(path.read_bytes().replace(b"rsX", b"r\xffX"))
    with pytest.raises(InputError, match="as text, found other bytes"):
        read(path)


def test_another_compression(tmp_path):
    path = write_bgen(tmp_path / "a.bgen", two_people({}))
    data = bytearray(path.read_bytes())
    data[20] |= 3
    path.write_bytes(data)
    with pytest.raises(InputError, match="got compression 3"):
        read(path)


def test_not_a_bgen(tmp_path):
    (tmp_path / "a.bgen").write_bytes(b"x" * 100)
    with pytest.raises(InputError, match="the header is not one"):
        read_header(tmp_path / "a.bgen")
    (tmp_path / "b.bgen").write_bytes(b"")
    with pytest.raises(InputError, match="got 0 bytes"):
        read_header(tmp_path / "b.bgen")


def test_sample_file_without_its_second_header(tmp_path):
    (tmp_path / "a.sample").write_text("ID_1 ID_2 missing\n1 1 0\n")
    with pytest.raises(InputError, match="two header lines"):
        read_sample(tmp_path / "a.sample")


@pytest.mark.parametrize(
    ("text", "iid", "sex"),
    [
        ("ID_1 ID_2 missing sex\n0 0 0 D\nf S1 0 2\nf S2 0 NA\n", ["S1", "S2"], [2, 0]),
        ("ID_1 ID_2 missing Sex\n0 0 0 D\nf S1 0 female\nf S2 0 M\n", ["S1", "S2"], [2, 1]),
        ("ID_1 ID_2 missing SEX\n0 0 0 D\nS1 0 0 1\nS2 0 0 2\n", ["S1", "S2"], [1, 2]),
        ("ID missing sex\n0 0 D\nS1 0 1\nNA 0 0\n", ["S1", "NA"], [1, 0]),
        ("ID\n0\n'S1\nS2\n", ["'S1", "S2"], [0, 0]),
    ],
)
def test_sample_files_in_every_spelling(tmp_path, text, iid, sex):
    (tmp_path / "a.sample").write_text(text)
    people = read_sample(tmp_path / "a.sample").people
    assert people["iid"].tolist() == iid
    assert people["sex"].tolist() == sex


def test_sex_that_is_spelt_in_no_known_way_is_said(tmp_path, caplog):
    (tmp_path / "a.sample").write_text("ID sex\n0 D\nS1 3\nS2 1\n")
    assert read_sample(tmp_path / "a.sample").people["sex"].tolist() == [0, 1]
    assert "sex of 1 participants is spelt neither 1, 2 nor male, female (3)" in caplog.text


def test_a_header_that_the_file_is_too_short_for(tmp_path):
    path = write_bgen(tmp_path / "a.bgen", two_people({}))
    whole = path.read_bytes()
    for at, number, message in (
        (0, 4_000_000_000, "variants from byte 4000000004 on, the file has"),
        (4, 4_000_000_000, "expected a header of 4000000000 bytes"),
        (8, 4_000_000_000, "do not hold the 4000000000 variants"),
        (12, 7, "has 7 participants, .* lists 2"),
    ):
        path.write_bytes(whole[:at] + struct.pack("<I", number) + whole[at + 4 :])
        with pytest.raises(InputError, match=message):
            read(path)


@pytest.mark.parametrize(("compression", "layout"), [(0, 2), (1, 2), (2, 2), (0, 1), (1, 1)])
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path, compression, layout):
    """Seeded changes of bytes everywhere; nothing is read beyond a buffer, no other error comes."""
    rng = np.random.default_rng(10 * layout + compression)
    values = [[20_000, 10_000, 2_768]] * 6 if layout == 1 else [[100, 50]] * 6
    made = [MadeVariant(values, position=1000 + i, source_id=f"rs{i}") for i in range(3)]
    path = write_bgen(tmp_path / "a.bgen", made, compression=compression, layout=layout)
    whole, messages = path.read_bytes(), []
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] = rng.choice([0, 1, 2, 3, 63, 64, 127, 128, 255, rng.integers(256)])
        path.write_bytes(data if rng.random() < 0.9 else data[: rng.integers(len(data))])
        try:
            cohort = read(path)
            cohort.source.genotypes(cohort.participants).dosages(cohort.variants.table)
            cohort.source.calls(cohort.participants).read(cohort.variants.table)
        except InputError as error:
            messages.append(str(error))
    assert 10 < len(messages) < 60
    for message in messages:
        assert str(path) in message
        assert "\n" not in message
        assert len(message) < 600

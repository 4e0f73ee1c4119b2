"""PLINK filesets are read in place; what is wrong with them is said in one line."""

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.cohort.read import read_genotypes
from gwasbone.errors import InputError, UsageError


def write_fileset(prefix, *, n=5, m=4, **properties):
    values = np.random.default_rng(1).integers(0, 3, (n, m)).astype("float32")
    told = {
        "fid": [f"f{i}" for i in range(n)],
        "iid": [f"i{i}" for i in range(n)],
        "sex": [1, 2, 0, 1, 2][:n],
        "chromosome": ["1"] * m,
        "sid": [f"rs{i}" for i in range(m)],
        "bp_position": [10 * (i + 1) for i in range(m)],
        "allele_1": ["A"] * m,
        "allele_2": ["G"] * m,
    }
    to_bed(f"{prefix}.bed", values, properties=told | properties)
    return values


def read(prefix, **options):
    return read_genotypes(bfile=str(prefix), **({"build": "GRCh37"} | options))


def test_a_fileset_becomes_people_and_variants(tmp_path):
    write_fileset(tmp_path / "a", chromosome=["23", "2", "X", "chr1"], bp_position=[5, 6, 4, 7])
    cohort = read(tmp_path / "a")
    assert cohort.people.table.index.tolist() == ["i0", "i1", "i2", "i3", "i4"]
    assert cohort.people.table["sex"].tolist() == [1, 2, 0, 1, 2]
    table = cohort.variants.table
    assert table["chromosome"].tolist() == [1, 2, 23, 23]
    assert table["base_pair_location"].tolist() == [7, 6, 4, 5]
    assert table["row"].tolist() == [3, 1, 2, 0]
    assert set(table["alt"]) == {"A"}  # A1 is the counted allele


def test_ids_can_join_family_and_individual(tmp_path):
    write_fileset(tmp_path / "a", iid=["x"] * 5)
    with pytest.raises(InputError, match="--id fid_iid"):
        read(tmp_path / "a")
    assert read(tmp_path / "a", id_rule="fid_iid").people.table.index[0] == "f0_x"


def test_withdrawn_people_are_set_aside(tmp_path):
    write_fileset(tmp_path / "a", iid=["1", "-1", "3", "-2", "5"])
    cohort = read(tmp_path / "a")
    assert cohort.people.kept.tolist() == [True, False, True, False, True]
    assert cohort.people.funnel()["reason"].tolist() == ["all", "withdrawn"]


def test_what_cannot_be_placed_is_set_aside_by_name(tmp_path):
    write_fileset(
        tmp_path / "a",
        m=5,
        chromosome=["0", "1", "1", "1", "2"],
        bp_position=[1, 300_000_000, 5, 6, 7],
        allele_1=["A", "A", "<DEL>", "A", "0"],
    )
    cohort = read(tmp_path / "a")
    funnel = cohort.variants.funnel().set_index("reason")["flagged"]
    assert funnel["unknown_chromosome"] == 1
    assert funnel["position_outside_chromosome"] == 1
    assert funnel["symbolic_allele"] == 2
    assert cohort.variants.n_kept == 1


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_bim_may_be_separated_by_blanks(tmp_path, separator):
    write_fileset(tmp_path / "a")
    text = (tmp_path / "a.bim").read_text().replace("\t", separator)
    (tmp_path / "a.bim").write_text(text)
    assert len(read(tmp_path / "a").variants) == 4


def test_one_fileset_per_chromosome(tmp_path):
    write_fileset(tmp_path / "chr1")
    write_fileset(tmp_path / "chr10", chromosome=["10"] * 4, sid=list("abcd"))
    write_fileset(tmp_path / "chr2", chromosome=["2"] * 4, sid=list("efgh"))
    cohort = read(tmp_path / "chr*")
    assert len(cohort.variants) == 12
    assert [f.bed.name for f in cohort.source.filesets] == ["chr1.bed", "chr2.bed", "chr10.bed"]


def change_people(tmp_path):
    write_fileset(tmp_path / "b", chromosome=["2"] * 4, sid=list("efgh"), iid=list("vwxyz"))


def truncate_bed(tmp_path):
    path = tmp_path / "a.bed"
    path.write_bytes(path.read_bytes()[:-2])


def drop_last_line(name):
    def change(tmp_path):
        lines = (tmp_path / name).read_text().splitlines(keepends=True)
        (tmp_path / name).write_text("".join(lines[:-1]))

    return change


def write_text(name, text):
    def change(tmp_path):
        (tmp_path / name).write_text(text)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (truncate_bed, r"expected 11 bytes for 4 variants \(a.bim\) x 5 people \(a.fam\), got 9"),
        (drop_last_line("a.bim"), "expected 9 bytes for 3 variants"),
        (drop_last_line("a.fam"), "expected 7 bytes for 4 variants"),
        (write_text("a.bed", "not a bed"), "expected a SNP-major PLINK 1 .bed"),
        (write_text("a.bim", ""), "the file is empty"),
        (write_text("a.bim", "1\trs1\t0\t5\tA\n"), "a.bim line 1: expected 6 columns"),
        (write_text("a.bim", "1\trs1\t0\tx\tA\tG\n"), "expected a whole number as position"),
        (lambda p: (p / "a.fam").unlink(), "a.fam is missing"),
    ],
)
def test_damaged_files_are_named(tmp_path, change, message):
    write_fileset(tmp_path / "a")
    change(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / "a")
    assert "\n" not in str(caught.value)


def test_filesets_of_different_people_are_refused(tmp_path):
    write_fileset(tmp_path / "a")
    change_people(tmp_path)
    with pytest.raises(InputError, match=r"b.fam line 1: expected the people of .*a.fam"):
        read(tmp_path / "*")


def test_duplicate_variants_are_refused_by_name(tmp_path):
    write_fileset(tmp_path / "a", bp_position=[10, 10, 30, 40])
    with pytest.raises(InputError, match="1:10:G:A"):
        read(tmp_path / "a")


def test_an_id_for_two_positions_is_refused(tmp_path):
    write_fileset(tmp_path / "a", sid=["rs1", "rs1", ".", "."])
    with pytest.raises(InputError, match="rs1"):
        read(tmp_path / "a")


def test_the_other_build_is_recognised(tmp_path):
    write_fileset(tmp_path / "a", bp_position=[1, 2, 3, 249_200_000])
    assert len(read(tmp_path / "a").variants) == 4
    with pytest.raises(InputError, match="give --build GRCh37"):
        read(tmp_path / "a", build="GRCh38")


def test_exactly_one_kind_of_file(tmp_path):
    with pytest.raises(UsageError, match="bfile and vcf"):
        read_genotypes(bfile="a", vcf="b")
    with pytest.raises(UsageError, match="does not tell its reference build"):
        read_genotypes(bfile="a")


@pytest.mark.hail
def test_the_matrix_has_the_same_genotypes(tmp_path, hail_session):
    hl = hail_session
    values = write_fileset(tmp_path / "a", chromosome=["1", "1", "X", "2"], n=5)
    cohort = read(tmp_path / "a")
    cohort = cohort.exclude_people("test", "two", [False, True] + [False] * 3, description="")
    cohort = cohort.exclude_variants("test", "one", [True, False, False, False], description="")
    mt = cohort.mt
    assert mt.s.collect() == ["i0", "i2", "i3", "i4"]
    assert mt.sex.collect() == [1, 0, 1, 2]
    assert mt.source_id.collect() == ["rs1", "rs3", "rs2"]
    got = pd.DataFrame(mt.select_cols().key_cols_by().localize_entries("e", "c").e.dosage.collect())
    expected = values[[0, 2, 3, 4]][:, [1, 3, 2]].T
    men = np.array([True, False, True, False])
    expected[2, men & (expected[2] == 1)] = np.nan  # a man cannot be heterozygous there
    np.testing.assert_array_equal(got.astype(float).to_numpy(), expected)
    assert hl.eval(mt.locus.dtype.reference_genome.name == "GRCh37")

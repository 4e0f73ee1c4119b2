"""PLINK filesets are read in place; what is wrong with them is said in one line."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from bed_reader import to_bed

from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.subsets import short_names
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
        (truncate_bed, r"expected 11 bytes for 4 variants \(a.bim\) x 5 samples \(a.fam\), got 9"),
        (drop_last_line("a.bim"), "expected 9 bytes for 3 variants"),
        (drop_last_line("a.fam"), "expected 7 bytes for 4 variants"),
        (write_text("a.bed", "not a bed"), "expected a SNP-major PLINK 1 .bed"),
        (write_text("a.bim", ""), "the file is empty"),
        (write_text("a.bim", "1\trs1\t0\t5\n"), "a.bim line 1: expected 6 columns"),
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
    with pytest.raises(InputError, match=r"b.fam line 1: expected the samples of .*a.fam"):
        read(tmp_path / "*")


def test_of_duplicate_probes_the_one_called_in_most_is_kept(tmp_path, caplog):
    """Rows 0, 2 and 3 are one variant; all are called in row 3 only."""
    values = write_fileset(tmp_path / "a", m=5, bp_position=[10, 20, 10, 10, 40])
    values[0, 0], values[1:3, 2] = np.nan, np.nan
    told = {"sid": ["a", "b", "GSA-a", "c", "d"], "chromosome": ["1"] * 5}
    told |= {"bp_position": [10, 20, 10, 10, 40], "allele_1": ["A"] * 5, "allele_2": ["G"] * 5}
    told |= {"fid": [f"f{i}" for i in range(5)], "iid": [f"i{i}" for i in range(5)]}
    to_bed(tmp_path / "a.bed", values, properties=told)
    cohort = read(tmp_path / "a")
    reasons = cohort.variants.reasons().set_axis(cohort.variants.table["source_id"])
    assert reasons.to_dict() == {
        "a": "duplicate_variant", "GSA-a": "duplicate_variant", "c": "", "b": "", "d": "",
    }  # fmt: skip
    assert "2 copies of variants (same position and alleles) are set aside" in caplog.text
    dosages = cohort.source.genotypes(cohort.participants).dosages(cohort.variants.kept_table())
    np.testing.assert_array_equal(dosages, values[:, [3, 1, 4]].T)


@pytest.mark.hail
def test_hail_takes_the_same_copy(tmp_path, hail_session):
    values = write_fileset(tmp_path / "a", m=4, bp_position=[10, 10, 20, 20], sid=list("abcc"))
    cohort = read(tmp_path / "a")
    cohort = cohort.exclude_variants("t", "other", [True, False, False, False], description="")
    chosen = cohort.variants.exclude("read", "duplicate_variant", [True, False, False, True],
                                     description="")  # fmt: skip
    mt = dataclasses.replace(cohort, variants=chosen).mt
    assert mt.source_id.collect() == ["b", "c"]
    assert mt.GT.n_alt_alleles().collect()[:5] == values[:, 1].astype(int).tolist()


def test_an_id_at_several_places_and_absent_ids_do_not_block_a_file(tmp_path, caplog):
    write_fileset(tmp_path / "a", m=6, sid=["rs1", "rs1", "0", "0", ".", "."])
    cohort = read(tmp_path / "a")
    assert cohort.variants.n_kept == 6
    assert "1 variant IDs stand for several positions (rs1): such variants are named" in caplog.text
    names = pd.concat(list(short_names(cohort, np.arange(6))))
    assert names.nunique() == 6


@pytest.mark.parametrize(
    "text",
    [
        "1\trs1\t10\tA\tG\n1 rs2 20 A G\n",
        "#CHROM\tID\tCM\tPOS\tALT\tREF\n1\trs1\t0.5\t10\tA\tG\n1\trs2\t0.7\t20\tA\tG\n",
        "##made by hand\n#CHROM POS ID REF ALT\n1 10 rs1 G A\n1 20 rs2 G A\n",
        "chr1\trs1\t0\t10\ta\tg\n01\trs2\t0\t2e1\tA\tG\n",
    ],
)
def test_bim_files_as_plink2_reads_them(tmp_path, text):
    """Five columns, a header, lower-case alleles, 2e1 as a position."""
    write_fileset(tmp_path / "a", m=2)
    (tmp_path / "a.bim").write_text(text)
    cohort = read(tmp_path / "a")
    table = cohort.variants.table
    assert table["base_pair_location"].tolist() == [10, 20]
    assert table["source_id"].tolist() == ["rs1", "rs2"]
    assert table[["ref", "alt"]].to_numpy().tolist() == [["G", "A"]] * 2
    centimorgans = cohort.source.genetic_positions(table).tolist()
    assert centimorgans == ([0.5, 0.7] if "0.5" in text else [0, 0])


def test_a_bim_header_without_a_column_and_a_bad_position_are_named(tmp_path):
    write_fileset(tmp_path / "a", m=1)
    (tmp_path / "a.bim").write_text("#CHROM ID POS REF\n1 rs1 10 G\n")
    with pytest.raises(InputError, match=r"line 1: expected the columns .*: ALT is missing"):
        read(tmp_path / "a")
    (tmp_path / "a.bim").write_text("#CHROM ID POS REF ALT\n1 rs1 ten G A\n")
    with pytest.raises(InputError, match="line 2: expected a whole number as position, got 'ten'"):
        read(tmp_path / "a")


def test_files_of_which_nothing_can_be_used_are_refused_with_the_reasons(tmp_path):
    write_fileset(tmp_path / "a", chromosome=["0", "GL1", "1", "1"], allele_1=["A", "A", "*", "."])
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a")
    message = str(caught.value)
    assert "all 4 are set aside: 2 unknown_chromosome" in message
    assert "('0', 'GL1')); 2 symbolic_allele" in message
    assert "('*', '.')" in message


def test_ids_called_na_are_ids(tmp_path):
    write_fileset(tmp_path / "a", iid=["NA", "NaN", "null", "x", "0"])
    assert read(tmp_path / "a").people.table.index.tolist() == ["NA", "NaN", "null", "x", "0"]


def test_the_other_build_is_recognised(tmp_path):
    write_fileset(tmp_path / "a", bp_position=[1, 2, 3, 249_200_000])
    assert len(read(tmp_path / "a").variants) == 4
    with pytest.raises(InputError, match="give --build GRCh37"):
        read(tmp_path / "a", build="GRCh38")


def test_a_position_0_does_not_hide_the_other_build(tmp_path):
    """Such a position lies outside of its chromosome on every build."""
    write_fileset(tmp_path / "a", bp_position=[0, 2, 3, 249_200_000])
    with pytest.raises(InputError, match=r"1 positions such as 1:249200000 .* give --build GRCh37"):
        read(tmp_path / "a", build="GRCh38")
    cohort = read(tmp_path / "a")
    assert cohort.variants.reasons().tolist() == ["position_outside_chromosome", "", "", ""]


def test_exactly_one_kind_of_file(tmp_path):
    with pytest.raises(UsageError, match="bfile and vcf"):
        read_genotypes(bfile="a", vcf="b")
    with pytest.raises(UsageError, match="does not state its reference build"):
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

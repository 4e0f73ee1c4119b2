"""VCFs are read once, split and put on one coding; damaged ones are refused in one line."""

import gzip

import numpy as np
import pandas as pd
import pytest

from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.sex import with_sex
from gwasbone.cohort.sources.left_align import left_align
from gwasbone.cohort.sources.vcf_header import read_header
from gwasbone.errors import InputError
from gwasbone.simulate.files import BgzfWriter

HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=1,length=249250621>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tzoe\tben\n"
)
LINES = (
    "1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1\t1/1\n"
    "1\t200\trs2\tA\tC,T\t.\t.\t.\tGT\t1/2\t0/2\n"
    "1\t300\tsv\tA\t<DEL>\t.\t.\t.\tGT\t0/1\t0/0\n"
    "1\t400\t.\tA\tG\t.\t.\t.\tGT\t0/.\t./.\n"
    "X\t5000000\trs5\tC\tT\t.\t.\t.\tGT\t0/1\t1/.\n"
    "X\t5000001\trs6\tC\tT\t.\t.\t.\tGT\t1/1\t0\n"
    "weird\t7\trs7\tC\tT\t.\t.\t.\tGT\t1/1\t0/0\n"
)


def write(path, text):
    if path.suffix == ".gz":
        with gzip.open(path, "wt") as handle:
            handle.write(text)
    elif path.suffix == ".bgz":
        with BgzfWriter(path) as writer:
            writer.write(text.encode())
    else:
        path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", ["a.vcf", "a.vcf.gz", "a.vcf.bgz"])
def test_genotypes_of_every_compression(tmp_path, name):
    cohort = read_genotypes(vcf=write(tmp_path / name, HEADER + LINES))
    assert cohort.build == "GRCh37"  # from the contig length
    assert cohort.people.table["sex"].tolist() == [2, 1]  # ben is haploid on X
    table = cohort.variants.table
    kept = cohort.variants.kept
    assert table["base_pair_location"].tolist() == [7, 100, 200, 200, 300, 400, 5000000, 5000001]
    assert table["source_id"].tolist()[1:3] == [".", "rs2"]
    reasons = ["all", "unknown_chromosome", "symbolic_allele"]
    assert cohort.variants.funnel()["reason"].tolist() == reasons
    # the multiallelic site becomes A>C and A>T; a half-call on an autosome is missing;
    # on X the man has 0 or 2
    expected = [[1, 2], [1, 0], [1, 1], [np.nan, np.nan], [1, 2], [2, 0]]
    np.testing.assert_array_equal(dosages(cohort)[kept], expected)


def dosages(cohort):
    """(m, n) copies of ALT of all variants, by the reader that scans use."""
    reader = cohort.source.genotypes(cohort.participants)
    return reader.dosages(cohort.variants.table)


def read(tmp_path, lines, *, samples=("zoe", "ben"), declared="", **options):
    header = HEADER.replace("zoe\tben", "\t".join(samples))
    header = header.replace("#CHROM", f"{declared}#CHROM")
    return read_genotypes(vcf=write(tmp_path / "a.vcf", header + lines), **options)


def line(position, alleles, fmt, *entries, chromosome="1", info="."):
    ref, alt = alleles.split(">")
    fields = (chromosome, str(position), ".", ref, alt, ".", ".", info, fmt, *entries)
    return "\t".join(fields) + "\n"


DS = '##FORMAT=<ID=DS,Number=A,Type=Float,Description="d">\n'
GP = '##FORMAT=<ID=GP,Number=G,Type=Float,Description="p">\n'


def test_a_genotype_is_its_dosage_else_its_probabilities_else_its_call(tmp_path):
    lines = (
        line(1, "A>G", "GT:DS:GP", "0/1:0.75:0,0.5,0.5", "1/1:.:0.1,0.2,0.7")
        + line(2, "A>G", "GT:DS", "0/1:.", "./.:0.05")
        + line(3, "A>G", "GP", "0.9,0.1,0", "0,0,0")
        + line(4, "A>G", "GT", "1/1", "./.")
        # any order of fields, fields that are dropped at the end, numbers in other forms
        + line(5, "A>G", "XX:DS:GT", "7:1e0:0/0", "8")
        + line(6, "A>C,G", "GT:DS", "0/1:0.9,0.05", "1/2:.,1.25")
    )
    cohort = read(tmp_path, lines, declared=DS + GP)
    assert cohort.source.capabilities.dosages
    nan = np.nan
    expected = [
        [0.75, 1.6], [1, 0.05], [0.1, nan], [2, nan], [1, nan], [0.9, 1], [0.05, 1.25],
    ]  # fmt: skip
    np.testing.assert_allclose(dosages(cohort), expected, rtol=1e-6)
    reader = cohort.source.calls(cohort.participants)
    words = reader.read(cohort.variants.table)
    codes = (words[:, :1] >> np.array([0, 2], np.uint64)) & np.uint64(3)
    calls = np.array([2, -1, 1, 0])[codes.astype(int)]
    # a call where there is one; else the dosage within 0.1 of a whole number
    expected = [[1, 2], [1, 0], [0, -1], [2, -1], [0, -1], [1, 1], [0, 1]]
    np.testing.assert_array_equal(calls, expected)


def test_dosages_that_are_declared_and_nowhere_stated_leave_calls(tmp_path):
    cohort = read(tmp_path, line(1, "A>G", "GT", "0/1", "1/1"), declared=DS)
    assert not cohort.source.capabilities.dosages
    np.testing.assert_array_equal(dosages(cohort), [[1, 2]])


def test_probabilities_of_three_alleles_by_hand(tmp_path):
    # genotypes in the order 00 01 11 02 12 22
    entry = "0.1,0.2,0.05,0.3,0.25,0.1"
    cohort = read(tmp_path, line(1, "A>C,G", "GP", entry, entry), declared=GP)
    first = 0.2 + 2 * 0.05 + 0.25
    second = 0.3 + 0.25 + 2 * 0.1
    np.testing.assert_allclose(dosages(cohort), [[first] * 2, [second] * 2], rtol=1e-6)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # ben is a man: one allele, or one of two that is missing, count double
        (("GT", "0/1", "1"), [1, 2]),
        (("GT", "0/0", "1/."), [0, 2]),
        (("GT", "0/0", ".|1"), [0, 2]),
        (("GT:DS", "0/1:0.9", "1:0.8"), [0.9, 1.6]),
        (("GP", "0,1,0", "0.1,0.9"), [1, 1.8]),
    ],
)
def test_men_have_two_copies_or_none_on_x(tmp_path, entries, expected):
    told = line(5000001, "C>T", "GT", "0/1", "0", chromosome="X")
    told += line(5000002, "C>T", "GT", "1/1", "0", chromosome="X")
    lines = told + line(5000003, "C>T", *entries, chromosome="X")
    cohort = read(tmp_path, lines, declared=DS + GP)
    assert cohort.people.table["sex"].tolist() == [2, 1]
    np.testing.assert_allclose(dosages(cohort)[2], expected, rtol=1e-6)


def test_a_half_call_of_a_woman_and_in_the_pseudo_autosomal_region_is_missing(tmp_path):
    lines = line(100000, "C>T", "GT", "0/1", "1/.", chromosome="X")
    for i in range(3):
        lines += line(5000000 + i, "C>T", "GT", "0/1" if i else "1/.", "0", chromosome="X")
    cohort = read(tmp_path, lines)
    assert cohort.people.table["sex"].tolist() == [2, 1]
    expected = [[1, np.nan], [np.nan, 0], [1, 0], [1, 0]]
    np.testing.assert_array_equal(dosages(cohort), expected)


def test_men_written_with_two_alleles_are_of_unknown_sex(tmp_path):
    lines = "".join(line(5000000 + i, "C>T", "GT", "0/1", "1/1", chromosome="X") for i in range(9))
    cohort = read(tmp_path, lines)
    assert cohort.people.table["sex"].tolist() == [0, 0]
    assert not cohort.source.capabilities.sex


def test_dosages_of_unknown_ploidy_count_double_in_men_where_none_is_above_one(tmp_path):
    sex = pd.Series([2, 1, 1], index=["zoe", "ben", "tom"])
    samples = tuple(sex.index)
    for entries, expected in (
        (("1.9", "0.9", "0.02"), [1.9, 1.8, 0.04]),
        # one man has more than one copy: they are on the scale of two already
        (("1.9", "0.9", "1.95"), [1.9, np.nan, 1.95]),
    ):
        cohort = read(
            tmp_path, line(5000000, "C>T", "DS", *entries, chromosome="X"), samples=samples,
            declared=DS,
        )  # fmt: skip
        assert cohort.people.table["sex"].tolist() == [0, 0, 0]
        cohort = with_sex(cohort, sex, where="a table")
        np.testing.assert_allclose(dosages(cohort)[0], expected, rtol=1e-6)


def test_the_imputation_score_is_taken_where_declared(tmp_path):
    lines = line(1, "A>G", "GT", "0/1", "1/1", info="AF=0.5;R2=0.875;X") + line(
        2, "A>G", "GT", "0/1", "1/1", info="ER2=0.1"
    )
    declared = '##INFO=<ID=R2,Number=1,Type=Float,Description="r">\n'
    table = read(tmp_path, lines, declared=declared).variants.table
    np.testing.assert_array_equal(table["info"], [0.875, np.nan])


def test_alleles_that_are_no_bases_are_set_aside_and_counted(tmp_path):
    lines = line(1, "A>*", "GT", "0/1", "1/1") + line(2, "A>.", "GT", "0/0", "0/0")
    lines += line(3, "A>G,*", "GT", "0/1", "2/1") + line(4, "a>g", "GT", "0/1", "1/1")
    cohort = read(tmp_path, lines)
    funnel = cohort.variants.funnel().set_index("reason")
    assert funnel.loc["symbolic_allele", "removed"] == 3
    np.testing.assert_array_equal(dosages(cohort)[cohort.variants.kept], [[1, 1], [1, 2]])


def test_lines_of_windows_empty_lines_and_alleles_of_two_digits(tmp_path):
    alts = ",".join("ACGT"[i % 4] * (i // 4 + 2) for i in range(12))
    lines = line(1, "A>G", "GT", "0/1", "1|1") + "\n" + line(5, f"C>{alts}", "GT", "0/12", "11|12")
    path = tmp_path / "a.vcf"
    path.write_bytes((HEADER + lines).replace("\n", "\r\n").encode())
    cohort = read_genotypes(vcf=str(path))
    G = dosages(cohort)
    assert len(G) == 13
    np.testing.assert_array_equal(G.sum(axis=0), [2, 4])


def test_split_variants_lose_the_bases_that_their_alleles_share(tmp_path):
    table = read(tmp_path, line(10, "CTT>CT,GTT", "GT", "0/1", "1/2")).variants.table
    rows = table[["base_pair_location", "ref", "alt"]].to_numpy().tolist()
    assert rows == [[10, "C", "G"], [10, "CT", "C"]]


def test_a_line_longer_than_a_piece_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("gwasbone.cohort.sources.vcf_blocks._PIECE_BYTES", 10)
    monkeypatch.setattr("gwasbone.cohort.sources.vcf_blocks._LINES_IN_A_PIECE", 0)
    rng = np.random.default_rng(1)
    G = rng.integers(0, 3, (30, 2))
    texts = np.array(["0/0", "0/1", "1|1"])[G]
    lines = "".join(line(1 + i, "A>G", "GT", *row) for i, row in enumerate(texts))
    for name in ("a.vcf", "a.vcf.gz", "a.vcf.bgz"):
        cohort = read_genotypes(vcf=write(tmp_path / name, HEADER + lines))
        np.testing.assert_array_equal(dosages(cohort), G)


def test_several_files_are_one_cohort(tmp_path):
    write(tmp_path / "b1.vcf", HEADER + LINES.split("\n", 1)[0] + "\n")
    write(tmp_path / "b2.vcf.gz", HEADER + "2\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/0\n")
    cohort = read_genotypes(vcf=str(tmp_path / "b*"))
    assert cohort.variants.table["chromosome"].tolist() == [1, 2]
    np.testing.assert_array_equal(dosages(cohort), [[1, 2], [1, 0]])


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read_genotypes(vcf=str(path), **options)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (line(1, "A>G", "GT", "0/1", "0/2"), "line 7: the genotype names allele 2"),
        (line(1, "A>G", "GT", "0/1", "0/1/1"), "one or two alleles"),
        (line(1, "A>G", "GT", "0/1", "x"), "of sample ben"),
        (line(1, "A>G", "GT", "0/1"), "line 7: expected 2 samples as in the header, got 1"),
        (line(1, "A>G", "GT", "0/1", "0/1", "0/1"), "expected 2 samples as in the header, got 3"),
        (line("x", "A>G", "GT", "0/1", "0/1"), "whole number as position"),
        ("1\t100\n", "nine columns"),
        (line(1, "A>G", "DS", "0.5", "2.5"), "dosage (DS) from 0 to 2"),
        (line(1, "A>G", "DS", "0.5", "a"), "expected numbers"),
        (line(1, "A>G,C", "DS", "0.5", "0.5"), "a dosage (DS) for each ALT, got 1"),
        (line(1, "A>G", "GP", "1,0", "0.2,0.1,0.1"), "add up to 1"),
        (line(1, "A>G", "GP", "1,0,0,0", "1,0,0"), "a probability (GP) for each genotype, got 4"),
        (line(1, "A>G", "GT:DS", "0:1.5", "0/0:1.5"), "of a genotype of one allele"),
        (
            line(1, "A>G", "GT", "0/1", "0/1") + line(1, "A>G", "GT", "0", "0", chromosome="2")
            + line(9, "A>G", "GT", "0/1", "0/1"), "line 9: expected the variants of a chromosome "
            "together",
        ),
        (
            line(1, "A>G", "GT", "0/1", "0/1") + line(1, "A>G", "GT", "0", "0", chromosome="chr2"),
            "line 8: expected names of chromosomes of one kind, got chr2 after 1",
        ),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named(tmp_path, lines, says):
    path = tmp_path / "a.vcf"
    # six lines of header
    write(path, HEADER.replace("#CHROM", f"{DS}{GP}#CHROM") + lines)
    assert says in refusal(path)


def test_a_sample_that_is_named_twice(tmp_path):
    path = tmp_path / "a.vcf"
    write(path, HEADER.replace("\tben", "\tzoe") + LINES)
    assert "found zoe again" in refusal(path)


def test_a_checksum_that_does_not_agree(tmp_path):
    path = tmp_path / "a.vcf.bgz"
    write(path, HEADER + "".join(line(i, "A>G", "GT", "0/1", "0/0") for i in range(1, 4000)))
    data = bytearray(path.read_bytes())
    # the checksum of the last block before the one that ends the file
    data[-28 - 8] ^= 1
    path.write_bytes(data)
    assert "damaged in the block at byte" in refusal(path)


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.vcf"
    write(path, HEADER + LINES)
    from gwasbone.cohort.sources import vcf_blocks

    finish = vcf_blocks._Writer.finish

    def changed(self, fasta):
        path.write_text(HEADER + LINES + LINES.split("\n")[-2] + "\n")
        finish(self, fasta)

    monkeypatch.setattr(vcf_blocks._Writer, "finish", changed)
    assert "changed while it was read" in refusal(path)


def test_other_people_in_one_file(tmp_path):
    write(tmp_path / "b1.vcf", HEADER + LINES)
    path = tmp_path / "b2.vcf"
    write(path, HEADER.replace("\tben", "\tbob") + LINES)
    with pytest.raises(InputError, match="expected the 2 samples of"):
        read_genotypes(vcf=str(tmp_path / "b*.vcf"))


def test_plain_gzip_named_bgz(tmp_path):
    path = tmp_path / "a.vcf.bgz"
    path.write_bytes(gzip.compress((HEADER + LINES).encode()))
    assert "expected block gzip" in refusal(path)


def test_text_cut_mid_line(tmp_path):
    path = tmp_path / "a.vcf"
    write(path, (HEADER + LINES)[:-30])
    assert "cut short" in refusal(path)


def test_cut_bgzip(tmp_path):
    path = tmp_path / "a.vcf.bgz"
    write(path, HEADER + LINES)
    path.write_bytes(path.read_bytes()[:-40])
    assert "cut short" in refusal(path)


def test_cut_gzip(tmp_path):
    path = tmp_path / "a.vcf.gz"
    rows = "".join(f"1\t{i}\t.\tA\tG\t.\t.\t.\tGT\t0/1\t1/1\n" for i in range(1, 20000))
    write(path, HEADER + rows)
    path.write_bytes(path.read_bytes()[:-2000])
    assert "cut short" in refusal(path)


def test_a_short_line_inside(tmp_path):
    path = tmp_path / "a.vcf"
    write(
        path, HEADER + "1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1\n1\t200\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/0\n"
    )
    assert "expected 2 samples as in the header, got 1" in refusal(path)


def test_a_line_cut_in_gzip_that_is_whole(tmp_path):
    path = tmp_path / "a.vcf.gz"
    write(path, HEADER + "1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/1\n1\t200\t.\tA\tG\t.\t")
    assert "cut short" in refusal(path)


def test_no_header_and_no_build(tmp_path):
    path = tmp_path / "a.vcf"
    write(path, LINES)
    assert "#CHROM" in refusal(path)
    write(path, HEADER.replace("##contig=<ID=1,length=249250621>\n", "") + LINES)
    assert "give --build" in refusal(path)


def test_the_build_that_the_header_contradicts(tmp_path):
    path = tmp_path / "a.vcf"
    write(path, HEADER + LINES)
    assert "those of GRCh37" in refusal(path, build="GRCh38")
    assert read_header(path).contig_lengths == {"1": 249250621}


@pytest.mark.parametrize(
    ("position", "ref", "alt", "expected"),
    [
        (6, "CAC", "C", (3, "GCA", "G")),  # one copy of a repeat deleted
        (8, "C", "CAC", (3, "G", "GCA")),  # one copy inserted
        (4, "CA", "CG", (5, "A", "G")),  # a substitution written with its neighbour
        (5, "A", "T", (5, "A", "T")),
    ],
)
def test_left_alignment_by_hand(position, ref, alt, expected):
    reference = "GGGCACAC"
    assert reference[position - 1 :].startswith(ref)
    assert left_align(position, ref, alt, reference[: position - 1]) == expected


def test_left_alignment_keeps_the_haplotype():
    rng = np.random.default_rng(3)
    for _ in range(200):
        sequence = "".join(rng.choice(list("AC"), 30))
        start, length = int(rng.integers(2, 20)), int(rng.integers(1, 6))
        ref = sequence[start : start + length]
        alt = "".join(rng.choice(list("AC"), int(rng.integers(1, 6))))
        if ref == alt:
            continue
        position, new_ref, new_alt = left_align(start + 1, ref, alt, sequence[:start])
        before, after = sequence[: position - 1], sequence[position - 1 + len(new_ref) :]
        assert before + new_ref + after == sequence
        assert before + new_alt + after == sequence[:start] + alt + sequence[start + length :]
        assert position <= start + 1 + min(len(ref), len(alt))


def test_indels_of_a_vcf_are_left_aligned(tmp_path):
    sequence = "GGGCACAC" + "T" * 52
    (tmp_path / "r.fa").write_text(f">1\n{sequence}\n")
    (tmp_path / "r.fa.fai").write_text(
        f"1\t{len(sequence)}\t3\t{len(sequence)}\t{len(sequence) + 1}\n"
    )
    line = "1\t6\t.\tCAC\tC\t.\t.\t.\tGT\t0/1\t1/1\n"
    cohort = read_genotypes(
        vcf=write(tmp_path / "a.vcf", HEADER + line), reference_fasta=tmp_path / "r.fa"
    )
    row = cohort.variants.table.iloc[0]
    assert (row["base_pair_location"], row["ref"], row["alt"]) == (3, "GCA", "G")
    np.testing.assert_array_equal(dosages(cohort), [[1, 2]])

"""VCFs are read once, split and put on one coding; damaged ones are refused in one line."""

import gzip

import numpy as np
import pytest

from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.sources.left_align import left_align
from gwasbone.cohort.sources.vcf import read_header
from gwasbone.errors import InputError
from gwasbone.simulate.files import BgzfWriter

pytestmark = pytest.mark.hail

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
def test_genotypes_of_every_compression(tmp_path, hail_session, name):
    cohort = read_genotypes(vcf=write(tmp_path / name, HEADER + LINES))
    assert cohort.build == "GRCh37"  # from the contig length
    assert cohort.people.table["sex"].tolist() == [2, 1]  # ben is haploid on X
    table = cohort.variants.table
    assert table["base_pair_location"].tolist() == [100, 200, 200, 300, 400, 5000000, 5000001]
    assert table["source_id"].tolist()[:2] == [".", "rs2"]
    assert cohort.variants.funnel()["reason"].tolist() == ["all", "symbolic_allele"]
    mt = cohort.mt
    dosage = np.array(mt.localize_entries("e", "c").e.dosage.collect(), dtype=float)
    # the multiallelic site becomes A>C and A>T; a half-call on an autosome is missing;
    # on X the man has 0 or 2
    expected = [[1, 2], [1, 0], [1, 1], [np.nan, np.nan], [1, 2], [2, 0]]
    np.testing.assert_array_equal(dosage, expected)


def test_dosages_are_used_where_declared(tmp_path, hail_session):
    header = HEADER.replace(
        "#CHROM", '##FORMAT=<ID=DS,Number=A,Type=Float,Description="d">\n#CHROM'
    )
    line = "1\t100\t.\tA\tG\t.\t.\t.\tGT:DS\t0/1:0.75\t1/1:1.9\n"
    cohort = read_genotypes(vcf=write(tmp_path / "a.vcf", header + line))
    dosage = cohort.mt.localize_entries("e", "c").e.dosage.collect()[0]
    np.testing.assert_allclose(dosage, [0.75, 1.9], rtol=1e-6)


def test_several_files_are_one_cohort(tmp_path, hail_session):
    write(tmp_path / "b1.vcf", HEADER + LINES.split("\n", 1)[0] + "\n")
    write(tmp_path / "b2.vcf.gz", HEADER + "2\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/0\n")
    cohort = read_genotypes(vcf=str(tmp_path / "b*"))
    assert cohort.variants.table["chromosome"].tolist() == [1, 2]


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read_genotypes(vcf=str(path), **options)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


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


def test_cut_gzip(tmp_path, hail_session):
    path = tmp_path / "a.vcf.gz"
    rows = "".join(f"1\t{i}\t.\tA\tG\t.\t.\t.\tGT\t0/1\t1/1\n" for i in range(1, 20000))
    write(path, HEADER + rows)
    path.write_bytes(path.read_bytes()[:-2000])
    assert "cut short" in refusal(path)


def test_a_short_line_inside(tmp_path, hail_session):
    path = tmp_path / "a.vcf"
    write(
        path, HEADER + "1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1\n1\t200\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/0\n"
    )
    assert "malformed" in refusal(path)


def test_a_line_cut_in_gzip_that_is_whole(tmp_path, hail_session):
    path = tmp_path / "a.vcf.gz"
    write(path, HEADER + "1\t100\t.\tA\tG\t.\t.\t.\tGT\t0/1\t0/1\n1\t200\t.\tA\tG\t.\t")
    assert "malformed" in refusal(path)


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


def test_indels_of_a_vcf_are_left_aligned(tmp_path, hail_session):
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
    dosage = cohort.mt.localize_entries("e", "c").e.dosage.collect()
    assert dosage == [[1.0, 2.0]]

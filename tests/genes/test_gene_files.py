"""Gene files of every kind that users have, and refusals of those that are not."""

import gzip
import logging

import pytest

from gwasbone.errors import InputError, UsageError
from gwasbone.genes.files import read_genes

GTF = """#!genome-build GRCh37.p13
1\thavana\tgene\t1000\t2000\t.\t-\t.\tgene_id "E1"; gene_name "ONE"; gene_biotype "protein_coding";
1\thavana\ttranscript\t1000\t2000\t.\t-\t.\tgene_id "E1"; transcript_id "T1"; gene_name "ONE";
1\thavana\texon\t1900\t2000\t.\t-\t.\tgene_id "E1"; transcript_id "T1"; gene_name "ONE";
1\thavana\texon\t1000\t1100\t.\t-\t.\tgene_id "E1"; transcript_id "T1"; exon_number "2";
1\thavana\texon\t1900\t2000\t.\t-\t.\tgene_id "E1"; transcript_id "T2"; exon_number "1";
1\thavana\tCDS\t1950\t2000\t.\t-\t0\tgene_id "E1"; transcript_id "T1";
chrX\thavana\tgene\t50\t90\t.\t+\t.\tgene_id "E2"; gene_type "lncRNA";
###
GL000191.1\thavana\tgene\t5\t9\t.\t+\t.\tgene_id "E3"; gene_biotype "protein_coding";
"""


def write(tmp_path, text, name="genes.txt", packed=False):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return path


def rows(genes):
    columns = ["chromosome", "start_bp", "end_bp", "strand", "name"]
    return [tuple(row) for row in genes.table[columns].to_numpy().tolist()]


@pytest.mark.parametrize("packed", [False, True])
def test_gtf(tmp_path, packed, caplog):
    path = write(tmp_path, GTF, packed=packed)
    with caplog.at_level(logging.INFO, logger="gwasbone"):
        genes = read_genes(path)
    assert genes.build == "GRCh37"
    assert rows(genes) == [(1, 1000, 2000, "-", "ONE")]
    assert genes.exons.to_numpy().tolist() == [[0, 1000, 1100], [0, 1900, 2000]]
    assert "1 genes on other sequences left out" in caplog.text
    assert "1 genes that are not protein-coding left out" in caplog.text
    everything = read_genes(path, coding_only=False)
    # a gene without a name has its ID
    assert rows(everything)[1] == (23, 50, 90, "+", "E2")
    assert everything.within(23, 90, 100).table["name"].tolist() == ["E2"]


def test_gtf_without_gene_lines_is_made_of_its_exons(tmp_path):
    lines = [line for line in GTF.splitlines() if "\tgene\t" not in line]
    genes = read_genes(write(tmp_path, "\n".join(lines)))
    assert rows(genes) == [(1, 1000, 2000, "-", "ONE")]
    assert len(genes.exons) == 2


def test_exons_follow_their_genes_when_genes_are_sorted_and_chosen(tmp_path):
    text = "".join(
        f'chr{c}\tx\t{kind}\t{at}\t{at + 9}\t.\t+\t.\tgene_id "{c}"; gene_type "{biotype}";\n'
        for c, biotype in ((3, "protein_coding"), (2, "lncRNA"), (1, "protein_coding"))
        for kind, at in (("gene", 100 * c), ("exon", 100 * c))
    )
    genes = read_genes(write(tmp_path, text), build="hg38")
    assert genes.table["name"].tolist() == ["1", "3"]
    assert genes.exons.to_numpy().tolist() == [[0, 100, 109], [1, 300, 309]]


def gtf_line(kind, start, end, attributes, chromosome="chr1", strand="+"):
    return f"{chromosome}\tx\t{kind}\t{start}\t{end}\t.\t{strand}\t.\t{attributes}\n"


def test_a_gene_id_at_several_loci_is_as_many_genes_of_one_name(tmp_path):
    """UCSC's refGene: copies of a gene, on both strands, have one gene_id."""
    a = 'gene_id "A"; transcript_id "{}"; gene_name "ALPHA";'
    text = (
        gtf_line("exon", 100, 200, a.format("T1"))
        + gtf_line("exon", 900, 950, a.format("T1"))
        # overlaps with T1, so is of the same gene
        + gtf_line("exon", 920, 1500, a.format("T2"))
        + gtf_line("exon", 100, 200, a.format("T3"), strand="-")
        # a copy under the same transcript, further away than any intron reaches
        + gtf_line("exon", 5_000_100, 5_000_200, a.format("T1"))
        # another transcript that does not overlap
        + gtf_line("exon", 40_000, 41_000, a.format("T4"))
        + gtf_line("exon", 100, 200, a.format("T1"), chromosome="chrX")
    )
    genes = read_genes(write(tmp_path, text), build="GRCh37")
    assert rows(genes) == [
        (1, 100, 200, "-", "ALPHA"), (1, 100, 1500, "+", "ALPHA"),
        (1, 40_000, 41_000, "+", "ALPHA"), (1, 5_000_100, 5_000_200, "+", "ALPHA"),
        (23, 100, 200, "+", "ALPHA"),
    ]  # fmt: skip
    of_second = genes.exons[genes.exons["gene"] == 1]
    assert of_second["start_bp"].tolist() == [100, 900, 920]


def test_gene_lines_of_one_id_keep_their_own_exons(tmp_path):
    a = 'gene_id "A"; gene_name "ALPHA"; gene_type "protein_coding";'
    text = "".join(
        gtf_line(kind, start, start + 90, a)
        for kind in ("exon", "gene")
        for start in (1000, 300_000)
    )
    genes = read_genes(write(tmp_path, text), build="GRCh37")
    assert rows(genes) == [(1, 1000, 1090, "+", "ALPHA"), (1, 300_000, 300_090, "+", "ALPHA")]
    assert genes.exons.to_numpy().tolist() == [[0, 1000, 1090], [1, 300_000, 300_090]]
    assert genes.table["biotype"].tolist() == ["protein_coding"] * 2


@pytest.mark.parametrize(
    "attributes",
    [
        'gene_id "E1"; note "a gene_name of unknown function; gene_id X"; gene_name "CYCD1;1";',
        'gene_id  "E1";  gene_name  "CYCD1;1"',
        'gene_name "CYCD1;1"; gene_id "E1"',
        "gene_id E1; level 2; gene_name 'CYCD1;1' ;",
        '  gene_id "E1" ; gene_name "CYCD1;1" ; tag "5\' end"; ',
    ],
)
def test_attributes_of_a_gtf_are_told_apart_by_their_quotes(tmp_path, attributes):
    text = gtf_line("exon", 5, 9, attributes) + gtf_line("exon", 5, 9, 'gene_id "E2"')
    genes = read_genes(write(tmp_path, text), build="GRCh37")
    assert genes.table["name"].tolist() == ["CYCD1;1", "E2"]


def test_what_looks_like_a_key_within_quotes_is_none(tmp_path):
    attributes = 'note "old; gene_id WRONG; gene_name NOT; x"; gene_id "E1"; gene_name "A";'
    genes = read_genes(write(tmp_path, gtf_line("gene", 5, 9, attributes)), build="GRCh37")
    assert genes.table["name"].tolist() == ["A"]


def test_a_gtf_of_gene_lines_alone_has_no_exons(tmp_path):
    text = gtf_line("gene", 5, 9, 'gene_id "E1"; gene_type "protein_coding"; gene_name "A";')
    genes = read_genes(write(tmp_path, text), build="GRCh37")
    assert rows(genes) == [(1, 5, 9, "+", "A")]
    assert len(genes.exons) == 0
    assert genes.within(1, 1, 100).table["name"].tolist() == ["A"]


def test_a_gene_without_symbol_has_its_id_and_an_unknown_biotype_is_not_left_out(tmp_path):
    text = (
        "ensembl_gene_id,hgnc_symbol,chr,start,end,gene_biotype\n"
        "E1,,1,10,20,protein_coding\nE2,NA,1,30,40,\nE3,C,1,50,60,lncRNA\nE4,D,1,70,80,NA\n"
    )
    genes = read_genes(write(tmp_path, text), build="GRCh37")
    assert genes.table["name"].tolist() == ["E1", "E2", "D"]
    assert genes.table["biotype"].tolist() == ["protein_coding", "", ""]
    # without IDs the locus is the name
    text = "gene\tchr\tstart\tend\n\t7\t10\t20\n"
    assert read_genes(write(tmp_path, text), build="GRCh37").table["name"].tolist() == ["7:10"]


def test_ncbi_gene_loc(tmp_path):
    text = "7\t1\t10\t20\t+\tA\n8\tX\t5\t7\t-\tB\n9\t1\t3\t4\t-\tC\n"
    genes = read_genes(write(tmp_path, text), build="hg19")
    assert genes.build == "GRCh37"
    assert rows(genes) == [(1, 3, 4, "-", "C"), (1, 10, 20, "+", "A"), (23, 5, 7, "-", "B")]


@pytest.mark.parametrize(
    "text",
    [
        "gene\tchromosome\tstart\tend\tstrand\nA\tchr23\t10\t20\t-\n",
        "GENE_CHROMOSOME,GENE_START,GENE_END,GENE_NAME,Strand\nX,10,20,A,-1\n",
        "# made by hand\nchr\tstart_bp\tend_bp\tgene_id\tsymbol\tstrand\nx\t10\t20\tE\tA\t-\n",
        "#chrom\tstart\tend\tname\tstrand\tgene_type\nNC_000023.11\t10\t20\tA\t-\tprotein-coding\n",
        # BioMart's own header, with a row for each transcript
        "Gene stable ID\tChromosome/scaffold name\tGene start (bp)\tGene end (bp)\tStrand\t"
        "Gene name\tGene type\n" + "E1\tX\t10\t20\t-1\tA\tprotein_coding\n" * 2,
        "gene,chr,start,end,strand\nA,23.0,10.0,20.0,-1\n",
        '"chr"\t"start"\t"end"\t"gene"\t"strand"\n"1"\t"X"\t10\t20\t"A"\t"-"\n',
    ],
)
def test_tables_are_known_by_their_columns(tmp_path, text):
    assert rows(read_genes(write(tmp_path, text), build="GRCh38")) == [(23, 10, 20, "-", "A")]


def test_thousands_in_quotes(tmp_path):
    text = 'gene,chr,start,end\nA,1,"1,000","2,000"\nB,1,5000,1.5e+06\n'
    genes = read_genes(write(tmp_path, text), build="GRCh38")
    assert rows(genes) == [(1, 1000, 2000, "", "A"), (1, 5000, 1_500_000, "", "B")]


def test_a_table_without_strands(tmp_path):
    genes = read_genes(write(tmp_path, "chr\tstart\tend\tgene\n1\t5\t6\tA\n"), build="GRCh37")
    assert rows(genes) == [(1, 5, 6, "", "A")]


SOST = "chr\tstart\tend\tstrand\tgene\n17\t{}\t{}\t-\tSOST\n11\t{}\t{}\t+\tLRP5\n"
ON_37 = SOST.format(41831099, 41836156, 68080108, 68216743)
ON_38 = SOST.format(43753738, 43758791, 68312591, 68449275)


def test_the_build_is_seen_by_known_genes_and_a_contradiction_refused(tmp_path):
    assert read_genes(write(tmp_path, ON_37)).build == "GRCh37"
    assert read_genes(write(tmp_path, ON_38)).build == "GRCh38"
    with pytest.raises(InputError, match=r"expected genes on GRCh38.*on GRCh37"):
        read_genes(write(tmp_path, ON_37), build="hg38")
    with pytest.raises(InputError, match="header says GRCh37"):
        read_genes(write(tmp_path, GTF), build="GRCh38")
    with pytest.raises(UsageError, match="--genes-build"):
        read_genes(write(tmp_path, "chr\tstart\tend\tgene\n1\t5\t6\tA\n"))
    with pytest.raises(UsageError, match="hg18"):
        read_genes(write(tmp_path, ON_37), build="hg18")
    # a chromosome that is longer on GRCh37 only
    long = "chr\tstart\tend\tgene\n1\t249000000\t249200000\tA\n"
    with pytest.raises(InputError, match="beyond"):
        read_genes(write(tmp_path, long), build="GRCh38")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a GTF file"),
        ("SNP\tP\nrs1\t0.1\n", "header names"),
        ("chr\tstart\tend\tgene\n1\t20\t10\tA\n", "line 2: name 'A'.* start_bp '20', end_bp '10'"),
        ("chr\tstart\tend\tgene\n1\t0\t10\tA\n", "1 <= start"),
        ("chr\tstart\tend\tgene\n1\tx\t10\tA\n", "start_bp 'x'"),
        ("chr\tstart\tend\tgene\n1\t5.5\t10\tA\n", "whole positions"),
        ("chr\tstart\tend\tgene\n1\t5\t10\n", "line 2: expected 4 columns, got 3"),
        ("chr\tstart\tend\tgene\n1\t5\t1e12\tA\n", "end_bp '1e12'"),
        ('chr,start,end,gene\n1,5,9,A\n1,5,9,"B\n1,5,9,C\n', "line 3: expected quotes in pairs"),
        ('1\tx\tgene\t9\t5\t.\t+\t.\tgene_id "A";\n', "gene_id A: 9 to 5"),
        ("chr\tstart\tend\tgene\nHSCHR6\t1\t10\tA\n", "none of its 1 genes"),
        ("1\tx\tgene\t5\t9\t.\t+\t.\tID=gene:1;Name=A\n", "GFF3"),
        ("1\tx\tCDS\t5\t9\t.\t+\t.\tgene_id \"1\";\n", "GTF lines of genes"),
    ],
)  # fmt: skip
def test_what_is_no_gene_file_is_refused(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read_genes(write(tmp_path, text), build="GRCh37")


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no_such.*no such file"):
        read_genes(tmp_path / "no_such.gtf")
    whole = gzip.compress(GTF.encode())
    (tmp_path / "cut.gtf.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut"):
        read_genes(tmp_path / "cut.gtf.gz")

"""Tables written through Arrow read back as what pandas writes."""

import bz2
import functools
import gzip
import io
import lzma
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import zstandard

from gwasbone.comparison import read_loci
from gwasbone.errors import InputError, UsageError
from gwasbone.genes.files import read_genes
from gwasbone.genes.genetic_map import read_genetic_map
from gwasbone.phenotypes.id_lists import read_participant_list
from gwasbone.phenotypes.table import read_people_table
from gwasbone.sumstats.ld_score_files import read_ld_scores
from gwasbone.sumstats.leads import read_leads
from gwasbone.sumstats.scans import Positions
from gwasbone.table_limit import table_limit
from gwasbone.tables import cell_text, labelled, read_cells, write_lines, write_pieces, write_table
from gwasbone.text_files import open_unpacked, survey_text, within_limit


def mixed_table(n=2_000):
    rng = np.random.default_rng(71)
    numbers = rng.normal(size=n) * 10.0 ** rng.integers(-12, 12, n)
    numbers[:6] = [0, np.nan, -1, 0.1, 1234567.89, 1e8]
    words = np.array(['a "quoted" one', "with\ttab", "", None, "NA", "x"], dtype=object)
    table = pd.DataFrame(
        {
            "number": numbers,
            "whole": rng.integers(-5, 10**9, n),
            "small": rng.integers(0, 2, n).astype("int8"),
            "flag": rng.random(n) < 0.5,
            "word": words[np.arange(n) % 6],
            "kind": pd.Categorical(np.array(["A", "CGT"])[np.arange(n) % 2]),
            "sundry": np.array([1, "b", None], dtype=object)[np.arange(n) % 3],
        }
    )
    return table.rename_axis("id")


def pandas_text(table, path):
    table.to_csv(path, sep="\t", na_rep="NA", float_format="%.8g")


def test_what_is_written_reads_back_as_what_pandas_writes(tmp_path):
    table = mixed_table()
    pieces = (table.iloc[top : top + 700] for top in range(0, len(table), 700))
    write_pieces(pieces, tmp_path / "ours.tsv.gz")
    pandas_text(table, tmp_path / "theirs.tsv.gz")
    ours, theirs = (pd.read_csv(tmp_path / f"{x}.tsv.gz", sep="\t") for x in ("ours", "theirs"))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-13, atol=0)


def test_equal_tables_are_equal_files_and_none_but_a_header_is_fine(tmp_path):
    for name in ("a", "b"):
        write_table(mixed_table(10), tmp_path / f"{name}.gz")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    write_table(mixed_table().iloc[:0], tmp_path / "empty.gz")
    header = "id\tnumber\twhole\tsmall\tflag\tword\tkind\tsundry\n"
    assert gzip.decompress((tmp_path / "empty.gz").read_bytes()).decode() == header


def test_the_name_says_gzip_and_the_index_may_stay_out(tmp_path):
    table = mixed_table(10)
    write_table(table, tmp_path / "a.gz")
    write_table(table, tmp_path / "a.tsv")
    text = (tmp_path / "a.tsv").read_text()
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode() == text
    write_table(table, tmp_path / "b.tsv", index=False)
    assert (tmp_path / "b.tsv").read_text() == "".join(
        line.partition("\t")[2] for line in text.splitlines(keepends=True)
    )


def test_eight_digits():
    text = cell_text(pd.Series([1 / 3, 2e5 / 3, np.inf, 123456789.0, 1.5, -2e-9 / 3]))
    assert text.to_pylist() == [
        "0.33333333",
        "66666.667",
        "inf",
        "123456790",
        "1.5",
        "-6.6666667e-10",
    ]


def test_lines(tmp_path):
    write_lines([pa.array(["a", "b"]), pa.array([], pa.string()), pa.array(["c"])], tmp_path / "l")
    assert (tmp_path / "l").read_text() == "a\nb\nc\n"


def test_chromosomes_by_name():
    named = labelled(pd.DataFrame({"chromosome": [1, 23], "p": [0.1, 0.2]}))
    assert named["chromosome"].tolist() == ["1", "X"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a\tb\n1\t"x\n2\ty\n', "left open in line 2"),
        ("a\tb\n1\n", r"2 fields between tabs in every row of .*, line 2 has 1"),
        ("a\tb\n\n1\t2\t3\n", "line 3 has 3"),
        ("", "is empty"),
    ],
)
def test_small_tables_that_would_be_misread_are_refused(tmp_path, text, words):
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_cells(tmp_path / "t.tsv")


def test_small_tables_are_read_as_text_in_any_encoding(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "t.tsv").write_bytes("file\tside # note\n01\tNA\n".encode(encoding))
        table = read_cells(tmp_path / "t.tsv", comment="#")
        assert table.values.tolist() == [["01", "NA"]]


def test_what_is_kept_in_memory_of_a_compressed_file_has_a_limit(tmp_path):
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"a" * 5_000))
    pieces = [b"a" * 1_000] * 5
    with table_limit(5e-6):
        assert b"".join(within_limit(pieces, tmp_path / "t.gz")) == b"a" * 5_000
    (tmp_path / "t.txt").write_bytes(b"a" * 5_000)
    with table_limit(4e-6):
        with pytest.raises(InputError, match=r"at most 4e-06 GB .*: .* raise --max-table-gb"):
            list(within_limit(pieces, tmp_path / "t.gz"))
        assert len(list(within_limit(pieces, tmp_path / "t.txt"))) == 5
    assert len(list(within_limit(pieces, tmp_path / "t.gz"))) == 5


def test_the_limit_is_above_0(tmp_path):
    with pytest.raises(UsageError, match=r"max_table_gb = 0 \(expected above 0"), table_limit(0):
        pass


_GTF = "".join(
    f'1\th\t{kind}\t100\t200\t.\t+\t.\tgene_id "{gene}";\n'
    for gene in range(100) for kind in ("gene", "exon", "CDS")
)  # fmt: skip
_GENES = "chromosome\tstart\tend\tgene\n" + "1\t100\t200\tAAAAAAAAAAAA\n" * 300
_LOC = "1\t1\t100\t200\t+\tAAAAAAAA\n" * 300
#: Every reader of a table that is kept whole: what it reads, and a file's text.
_READERS = {
    "participants": (read_people_table, "IID\tx\n" + "".join(f"S{i}\t1\n" for i in range(300))),
    "GTF": (functools.partial(read_genes, build="GRCh37"), _GTF),
    "genes": (functools.partial(read_genes, build="GRCh37"), _GENES),
    ".gene.loc": (functools.partial(read_genes, build="GRCh37"), _LOC),
    "map": (read_genetic_map, "chr\tpos\trate\n" + "1\t100\t0.1\n" * 300),
    "loci": (read_loci, "chr\tpos\n" + "1\t100\n" * 300),
    "leads": (read_leads, "chr\tpos\n" + "1\t100\n" * 300),
    "positions": (Positions.read, "SNP\tCHR\tBP\n" + "".join(f"rs{i}\t1\t9\n" for i in range(300))),
    "LD scores": (
        lambda path: read_ld_scores(path.parent), "CHR\tBP\tL2\n" + "1\t100\t2.5\n" * 300
    ),
    "cells": (read_cells, "a\tb\n" + "1\t2\n" * 300),
    "IDs": (read_participant_list, "".join(f"S{i}\n" for i in range(300))),
}  # fmt: skip


@pytest.mark.parametrize("reader", _READERS)
def test_one_limit_holds_for_every_table_that_is_read_whole(tmp_path, reader):
    read, text = _READERS[reader]
    name = "1.l2.ldscore.gz" if reader == "LD scores" else "t.txt.gz"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    (tmp_path / "1.l2.M_5_50").write_text("300\n")
    with table_limit(0.9e-6), pytest.raises(InputError, match=rf"table .*{name}.*--max-table-gb"):
        read(tmp_path / name)
    with table_limit(1e-3):
        assert read(tmp_path / name) is not None


@pytest.mark.parametrize("packed", ["gz", "zst", "bz2", "xz", "zip", "none"])
def test_one_place_knows_how_files_are_compressed(tmp_path, packed):
    text = b"chr\tpos\n1\t100\n2\t100\n3\t100\n"
    pack = {"gz": gzip.compress, "zst": zstandard.compress, "bz2": bz2.compress,
            "xz": lzma.compress, "zip": _zipped, "none": bytes}[packed]  # fmt: skip
    path = tmp_path / "t"  # the name says nothing
    path.write_bytes(pack(text))
    assert survey_text(path).compression == {
        "gz": "gzip", "zst": "zstd", "bz2": "bzip2", "none": None
    }.get(packed, packed)  # fmt: skip
    assert len(read_loci(path)) == len(read_leads(path)) == len(read_cells(path)) == 3
    stream, raw = open_unpacked(path)
    with stream:
        assert stream.read() == text
    assert raw.closed


def _zipped(text):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("t.tsv", text)
    return archive.getvalue()

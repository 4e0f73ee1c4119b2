"""Tables written through Arrow read back as what pandas writes."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gwasbone.errors import InputError
from gwasbone.tables import cell_text, labelled, read_cells, write_lines, write_pieces, write_table
from gwasbone.text_files import within_limit


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
    assert b"".join(within_limit(pieces, tmp_path / "t.gz", 5e-6)) == b"a" * 5_000
    with pytest.raises(InputError, match=r"at most 4e-06 GB .*: if that is right, unpack it"):
        list(within_limit(pieces, tmp_path / "t.gz", 4e-6))
    (tmp_path / "t.txt").write_bytes(b"a" * 5_000)
    assert len(list(within_limit(pieces, tmp_path / "t.txt", 4e-6))) == 5

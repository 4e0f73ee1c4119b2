"""One place that turns the failure of a reader into an error that names the file and the reason."""

import gzip
import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from isal import igzip

from gwasbone.errors import (
    MAX_MESSAGE,
    GwasboneError,
    GwasboneWarning,
    InputError,
    OptionError,
    UsageError,
    failure_reason,
    listed,
    reading,
    reads,
)


def of(function):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        function()
    return caught.value


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda: zlib.decompress(b"x"), "Error -5 while decompressing data"),
        (lambda: gzip.decompress(b"xxxx"), "Not a gzipped file"),
        (lambda: igzip.decompress(gzip.compress(b"abc")[:-6]), "it ends too early"),
        (lambda: zipfile.ZipFile(io.BytesIO(b"x")), "File is not a zip file"),
        (lambda: np.load(io.BytesIO(b"")), "it ends too early"),
        (lambda: json.loads('{"a": 1,\n}'), "line 2 column 1"),
        (lambda: pd.read_csv(io.StringIO("")), "it is empty"),
        (lambda: pd.read_csv(io.StringIO("a,b\n1,2\n1,2,3\n")), "3 columns instead of 2 in line 3"),
        (lambda: {}["row"], "KeyError 'row'"),
        (lambda: [][3], "IndexError list index out of range"),
        (lambda: b"\xff".decode(), "bytes that are not UTF-8 text (byte 1: invalid start byte)"),
        (lambda: np.empty(1 << 58), "it asks for more memory than there is"),
        (lambda: pa.array([1]).cast(pa.map_(pa.int8(), pa.int8())), "Unsupported cast"),
        (lambda: Path("/root/nowhere/x").read_text(), "No such file or directory"),
        (lambda: (_ for _ in ()).throw(ValueError()), "ValueError"),
        (lambda: (_ for _ in ()).throw(ValueError("a\0b\nnext")), "a?b"),
    ],
)
def test_a_reason_is_one_line_in_words(function, says):
    reason = failure_reason(of(function))
    assert says in reason
    assert "\n" not in reason


def test_a_long_reason_is_cut():
    assert len(failure_reason(ValueError("x" * 10_000))) <= 201


def test_a_failure_names_the_file_and_an_error_on_purpose_stays_as_it_is(tmp_path):
    table = lambda: reading("a.tsv", "a table")  # noqa: E731
    with pytest.raises(InputError) as caught, table():
        raise ValueError("bad")
    assert str(caught.value) == "a.tsv: expected a table, but it cannot be read: bad"
    with pytest.raises(InputError) as caught, table():
        raise FileNotFoundError(2, "gone")
    assert str(caught.value) == "a.tsv: no such file; expected a table"
    with pytest.raises(InputError) as caught, reading(tmp_path, "a finished folder"):
        (tmp_path / "training.json").read_text()
    assert str(caught.value) == f"{tmp_path}: expected a finished folder, it has no training.json"
    with pytest.raises(UsageError, match=r"^mine$"), table():
        raise UsageError("mine")
    with pytest.raises(KeyboardInterrupt), table():
        raise KeyboardInterrupt


def test_a_reader_is_run_within_the_file_that_it_is_given():
    @reads("a number")
    def number(base, path):
        """Doc."""
        return int(path, base)

    assert number(10, "12") == number(10, path="12") == 12
    assert number.__doc__ == "Doc."
    with pytest.raises(InputError, match=r"^zz: expected a number, but it cannot be read: inv"):
        number(10, path="zz")


@pytest.mark.parametrize("kind", [GwasboneError, InputError, GwasboneWarning])
def test_a_message_of_many_names_is_cut_in_its_middle_and_says_so(kind):
    names = ", ".join(f"trait_{i}" for i in range(15_000))
    text = str(kind(f"expected columns {names} in t.tsv: add them"))
    assert len(text) < MAX_MESSAGE
    assert text.startswith("expected columns trait_0, trait_1,")
    assert text.endswith("trait_14999 in t.tsv: add them")
    assert "characters more" in text
    assert str(kind("short")) == "short"


def test_options_with_many_faults_fit_on_a_screen():
    assert len(str(OptionError([f"fault {i}" for i in range(9_000)]))) < MAX_MESSAGE


def test_lists_show_the_first_and_count_the_others():
    assert listed(range(15_000), 3) == "0, 1, 2 and 14,997 more"
    assert listed(["a; b", "c"], separator="; ") == "a; b; c"

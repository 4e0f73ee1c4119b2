"""Ranges of bytes are the same wherever the file lies, and neighbours are fetched together."""

import pickle
import sys

import fsspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwasbone import ranges
from gwasbone.errors import InputError
from gwasbone.ranges import RangeReader

CONTENT = np.random.default_rng(3).integers(0, 256, 5000, dtype=np.uint8)


@pytest.fixture(scope="module", params=["local", "memory"])
def path(request, tmp_path_factory):
    if request.param == "local":
        path = tmp_path_factory.mktemp("ranges") / "file"
        path.write_bytes(CONTENT.tobytes())
        return path
    fsspec.filesystem("memory").pipe_file("/ranges/file", CONTENT.tobytes())
    return "memory://ranges/file"


def test_ranges_are_those_of_the_file(path):
    reader = RangeReader(path)
    assert reader.size == 5000
    np.testing.assert_array_equal(reader.read(17, 300), CONTENT[17:300])
    assert len(reader.read(5000, 5000)) == 0
    starts, stops = [4000, 0, 10, 10], [4100, 7, 30, 10]
    for got, a, b in zip(reader.read_many(starts, stops), starts, stops, strict=True):
        np.testing.assert_array_equal(got, CONTENT[a:b])
    assert reader.read_many([], []) == []


@pytest.mark.parametrize("rows", [[3, 4, 5], [9], [5, 2, 30, 30], [0, 2, 4]])
def test_rows_of_a_matrix(path, rows):
    matrix = CONTENT[3 : 3 + 40 * 17].reshape(40, 17)
    np.testing.assert_array_equal(RangeReader(path).rows(3, 17, np.array(rows)), matrix[rows])


def test_a_reader_travels_and_stays_readable(path, tmp_path, monkeypatch):
    if not ranges.is_url(path):
        monkeypatch.chdir(path.parent)
        path = type(path)(path.name)
    reader = RangeReader(path)
    reader.read(0, 1)
    sent = pickle.dumps(reader)
    assert len(sent) < 500  # the name of the file, not its bytes
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(pickle.loads(sent).read(5, 9), CONTENT[5:9])


def test_the_end_of_a_file_and_its_absence_are_named(path):
    with pytest.raises(InputError, match=r"expected at least 5001 bytes, got 5000: .* cut short"):
        RangeReader(path).read(4990, 5001)
    nowhere = f"{path}-not"
    with pytest.raises(InputError, match="-not: expected a file, there is none"):
        RangeReader(nowhere).read(0, 1)
    with pytest.raises(InputError, match="-not: expected a file, there is none"):
        _ = RangeReader(nowhere).size
    assert not ranges.is_file(nowhere)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 400)), max_size=12))
def test_joined_ranges_cover_theirs(spans):
    starts, stops = [a for a, _ in spans], [a + length for a, length in spans]
    order = np.argsort(starts, kind="stable")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "GAP_BYTES", 50)
        patch.setattr(ranges, "REQUEST_BYTES", 1000)
        groups = ranges._joined(order, starts, stops)
    members = [i for group in groups for i in group[2]]
    assert sorted(members) == list(range(len(spans)))
    for first, last, inside in groups:
        assert last - first <= 1000
        assert all(first <= starts[i] and stops[i] <= last for i in inside)


def test_neighbours_are_one_request(monkeypatch):
    fsspec.filesystem("memory").pipe_file("/ranges/file", CONTENT.tobytes())
    asked = []
    system = fsspec.filesystem("memory")
    monkeypatch.setattr(
        type(system), "cat_ranges",
        lambda _, paths, starts, ends: asked.append(list(zip(starts, ends, strict=True)))
        or [CONTENT[a:b].tobytes() for a, b in zip(starts, ends, strict=True)],
    )  # fmt: skip
    monkeypatch.setattr(ranges, "GAP_BYTES", 100)
    RangeReader("memory://ranges/file").rows(0, 10, np.array([40, 3, 8, 41]))
    assert asked == [[(30, 90), (400, 420)]]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("gs://bucket/a.bed", r"gs://bucket/a\.bed: reading gs:// needs the package gcsfs: pip"),
        ("nothing://a", r"expected a path or a URL that fsspec knows: Protocol not known"),
    ],
)
def test_what_is_missing_for_a_url_is_named(url, says, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InputError, match=says) as caught:
        RangeReader(url).read(0, 3)
    assert "\n" not in str(caught.value)


def test_sister_files():
    assert ranges.with_suffix("gs://b/x.y/c.1.bed", ".bim") == "gs://b/x.y/c.1.bim"
    assert str(ranges.with_suffix(ranges.file_path("d/c.1.bed"), ".fam")) == "d/c.1.fam"


def test_a_file_cut_short_after_it_was_opened_is_refused(tmp_path):
    """A memory map of what is no longer there would end the process."""
    path = tmp_path / "cut"
    path.write_bytes(bytes(10_000))
    reader = RangeReader(path)
    assert len(reader.read(0, 9_000)) == 9_000
    with path.open("r+b") as file:
        file.truncate(5_000)
    with pytest.raises(InputError, match=r"expected at least 9000 bytes, got 5000"):
        reader.read(0, 9_000)

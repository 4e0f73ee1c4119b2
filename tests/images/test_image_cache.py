"""The cache: nothing decoded twice, nothing finished lost, nothing half written."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dying_worker import times
from made_dicom import bodies, scan, write_dicom

from gwasbone.errors import GwasboneError, InputError
from gwasbone.images import array_file, build, journal, one_file
from gwasbone.images.build import build_cache
from gwasbone.images.cache import open_cache
from gwasbone.images.cache_writer import CacheWriter
from gwasbone.images.regions import REGIONS
from gwasbone.images.settings import VERSION, Frame, ImageSettings
from gwasbone.images.sources import Source, find_sources, read_labels
from gwasbone.images.standard import standard_arrays
from gwasbone.images.workers import ordered_map

SMALL = ImageSettings.sized(32)


def _write_scans(folder: Path, n: int, start: int = 0) -> None:
    for i in range(start, start + n):
        side = ("Left", "Right")[i % 2]
        write_dicom(
            folder / f"s{i:03d}.dcm",
            scan(i),
            PatientID=f"p{i // 2:03d}",
            ProtocolName=f"{side} Femur",
        )


def _build(folder: Path, **options):
    return build_cache(find_sources([str(folder / "in")]), folder / "out", SMALL, **options)


def _expected(i: int) -> np.ndarray:
    side = ("left", "right")[i % 2]
    made = standard_arrays(scan(i), 255, region="hip", side=side, view=None, settings=SMALL)
    return made["hip"]


def _assert_whole(folder: Path, numbers: list[int]) -> None:
    """Every picture lies where the index says, once, and the file is a plain .npy too."""
    cache = open_cache(folder / "out")
    found = cache.pictures("hip")
    names = [f"s{i:03d}.dcm" for i in sorted(numbers)]
    assert sorted(Path(f).name for f in found.table["file"]) == names
    for file, picture in zip(found.table["file"], found[:], strict=True):
        np.testing.assert_array_equal(picture[..., 0], _expected(int(Path(file).name[1:4])))
    plain = np.load(folder / "out" / "hip.npy", mmap_mode="r")
    assert len(plain) >= cache.index["row"].max() + 1


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """The files that were decoded."""
    decoded: list[str] = []
    truly = one_file.picture_of

    def picture_of(data, **options):
        decoded.append(options["sha256"])
        return truly(data, **options)

    monkeypatch.setattr(one_file, "picture_of", picture_of)
    return decoded


def test_people_and_pictures_are_aligned(tmp_path):
    _write_scans(tmp_path / "in", 6)
    report = _build(tmp_path)
    assert (report.n_read, report.n_known, len(report.refusals)) == (6, 0, 0)
    _assert_whole(tmp_path, list(range(6)))
    cache = open_cache(tmp_path / "out")
    assert cache.names == ["hip"]
    hips = cache.pictures("hip", side="right", people=["p002", "p000", "nobody"])
    assert hips.people.tolist() == ["p000", "p002"]
    assert hips.table["side"].unique().tolist() == ["right"]
    assert hips.shape == (2, 32, 32, 1)
    assert len(hips) == 2
    np.testing.assert_array_equal(hips[1][..., 0], _expected(5))
    np.testing.assert_array_equal(hips[[1, 0]], hips[::-1])
    np.testing.assert_array_equal(hips[np.array([False, True])], hips[1:])
    assert not hips.arrays[0].flags.writeable
    with pytest.raises(InputError, match="it has hip"):
        cache.pictures("knee")


def test_a_second_run_decodes_nothing(tmp_path, counted):
    _write_scans(tmp_path / "in", 4)
    (tmp_path / "in" / "note.txt").write_text("no image")
    _build(tmp_path)
    assert len(counted) == 5
    before = (tmp_path / "out" / "index.tsv").read_bytes()
    report = _build(tmp_path)
    assert (report.n_read, report.n_known) == (0, 5)
    assert report.refusals["reason"].tolist() == ["not_dicom"]
    assert len(report.pictures) == 4
    assert len(counted) == 5
    assert (tmp_path / "out" / "index.tsv").read_bytes() == before


def test_new_files_are_added_and_the_old_stay(tmp_path, counted):
    _write_scans(tmp_path / "in", 3)
    _build(tmp_path)
    rows = open_cache(tmp_path / "out").index.set_index("file")["row"]
    _write_scans(tmp_path / "in", 2, start=3)
    report = _build(tmp_path)
    assert (report.n_read, report.n_known, len(counted)) == (2, 3, 5)
    after = open_cache(tmp_path / "out").index.set_index("file")["row"]
    assert (after[rows.index] == rows).all()
    _assert_whole(tmp_path, [0, 1, 2, 3, 4])


def test_files_that_were_touched_or_moved_are_not_decoded_again(tmp_path, counted):
    _write_scans(tmp_path / "in", 3)
    _build(tmp_path)
    os.utime(tmp_path / "in" / "s000.dcm", ns=(1, 1))
    (tmp_path / "in" / "s001.dcm").rename(tmp_path / "in" / "moved.dcm")
    report = _build(tmp_path)
    assert (report.n_read, len(counted)) == (2, 3)
    assert report.refusals.empty
    index = open_cache(tmp_path / "out").index
    assert [Path(f).name for f in index["file"]] == ["s000.dcm", "moved.dcm", "s002.dcm"]
    assert len(np.load(tmp_path / "out" / "hip.npy")) == 3


def test_the_same_bytes_twice_are_refused_once_and_named(tmp_path):
    _write_scans(tmp_path / "in", 2)
    shutil.copy(tmp_path / "in" / "s000.dcm", tmp_path / "in" / "z.dcm")
    for _ in range(2):
        report = _build(tmp_path)
        assert len(report.pictures) == 2
        (refused,) = report.refusals.itertuples()
        assert (Path(refused.file).name, refused.reason) == ("z.dcm", "duplicate")
        assert "s000.dcm" in refused.sentence
    # when the first goes, the copy takes its place
    (tmp_path / "in" / "s000.dcm").unlink()
    report = _build(tmp_path)
    assert {Path(f).name for f in report.pictures["file"]} == {"s001.dcm", "z.dcm"}
    assert {Path(f).name for f in open_cache(tmp_path / "out").index["file"]} == {
        "s001.dcm",
        "z.dcm",
    }


def test_a_file_that_changed_is_read_again(tmp_path):
    _write_scans(tmp_path / "in", 2)
    _build(tmp_path)
    write_dicom(tmp_path / "in" / "s000.dcm", scan(50), PatientID="p000")
    _build(tmp_path)
    cache = open_cache(tmp_path / "out")
    assert len(cache.index) == 2
    np.testing.assert_array_equal(cache.pictures("hip")[0][..., 0], _expected(50))


def test_whole_bodies_give_three_channels_of_one_visit(tmp_path):
    bone, flesh = bodies()
    for person, visit, pictures in (
        ("a", "20200101", (flesh, bone)),
        ("0", "20200101", (bone,)),
        ("a", "20220101", (bone + 1, flesh + 1, flesh + 2)),
    ):
        for number, pixels in enumerate(pictures):
            write_dicom(
                tmp_path / "in" / f"{person}{visit}{number}", pixels + ord(person) % 5,
                PatientID=person, StudyDate=visit, InstanceNumber=str(9 + number),
                ProtocolName="Total Body",
            )  # fmt: skip
    _build(tmp_path)
    cache = open_cache(tmp_path / "out")
    assert cache.names == ["whole_body_mixed", "whole_body_flesh", "whole_body_skeleton"]
    body = cache.body_channels()
    assert body.shape == (2, 32, 32, 3)
    assert body.table[["person", "visit"]].to_numpy().tolist() == [
        ["a", "20200101"],
        ["a", "20220101"],
    ]
    shift = ord("a") % 5
    for i, (mixed, soft) in enumerate([(bone, flesh), (bone + 1, flesh + 1)]):
        expected = {}
        for view, pixels in (("mixed", mixed), ("flesh", soft)):
            expected |= standard_arrays(
                pixels + shift, 255, region="whole_body", side=None, view=view, settings=SMALL
            )
        for channel, name in enumerate(("skeleton", "flesh", "mixed")):
            np.testing.assert_array_equal(body[i][..., channel], expected[f"whole_body_{name}"])


def test_two_workers_make_the_same_files_as_one(tmp_path):
    _write_scans(tmp_path / "in", 20)
    one = build_cache(find_sources([str(tmp_path / "in")]), tmp_path / "one", SMALL)
    two = build_cache(find_sources([str(tmp_path / "in")]), tmp_path / "two", SMALL, workers=2)
    pd.testing.assert_frame_equal(one.pictures, two.pictures)
    for name in ("index.tsv", "hip.npy", "settings.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_cut_index_and_pixels_beyond_it_are_what_a_killed_run_leaves(tmp_path, counted):
    _write_scans(tmp_path / "in", 4)
    _build(tmp_path)
    out = tmp_path / "out"
    text = (out / "index.tsv").read_bytes()
    for cut in (len(text) - 1, len(text) - 100, text.rfind(b"\n", 0, -1) + 1):
        (out / "index.tsv").write_bytes(text[:cut])
        assert len(open_cache(out).index) == 3
        with CacheWriter(out, SMALL):
            assert len(np.load(out / "hip.npy")) == 3
        counted.clear()
        report = _build(tmp_path)
        assert (report.n_read, len(counted)) == (1, 1)
        _assert_whole(tmp_path, [0, 1, 2, 3])
        assert len(np.load(out / "hip.npy")) == 4
    # not even the header was finished
    (out / "index.tsv").write_bytes(text[:10])
    _build(tmp_path)
    _assert_whole(tmp_path, [0, 1, 2, 3])


def test_a_run_killed_at_some_moment_is_taken_up(tmp_path):
    """SIGKILL in the middle of a real run; whatever is in the index is true."""
    _write_scans(tmp_path / "in", 60)
    code = f"""
        import time
        from pathlib import Path
        from gwasbone.images import build, cache_writer, one_file
        from gwasbone.images.settings import ImageSettings
        from gwasbone.images.sources import find_sources

        cache_writer._COMMIT_BYTES = 4000
        build.build_cache(
            find_sources([{str(tmp_path / "in")!r}]), {str(tmp_path / "out")!r},
            ImageSettings.sized(32), progress=lambda *a: time.sleep(0.01),
        )
    """
    started = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    index = tmp_path / "out" / "index.tsv"
    deadline = time.monotonic() + 60
    while not (index.exists() and index.read_bytes().count(b"\n") > 12):
        assert started.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    started.send_signal(signal.SIGKILL)
    started.wait()
    n = len(open_cache(tmp_path / "out").index)
    assert 12 <= n < 60
    report = _build(tmp_path)
    assert report.n_known == n
    _assert_whole(tmp_path, list(range(60)))


def test_an_interrupted_run_keeps_what_it_finished(tmp_path):
    _write_scans(tmp_path / "in", 6)

    def stop(step, done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _build(tmp_path, progress=stop)
    _assert_whole(tmp_path, [0, 1, 2, 3])
    assert _build(tmp_path).n_known == 4


@pytest.mark.parametrize("full", ["array", "index"])
def test_a_full_disk_is_said_and_leaves_the_cache_as_it_was(tmp_path, monkeypatch, full):
    _write_scans(tmp_path / "in", 3)
    _build(tmp_path)
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    _write_scans(tmp_path / "in", 3, start=3)
    module = array_file if full == "array" else journal

    def no_space(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "flush_to_disk", no_space)
        with pytest.raises(GwasboneError, match=r"disk full.*finished work is kept"):
            _build(tmp_path)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    assert _build(tmp_path).n_known == 3
    _assert_whole(tmp_path, list(range(6)))


def test_too_little_room_is_said_before(tmp_path, monkeypatch, caplog):
    _write_scans(tmp_path / "in", 3)
    monkeypatch.setattr(build, "free_bytes", lambda folder: 3000)
    with caplog.at_level("WARNING"):
        _build(tmp_path)
    assert "3 images need about" in caplog.text


def test_other_settings_are_refused_and_force_builds_anew(tmp_path):
    _write_scans(tmp_path / "in", 2)
    _build(tmp_path)
    sources = find_sources([str(tmp_path / "in")])
    other = ImageSettings.sized(32, mirror="right")
    with pytest.raises(InputError, match=r"other settings \(mirror\).*--force"):
        build_cache(sources, tmp_path / "out", other)
    report = build_cache(sources, tmp_path / "out", other, force=True)
    assert report.n_read == 2
    assert report.pictures["mirrored"].tolist() == [0, 1]
    cache = open_cache(tmp_path / "out")
    assert cache.settings == other
    np.testing.assert_array_equal(cache.pictures("hip")[1][..., 0], _expected(1)[:, ::-1])


def test_damaged_caches_are_refused(tmp_path):
    with pytest.raises(InputError, match="gwasbone images"):
        open_cache(tmp_path)
    _write_scans(tmp_path / "in", 3)
    _build(tmp_path)
    out = tmp_path / "out"
    os.truncate(out / "hip.npy", 2000)
    with pytest.raises(InputError, match="damaged"):
        open_cache(out).pictures("hip")
    with pytest.raises(InputError, match="damaged"):
        _build(tmp_path)
    lines = (out / "index.tsv").read_text().splitlines(keepends=True)
    (out / "index.tsv").write_text("".join([lines[0], "edited\n", *lines[1:]]))
    with pytest.raises(InputError, match="line 2"):
        open_cache(out)
    (out / "index.tsv").write_text("other\tcolumns\n")
    with pytest.raises(InputError, match="other columns"):
        open_cache(out)
    (out / "settings.json").write_text("{")
    with pytest.raises(InputError, match="settings"):
        open_cache(out)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("row", "-3", r"s001.dcm has row -3"),
        ("row", "0", r"s001.dcm and .*s000.dcm have row 0 of hip"),
        ("row", "7", r"expected 8 images of 32 × 32"),
        ("row", "1.0", r"a whole number as row in line 3 .*got '1.0'"),
        ("row", "", r"a whole number as row in line 3 .*got ''"),
        ("row", "²", r"a whole number as row in line 3"),
        ("array", "elbow", r"s001.dcm has the array elbow"),
        ("array", "whole_body_skeleton", r"has the array whole_body_skeleton"),
    ],
)
def test_an_index_whose_rows_are_not_those_of_the_arrays_is_refused_when_opened(
    tmp_path, field, value, said
):
    _write_scans(tmp_path / "in", 3)
    _build(tmp_path)
    path = tmp_path / "out" / "index.tsv"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    lines[2][lines[0].index(field)] = value
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    for opened in (lambda: open_cache(tmp_path / "out"), lambda: _build(tmp_path)):
        with pytest.raises(InputError, match=said) as refused:
            opened()
        assert "\n" not in str(refused.value)
        assert "--force" in str(refused.value)
    assert len(_build(tmp_path, force=True).pictures) == 3


@pytest.mark.parametrize("precision", ["uint8", "uint16", "float32"])
def test_a_cache_keeps_the_levels_of_16_bit_files_where_asked(tmp_path, precision):
    for i in range(12):
        pixels = scan(i, (32, 32)).astype(np.uint16) * 16 + i
        write_dicom(tmp_path / "in" / f"{i:02d}.dcm", pixels, BitsStored=12, PatientID=f"p{i:02d}")
    frames = dict.fromkeys(REGIONS, Frame(32, 32, 32, 32))
    settings = ImageSettings(frames=frames, precision=precision, invert=False)
    sources = find_sources([str(tmp_path / "in")])
    report = build_cache(sources[:9], tmp_path / "out", settings)
    cache = build_cache(sources, tmp_path / "out", settings) and open_cache(tmp_path / "out")
    hips = cache.pictures("hip")
    assert (hips.dtype, hips.white) == (
        precision,
        {"uint8": 255, "uint16": 65535}.get(precision, 1),
    )
    assert hips[3].dtype == np.load(tmp_path / "out" / "hip.npy").dtype == precision
    for i in range(12):
        exact = (scan(i, (32, 32)).astype(float) * 16 + i) / 4095
        error = np.abs(hips[i][..., 0] / hips.white - exact).max()
        assert error <= {"uint8": 0.51 / 255, "uint16": 0.51 / 65535}.get(precision, 1e-7)
    index = cache.index
    assert (index["white"] == 4095).all()
    first = scan(0, (32, 32)).astype(int) * 16
    assert index.loc[0, ["grey_minimum", "grey_maximum"]].tolist() == [first.min(), first.max()]
    assert index["grey_levels"].tolist() == [len(np.unique(scan(i, (32, 32)))) for i in range(12)]
    assert (index["kept_levels"] <= index["grey_levels"]).all()
    assert len(report.pictures) == 9
    with pytest.raises(InputError, match=r"other settings \(precision\)"):
        build_cache(sources, tmp_path / "out", replace(settings, precision="uint16" if
                    precision == "uint8" else "uint8"))  # fmt: skip
    # as if the settings had been edited
    text = (tmp_path / "out" / "settings.json").read_text()
    other = {"uint8": "float32", "uint16": "uint8", "float32": "uint8"}[precision]
    (tmp_path / "out" / "settings.json").write_text(text.replace(precision, other))
    with pytest.raises(InputError, match="the cache is damaged"):
        open_cache(tmp_path / "out")


def test_the_range_in_use_is_told_and_can_fill_the_precision(tmp_path):
    """Values of 12 bits under a header of 16 keep 17 of 256 levels at most."""
    pixels = np.arange(1200, dtype=np.uint16).reshape(40, 30) * 3
    write_dicom(tmp_path / "in" / "a.dcm", pixels)
    (row,) = _build(tmp_path).pictures.itertuples()
    assert (row.white, row.grey_minimum, row.grey_maximum) == (65535, 0, 3597)
    assert (row.grey_levels, row.kept_levels) == (1200, 15)
    for own, kept in (({"precision": "uint16"}, 1200), ({"grey_range": "image"}, 256)):
        settings = replace(SMALL, **own)
        made = build_cache(find_sources([str(tmp_path / "in")]), tmp_path / f"{kept}", settings)
        (row,) = made.pictures.itertuples()
        assert (row.grey_levels, row.kept_levels) == (1200, kept)


def test_a_cache_of_another_version_is_named_and_built_anew_where_forced(tmp_path):
    _write_scans(tmp_path / "in", 2)
    _build(tmp_path)
    out = tmp_path / "out"
    lines = (out / "index.tsv").read_text().splitlines()
    (out / "index.tsv").write_text("".join(f"{line.rpartition(chr(9))[0]}\n" for line in lines))
    settings = (out / "settings.json").read_text()
    (out / "settings.json").write_text(settings.replace(f'"version": {VERSION}', '"version": 1'))
    for opened in (lambda: open_cache(out), lambda: _build(tmp_path)):
        with pytest.raises(InputError, match=r"another version.*--force"):
            opened()
    assert len(_build(tmp_path, force=True).pictures) == 2


def test_a_file_above_the_limit_is_read_when_the_limit_is_raised(tmp_path):
    _write_scans(tmp_path / "in", 1)
    assert _build(tmp_path, max_bytes=1000).refusals["reason"].tolist() == ["too_large"]
    assert len(_build(tmp_path).pictures) == 1


def test_one_process_writes_at_a_time(tmp_path):
    with (
        CacheWriter(tmp_path / "out", SMALL),
        pytest.raises(InputError, match="another process"),
    ):
        CacheWriter(tmp_path / "out", SMALL)
    with CacheWriter(tmp_path / "out", SMALL):
        pass


def test_reasons_of_place_and_person_and_labels_that_answer_them(tmp_path):
    folder = tmp_path / "in"
    for name, tags in {
        "region": {"ProtocolName": "Hand"},
        "side": {"ProtocolName": "Femur"},
        "person": {"PatientID": None},
        "gone": {"PatientID": "-7"},
        "view": {"ProtocolName": "Total Body"},
        "ct": {"Modality": "CT"},
    }.items():
        pixels = np.zeros((40, 30), np.uint8) if name == "view" else scan(len(name) + ord(name[0]))
        write_dicom(folder / name, pixels, **tags)
    (folder / "text").write_text("text")
    refused = _build(tmp_path).refusals
    reasons = dict(zip(refused["file"].map(os.path.basename), refused["reason"], strict=True))
    assert reasons == {
        "region": "unknown_region", "side": "unknown_side", "person": "no_person",
        "gone": "withdrawn", "view": "unknown_view", "ct": "not_projection", "text": "not_dicom",
    }  # fmt: skip
    labels = tmp_path / "labels.tsv"
    labels.write_text(
        "file\tperson\tregion\tside\tview\n"
        "region\t\tknee\tleft\t\nside\tNA\tNA\tright\tNA\nin/person\tx9\t\t\t\n"
        "view\t\t\t\tflesh\nct\t\thip\tleft\t\ntext\t\thip\tleft\t\n"
    )
    sources = find_sources([str(folder)], labels=read_labels(labels))
    report = build_cache(sources, tmp_path / "out", SMALL)
    places = report.pictures.assign(file=report.pictures["file"].map(os.path.basename))
    places = places.set_index("file")[["person", "region", "side", "view"]]
    assert places.loc["region"].tolist() == ["p1", "knee", "left", ""]
    assert places.loc["side"].tolist() == ["p1", "hip", "right", ""]
    assert places.loc["person"].tolist() == ["x9", "hip", "left", ""]
    assert places.loc["view"].tolist() == ["p1", "whole_body", "", "flesh"]
    assert places.loc["ct"].tolist() == ["p1", "hip", "left", ""]
    assert sorted(report.refusals["reason"]) == ["not_dicom", "withdrawn"]


def test_zips_of_uk_biobank_name_person_and_visit(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_dicom(tmp_path / "a.dcm", scan(1), PatientID="of the scanner")
    write_dicom(tmp_path / "b.dcm", scan(2), ProtocolName="LVA")
    with zipfile.ZipFile(folder / "1000012_20158_2_0.zip", "w") as archive:
        archive.write(tmp_path / "a.dcm", "x/a.dcm")
        archive.write(tmp_path / "b.dcm", "b.dcm")
    with zipfile.ZipFile(folder / "-5_20158_3_0.zip", "w") as archive:
        archive.writestr("withdrawn.dcm", (tmp_path / "a.dcm").read_bytes() + b"\0\0")
    damaged = bytearray((folder / "1000012_20158_2_0.zip").read_bytes())
    damaged[200:260] = bytes(60)
    (folder / "1000013_20158_2_0.zip").write_bytes(damaged)
    (folder / "1000014_20158_2_0.zip").write_bytes(damaged[:-30])
    report = _build(tmp_path)
    rows = report.pictures[["person", "visit", "region"]].to_numpy().tolist()
    assert ["1000012", "2", "hip"] in rows
    assert ["1000012", "2", "lateral_spine"] in rows
    assert report.pictures["file"].str.endswith("1000012_20158_2_0.zip!x/a.dcm").any()
    files = report.refusals["file"].str.removeprefix(f"{folder}/")
    assert dict(zip(files, report.refusals["reason"], strict=True)) == {
        "-5_20158_3_0.zip!withdrawn.dcm": "withdrawn",
        "1000013_20158_2_0.zip!b.dcm": "duplicate",
        "1000013_20158_2_0.zip!x/a.dcm": "bad_archive",
        "1000014_20158_2_0.zip": "bad_archive",
    }
    assert _build(tmp_path).n_known >= 4


def test_an_unreadable_file_is_tried_again_and_odd_names_are_refused(tmp_path):
    _write_scans(tmp_path / "in", 1)
    odd = tmp_path / "in" / "a\tb.dcm"
    write_dicom(odd, scan(9))
    gone = Source(tmp_path / "in" / "gone.dcm")
    sources = [*find_sources([str(tmp_path / "in")]), gone]
    for _ in range(2):
        report = build_cache(sources, tmp_path / "out", SMALL)
        assert sorted(report.refusals["reason"]) == ["cannot_open", "odd_name"]
    write_dicom(gone.path, scan(10))
    report = build_cache(sources, tmp_path / "out", SMALL)
    assert report.refusals["reason"].tolist() == ["odd_name"]


def test_a_worker_that_dies_costs_only_its_own_file():
    done = ordered_map(times, list(range(40)), (2,), workers=2, crashed=lambda item: -item)
    assert list(done) == [-21 if i == 21 else 2 * i for i in range(40)]


def test_a_file_whose_decoder_crashes_is_refused_by_name():
    outcome = build._crashed(Source(Path("/scans/a.dcm")))
    assert outcome.entry.reason == "decoder_crashed"
    assert outcome.entry.name == "/scans/a.dcm"
